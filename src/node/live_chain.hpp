// The node's ledger as the outside sees it: certified blocks only, the pool, and news as they come.
#pragma once

#include "node/chain.hpp"
#include "node/epochs.hpp"
#include "node/executed_chain.hpp"
#include "node/hot_spots.hpp"
#include "node/key_watch.hpp"
#include "node/lane_pacer.hpp"
#include "node/transaction_cache.hpp"
#include "pool/pool.hpp"
#include "system/parameters.hpp"

#include <condition_variable>
#include <functional>
#include <map>
#include <mutex>
#include <thread>

namespace cairn::node {

/// Owns the publisher thread, which tells listeners of new blocks in order.
class LiveChain final : public Chain {
public:
    struct Hooks {
        std::function<void()> transactions_ready; // after each admission
        std::function<NodeStatus()> status;       // everything but head and pool
        /// Before a transaction of this node's clients is pooled; may refuse it.
        std::function<Status(const ledger::SignedTransaction&)> admit;
        std::function<FlowStatus()> flow; // everything but the pool and hot spots
        std::string organisation;         // this node's
    };
    /// References must outlive the object.
    LiveChain(ExecutedChain& chain, const Epochs& epochs, TransactionCache& cache, const evm::NativeContracts& natives,
              Hooks hooks);
    ~LiveChain() override;

    // The executor and the core report here; the head follows both.
    void executed(const ExecutedChain::Outcome& outcome);
    /// The head is the highest block of which this node got the certified result itself. What differs is told to nobody: the core halts.
    /// The certificate is in the store already.
    void certified(Height height, const Hash256& result);
    /// Transactions for the own lane; empty if there are none.
    std::vector<SharedTransaction> take_batch(pool::BatchLimits limits);
    void give_back();
    bool has_ready() const;

    const ledger::Genesis& genesis() const override { return chain_.genesis(); }
    const evm::NativeContracts& natives() const override { return natives_; }
    Height head() const override;
    std::shared_ptr<const StoredBlock> block(Height height) const override;
    std::optional<Height> height_of(const Hash256& block_hash) const override;
    std::optional<TransactionLocation> find_transaction(const Hash256& hash) const override;
    Result<std::shared_ptr<const ledger::StateView>> state(Height height) const override;
    Result<state::AccountProof> prove(Height height, const Address& address,
                                      const std::vector<U256>& slots) const override;
    Result<ledger::Certificate> certificate(Height height) const override;
    Result<ledger::ValidatorSet> validators(Epoch epoch) const override;
    Epoch epoch() const override { return epochs_.current()->validators.epoch; }
    Result<std::vector<ledger::EpochHandover>> handovers(Epoch epoch) const override;
    Result<Hash256> submit(BytesView raw) override;
    std::vector<SharedTransaction> pending() const override;
    SharedTransaction pending(const Hash256& hash) const override;
    std::uint64_t pending_nonce(const Address& sender) const override;
    /// Waits a moment for the index to reach the head.
    Result<keys::Impact> key_impact(const Hash256& key, Height since) const override;
    /// What others than the chain know of keys goes here.
    keys::TouchSink& touches() { return key_watch_.index(); }
    std::uint64_t listen(ChainListener listener) override;
    void unlisten(std::uint64_t id) override;
    NodeStatus status() const override;
    FlowStatus flow() const override;

private:
    void publish();
    /// Holds head_mutex_.
    void compare(Height height, const Hash256& own, const Hash256& result);
    /// The organisations' shares as the state has them for the next block. Holds pool_mutex_, or nobody else is there yet.
    void follow_shares(const ledger::StateView& state, Height next);

    ExecutedChain& chain_;
    const Epochs& epochs_;
    TransactionCache& cache_;
    const evm::NativeContracts& natives_;
    const Hooks hooks_;

    mutable std::mutex pool_mutex_;
    ledger::ChainParameters parameters_;   // of the next block; guarded by pool_mutex_
    std::uint64_t head_time_ = 0;          // seconds; of the last executed block; guarded by pool_mutex_
    pool::Pool pool_;                      // guarded by pool_mutex_
    std::optional<system::Shares> shares_; // guarded by pool_mutex_
    LanePacer pacer_;                      // guarded by pool_mutex_
    HotSpots hot_spots_;                   // guarded by pool_mutex_

    mutable std::mutex head_mutex_;
    std::condition_variable head_changed_;
    Height executed_, certified_, published_; // guarded by head_mutex_; certified_ is the head
    bool stopping_ = false;                   // guarded by head_mutex_

    std::mutex listeners_mutex_;
    std::map<std::uint64_t, std::shared_ptr<const ChainListener>> listeners_; // guarded by listeners_mutex_
    std::uint64_t next_listener_ = 1;                                         // guarded by listeners_mutex_

    KeyWatch key_watch_;
    std::jthread publisher_;
};

} // namespace cairn::node
