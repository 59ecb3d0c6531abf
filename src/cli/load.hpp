// Load on an Ethereum JSON-RPC node: transactions signed beforehand, sent in batches over several
// connections, and timed from sending (or, with a rate, from when each was due) until a watcher sees them in
// a block.
#pragma once

#include "base/result.hpp"
#include "cli/sender.hpp"
#include "cli/terminal.hpp"

#include <functional>
#include <string>
#include <vector>

namespace cairn::cli {

enum class LoadKind { transfer, erc20, record };

struct LoadPlan {
    std::vector<std::string> urls;
    std::string token; // bearer token, if the nodes want one
    LoadKind kind = LoadKind::transfer;
    std::uint64_t transactions = 10'000;
    std::uint64_t accounts = 100;
    double rate = 0; // per second; 0: as fast as the node takes them
    std::uint64_t batch = 100;
    std::uint64_t connections = 4;
    std::uint64_t quiet_seconds = 30; // give up when nothing was committed for so long
    double stop_after_seconds = 0;    // of sending; 0: when everything is in blocks
    std::function<void()> ready;      // called when all is signed, before the clock starts
};

struct LoadReport {
    double tps = 0;
    std::uint64_t committed = 0; // in a block, with status 1
    std::uint64_t failed = 0;    // refused, reverted, or never seen in a block
    double p50_ms = 0;
    double p99_ms = 0;
    std::vector<double> p99_ms_by_second; // of those sent in each second, from the start
    double wall_s = 0;                    // from the first send to the last block
    double client_cpu_s = 0;              // of this process in that time
    double calibration_recovers_per_s = 0;
    std::string first_refusal; // for people
};

/// `funder` pays for the accounts (fresh ones, made for the run). CliLoadFailed and the errors of RpcClient.
Result<LoadReport> run_load(const LoadPlan& plan, const Sender& funder, Progress& progress);

/// secp256k1 public-key recoveries per second with all cores: the yardstick that makes figures of two
/// machines comparable.
double calibrate_recovers_per_second(Milliseconds span);

/// The value below which `share` of the sorted values lie; 0 for none.
double percentile(const std::vector<double>& sorted, double share);

} // namespace cairn::cli
