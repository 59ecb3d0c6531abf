// WebSocket subscriptions: who wants to hear of what.
#pragma once

#include "node/chain.hpp"
#include "rpc/http_server.hpp"
#include "rpc/parameters.hpp"

#include <map>
#include <mutex>
#include <variant>

namespace cairn::rpc {

/// `after`: the head when the client subscribed; it hears of later blocks only.
struct HeadsTopic {
    Height after;
};
struct LogsTopic {
    Height after;
    LogFilter criteria;
};
struct PendingTopic {
    std::uint64_t first = 0; // sequence number of the first transaction to tell of
    bool full = false;       // whole transactions instead of hashes
};
struct SyncingTopic {};
using Topic = std::variant<HeadsTopic, LogsTopic, PendingTopic, SyncingTopic>;

/// Thread-safe. A reader that does not keep up is cut off by its connection and forgotten here.
class Subscriptions {
public:
    explicit Subscriptions(const RpcLimits& limits) : limits_(limits) {}

    /// Until `activate` events are held back, so that the client knows the id before the first one. kLimit if there are too many.
    RpcResult<std::uint64_t> add(std::shared_ptr<WsConnection> connection, Topic topic);
    void activate(std::uint64_t id);
    /// Only the connection that made it can remove it.
    bool remove(std::uint64_t id, std::uint64_t connection);
    void forget(std::uint64_t connection);

    bool wants_blocks() const;
    bool wants_pending() const;
    /// The head first, then its logs.
    /// Logs of labelled contracts are not told.
    void on_block(const node::Chain& chain, const node::StoredBlock& block);
    /// `end`: sequence number after the last of `hashes`.
    void on_pending(const node::Chain& chain, const std::vector<Hash256>& hashes, std::uint64_t end);
    void on_syncing(bool syncing);

private:
    struct Entry {
        std::shared_ptr<WsConnection> connection;
        Topic topic;
        bool active = false;
        std::vector<std::shared_ptr<const std::string>> held; // events before that
    };
    struct Target {
        std::uint64_t id;
        Topic topic;
    };
    std::vector<Target> targets() const;
    void notify(std::uint64_t id, std::string_view result);
    template <class T>
    bool any() const;

    const RpcLimits& limits_;
    mutable std::mutex mutex_;
    std::map<std::uint64_t, Entry> entries_; // guarded by mutex_
};

} // namespace cairn::rpc
