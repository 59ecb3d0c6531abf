// Executes finalized blocks on a chain, one after the other: the same for a node that runs and for a backup that is restored.
#pragma once

#include "consensus/core.hpp"
#include "execution/lane_shares.hpp"
#include "node/epochs.hpp"
#include "node/executed_chain.hpp"
#include "node/transaction_cache.hpp"
#include "system/parameters.hpp"

#include <memory>
#include <optional>
#include <vector>

namespace cairn::node {

/// One thread. References must outlive it.
class BlockRunner {
public:
    BlockRunner(ExecutedChain& chain, Epochs& epochs, TransactionCache& cache)
        : chain_(chain), epochs_(epochs), cache_(cache) {}

    struct Ran {
        ExecutedChain::Outcome outcome;
        /// Batches that hold something that does not decode or is not signed: index of the batch, and the first such transaction in it.
        std::vector<std::pair<std::size_t, std::uint32_t>> invalid;
    };
    /// The block must be the next one, and of the present epoch. Errors of ExecutedChain::extend.
    Result<Ran> run(const consensus::FinalizedBlock& block);
    /// The set that the state at `height` asks for, if it has other members or keys than that of the present epoch. A change of
    /// addresses alone asks for nothing: it comes with the next change.
    Result<std::optional<ledger::ValidatorSet>> asked_at(Height height) const;
    /// The block that ends the epoch is executed: makes the next one durable. HandoverDiffers.
    Status begin_epoch(const consensus::FinalizedBlock& last);
    /// Of the lanes in the block of this height, by validator of the present epoch: those of one organisation share its share.
    using LaneWeights = std::shared_ptr<const std::vector<std::uint64_t>>;
    LaneWeights lane_weights(Height height);

private:
    /// The block's candidates with the lanes' shares of its gas (execution/lane_shares.hpp).
    execution::Candidates in_shares(const std::vector<std::pair<ValidatorIndex, std::size_t>>& lanes,
                                    const std::vector<SharedTransaction>& decoded, Height height);

    Address beneficiary_of(ValidatorIndex leader) const;

    ExecutedChain& chain_;
    Epochs& epochs_;
    TransactionCache& cache_;
    std::optional<system::Shares> shares_;
    LaneWeights weights_; // made of shares_
};

} // namespace cairn::node
