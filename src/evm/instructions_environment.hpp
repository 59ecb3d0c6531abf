// Instructions that look at the message, the transaction, the block and other accounts.
#pragma once

#include "evm/instructions_memory.hpp"

namespace cairn::evm::ops {

inline void ADDRESS(Frame& frame, U256* top) { *top = word_of(frame.message.recipient); }
inline void ORIGIN(Frame& frame, U256* top) { *top = word_of(frame.context->transaction.origin); }
inline void CALLER(Frame& frame, U256* top) { *top = word_of(frame.message.sender); }
inline void CALLVALUE(Frame& frame, U256* top) { *top = frame.message.value; }
inline void CALLDATASIZE(Frame& frame, U256* top) { *top = frame.message.input.size(); }
inline void CODESIZE(Frame& frame, U256* top) { *top = frame.program->size; }
inline void GASPRICE(Frame& frame, U256* top) { *top = frame.context->transaction.gas_price; }
inline void RETURNDATASIZE(Frame& frame, U256* top) { *top = frame.return_data.size(); }
inline void COINBASE(Frame& frame, U256* top) { *top = word_of(frame.context->block.coinbase); }
inline void TIMESTAMP(Frame& frame, U256* top) { *top = frame.context->block.timestamp; }
inline void NUMBER(Frame& frame, U256* top) { *top = frame.context->block.number; }
inline void PREVRANDAO(Frame& frame, U256* top) { *top = word_of(frame.context->block.prev_randao); }
inline void GASLIMIT(Frame& frame, U256* top) { *top = frame.context->block.gas_limit; }
inline void CHAINID(Frame& frame, U256* top) { *top = frame.context->block.chain_id; }
inline void BASEFEE(Frame& frame, U256* top) { *top = frame.context->block.base_fee; }
inline void BLOBBASEFEE(Frame& frame, U256* top) { *top = frame.context->block.blob_base_fee; }
inline void MSIZE(Frame& frame, U256* top) { *top = frame.memory.size(); }
inline void SELFBALANCE(Frame& frame, U256* top) { *top = frame.context->state.balance(frame.message.recipient); }
inline void BLOBHASH(Frame& frame, U256* top) {
    const auto& hashes = frame.context->transaction.blob_hashes;
    auto& index = top[-1];
    index = index.fits_u64() && index.low() < hashes.size() ? word_of(hashes[index.low()]) : U256{};
}
inline void BLOCKHASH(Frame& frame, U256* top) {
    const auto& block = frame.context->block;
    auto& number = top[-1];
    const bool is_recent =
        number.fits_u64() && number.low() < block.number && block.number - number.low() <= 256 && block.block_hash;
    number = is_recent ? word_of(block.block_hash(number.low())) : U256{};
}

/// Pays for looking at an account; the table charged the warm price.
inline std::int64_t pay_account(Frame& frame, const Address& address, std::int64_t gas) {
    if (frame.context->warm_up(address)) gas -= gas::kColdAccountExtra;
    return gas < 0 ? failure(Outcome::out_of_gas) : gas;
}

template <bool kTrace>
std::int64_t BALANCE(Frame& frame, U256* top, std::int64_t gas) {
    const auto address = address_of(top[-1]);
    gas = pay_account(frame, address, gas);
    if (gas < 0) return gas;
    announce<kTrace>(frame, gas, top);
    top[-1] = frame.context->state.balance(address);
    return gas;
}
template <bool kTrace>
std::int64_t EXTCODESIZE(Frame& frame, U256* top, std::int64_t gas) {
    const auto address = address_of(top[-1]);
    gas = pay_account(frame, address, gas);
    if (gas < 0) return gas;
    announce<kTrace>(frame, gas, top);
    top[-1] = frame.context->state.code(address)->size();
    return gas;
}
template <bool kTrace>
std::int64_t EXTCODEHASH(Frame& frame, U256* top, std::int64_t gas) {
    const auto address = address_of(top[-1]);
    gas = pay_account(frame, address, gas);
    if (gas < 0) return gas;
    announce<kTrace>(frame, gas, top);
    auto& state = frame.context->state;
    top[-1] = state.is_empty(address) ? U256{} : word_of(state.code_hash(address)); // EIP-1052
    return gas;
}
template <bool kTrace>
std::int64_t EXTCODECOPY(Frame& frame, U256* top, std::int64_t gas) {
    const auto& to = top[-2];
    const auto& from = top[-3];
    const auto& size = top[-4];
    gas = reach_memory(frame, to, size, gas);
    if (gas < 0) return gas;
    gas -= word_price(size, gas::kCopyWord);
    if (gas < 0) return failure(Outcome::out_of_gas);
    const auto address = address_of(top[-1]);
    gas = pay_account(frame, address, gas);
    if (gas < 0) return gas;
    announce<kTrace>(frame, gas, top);
    copy_padded(frame, to, *frame.context->state.code(address), from, size);
    return gas;
}

} // namespace cairn::evm::ops
