// A hostile node for measures and tests: asks a real signer process for whatever could contradict, kills it at random
// moments, and has an independent checker look at every signature that came out.
#pragma once

#include "signer/client.hpp"

#include <cstdint>
#include <string>

namespace cairn::signer {

struct TrialPlan {
    crypto::VotingAlgorithm voting = crypto::VotingAlgorithm::ed25519;
    std::string directory; // empty folder for keys and memory
    std::uint64_t requests = 20'000;
    std::uint64_t kills = 20;
    std::uint64_t latency_samples = 1'000;
    std::uint64_t seed = 1;
    std::string program; // as ClientConfig::program
};

struct TrialReport {
    std::uint64_t requests = 0, malformed = 0, signatures = 0, refused = 0, statements = 0;
    std::uint64_t contradictions = 0; // must be 0
    std::string first_contradiction;
    std::uint64_t kills = 0, kill_requests = 0, kill_signatures = 0;
    /// Microseconds of one vote, alone: asked of the signer, and signed in this process.
    double vote_p50 = 0, vote_p99 = 0, local_p50 = 0;
    double handshake_p50 = 0;
    double seconds = 0;
};

/// Errors of the signer's start; anything else is in the report.
Result<TrialReport> run_trial(const TrialPlan& plan, const Clock& clock);

} // namespace cairn::signer
