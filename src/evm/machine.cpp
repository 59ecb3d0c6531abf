#include "evm/machine.hpp"

#include "base/assert.hpp"
#include "codec/rlp.hpp"
#include "crypto/hash.hpp"
#include "evm/interpreter.hpp"
#include "evm/opcodes.hpp"
#include "evm/precompiles.hpp"

#include <limits>

namespace cairn::evm {
namespace {

constexpr std::uint8_t kReservedPrefix = 0xef; // EIP-3541

bool is_creation(CallKind kind) { return kind == CallKind::create || kind == CallKind::create2; }

CallResult refused(Outcome outcome, std::int64_t gas_left) { return {outcome, gas_left, {}, {}}; }

} // namespace

std::string_view describe(Outcome outcome) {
    switch (outcome) {
    case Outcome::success: return "success";
    case Outcome::revert: return "execution reverted";
    case Outcome::out_of_gas: return "out of gas";
    case Outcome::invalid_opcode: return "invalid opcode";
    case Outcome::bad_jump: return "invalid jump destination";
    case Outcome::stack_underflow: return "stack underflow";
    case Outcome::stack_overflow: return "stack limit reached";
    case Outcome::static_violation: return "write protection";
    case Outcome::call_depth: return "max call depth exceeded";
    case Outcome::insufficient_balance: return "insufficient balance for transfer";
    case Outcome::nonce_overflow: return "nonce uint64 overflow";
    case Outcome::address_collision: return "contract address collision";
    case Outcome::code_too_large: return "max code size exceeded";
    case Outcome::init_code_too_large: return "max initcode size exceeded";
    case Outcome::invalid_code_prefix: return "invalid code: must not begin with 0xef";
    case Outcome::return_data_out_of_bounds: return "return data out of bounds";
    case Outcome::precompile_failure: return "precompile failed";
    }
    return "unknown";
}

struct Machine::Data {
    Machine& machine;
    Context context;
    Interpreter interpreter;
    std::vector<std::unique_ptr<Frame>> running; // outermost first

    Tracer* tracer() const { return context.options.tracer; }

    /// Starts a message: either it is over at once, or its frame is now the last of `running`.
    std::optional<CallResult> begin(const Message& message);
    /// The revert of a message that the guard refuses.
    std::optional<CallResult> refuse(const Message& message);
    std::optional<CallResult> begin_call(const Message& message);
    std::optional<CallResult> begin_creation(const Message& message);
    void push_frame(const Message& message, std::shared_ptr<const Program> program, std::size_t checkpoint);
    std::shared_ptr<const Program> program_of(const Address& address);

