#include "network/listener.hpp"

#include "base/errors/network.hpp"

#include <algorithm>

namespace cairn::network {
namespace {

namespace asio = boost::asio;
using asio::ip::tcp;
using boost::system::error_code;

constexpr int kRefusalsPerHandshake = 16;

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
    : tuning_(tuning), events_(events), make_(std::move(make)), acceptor_(io), timer_(io), sources_(tuning) {}

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
        // Bursts of one second's worth pass; above that the system's backlog waits for us. Closing what is over its
        // source's budget costs little, but not nothing.
        const bool admitted = admit(std::move(socket));
        const auto interval = Microseconds(1'000'000) / static_cast<std::int64_t>(tuning_.accepts_per_second) /
                              (admitted ? 1 : kRefusalsPerHandshake);
        credit_ = std::max(credit_, now() - std::chrono::seconds(1)) + interval;
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

/// False if the source has used up its budget; then the connection is closed already.
bool Listener::admit(tcp::socket socket) {
    error_code code;
    const auto endpoint = socket.remote_endpoint(code);
    if (code) return false; // gone already
    std::optional<Sources::Counted> counted;
    {
        const std::lock_guard lock(mutex_);
        counted = sources_.begin(source_of(endpoint.address()), endpoint.address().to_string(), now());
    }
    if (!counted) {
        events_.count(&NetworkCounters::handshakes_throttled);
        return false;
    }
    if (half_open_.size() >= tuning_.half_open_max) {
        events_.count(&NetworkCounters::half_open_evicted);
        // A copy: closing takes it off the list.
        const auto oldest = half_open_.front().connection;
        oldest->close({error::HandshakeFailed, "too many connections before their hello"});
    }
    events_.count(&NetworkCounters::accepted);
    const auto connection = make_(std::move(socket));
    half_open_.push_back({connection, *counted});
    connection->accept();
    return true;
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
