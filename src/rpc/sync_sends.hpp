// Clients that wait in eth_sendRawTransactionSync (EIP-7966) for their receipt. No thread waits with them.
#pragma once

#include "base/clock.hpp"
#include "node/chain.hpp"
#include "rpc/limits.hpp"
#include "rpc/rpc_error.hpp"

#include <functional>
#include <map>
#include <mutex>

namespace cairn::rpc {

/// Thread-safe.
class SyncSends {
public:
    SyncSends(const RpcLimits& limits, const Clock& clock) : limits_(limits), clock_(clock) {}

    /// Called after each new wait, whose deadline may be the nearest. Set once, before any wait.
    void wake_with(std::function<void()> wake) { wake_ = std::move(wake); }
    /// False when too many wait. Otherwise `done` is called once: with the receipt, or the error of a time-out.
    bool wait(const Hash256& hash, Milliseconds patience, std::function<void(Answer)> done);
    /// The transaction is final already: answers those who wait for it.
    void settle(const node::Chain& chain, const Hash256& hash);

    void on_block(const node::Chain& chain, const node::StoredBlock& block);
    void on_time();
    /// The node stops: answers all who wait with an error.
    void give_up();
    std::optional<Microseconds> next_deadline() const;
    bool empty() const;

private:
    struct Waiting {
        Microseconds deadline;
        Milliseconds patience;
        std::function<void(Answer)> done;
    };
    std::vector<Waiting> take(const Hash256& hash);

    const RpcLimits& limits_;
    const Clock& clock_;
    std::function<void()> wake_;
    mutable std::mutex mutex_;
    std::multimap<Hash256, Waiting> waiting_; // guarded by mutex_
};

} // namespace cairn::rpc
