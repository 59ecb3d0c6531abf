// Who may begin a handshake, and whom this node refuses for what it has proven: both without sockets or clocks of their own.
#pragma once

#include "base/token_bucket.hpp"
#include "base/types.hpp"
#include "network/network.hpp"

#include <array>
#include <map>
#include <optional>
#include <string>
#include <vector>

namespace cairn::network {

/// An address as far as one client can choose it freely: an IPv4 address, or the first 64 bits of an IPv6 address.
using SourceKey = std::array<std::uint8_t, 8>;

/// Handshakes by source, before a byte of TLS was read. A member's handshakes from another address are not touched by a flood.
/// The table is bounded: when it is full of busy sources, all new ones share one bucket.
class Sources {
public:
    explicit Sources(const NetworkTuning& tuning) : tuning_(tuning) {}

    /// Where a half-open connection counts: a source that shared a budget may have one of its own when the connection ends.
    struct Counted {
        std::optional<SourceKey> source; // nothing: with all that share a budget
    };
    /// Nothing: a connection of this source may not begin its handshake. Otherwise it counts as half open until `done`.
    std::optional<Counted> begin(const SourceKey& source, const std::string& address, Microseconds now);
    /// Once for each that has begun.
    void done(const Counted& counted);

    /// Sources with refusals that are still remembered, most refused first.
    std::vector<ThrottledSource> throttled() const;
    std::size_t size() const { return sources_.size(); }

private:
    struct Source {
        std::string address;
        TokenBucket bucket;
        std::size_t half_open = 0;
        std::uint64_t refused = 0;
    };
    Source& find(const SourceKey& key, const std::string& address, Microseconds now);

    const NetworkTuning& tuning_;
    std::map<SourceKey, Source> sources_;
    std::optional<Source> overflow_;
    Microseconds swept_{};
};

/// Scores of the peers. Only what a peer's own authenticated connection proves counts: signatures that do not verify, frames
/// that no implementation sends. Who floods with valid things is throttled, never banned.
class Bans {
public:
    Bans(std::size_t peers, const NetworkTuning& tuning) : tuning_(tuning), peers_(peers) {}

    /// Index i is from now on whom index `before[i]` was until now; nobody, if that is nothing.
    void seat(const std::vector<std::optional<std::size_t>>& before);
    /// True if the peer is banned by this violation.
    bool note(ValidatorIndex peer, const std::string& address, const std::string& reason, Microseconds now);
    bool is_banned(ValidatorIndex peer, Microseconds now) const;
    std::uint64_t score(ValidatorIndex peer, Microseconds now) const;
    std::vector<BanState> list(Microseconds now) const;

    static constexpr std::uint64_t kPointsPerViolation = 10;
    static constexpr std::uint64_t kPointsMax = 100; // then the peer is banned

private:
    struct Peer {
        double points = 0;
        Microseconds counted_at{};
        Microseconds until{};
        unsigned bans = 0; // each ban lasts twice as long as the one before
        std::string address;
        std::string reason;
    };
    double points_now(const Peer& peer, Microseconds now) const;

    const NetworkTuning& tuning_;
    std::vector<Peer> peers_; // by index
};

} // namespace cairn::network
