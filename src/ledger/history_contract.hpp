// The contract that serves the hashes of the last 8191 blocks to contracts (EIP-2935).
#pragma once

#include "ledger/genesis.hpp"

namespace cairn::ledger {

/// 0x0000F90827F1C53a10cb7A02335B175320002935.
inline constexpr Address kHistoryContract{{0x00, 0x00, 0xf9, 0x08, 0x27, 0xf1, 0xc5, 0x3a, 0x10, 0xcb,
                                           0x7a, 0x02, 0x33, 0x5b, 0x17, 0x53, 0x20, 0x00, 0x29, 0x35}};
inline constexpr std::uint64_t kHistoryWindow = 8191;

/// The account that block 0 holds at kHistoryContract: nonce 1 and the code of the EIP.
GenesisAccount history_contract_account();

} // namespace cairn::ledger
