// Executes finalized blocks on a chain, one after the other: the same for a node that runs and for a backup that is restored.
#pragma once

#include "consensus/core.hpp"
#include "execution/lane_shares.hpp"
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
    BlockRunner(ExecutedChain& chain, TransactionCache& cache) : chain_(chain), cache_(cache) {}

    struct Ran {
        ExecutedChain::Outcome outcome;
        /// Batches that hold something that does not decode or is not signed: index of the batch, and the first such transaction in it.
        std::vector<std::pair<std::size_t, std::uint32_t>> invalid;
    };
    /// The block must be the next one. Errors of ExecutedChain::extend.
    Result<Ran> run(const consensus::FinalizedBlock& block);
    /// Of the lanes in the block of this height, by validator: those of one organisation share its share.
    using LaneWeights = std::shared_ptr<const std::vector<std::uint64_t>>;
    LaneWeights lane_weights(Height height);

private:
    /// The block's candidates with the lanes' shares of its gas (execution/lane_shares.hpp).
    execution::Candidates in_shares(const std::vector<std::pair<ValidatorIndex, std::size_t>>& lanes,
                                    const std::vector<SharedTransaction>& decoded, Height height);

    ExecutedChain& chain_;
    TransactionCache& cache_;
    std::optional<system::Shares> shares_;
    LaneWeights weights_; // made of shares_
};

} // namespace cairn::node
