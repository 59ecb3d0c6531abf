// Shared by the two files that know Boost: what all sessions of one server have in common.
#pragma once

#include "rpc/client_stream.hpp"
#include "rpc/http_server.hpp"

#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/beast/http/message.hpp>
#include <boost/beast/http/string_body.hpp>

#include <atomic>
#include <mutex>
#include <unordered_map>

namespace cairn::rpc {

/// A connection that the server can cut when it stops.
class Session {
public:
    virtual ~Session() = default;
    /// On the I/O thread.
    virtual void stop() = 0;
};

struct HttpCore {
    explicit HttpCore(HttpConfig c, HttpHandler h) : config(std::move(c)), handler(std::move(h)) {}

    const HttpConfig config;
    const HttpHandler handler;
    boost::asio::io_context io{1};
    std::atomic<bool> stopping = false;

    /// A connection of `client` begins, or is refused: false.
    bool connect(const std::string& client) {
        const std::lock_guard lock(mutex_);
        auto& held = clients_[client];
        if (held.connections >= config.limits.connections_per_client_max) return false;
        ++held.connections;
        return true;
    }
    void disconnect(const std::string& client) {
        const std::lock_guard lock(mutex_);
        --clients_[client].connections;
        forget_if_idle(client);
    }
    /// Memory for a body that will arrive; false if the client has its part or all of it is used.
    bool reserve(const std::string& client, std::size_t bytes) {
        const std::lock_guard lock(mutex_);
        auto& held = clients_[client];
        if (held.body_bytes + bytes > config.limits.body_memory_max - body_bytes_) {
            forget_if_idle(client);
            return false;
        }
        held.body_bytes += bytes;
        body_bytes_ += bytes;
        return true;
    }
    void release(const std::string& client, std::size_t bytes) {
        const std::lock_guard lock(mutex_);
        clients_[client].body_bytes -= bytes;
        body_bytes_ -= bytes;
        forget_if_idle(client);
    }
    std::size_t body_bytes() const {
        const std::lock_guard lock(mutex_);
        return body_bytes_;
    }

    std::atomic<std::size_t> answer_bytes = 0;    // being written by HTTP sessions
    std::atomic<std::size_t> websocket_bytes = 0; // queued by WebSocket sessions

    std::uint64_t enter(std::weak_ptr<Session> session) {
        const std::lock_guard lock(mutex_);
        sessions_.emplace(++last_id_, std::move(session));
        return last_id_;
    }
    void leave(std::uint64_t id) {
        const std::lock_guard lock(mutex_);
        sessions_.erase(id);
    }
    std::size_t connections() const {
        const std::lock_guard lock(mutex_);
        return sessions_.size();
    }
    std::vector<std::shared_ptr<Session>> sessions() const {
        const std::lock_guard lock(mutex_);
        std::vector<std::shared_ptr<Session>> out;
        for (const auto& [id, session] : sessions_)
            if (auto alive = session.lock()) out.push_back(std::move(alive));
        return out;
    }

private:
    struct Held {
        std::size_t connections = 0;
        std::size_t body_bytes = 0;
    };
    void forget_if_idle(const std::string& client) {
        const auto found = clients_.find(client);
        if (found != clients_.end() && found->second.connections == 0 && found->second.body_bytes == 0)
            clients_.erase(found);
    }

    mutable std::mutex mutex_;
    std::unordered_map<std::string, Held> clients_;                      // guarded by mutex_
    std::size_t body_bytes_ = 0;                                         // guarded by mutex_
    std::uint64_t last_id_ = 0;                                          // guarded by mutex_
    std::unordered_map<std::uint64_t, std::weak_ptr<Session>> sessions_; // guarded by mutex_
};

/// One connection of a client, counted as long as it lives.
class ConnectionSlot {
public:
    ConnectionSlot(std::shared_ptr<HttpCore> core, std::string client)
        : core_(std::move(core)), client_(std::move(client)) {}
    ~ConnectionSlot() { core_->disconnect(client_); }
    ConnectionSlot(const ConnectionSlot&) = delete;
    ConnectionSlot& operator=(const ConnectionSlot&) = delete;
    const std::string& client() const { return client_; }

private:
    const std::shared_ptr<HttpCore> core_;
    const std::string client_;
};
using Slot = std::shared_ptr<const ConnectionSlot>;

/// Takes the connection over after an upgrade request that passed all checks.
void start_websocket(std::shared_ptr<HttpCore> core, Slot slot, ClientStream&& stream,
                     boost::beast::http::request<boost::beast::http::string_body>&& upgrade);

} // namespace cairn::rpc
