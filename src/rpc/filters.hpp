// Polled filters: each remembers how far its client has read. Nothing is stored per event, so a filter costs a few hundred
// bytes whatever happens on the chain.
#pragma once

#include "base/clock.hpp"
#include "base/types.hpp"
#include "rpc/parameters.hpp"

#include <deque>
#include <map>
#include <mutex>

namespace cairn::rpc {

struct BlockFilter {
    Height next; // first block not told yet
};
struct LogsFilter {
    LogFilter criteria;
    Height next;
};
struct PendingFilter {
    std::uint64_t next = 0; // sequence number in the ring of pending transactions
};
using Filter = std::variant<BlockFilter, LogsFilter, PendingFilter>;

/// Thread-safe. Also keeps the hashes of the last transactions that entered the pool.
class Filters {
public:
    Filters(const RpcLimits& limits, const Clock& clock);

    /// kLimit when too many are in use. Those not polled for a while are dropped first.
    RpcResult<std::uint64_t> add(Filter filter);
    bool remove(std::uint64_t id);
    std::optional<Filter> find(std::uint64_t id);
    /// After a poll; does nothing if the filter is gone.
    void replace(std::uint64_t id, Filter filter);

    void on_pending(const Hash256& hash);
    std::uint64_t pending_end() const;
    /// Hashes from sequence number `next` on, which moves behind them. Those that fell out of the ring are skipped.
    std::vector<Hash256> pending_since(std::uint64_t& next) const;

private:
    struct Entry {
        Filter filter;
        Microseconds used;
    };
    void drop_idle();

    static constexpr std::size_t kPendingKept = 16'384;

    const RpcLimits& limits_;
    const Clock& clock_;
    mutable std::mutex mutex_;
    std::map<std::uint64_t, Entry> entries_; // guarded by mutex_
    std::deque<Hash256> pending_;            // guarded by mutex_
    std::uint64_t pending_end_ = 0;          // guarded by mutex_
};

/// Ids that nobody can guess, so that clients of one server do not read each other's filters.
std::uint64_t random_id();

} // namespace cairn::rpc
