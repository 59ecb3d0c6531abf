// The default tracer: one entry per instruction.
#include "rpc/json_writer.hpp"
#include "rpc/opcode_names.hpp"
#include "rpc/tracers.hpp"

namespace cairn::rpc {
namespace {

constexpr std::int64_t kCallStipend = 2300;

class StructLogger final : public TransactionTracer {
public:
    StructLogger(const TraceOptions& options, const RpcLimits& limits, evm::State& state)
        : options_(options), limits_(limits), state_(state) {
        entries_.begin_array();
    }

    void on_step(const Step& step) override {
        flush();
        if (options_.limit != 0 && steps_ >= options_.limit) return;
        if (steps_ >= limits_.trace_steps_max || entries_.size() > limits_.answer_bytes_max) {
            overflow_ = true;
            return;
        }
        ++steps_;
        open_ = true;
        pc_ = step.pc;
        opcode_ = step.opcode;
        gas_ = step.gas;
        gas_cost_ = step.gas_cost;
        depth_ = step.depth;
        refund_ = state_.refund();
        write_rest(step);
    }

    /// The instruction that is open passes this gas on: geth counts it as part of its cost.
    void on_enter(const evm::Message& message, BytesView) override {
        const bool by_call = opcode_ == 0xf1 || opcode_ == 0xf2 || opcode_ == 0xf4 || opcode_ == 0xfa;
        if (!open_ || !by_call) return;
        const bool pays = message.value && (opcode_ == 0xf1 || opcode_ == 0xf2);
        gas_cost_ += std::max<std::int64_t>(0, message.gas - (pays ? kCallStipend : 0));
    }

    Answer result(const TracedRun& run) override {
        flush();
        entries_.end_array();
        if (overflow_)
            return rpc_fail(code::kLimit,
                            "trace too large: set limit, or disableStack and disableStorage, or use callTracer");
        JsonWriter out;
        out.begin_object();
        out.key("gas").number(run.outcome.receipt.gas_used);
        out.key("failed").boolean(run.outcome.outcome != evm::Outcome::success);
        out.key("returnValue").hex(run.outcome.output);
        out.key("structLogs").raw(entries_.take());
        out.end_object();
        return out.take();
    }

private:
    /// Fields that do not change any more once the step is seen.
    void write_rest(const Step& step) {
        rest_ = {};
        rest_.begin_object();
        if (step.error != evm::Outcome::success) rest_.key("error").text(evm::describe(step.error));
        if (options_.stack) {
            rest_.key("stack").begin_array();
            for (const auto& word : step.stack) rest_.quantity(word);
            rest_.end_array();
        }
        if (options_.return_data && !step.return_data.empty()) rest_.key("returnData").hex(step.return_data);
        if (options_.memory && !step.memory.empty()) {
            rest_.key("memory").begin_array();
            for (std::size_t at = 0; at < step.memory.size(); at += 32)
                rest_.hex(step.memory.subspan(at, std::min<std::size_t>(32, step.memory.size() - at)));
            rest_.end_array();
        }
        if (options_.storage) write_storage(step);
    }

    /// All slots that the contract has used so far, at the instructions that use one.
    void write_storage(const Step& step) {
        const bool load = step.opcode == 0x54 && !step.stack.empty();
        const bool store = step.opcode == 0x55 && step.stack.size() >= 2;
        if (!load && !store) return;
        const auto& contract = step.message.recipient;
        const auto& slot = step.stack.back();
        auto& slots = storage_[contract];
        slots[slot] = load ? state_.storage(contract, slot) : step.stack[step.stack.size() - 2];
        rest_.key("storage").begin_object();
        for (const auto& [key, value] : slots) rest_.key(to_hex(to_big_endian(key))).word(value);
        rest_.end_object();
    }

    void flush() {
        if (!open_) return;
        open_ = false;
        auto rest = rest_.take();
        JsonWriter entry;
        entry.begin_object();
        entry.key("pc").number(pc_);
        entry.key("op").text(opcode_name(opcode_));
        entry.key("gas").number(static_cast<std::uint64_t>(std::max<std::int64_t>(0, gas_)));
        entry.key("gasCost").number(static_cast<std::uint64_t>(std::max<std::int64_t>(0, gas_cost_)));
        entry.key("depth").number(static_cast<std::uint64_t>(depth_));
        if (refund_ > 0) entry.key("refund").number(static_cast<std::uint64_t>(refund_));
        auto text = entry.take();
        if (rest.size() > 1) text.append(",").append(rest, 1);
        text.push_back('}');
        entries_.raw(text);
    }

    const TraceOptions options_;
    const RpcLimits& limits_;
    evm::State& state_;
    JsonWriter entries_;
    std::map<Address, std::map<U256, U256>> storage_;
    std::uint64_t steps_ = 0;
    bool overflow_ = false;

    // The last step, not written yet: an on_enter may still raise its cost.
    bool open_ = false;
    std::uint64_t pc_ = 0;
    std::uint8_t opcode_ = 0;
    std::int64_t gas_ = 0;
    std::int64_t gas_cost_ = 0;
    std::int64_t refund_ = 0;
    int depth_ = 0;
    JsonWriter rest_; // "{" and the other members
};

} // namespace

std::unique_ptr<TransactionTracer> make_struct_logger(const TraceOptions& options, const RpcLimits& limits,
                                                      evm::State& state) {
    return std::make_unique<StructLogger>(options, limits, state);
}

} // namespace cairn::rpc
