// Shared by the two files that know Boost: what all sessions of one server have in common.
#pragma once

#include "rpc/http_server.hpp"

#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/beast/core/tcp_stream.hpp>
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
    mutable std::mutex mutex_;
    std::uint64_t last_id_ = 0;                                          // guarded by mutex_
    std::unordered_map<std::uint64_t, std::weak_ptr<Session>> sessions_; // guarded by mutex_
};

/// Takes the connection over after an upgrade request that passed all checks.
void start_websocket(std::shared_ptr<HttpCore> core, boost::beast::tcp_stream&& stream,
                     boost::beast::http::request<boost::beast::http::string_body>&& upgrade);

} // namespace cairn::rpc