    /// Ends the last frame. `buffer` is reused for the output.
    CallResult finish(Outcome outcome, Bytes buffer);
    Outcome store_code(const Message& message, BytesView code, std::int64_t& gas);
    void roll_back(CallResult& result, std::size_t checkpoint);
};

void Machine::Data::push_frame(const Message& message, std::shared_ptr<const Program> program, std::size_t checkpoint) {
    auto frame = acquire_frame();
    frame->message = message;
    frame->program = std::move(program);
    frame->position = frame->program->padded.data();
    frame->top = frame->stack;
    frame->gas = message.gas;
    frame->context = &context;
    frame->checkpoint = checkpoint;
    running.push_back(std::move(frame));
}

/// Follows one EIP-7702 designator. A delegation to a precompile runs no code.
std::shared_ptr<const Program> Machine::Data::program_of(const Address& address) {
    if (context.revision >= Revision::prague) {
        if (const auto target = context.state.delegation(address))
            return is_precompile(*target, context.revision) ? empty_program() : context.state.program(*target);
    }
    return context.state.program(address);
}

void Machine::Data::roll_back(CallResult& result, std::size_t checkpoint) {
    if (result.ok()) return;
    context.state.revert_to(checkpoint);
    if (result.outcome == Outcome::revert) return;
    result.gas_left = 0;
    result.output.clear();
}

std::optional<CallResult> Machine::Data::begin_call(const Message& message) {
    auto& state = context.state;
    const auto checkpoint = state.checkpoint();
    if (message.kind == CallKind::call) {
        if (!state.subtract_balance(message.sender, message.value)) {
            if (tracer() != nullptr) tracer()->on_enter(message, {});
            return refused(Outcome::insufficient_balance, message.gas);
        }
        state.add_balance(message.recipient, message.value);
    } else if (message.kind == CallKind::call_code) {
        if (state.balance(message.sender) < message.value) {
            if (tracer() != nullptr) tracer()->on_enter(message, {});
            return refused(Outcome::insufficient_balance, message.gas);
        }
    } else if (message.kind == CallKind::static_call) {
        state.touch(message.recipient);
    }

    if (const auto number = precompile_number(message.code_address, context.revision)) {
        if (tracer() != nullptr) tracer()->on_enter(message, {});
        auto result = run_precompile(*number, context.revision, message.input, message.gas);
        roll_back(result, checkpoint);
        return result;
    }
    if (const auto* natives = context.options.natives) {
        if (const auto native = natives->find(message.code_address); native != natives->end()) {
            if (tracer() != nullptr) tracer()->on_enter(message, {});
            auto result = native->second->call(machine, message);
            CRN_ASSERT(result.gas_left >= 0 && result.gas_left <= message.gas);
            roll_back(result, checkpoint);
            return result;
        }
    }
    auto program = program_of(message.code_address);
    if (tracer() != nullptr) tracer()->on_enter(message, program->code());
    if (program->size == 0) return CallResult{Outcome::success, message.gas, {}, {}};
    push_frame(message, std::move(program), checkpoint);
    return std::nullopt;
}

std::optional<CallResult> Machine::Data::begin_creation(const Message& asked) {
    auto& state = context.state;
    auto message = asked;
    const bool is_outermost = message.depth == 0;
    const auto nonce = state.nonce(message.sender) - (is_outermost ? 1 : 0);
    message.recipient = message.kind == CallKind::create
                            ? create_address(message.sender, nonce)
                            : create2_address(message.sender, message.salt, crypto::keccak256(message.input));
    message.code_address = message.recipient;
    if (tracer() != nullptr) tracer()->on_enter(message, message.input);

    if (message.input.size() > 2 * std::size_t{context.options.code_bytes_max})
        return refused(Outcome::init_code_too_large, 0);
    if (state.balance(message.sender) < message.value) return refused(Outcome::insufficient_balance, message.gas);
    if (!is_outermost) {
        if (nonce == std::numeric_limits<std::uint64_t>::max()) return refused(Outcome::nonce_overflow, message.gas);
        state.set_nonce(message.sender, nonce + 1);
    }
    state.warm_up(message.recipient); // stays warm even if the creation fails

    const bool is_taken =
        state.nonce(message.recipient) != 0 ||
        (state.exists(message.recipient) && state.code_hash(message.recipient) != crypto::kEmptyKeccak) ||
        state.has_storage(message.recipient); // EIP-684, EIP-7610
    if (is_taken) return refused(Outcome::address_collision, 0);

    const auto checkpoint = state.checkpoint();
    state.create(message.recipient);
    state.set_nonce(message.recipient, 1); // EIP-161
    const bool moved = state.subtract_balance(message.sender, message.value);
    CRN_ASSERT(moved);
    state.add_balance(message.recipient, message.value);
    auto program = std::make_shared<const Program>(analyse(message.input));
    message.input = {}; // init code sees no call data
    push_frame(message, std::move(program), checkpoint);
    return std::nullopt;
}

std::optional<CallResult> Machine::Data::refuse(const Message& message) {
    const auto* guard = context.options.guard();
    if (guard == nullptr) return std::nullopt;
    auto refusal = guard->refusal(context.state, context.block, context.transaction.origin, message);
    if (!refusal) return std::nullopt;
    if (tracer() != nullptr) tracer()->on_enter(message, {});
    return CallResult{Outcome::revert, message.gas, std::move(*refusal), {}};
}

std::optional<CallResult> Machine::Data::begin(const Message& message) {
    std::optional<CallResult> result;
    if (message.depth > kCallDepthMax) {
        if (tracer() != nullptr) tracer()->on_enter(message, {});
        result = refused(Outcome::call_depth, message.gas);
    } else {
        result = refuse(message);
        if (!result) result = is_creation(message.kind) ? begin_creation(message) : begin_call(message);
    }
    if (result && tracer() != nullptr) tracer()->on_exit(message, *result);
    return result;
}

Outcome Machine::Data::store_code(const Message& message, BytesView code, std::int64_t& gas) {
    if (code.size() > context.options.code_bytes_max) return Outcome::code_too_large; // EIP-170
    if (!code.empty() && code[0] == kReservedPrefix) return Outcome::invalid_code_prefix;
    gas -= gas::kCodeByte * static_cast<std::int64_t>(code.size());
    if (gas < 0) return Outcome::out_of_gas;
    context.state.set_code(message.recipient, to_bytes(code));
    return Outcome::success;
}

CallResult Machine::Data::finish(Outcome outcome, Bytes buffer) {
    auto& frame = *running.back();
    CallResult result{outcome, frame.gas, std::move(buffer), {}};
    result.output.clear();
    if (result.ok() && is_creation(frame.message.kind)) {
        result.outcome = store_code(frame.message, frame.output, result.gas_left);
        if (result.ok()) result.created = frame.message.recipient;
    }
    if (outcome == Outcome::revert || result.ok()) result.output.assign(frame.output.begin(), frame.output.end());
    roll_back(result, frame.checkpoint);
    if (tracer() != nullptr) tracer()->on_exit(frame.message, result);
    auto done = std::move(running.back());
    running.pop_back();
    release_frame(std::move(done));
    return result;
}

namespace {

/// Hands the result of a CALL or CREATE to the frame that asked for it.
void deliver(Frame& frame, CallResult&& result) {
    frame.gas += result.gas_left;
    const bool created = is_creation(frame.pending.kind) && result.ok();
    if (created) result.output.clear(); // the code is no return data
    U256 value = result.ok() ? 1 : 0;
    if (created) value = from_big_endian(result.created);
    *frame.top++ = value;
    frame.return_data = std::move(result.output);
    const auto count = std::min<std::uint64_t>(frame.output_size, frame.return_data.size());
    if (count != 0) std::memcpy(frame.memory.data() + frame.output_offset, frame.return_data.data(), count);
}

} // namespace

Machine::Machine(State& state, const BlockEnvironment& block, const TransactionEnvironment& transaction,
                 Revision revision, const MachineOptions& options)
    : data_(new Data{*this,
                     {state, block, transaction, revision, options},
                     interpreter_for(revision, options.tracer != nullptr),
                     {}}) {}
Machine::~Machine() = default;

CallResult Machine::run(const Message& message) {
    auto& running = data_->running;
    const auto base = running.size();
    if (auto result = data_->begin(message)) return std::move(*result);
    while (true) {
        auto& frame = *running.back();
        const auto halt = data_->interpreter(frame);
        if (halt.exit == Exit::waits) {
            if (auto result = data_->begin(frame.pending)) deliver(frame, std::move(*result));
            continue;
        }
        const bool is_outermost = running.size() == base + 1;
        auto* const caller = is_outermost ? nullptr : running[running.size() - 2].get();
        auto result = data_->finish(halt.outcome, caller == nullptr ? Bytes{} : std::move(caller->return_data));
        if (is_outermost) return result;
        deliver(*caller, std::move(result));
    }
}

State& Machine::state() { return data_->context.state; }
const BlockEnvironment& Machine::block() const { return data_->context.block; }
const TransactionEnvironment& Machine::transaction() const { return data_->context.transaction; }
Revision Machine::revision() const { return data_->context.revision; }
Tracer* Machine::tracer() const { return data_->context.options.tracer; }

Address create_address(const Address& sender, std::uint64_t nonce) {
    codec::RlpWriter fields;
    fields.put(BytesView{sender});
    fields.put(nonce);
    return *Address::from(BytesView{crypto::keccak256(fields.as_list())}.last(20));
}

Address create2_address(const Address& sender, const U256& salt, const Hash256& init_code_hash) {
    Bytes text{0xff};
    append(text, sender);
    append(text, to_big_endian(salt));
    append(text, init_code_hash);
    return *Address::from(BytesView{crypto::keccak256(text)}.last(20));
}

std::optional<Address> delegation_target(BytesView code) {
    if (code.size() != 23 || code[0] != 0xef || code[1] != 0x01 || code[2] != 0x00) return std::nullopt;
    return Address::from(code.subspan(3));
}

} // namespace cairn::evm
