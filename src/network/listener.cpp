#include "network/listener.hpp"

#include "base/errors/network.hpp"

#include <algorithm>

namespace cairn::network {
namespace {

namespace asio = boost::asio;
using asio::ip::tcp;
using boost::system::error_code;

/// Connections that are looked at in a second, to be closed for the most part.
constexpr std::int64_t kLooksPerSecond = 4'096;
constexpr std::size_t kMembersMax = 1'024; // sources

SourceKey source_of(const asio::ip::address& address) {
    SourceKey out{};
    if (address.is_v4() || (address.is_v6() && address.to_v6().is_v4_mapped())) {
        const auto v4 =
            address.is_v4() ? address.to_v4() : asio::ip::make_address_v4(asio::ip::v4_mapped, address.to_v6());
        const auto bytes = v4.to_bytes();
        out[0] = 4; // no IPv6 network begins so: 0400::/8 is reserved
        std::ranges::copy(bytes, out.begin() + 4);
    } else {
        const auto bytes = address.to_v6().to_bytes();
        std::copy_n(bytes.begin(), out.size(), out.begin());
    }
    return out;
}

} // namespace

Listener::Listener(asio::io_context& io, const NetworkTuning& tuning, Events& events, Make make)
    : tuning_(tuning),
      events_(events),
      make_(std::move(make)),
      acceptor_(io),
      timer_(io),
      strangers_(tuning.handshakes_of_strangers, now()),
      sources_(tuning) {}

Status Listener::open(const std::string& host, std::uint16_t port) {
    const auto where = host + ":" + std::to_string(port);
    error_code code;
    const auto address = asio::ip::make_address(host, code);
    if (code) return fail(error::PortInUse, where + " (not a numeric address)");
    const tcp::endpoint endpoint(address, port);
    acceptor_.open(endpoint.protocol(), code);
    if (!code) acceptor_.set_option(tcp::acceptor::reuse_address(true), code);
    if (!code) acceptor_.bind(endpoint, code);
    if (!code) acceptor_.listen(asio::socket_base::max_listen_connections, code);
    if (!code) port_ = acceptor_.local_endpoint(code).port();
    if (code) return fail(error::PortInUse, where + " (" + code.message() + ")");
    return {};
}

void Listener::accept_next() {
    acceptor_.async_accept([this](const error_code& code, tcp::socket socket) {
        if (stopped_) return;
        if (code) return pause(Milliseconds(100)); // most likely out of descriptors
        admit(std::move(socket));
        // Closing what is over a budget costs little, but not nothing. A burst of one second's worth passes; above that the system's
        // backlog waits for us.
        credit_ = std::max(credit_, now() - std::chrono::seconds(1)) + Microseconds(1'000'000) / kLooksPerSecond;
        if (credit_ <= now()) return accept_next();
        pause(credit_ - now());
    });
}

void Listener::pause(Microseconds length) {
    timer_.expires_after(length);
    timer_.async_wait([this](const error_code& code) {
        if (!code && !stopped_) accept_next();
    });
}

void Listener::admit(tcp::socket socket) {
    error_code code;
    const auto endpoint = socket.remote_endpoint(code);
    if (code) return; // gone already
    const auto source = source_of(endpoint.address());
    const bool is_member = members_.contains(source);
    std::optional<Sources::Counted> counted;
    {
        const std::lock_guard lock(mutex_);
        counted = sources_.begin(source, endpoint.address().to_string(), now());
        if (counted && !is_member && !strangers_.take(1, now())) {
            sources_.done(*counted);
            counted.reset();
        }
    }
    if (!counted) return events_.count(&NetworkCounters::handshakes_throttled);
    if (half_open_.size() >= tuning_.half_open_max) {
        events_.count(&NetworkCounters::half_open_evicted);
        auto oldest = std::ranges::find(half_open_, false, &HalfOpen::is_member);
        if (oldest == half_open_.end()) oldest = half_open_.begin();
        // A copy: closing takes it off the list.
        const auto connection = oldest->connection;
        connection->close({error::HandshakeFailed, "too many connections before their hello"});
    }
    events_.count(&NetworkCounters::accepted);
    const auto connection = make_(std::move(socket));
    half_open_.push_back({connection, *counted, is_member});
    connection->accept();
}

void Listener::welcome(const Connection& connection) {
    error_code code;
    const auto address = asio::ip::make_address(connection.remote_address(), code);
    if (code) return;
    members_[source_of(address)] = now();
    if (members_.size() <= kMembersMax) return;
    members_.erase(std::ranges::min_element(members_, {}, [](const auto& entry) { return entry.second; }));
}

void Listener::done(const Connection& connection) {
    const auto found =
        std::ranges::find_if(half_open_, [&](const auto& one) { return one.connection.get() == &connection; });
    if (found == half_open_.end()) return;
    const auto counted = found->counted;
    half_open_.erase(found);
    const std::lock_guard lock(mutex_);
    sources_.done(counted);
}

std::vector<ThrottledSource> Listener::throttled() const {
    const std::lock_guard lock(mutex_);
    return sources_.throttled();
}

void Listener::stop() {
    stopped_ = true;
    error_code ignored;
    acceptor_.close(ignored);
    timer_.cancel();
}

} // namespace cairn::network
