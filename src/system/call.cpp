#include "system/call.hpp"

#include "base/assert.hpp"

namespace cairn::system {

namespace {

constexpr std::int64_t kColdAccount = 2600; // EIP-2929
constexpr std::int64_t kColdSlot = 2100;
constexpr std::int64_t kWarm = 100;
constexpr std::int64_t kSet = 20'000; // EIP-2200
constexpr std::int64_t kReset = 2900;
constexpr std::int64_t kStipend = 2300;
constexpr std::int64_t kClearRefund = 4800; // EIP-3529
constexpr std::int64_t kHashSlot = 42;      // KECCAK256 of two words
constexpr std::int64_t kLog = 375;
constexpr std::int64_t kLogByte = 8;
constexpr std::int64_t kWord = 3;

Bytes error_data(std::string_view signature, const AbiValue::List& arguments) {
    const auto selector = ledger::selector_of(signature);
    Bytes data{selector.begin(), selector.end()};
    const auto encoded = codec::abi_encode(signature.substr(signature.find('(')), arguments);
    CRN_ASSERT(encoded.has_value());
    append(data, *encoded);
    return data;
}

/// One word, as a topic holds it: numbers and addresses right-aligned, bytes32 as they are.
Hash256 topic_of(const AbiValue& value) {
    if (std::holds_alternative<Bytes>(value.content)) return value.as_hash();
    return to_big_endian(value.number());
}

} // namespace

std::unexpected<Bytes> revert(std::string_view error_signature, const AbiValue::List& arguments) {
    return std::unexpected(error_data(error_signature, arguments));
}

std::unexpected<Bytes> revert_with_text(std::string_view reason) { return revert("Error(string)", {reason}); }

std::string Event::signature() const {
    std::string text{name};
    text += "(";
    text += indexed;
    if (!indexed.empty() && !data.empty()) text += ",";
    text += data;
    return text + ")";
}

Call::Call(evm::Machine& machine, const evm::Message& message)
    : machine_(machine), message_(message), gas_left_(message.gas), own_(*this, message.recipient) {}

bool Call::charge(std::int64_t gas) {
    if (exhausted_ || gas > gas_left_) {
        exhausted_ = true;
        return false;
    }
    gas_left_ -= gas;
    return true;
}

void Call::charge_words(std::size_t bytes) {
    charge(kWord * static_cast<std::int64_t>((bytes + Hash256::kSize - 1) / Hash256::kSize));
}

bool Call::is_unused(const Address& account) {
    auto& state = machine_.state();
    if (!charge(state.warm_up(account) ? kColdAccount : kWarm)) return false;
    return state.nonce(account) == 0 && state.code(account)->empty();
}

void Call::end_delegation(const Address& account) {
    auto& state = machine_.state();
    if (charge(state.warm_up(account) ? kColdAccount : kWarm) && state.delegation(account)) state.set_code(account, {});
}

Slots& Call::of(const Address& system_contract) {
    const auto found = others_.find(system_contract);
    if (found != others_.end()) return found->second;
    charge(machine_.state().warm_up(system_contract) ? kColdAccount : kWarm);
    return others_.try_emplace(system_contract, *this, system_contract).first->second;
}

U256 Call::MeteredSlots::load(const U256& slot) {
    auto& state = call_.machine_.state();
    if (!call_.charge(kHashSlot + (state.warm_up(address_, slot) ? kColdSlot : kWarm))) return {};
    return state.storage(address_, slot);
}

void Call::MeteredSlots::store(const U256& slot, const U256& value) {
    auto& state = call_.machine_.state();
    if (call_.gas_left_ <= kStipend) call_.exhausted_ = true; // EIP-2200: no store on a stipend
    if (call_.exhausted_) return;
    const U256 current = state.storage(address_, slot);
    const U256 original = state.original_storage(address_, slot);

    std::int64_t cost = kHashSlot + (state.warm_up(address_, slot) ? kColdSlot : 0);
    std::int64_t refund = 0;
    if (value == current || original != current) {
        cost += kWarm;
    } else {
        cost += original ? kReset : kSet;
    }
    if (value != current && original) {
        if (original != current && !current) refund -= kClearRefund;
        if (!value) refund += kClearRefund;
    }
    if (value != current && original != current && original == value) refund += (original ? kReset : kSet) - kWarm;

    if (!call_.charge(cost)) return;
    state.add_refund(refund);
    state.set_storage(address_, slot, value);
}

evm::CallResult Call::invoke(const Address& system_contract, BytesView input, Keep keep) {
    charge(machine_.state().warm_up(system_contract) ? kColdAccount : kWarm);
    charge_words(input.size());
    if (exhausted_) return {evm::Outcome::out_of_gas, 0, {}, {}};
    evm::Message inner;
    inner.depth = message_.depth + 1;
    inner.gas = gas_left_ - gas_left_ / 64; // EIP-150
    inner.sender = message_.recipient;
    inner.recipient = inner.code_address = system_contract;
    inner.input = input;
    const auto before = machine_.state().checkpoint();
    auto result = machine_.run(inner);
    if (keep == Keep::nothing) machine_.state().revert_to(before);
    charge(inner.gas - result.gas_left);
    return result;
}

void Call::emit(const Event& event, const AbiValue::List& indexed, const AbiValue::List& data) {
    auto encoded = codec::abi_encode("(" + std::string{event.data} + ")", data);
    CRN_ASSERT(encoded.has_value());
    ledger::Log log{
        .address = message_.recipient, .topics = {ledger::event_topic(event.signature())}, .data = *encoded};
    for (const auto& value : indexed) log.topics.push_back(topic_of(value));
    if (!charge(kLog + kLog * static_cast<std::int64_t>(log.topics.size()) +
                kLogByte * static_cast<std::int64_t>(log.data.size())))
        return;
    if (machine_.tracer() != nullptr) machine_.tracer()->on_log(log);
    machine_.state().add_log(std::move(log));
}

} // namespace cairn::system
