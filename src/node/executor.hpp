// The executor's thread: makes finalized blocks durable, executes them in order and reports the results.
#pragma once

#include "base/bounded_queue.hpp"
#include "execution/lane_shares.hpp"
#include "node/epochs.hpp"
#include "node/inbox.hpp"
#include "node/live_chain.hpp"
#include "node/ordered_store.hpp"
#include "system/parameters.hpp"

#include <functional>
#include <thread>

namespace cairn::node {

class Executor {
public:
    /// References must outlive the object. `on_failure` is called at most once, from the executor's thread.
    Executor(OrderedStore& ordered, ExecutedChain& chain, Epochs& epochs, LiveChain& live, TransactionCache& cache,
             Inbox& inbox, std::function<void(Error)> on_failure);
    ~Executor();

    /// Blocks in height order. Never blocks: the core delivers only a bounded window beyond what is durable.
    void deliver(consensus::FinalizedBlockPtr block);

private:
    void run();
    Status catch_up();
    Status execute(const consensus::FinalizedBlock& block);
    /// The set that the state at `height` asks for, if it has other members or keys than `now`. A change of addresses alone asks for
    /// nothing: it comes with the next change.
    Result<std::optional<ledger::ValidatorSet>> asked_at(Height height, const ledger::ValidatorSet& now) const;
    Status report(Height height);
    /// The block that ends an epoch is executed: makes the next one durable.
    Status begin_epoch(const consensus::FinalizedBlock& last);
    Address beneficiary_of(const consensus::FinalizedBlock& block, const ledger::ValidatorSet& set) const;
    /// Tells the core of voted rules that begin to bind.
    void announce_rules();
    std::vector<std::uint64_t> lane_weights(const ledger::ValidatorSet& set, Height height);
    /// Tells the core whose voting keys the chain has stopped.
    void announce_stopped();
    /// The block's candidates with the lanes' shares of its gas (execution/lane_shares.hpp).
    execution::Candidates in_shares(const ledger::ValidatorSet& set,
                                    const std::vector<std::pair<ValidatorIndex, std::size_t>>& lanes,
                                    const std::vector<SharedTransaction>& decoded, Height height);

    OrderedStore& ordered_;
    ExecutedChain& chain_;
    Epochs& epochs_;
    LiveChain& live_;
    TransactionCache& cache_;
    Inbox& inbox_;
    const std::function<void(Error)> on_failure_;
    std::optional<consensus::RulesChanged> announced_; // executor's thread only
    std::uint64_t key_changes_ = 0;                    // those that the core knows of; executor's thread only
    std::optional<system::Shares> shares_;             // executor's thread only
    BoundedQueue<consensus::FinalizedBlockPtr> queue_;
    std::jthread thread_;
};

} // namespace cairn::node
