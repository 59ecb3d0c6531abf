// The Chinese algorithms for contracts: SM3 and the check of SM2 signatures, called like Ethereum's precompiles with plain
// bytes instead of a Solidity ABI. They are there whatever suite the chain has; opcodes and other precompiles stay Ethereum's.
//
// 0x...ca20 SM3: any input; answers 32 bytes. Gas: 60, and 12 for each word of 32 bytes, as SHA-256 (Yellow Paper, app. E).
// 0x...ca21 SM2 check: digest e = SM3(Z || message), r, s, x, y, 32 bytes each; answers 32 bytes of 1, or nothing for what is no
// valid signature (the form of EIP-7951). Gas: 34,500, five times EIP-7951's, as the check takes five times as long.
// What the gas does not cover fails and takes all of it.
#pragma once

#include "evm/machine.hpp"

namespace cairn::system {

inline constexpr std::int64_t kSm2Gas = 34'500;
constexpr std::int64_t sm3_gas(std::size_t bytes) { return 60 + 12 * static_cast<std::int64_t>((bytes + 31) / 32); }

const evm::NativeContract& sm3_contract();
const evm::NativeContract& sm2_contract();

} // namespace cairn::system
