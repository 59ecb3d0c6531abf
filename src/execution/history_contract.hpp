// The contract that serves the hashes of the last 8191 blocks to contracts (EIP-2935).
#pragma once

#include "evm/state.hpp"
#include "ledger/genesis.hpp"

namespace cairn::execution {

/// 0x0000F90827F1C53a10cb7A02335B175320002935.
extern const Address kHistoryContract;
inline constexpr std::uint64_t kHistoryWindow = 8191;

/// The account that genesis holds at kHistoryContract: nonce 1 and the code of the EIP.
ledger::GenesisAccount history_contract_account();
/// `accounts` and the contract, unless there is an account at its address already.
void add_history_contract(std::map<Address, ledger::GenesisAccount>& accounts);
/// What the EIP's system call at the start of block `number` does: parent hash at slot (number - 1) mod 8191. Nothing
/// for block 0 or if the contract is not deployed. Ends the transaction in `state`.
void record_parent_hash(evm::State& state, std::uint64_t number, const Hash256& parent_hash);

} // namespace cairn::execution
