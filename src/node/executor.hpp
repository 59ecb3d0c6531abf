// The executor's thread: makes finalized blocks durable, executes them in order and reports the results.
#pragma once

#include "base/bounded_queue.hpp"
#include "node/block_runner.hpp"
#include "node/inbox.hpp"
#include "node/live_chain.hpp"
#include "node/ordered_store.hpp"

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
    Status report(Height height);
    /// The block that ends an epoch is executed: makes the next one durable.
    Status begin_epoch(const consensus::FinalizedBlock& last);
    /// Tells the core of voted rules that begin to bind.
    void announce_rules();
    /// Tells the core whose voting keys the chain has stopped.
    void announce_stopped();

    OrderedStore& ordered_;
    ExecutedChain& chain_;
    Epochs& epochs_;
    LiveChain& live_;
    BlockRunner runner_; // executor's thread only
    Inbox& inbox_;
    const std::function<void(Error)> on_failure_;
    std::optional<consensus::RulesChanged> announced_; // executor's thread only
    std::uint64_t key_changes_ = 0;                    // those that the core knows of; executor's thread only
    BoundedQueue<consensus::FinalizedBlockPtr> queue_;
    std::jthread thread_;
};

} // namespace cairn::node
