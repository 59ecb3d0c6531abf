// Ordered transactions on a state make a block, its receipts and a state diff.
#pragma once

#include "base/result.hpp"
#include "execution/quotas.hpp"
#include "execution/transaction.hpp"
#include "ledger/block.hpp"
#include "ledger/genesis.hpp"

namespace cairn::execution {

/// What consensus decided about a block.
struct BlockInput {
    ledger::BlockHeader parent;
    std::uint64_t timestamp = 0; // seconds; not below the parent's
    Hash256 consensus_digest;    // becomes mix_hash (PREVRANDAO)
    Address beneficiary;         // account of the leader's organisation
    /// In lane order, duplicates allowed; see consensus.md section 5.
    std::vector<std::shared_ptr<const ledger::SignedTransaction>> candidates;
    /// What contracts may use of this block; without functions: no quotas.
    QuotaSource quotas;
};

struct ExecutedBlock {
    /// Complete but for state_root, which the caller fills from `diff`.
    ledger::Block block;
    std::vector<ledger::Receipt> receipts;
    ledger::StateDiff diff;
    struct Dropped {
        std::shared_ptr<const ledger::SignedTransaction> transaction;
        ErrorCode reason; // NonceTooHigh may be tried again later
    };
    std::vector<Dropped> dropped;
    /// Contracts that contracts made, by the index of the transaction.
    std::vector<std::pair<std::uint32_t, Address>> made;
};

/// Orders the candidates (duplicates dropped; each sender's permuted among their own slots into ascending nonce), runs
/// them, drops what is invalid. Deterministic. `block_hash` as in BlockEnvironment. Also writes the EIP-2935 history slot.
ExecutedBlock execute_block(const ledger::StateView& parent_state, const BlockInput& input,
                            const ledger::ChainParameters& parameters, const evm::NativeContracts& natives,
                            const std::function<Hash256(std::uint64_t)>& block_hash);

/// Environment of a block for calls and traces on top of it.
evm::BlockEnvironment environment_of(const ledger::BlockHeader& header, const ledger::ChainParameters& parameters,
                                     std::function<Hash256(std::uint64_t)> block_hash);
Rules rules_of(const ledger::ChainParameters& parameters, const evm::NativeContracts& natives);

} // namespace cairn::execution
