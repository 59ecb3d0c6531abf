// Incoming connections until their hello: how many a second, how many of one source, how many at a time. Where members have come from,
// or were reached, is remembered: strangers have a budget in common that does not bind members, and give way to them.
// For this folder's .cpp files only.
#pragma once

#include "network/admission.hpp"
#include "network/events.hpp"

#include <list>

namespace cairn::network {

/// On the network's thread, but for what says otherwise.
class Listener {
public:
    /// Makes the connection of a socket that came in.
    using Make = std::function<std::shared_ptr<Connection>(Connection::Socket)>;
    /// `tuning` and `events` must outlive it.
    Listener(boost::asio::io_context& io, const NetworkTuning& tuning, Events& events, Make make);

    /// Before there is a thread. PortInUse.
    Status open(const std::string& address, std::uint16_t port);
    void accept_next();
    /// No longer half open: its hello has come, or it is closed. Any connection may be told of, any number of times.
    void done(const Connection& connection);
    /// A member has shown who it is, over a connection of either direction.
    void welcome(const Connection& connection);
    void stop();

    // Any thread.
    std::uint16_t port() const { return port_; }
    std::vector<ThrottledSource> throttled() const;

private:
    /// Begins the handshake, or closes the connection at once.
    void admit(Connection::Socket socket);
    void pause(Microseconds length);

    struct HalfOpen {
        std::shared_ptr<Connection> connection;
        Sources::Counted counted;
        bool is_member = false;
    };
    const NetworkTuning& tuning_;
    Events& events_;
    const Make make_;
    boost::asio::ip::tcp::acceptor acceptor_;
    boost::asio::steady_timer timer_;
    std::uint16_t port_ = 0;
    bool stopped_ = false;
    Microseconds credit_{};
    std::list<HalfOpen> half_open_; // oldest first
    TokenBucket strangers_;
    std::map<SourceKey, Microseconds> members_; // when last
    mutable std::mutex mutex_;
    Sources sources_; // guarded by mutex_
};

} // namespace cairn::network
