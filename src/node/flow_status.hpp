// Budgets of a node and what they refused: for `cairn node flow`, `cairn network bans` and metrics.
#pragma once

#include "base/bytes.hpp"
#include "base/types.hpp"

#include <cstdint>
#include <string>
#include <vector>

namespace cairn::node {

/// An organisation's part of this node's transaction pool.
struct OrganisationFlow {
    std::string name;
    std::uint64_t share = 0;
    std::uint64_t transactions = 0, transactions_guaranteed = 0;
    std::uint64_t bytes = 0, bytes_guaranteed = 0;
    std::uint64_t gas = 0, gas_guaranteed = 0;
    std::uint64_t queued = 0;
    std::uint64_t refused = 0;
    std::uint64_t evicted = 0;
};

/// Another validator. Counts since the start.
struct PeerFlow {
    std::string name;
    std::uint64_t paused = 0;        // times that reading from it waited for its budget
    std::uint64_t inbox_refused = 0; // messages for which its part of the memory was used up
    std::uint64_t requests_refused = 0;
    std::uint64_t score = 0; // of proven violations; at 100 it is banned
};

struct Ban {
    enum class Kind : std::uint8_t { peer, source };
    Kind kind = Kind::peer;
    std::string name;    // of the validator; empty for a source
    std::string address; // without port
    std::string reason;
    std::uint64_t seconds_left = 0;
};

/// A contract that many messages went to.
struct HotSpot {
    Address contract;
    std::uint64_t transactions = 0;
    std::uint64_t gas = 0;
};

struct FlowStatus {
    std::vector<OrganisationFlow> organisations;
    std::vector<PeerFlow> peers;
    std::uint64_t lane_window = 0;    // transactions that may be on their way in the own lane (lane_pacer.hpp)
    std::uint64_t lane_in_flight = 0; // that are
    std::vector<Ban> bans;
    std::uint64_t handshakes_accepted = 0;
    std::uint64_t handshakes_throttled = 0;
    std::uint64_t half_open_evicted = 0;
    /// Of the last kHotSpotBlocks blocks, by gas.
    std::vector<HotSpot> hot_spots;
};
inline constexpr std::uint64_t kHotSpotBlocks = 64;

} // namespace cairn::node
