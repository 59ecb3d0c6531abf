// Instructions that change the state or start another message.
#pragma once

#include "evm/instructions_environment.hpp"

namespace cairn::evm::ops {

template <bool kTrace>
std::int64_t SLOAD(Frame& frame, U256* top, std::int64_t gas) {
    const auto slot = frame.context->state.access_storage(frame.message.recipient, top[-1]);
    if (slot.was_cold) {
        gas -= gas::kColdSlotExtra;
        if (gas < 0) return failure(Outcome::out_of_gas);
    }
    announce<kTrace>(frame, gas, top);
    top[-1] = slot.current;
    return gas;
}

/// What a storage write costs (without the cold price) and gives back: EIP-2200 with the numbers of EIP-2929 and 3529.
struct StorageWrite {
    std::int64_t gas;
    std::int64_t refund;
};
inline StorageWrite price_of_write(const U256& original, const U256& current, const U256& value) {
    if (value == current) return {gas::kWarm, 0};
    if (current == original) {
        if (!original) return {gas::kSet, 0};
        return {gas::kReset, value ? 0 : gas::kClearRefund};
    }
    std::int64_t refund = 0;
    if (original) {
        if (!current) refund -= gas::kClearRefund;
        if (!value) refund += gas::kClearRefund;
    }
    if (value == original) refund += (original ? gas::kReset : gas::kSet) - gas::kWarm;
    return {gas::kWarm, refund};
}

template <bool kTrace>
[[gnu::noinline]] std::int64_t SSTORE(Frame& frame, U256* top, std::int64_t gas) {
    if (frame.message.is_static) return failure(Outcome::static_violation);
    if (gas <= gas::kStipend) return failure(Outcome::out_of_gas); // EIP-2200
    auto& state = frame.context->state;
    const auto& address = frame.message.recipient;
    const auto slot = state.access_storage(address, top[-1]);
    const auto price = price_of_write(slot.original, slot.current, top[-2]);
    gas -= price.gas + (slot.was_cold ? gas::kColdSlot : 0);
    if (gas < 0) return failure(Outcome::out_of_gas);
    announce<kTrace>(frame, gas, top);
    if (price.refund != 0) state.add_refund(price.refund);
    state.set_storage(address, top[-1], top[-2]);
    return gas;
}

inline void TLOAD(Frame& frame, U256* top) {
    top[-1] = frame.context->state.transient(frame.message.recipient, top[-1]);
}
template <bool kTrace>
[[gnu::noinline]] std::int64_t TSTORE(Frame& frame, U256* top, std::int64_t gas) {
    if (frame.message.is_static) return failure(Outcome::static_violation);
    announce<kTrace>(frame, gas, top);
    frame.context->state.set_transient(frame.message.recipient, top[-1], top[-2]);
    return gas;
}

template <bool kTrace, int kTopics>
[[gnu::noinline]] std::int64_t write_log(Frame& frame, U256* top, std::int64_t gas) {
    if (frame.message.is_static) return failure(Outcome::static_violation);
    gas = reach_memory(frame, top[-1], top[-2], gas);
    if (gas < 0) return gas;
    gas -= gas::kLogByte * static_cast<std::int64_t>(top[-2].low());
    if (gas < 0) return failure(Outcome::out_of_gas);
    announce<kTrace>(frame, gas, top);
    ledger::Log log{frame.message.recipient, {}, to_bytes(memory_part(frame, top[-1], top[-2]))};
    log.topics.reserve(kTopics);
    for (int i = 0; i < kTopics; ++i) log.topics.push_back(hash_of(top[-3 - i]));
    if constexpr (kTrace) frame.context->options.tracer->on_log(log);
    frame.context->state.add_log(std::move(log));
    return gas;
}
template <bool kTrace>
std::int64_t LOG0(Frame& frame, U256* top, std::int64_t gas) {
    return write_log<kTrace, 0>(frame, top, gas);
}
template <bool kTrace>
std::int64_t LOG1(Frame& frame, U256* top, std::int64_t gas) {
    return write_log<kTrace, 1>(frame, top, gas);
}
template <bool kTrace>
std::int64_t LOG2(Frame& frame, U256* top, std::int64_t gas) {
    return write_log<kTrace, 2>(frame, top, gas);
}
template <bool kTrace>
std::int64_t LOG3(Frame& frame, U256* top, std::int64_t gas) {
    return write_log<kTrace, 3>(frame, top, gas);
}
template <bool kTrace>
std::int64_t LOG4(Frame& frame, U256* top, std::int64_t gas) {
    return write_log<kTrace, 4>(frame, top, gas);
}

/// The four call instructions: pays, and leaves the message to run in `pending`.
template <bool kTrace, CallKind kKind>
[[gnu::noinline]] std::int64_t prepare_call(Frame& frame, U256* top, std::int64_t gas) {
    constexpr bool kHasValue = kKind == CallKind::call || kKind == CallKind::call_code;
    const U256* const ranges = top - (kHasValue ? 4 : 3);
    const U256 &input_offset = ranges[0], &input_size = ranges[-1], &output_offset = ranges[-2],
               &output_size = ranges[-3];
    const auto target = address_of(top[-2]);
    const auto value = kHasValue ? top[-3] : U256{};
    const auto& parent = frame.message;
    const auto& context = *frame.context;

    if (kKind == CallKind::call && value && parent.is_static) return failure(Outcome::static_violation);
    gas = reach_memory(frame, input_offset, input_size, gas);
    if (gas < 0) return gas;
    gas = reach_memory(frame, output_offset, output_size, gas);
    if (gas < 0) return gas;
    gas = pay_account(frame, target, gas);
    if (gas < 0) return gas;
    if (value) {
        gas -= gas::kValueTransfer;
        if (kKind == CallKind::call && context.state.is_empty(target)) gas -= gas::kNewAccount;
        if (gas < 0) return failure(Outcome::out_of_gas);
    }
    if (context.revision >= Revision::prague) {
        if (const auto delegate = context.state.delegation(target)) {
            gas -= context.warm_up(*delegate) ? gas::kColdAccount : gas::kWarm; // EIP-7702
            if (gas < 0) return failure(Outcome::out_of_gas);
        }
    }
    announce<kTrace>(frame, gas, top);

    const auto available = gas - gas / 64; // EIP-150
    const auto& asked = top[-1];
    const bool asks_less = asked.fits_u64() && asked.low() < static_cast<std::uint64_t>(available);
    const auto passed = asks_less ? static_cast<std::int64_t>(asked.low()) : available;
    auto& child = frame.pending;
    child.kind = kKind;
    child.is_static = parent.is_static || kKind == CallKind::static_call;
    child.depth = parent.depth + 1;
    child.gas = passed + (value ? gas::kStipend : 0);
    child.sender = kKind == CallKind::delegate_call ? parent.sender : parent.recipient;
    child.recipient = kKind == CallKind::call || kKind == CallKind::static_call ? target : parent.recipient;
    child.code_address = target;
    child.value = kKind == CallKind::delegate_call ? parent.value : value;
    child.input = memory_part(frame, input_offset, input_size);
    frame.output_offset = output_size ? output_offset.low() : 0;
    frame.output_size = output_size.low();
    return gas - passed;
}
template <bool kTrace>
std::int64_t CALL(Frame& frame, U256* top, std::int64_t gas) {
    return prepare_call<kTrace, CallKind::call>(frame, top, gas);
}
template <bool kTrace>
std::int64_t CALLCODE(Frame& frame, U256* top, std::int64_t gas) {
    return prepare_call<kTrace, CallKind::call_code>(frame, top, gas);
}
template <bool kTrace>
std::int64_t DELEGATECALL(Frame& frame, U256* top, std::int64_t gas) {
    return prepare_call<kTrace, CallKind::delegate_call>(frame, top, gas);
}
template <bool kTrace>
std::int64_t STATICCALL(Frame& frame, U256* top, std::int64_t gas) {
    return prepare_call<kTrace, CallKind::static_call>(frame, top, gas);
}

template <bool kTrace, CallKind kKind>
[[gnu::noinline]] std::int64_t prepare_creation(Frame& frame, U256* top, std::int64_t gas) {
    const U256 &value = top[-1], &offset = top[-2], &size = top[-3];
    const auto& parent = frame.message;
    const auto& context = *frame.context;
    if (parent.is_static) return failure(Outcome::static_violation);
    gas = reach_memory(frame, offset, size, gas);
    if (gas < 0) return gas;
    if (size > U256{2 * std::uint64_t{context.options.code_bytes_max}}) return failure(Outcome::init_code_too_large);
    gas -= word_price(size, gas::kInitCodeWord + (kKind == CallKind::create2 ? gas::kKeccakWord : 0));
    if (gas < 0) return failure(Outcome::out_of_gas);
    announce<kTrace>(frame, gas, top);

    const auto passed = gas - gas / 64;
    auto& child = frame.pending;
    child.kind = kKind;
    child.is_static = false;
    child.depth = parent.depth + 1;
    child.gas = passed;
    child.sender = parent.recipient;
    child.recipient = {};
    child.code_address = {};
    child.value = value;
    child.input = memory_part(frame, offset, size);
    child.salt = kKind == CallKind::create2 ? top[-4] : U256{};
    frame.output_offset = 0;
    frame.output_size = 0;
    return gas - passed;
}
template <bool kTrace>
std::int64_t CREATE(Frame& frame, U256* top, std::int64_t gas) {
    return prepare_creation<kTrace, CallKind::create>(frame, top, gas);
}
template <bool kTrace>
std::int64_t CREATE2(Frame& frame, U256* top, std::int64_t gas) {
    return prepare_creation<kTrace, CallKind::create2>(frame, top, gas);
}

template <bool kTrace>
std::int64_t leave_with_output(Frame& frame, U256* top, std::int64_t gas) {
    gas = reach_memory(frame, top[-1], top[-2], gas);
    if (gas < 0) return gas;
    announce<kTrace>(frame, gas, top);
    frame.output = memory_part(frame, top[-1], top[-2]);
    return gas;
}
template <bool kTrace>
std::int64_t RETURN(Frame& frame, U256* top, std::int64_t gas) {
    return leave_with_output<kTrace>(frame, top, gas);
}
template <bool kTrace>
std::int64_t REVERT(Frame& frame, U256* top, std::int64_t gas) {
    return leave_with_output<kTrace>(frame, top, gas);
}

template <bool kTrace>
[[gnu::noinline]] std::int64_t SELFDESTRUCT(Frame& frame, U256* top, std::int64_t gas) {
    if (frame.message.is_static) return failure(Outcome::static_violation);
    const auto& context = *frame.context;
    auto& state = context.state;
    const auto& self = frame.message.recipient;
    const auto heir = address_of(top[-1]);
    if (context.warm_up(heir)) gas -= gas::kColdAccount;
    if (gas < 0) return failure(Outcome::out_of_gas);
    const auto balance = state.balance(self);
    if (balance && state.is_empty(heir)) gas -= gas::kNewAccount;
    if (gas < 0) return failure(Outcome::out_of_gas);
    announce<kTrace>(frame, gas, top);
    if (const auto* guard = context.options.guard()) {
        Message move;
        move.sender = self;
        move.recipient = move.code_address = heir;
        move.value = balance;
        if (auto refusal = guard->refusal(state, context.block, context.transaction.origin, move)) {
            frame.return_data = std::move(*refusal);
            frame.output = frame.return_data;
            return failure(Outcome::revert);
        }
    }

    if constexpr (kTrace) context.options.tracer->on_destroy(self, heir, balance);
    if (heir != self && state.subtract_balance(self, balance)) state.add_balance(heir, balance);
    if (state.was_created_in_transaction(self)) { // EIP-6780; with itself as heir the balance is burnt
        state.set_balance(self, {});
        state.destroy(self);
    }
    return gas;
}

} // namespace cairn::evm::ops
