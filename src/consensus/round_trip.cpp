#include "consensus/round_trip.hpp"

#include <algorithm>
#include <limits>

namespace cairn::consensus {

std::uint64_t RoundTrips::sending(Microseconds now) {
    ++number_;
    sent_[number_ % sent_.size()] = {number_, now};
    return number_;
}

std::vector<PeerStatus::Echo> RoundTrips::echoes(Microseconds now) const {
    std::vector<PeerStatus::Echo> out;
    for (const auto& peer : peers_) {
        const auto held =
            std::clamp<std::int64_t>((now - peer.at).count(), 0, std::numeric_limits<std::uint32_t>::max());
        out.push_back({peer.number, peer.number == 0 ? 0 : static_cast<std::uint32_t>(held)});
    }
    return out;
}

void RoundTrips::received(ValidatorIndex from, const PeerStatus& status, ValidatorIndex self, Microseconds now) {
    auto& peer = peers_[from.value];
    peer.number = status.number;
    peer.at = now;
    if (self.value >= status.echoes.size()) return;
    const auto& echo = status.echoes[self.value];
    const auto& sent = sent_[echo.number % sent_.size()];
    // Each of ours is measured once: the same echo again has only been held longer.
    if (echo.number == 0 || sent.number != echo.number || echo.number <= peer.answered) return;
    peer.answered = echo.number;
    const auto sample = now - sent.at - Microseconds{echo.held_us};
    if (sample < Microseconds{0}) return;
    constexpr std::int64_t kSlowness = 8;
    if (!peer.round_trip || sample > *peer.round_trip)
        peer.round_trip = sample;
    else
        peer.round_trip = *peer.round_trip - (*peer.round_trip - sample) / kSlowness;
    constexpr std::int64_t kMemory = 256;
    if (!peer.least || sample < *peer.least)
        peer.least = sample;
    else
        peer.least = *peer.least + (sample - *peer.least) / kMemory;
}

std::optional<Microseconds> RoundTrips::within(std::size_t quorum, std::optional<Microseconds> Peer::* which) const {
    std::vector<Microseconds> known{Microseconds{0}}; // to itself
    for (const auto& peer : peers_)
        if (peer.*which) known.push_back(*(peer.*which));
    if (quorum == 0 || known.size() < quorum) return std::nullopt;
    std::ranges::sort(known);
    return known[quorum - 1];
}

} // namespace cairn::consensus
