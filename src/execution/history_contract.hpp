// The parent hash that every block leaves in the history contract (EIP-2935).
#pragma once

#include "evm/state.hpp"
#include "ledger/history_contract.hpp"

namespace cairn::execution {

using ledger::kHistoryContract;
using ledger::kHistoryWindow;

/// What the EIP's system call at the start of block `number` does: parent hash at slot (number - 1) mod 8191. Nothing
/// for block 0 or if the contract is not deployed. Ends the transaction in `state`.
void record_parent_hash(evm::State& state, std::uint64_t number, const Hash256& parent_hash);

} // namespace cairn::execution
