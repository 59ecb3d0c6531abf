#include "network/dialler.hpp"

#include "base/errors/network.hpp"

#include <algorithm>
#include <charconv>

namespace cairn::network {
namespace {

namespace asio = boost::asio;
using asio::ip::tcp;
using boost::system::error_code;

struct HostPort {
    std::string host;
    std::uint16_t port = 0;
};

/// "127.0.0.1:30300", "[::1]:30300", "node.example:30300".
std::optional<HostPort> split_address(const std::string& address) {
    const auto colon = address.rfind(':');
    if (colon == std::string::npos || colon == 0) return std::nullopt;
    HostPort out{address.substr(0, colon), 0};
    if (out.host.size() > 2 && out.host.front() == '[' && out.host.back() == ']')
        out.host = out.host.substr(1, out.host.size() - 2);
    const auto* end = address.data() + address.size();
    const auto parsed = std::from_chars(address.data() + colon + 1, end, out.port);
    if (parsed.ec != std::errc{} || parsed.ptr != end || out.port == 0) return std::nullopt;
    return out;
}

} // namespace

bool Dialler::we_dial(ValidatorIndex peer) const {
    return peer != seats_.self() && !seats_.is_former(peer) && own_name() < seats_[peer].state.name;
}

/// Dials this node, unless one of the two knows something that the other does not.
bool Dialler::we_wait_for(ValidatorIndex peer) const {
    return seats_.self() && peer != seats_.self() && !seats_.is_former(peer) && !we_dial(peer);
}

const std::string& Dialler::own_name() const {
    return seats_.self() ? seats_[*seats_.self()].state.name : renewal_.tls()->name();
}

void Dialler::dial_all() {
    for (std::uint16_t i = 0; i < seats_.peers().size(); ++i)
        for (std::size_t stream = 0; stream < kStreams; ++stream) {
            if (seats_[{i}].links[stream].current) continue;
            if (we_dial({i})) dial({i}, static_cast<Stream>(stream));
            lost({i}, static_cast<Stream>(stream));
        }
}

void Dialler::lost(ValidatorIndex peer, Stream stream) {
    if (we_wait_for(peer) && !seats_[peer].link(stream).current)
        dial_after(peer, stream, config_.tuning.call_after);
}

void Dialler::dial(ValidatorIndex peer, Stream stream) {
    if (stopped_) return;
    if (seats_.is_banned(peer)) return failed(peer, stream, {error::PeerBanned, seats_[peer].state.name});
    const auto found = config_.peer_addresses.find(peer);
    const auto& address = found != config_.peer_addresses.end()
                              ? found->second
                              : seats_.seating().validators.members[peer.value].address;
    const auto parts = split_address(address);
    if (!parts) return failed(peer, stream, {error::PeerUnreachable, address + " is not host:port"});
    error_code code;
    const auto numeric = asio::ip::make_address(parts->host, code);
    if (!code) return connect_(peer, stream, {tcp::endpoint(numeric, parts->port)});
    names_.look_up(parts->host, [this, peer, stream, port = parts->port,
                                 seating = seats_.number()](const Result<Addresses>& answer) {
        if (stopped_ || seating != seats_.number()) return;
        if (!answer) return failed(peer, stream, answer.error());
        std::vector<tcp::endpoint> endpoints;
        for (const auto& one : *answer) endpoints.emplace_back(one, port);
        connect_(peer, stream, endpoints);
    });
}

void Dialler::failed(ValidatorIndex peer, Stream stream, const Error& error) {
    if (stopped_ || seats_.is_former(peer)) return;
    seats_.note_error(peer, error);
    const auto& tuning = config_.tuning;
    if (!we_dial(peer)) return dial_after(peer, stream, tuning.call_after);
    auto& back_off = seats_[peer].link(stream).back_off;
    back_off = std::clamp(2 * back_off, tuning.redial_min, tuning.redial_max);
    // Jitter of half the interval, so that many nodes do not come back in step.
    std::array<std::uint8_t, 2> chance{};
    crypto::system_random().fill(chance);
    const auto part = (chance[0] << 8 | chance[1]) % 512;
    dial_after(peer, stream, back_off - back_off * part / 1024);
}

void Dialler::dial_after(ValidatorIndex peer, Stream stream, Milliseconds pause) {
    auto& timer = *seats_[peer].link(stream).redial;
    timer.expires_after(pause);
    timer.async_wait([this, peer, stream, seating = seats_.number()](const error_code& code) {
        if (code || seating != seats_.number() || seats_[peer].link(stream).current) return;
        dial(peer, stream);
    });
}

} // namespace cairn::network
