// Feeds the index of what keys touched (keys/touch_index.hpp) from the chain: who signed how much in which block (transactions, and
// authorisations of EIP-7702), what accounts deployed (by themselves or through contracts) and recorded, which key took over from which,
// who voted. What was missed while the node was down is read from the stored blocks.
#pragma once

#include "keys/impact.hpp"
#include "node/block_store.hpp"
#include "node/epochs.hpp"

#include <condition_variable>
#include <mutex>
#include <thread>

namespace cairn::node {

/// Events of one block, in no particular order, none twice.
std::vector<keys::TouchEvent> touches_of(const StoredBlock& block);
/// Votes in a block's certificate; `validators` is the set that made it.
std::vector<keys::TouchEvent> touches_of(const ledger::Certificate& certificate,
                                         const ledger::ValidatorSet& validators);

/// Owns one thread. `blocks` and `store` must outlive it.
class KeyWatch {
public:
    /// References must outlive the object.
    KeyWatch(const BlockStore& blocks, const Epochs& epochs, storage::KeyValueStore& store);
    ~KeyWatch();
    KeyWatch(const KeyWatch&) = delete;

    /// Blocks up to here are final. Does not wait.
    void advance(Height head);
    /// Waits until blocks up to `head` are in the index; false if that takes longer than `patience`.
    bool wait_for(Height head, std::chrono::milliseconds patience) const;
    keys::TouchIndex& index() { return index_; }
    const keys::TouchIndex& index() const { return index_; }

private:
    void run();
    Status feed(Height height);

    const BlockStore& blocks_;
    const Epochs& epochs_;
    keys::TouchIndex index_;
    mutable std::mutex mutex_;
    mutable std::condition_variable changed_;
    Height head_;                      // guarded by mutex_
    std::optional<std::uint64_t> fed_; // guarded by mutex_
    bool stopping_ = false;            // guarded by mutex_
    std::jthread thread_;
};

} // namespace cairn::node
