// Decoded transactions with recovered senders, by hash: each signature is checked once per node, whichever way its
// transaction arrives first.
#pragma once

#include "ledger/transaction.hpp"

#include <deque>
#include <memory>
#include <mutex>
#include <unordered_map>

namespace cairn::node {

using SharedTransaction = std::shared_ptr<const ledger::SignedTransaction>;

/// Thread-safe; forgets the oldest entries above its limits.
class TransactionCache {
public:
    explicit TransactionCache(std::size_t entries_max, std::size_t bytes_max)
        : entries_max_(entries_max), bytes_max_(bytes_max) {}

    SharedTransaction find(const Hash256& hash) const;
    void insert(SharedTransaction transaction);
    /// From the cache, or decoded and recovered now; null if the bytes are no valid transaction.
    SharedTransaction decode(BytesView raw);
    /// All of `raws`, in order, null for the invalid ones; uses up to `threads` threads.
    std::vector<SharedTransaction> decode_all(const std::vector<BytesView>& raws, std::size_t threads);

private:
    const std::size_t entries_max_;
    const std::size_t bytes_max_;
    mutable std::mutex mutex_;
    std::unordered_map<Hash256, SharedTransaction> entries_; // guarded by mutex_
    std::deque<Hash256> order_;                              // guarded by mutex_
    std::size_t bytes_ = 0;                                  // guarded by mutex_
};

} // namespace cairn::node
