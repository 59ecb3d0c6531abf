// Δ from measured round trips (consensus.md section 4). Statuses are numbered; a peer's status says which of ours it got last and
// how long it held it. Time comes in with the events, so the same events give the same Δ. One liar cannot move Δ much: it is
// taken from the slowest member of the fastest quorum, and what a peer echoes must be a number that was sent.
#pragma once

#include "consensus/messages.hpp"

#include <array>

namespace cairn::consensus {

class RoundTrips {
public:
    explicit RoundTrips(std::size_t validators) : peers_(validators) {}

    /// Numbers a status that is about to go out.
    std::uint64_t sending(Microseconds now);
    /// What the status to send says about those received.
    std::vector<PeerStatus::Echo> echoes(Microseconds now) const;
    void received(ValidatorIndex from, const PeerStatus& status, ValidatorIndex self, Microseconds now);

    /// Round trip within which `quorum` validators answer, this one included; nothing until so many were measured.
    std::optional<Microseconds> within(std::size_t quorum) const { return within(quorum, &Peer::round_trip); }
    /// The same of the least ones lately: what the way takes when nobody on it is busy.
    std::optional<Microseconds> least_within(std::size_t quorum) const { return within(quorum, &Peer::least); }

private:
    struct Peer {
        std::uint64_t number = 0; // of its last status
        Microseconds at{};        // when that came
        std::uint64_t answered = 0;
        std::optional<Microseconds> round_trip; // follows longer ones at once, shorter ones slowly
        std::optional<Microseconds> least;      // the other way round, and much more slowly
    };
    struct Sent {
        std::uint64_t number = 0;
        Microseconds at{};
    };
    std::optional<Microseconds> within(std::size_t quorum, std::optional<Microseconds> Peer::* which) const;

    std::vector<Peer> peers_;
    std::array<Sent, 32> sent_{}; // by number modulo size
    std::uint64_t number_ = 0;
};

} // namespace cairn::consensus
