// Clients that flood a development network, and what its other users notice: `cairn bench flood`.
#pragma once

#include "base/result.hpp"
#include "cli/dev_state.hpp"
#include "cli/load.hpp"

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

namespace cairn::cli {

enum class FloodKind { transactions, handshakes, frames, slow };

struct FloodPlan {
    FloodKind kind = FloodKind::transactions;
    DevState network;
    double rate = 0; // transactions per second of all honest organisations; 0: half of what the network can do
    std::uint64_t seconds = 15; // of each phase
    std::uint64_t handshakes = 10'000;
    std::uint64_t connections = 400;   // that send or read slowly
    std::string source = "127.66.0.1"; // where floods without a member's certificate come from
};

/// What the honest ones got in one phase.
struct FloodPhase {
    double offered = 0; // per second
    double goodput = 0;
    double p50_ms = 0;
    double p99_ms = 0;
    std::vector<double> p99_ms_by_second;
};

struct FloodReport {
    FloodPhase before, during;
    std::optional<FloodPhase> at_share; // the flooder sends its share and no more
    double attack_offered = 0;          // per second: transactions, handshakes, frames
    std::uint64_t attempts = 0;
    std::uint64_t refused = 0;                         // by the attacked node
    std::uint64_t rss_before_kb = 0, rss_after_kb = 0; // of the attacked node
    bool answered = true;                              // a status request during the flood
};

Result<FloodReport> run_flood(const FloodPlan& plan, Progress& progress);

} // namespace cairn::cli
