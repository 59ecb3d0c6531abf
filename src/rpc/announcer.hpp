// The thread that tells subscribers and waiting senders of new blocks and transactions. It follows the chain by height, so
// nothing is queued for it and no block is missed however slow it is.
#pragma once

#include "base/clock.hpp"
#include "node/chain.hpp"

#include <condition_variable>
#include <mutex>
#include <thread>

namespace cairn::rpc {

class Filters;
class Subscriptions;
class SyncSends;

class Announcer {
public:
    /// All must outlive the announcer.
    Announcer(node::Chain& chain, const Clock& clock, Filters& filters, Subscriptions& subscriptions,
              SyncSends& sync_sends);
    ~Announcer();
    Announcer(const Announcer&) = delete;
    Announcer& operator=(const Announcer&) = delete;

    /// Ends the thread; nothing is announced any more.
    void stop();
    /// A deadline of `sync_sends` may be nearer now.
    void look_again();

private:
    void run();
    void announce_blocks();
    void announce_pending();
    void announce_syncing();

    node::Chain& chain_;
    const Clock& clock_;
    Filters& filters_;
    Subscriptions& subscriptions_;
    SyncSends& sync_sends_;
    Height announced_;          // own thread only
    std::uint64_t pending_ = 0; // own thread only
    bool syncing_ = false;      // own thread only

    std::mutex mutex_;
    std::condition_variable changed_;
    bool news_ = false;     // guarded by mutex_
    bool stopping_ = false; // guarded by mutex_
    std::uint64_t listener_ = 0;
    std::thread thread_;
};

} // namespace cairn::rpc
