// A client's connection, in the clear or over TLS: what the sessions read from and write to does not differ. For the files of
// this folder that know Boost.
#pragma once

#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/ssl/context.hpp>
#include <boost/asio/ssl/stream.hpp>
#include <boost/beast/core/tcp_stream.hpp>
#include <boost/beast/websocket/teardown.hpp>

#include <chrono>
#include <memory>
#include <utility>

namespace cairn::rpc {

/// Deadlines are those of the TCP connection and hold for TLS too. One thread at a time.
class ClientStream {
public:
    using Line = boost::beast::tcp_stream;
    using Tls = boost::asio::ssl::stream<Line&>;
    using executor_type = Line::executor_type;
    using next_layer_type = Line;

    /// `tls` is null for a connection in the clear.
    ClientStream(boost::asio::ip::tcp::socket&& socket, boost::asio::ssl::context* tls)
        : line_(std::make_unique<Line>(std::move(socket))), tls_(tls ? std::make_unique<Tls>(*line_, *tls) : nullptr) {}

    bool is_tls() const { return tls_ != nullptr; }
    executor_type get_executor() noexcept { return line_->get_executor(); }
    Line& next_layer() { return *line_; }
    const Line& next_layer() const { return *line_; }
    boost::asio::ip::tcp::socket& socket() { return line_->socket(); }
    void expires_after(std::chrono::nanoseconds time) { line_->expires_after(time); }
    void expires_never() { line_->expires_never(); }
    void close() { line_->close(); }

    template <class Handler>
    void async_handshake(Handler&& handler) {
        tls_->async_handshake(boost::asio::ssl::stream_base::server, std::forward<Handler>(handler));
    }
    /// Tells the client by TLS that nothing follows.
    template <class Handler>
    void async_shutdown(Handler&& handler) {
        tls_->async_shutdown(std::forward<Handler>(handler));
    }
    template <class Buffers, class Handler>
    void async_read_some(const Buffers& buffers, Handler&& handler) {
        if (tls_)
            tls_->async_read_some(buffers, std::forward<Handler>(handler));
        else
            line_->async_read_some(buffers, std::forward<Handler>(handler));
    }
    template <class Buffers, class Handler>
    void async_write_some(const Buffers& buffers, Handler&& handler) {
        if (tls_)
            tls_->async_write_some(buffers, std::forward<Handler>(handler));
        else
            line_->async_write_some(buffers, std::forward<Handler>(handler));
    }

private:
    std::unique_ptr<Line> line_; // stays where it is while sessions hand the connection on
    std::unique_ptr<Tls> tls_;
};

/// How Beast ends a WebSocket below its own closing handshake.
template <class Handler>
void async_teardown(boost::beast::role_type role, ClientStream& stream, Handler&& handler) {
    using boost::beast::websocket::async_teardown;
    async_teardown(role, stream.next_layer(), std::forward<Handler>(handler));
}

} // namespace cairn::rpc
