#include "cli/flood.hpp"

#include "base/errors/cli.hpp"
#include "cli/config.hpp"
#include "cli/flood_client.hpp"
#include "cli/keystore.hpp"
#include "cli/rpc_client.hpp"
#include "crypto/certificate.hpp"
#include "crypto/ed25519.hpp"

#include <algorithm>
#include <barrier>
#include <csignal>
#include <fstream>
#include <ostream>
#include <sys/resource.h>
#include <thread>

namespace cairn::cli {
namespace {

constexpr double kFloodFactor = 10;
constexpr std::size_t kThreads = 4;
constexpr std::size_t kUsersPerNode = 8;
constexpr std::uint64_t kCapacityTransactions = 4'000;

std::uint64_t rss_kb(std::int64_t pid) {
    std::ifstream status("/proc/" + std::to_string(pid) + "/status");
    for (std::string line; std::getline(status, line);)
        if (line.starts_with("VmRSS:")) return std::strtoull(line.c_str() + 6, nullptr, 10);
    return 0;
}

Result<Sender> account(const DevState& network, std::size_t index) {
    if (index >= network.accounts.size()) return fail(error::CliNoAccount, "the network has too few funded accounts");
    CRN_TRY(key, parse_account_secret(network.accounts[index].private_key));
    const auto address = fixed_from_hex<Address>(network.accounts[index].address);
    if (!address) return fail(error::CliNoAccount, network.accounts[index].address);
    return Sender{*address, key};
}

/// All nodes but the attacked one: where the other organisations' users are.
std::vector<std::string> others(const DevState& network) {
    std::vector<std::string> out;
    for (std::size_t i = 1; i < network.nodes.size(); ++i) out.push_back(network.nodes[i].rpc);
    return out;
}

class Honest {
public:
    Honest(const FloodPlan& plan, Progress& progress) : plan_(plan), progress_(progress) {}

    /// What all nodes together take, by a short run without a rate.
    Result<double> capacity() {
        LoadPlan load;
        for (const auto& node : plan_.network.nodes) load.urls.push_back(node.rpc);
        load.connections = load.urls.size();
        load.transactions = kCapacityTransactions;
        load.ready = [] {};
        CRN_TRY(funder, account(plan_.network, 1));
        CRN_TRY(report, run_load(load, funder, progress_));
        return report.tps;
    }

    Result<FloodPhase> run(double rate, std::function<void()> ready) {
        LoadPlan load;
        load.urls = others(plan_.network);
        // Many users: none waits for an answer to another one.
        load.connections = load.urls.size() * kUsersPerNode;
        load.rate = rate;
        load.batch = 10;
        load.transactions =
            std::max<std::uint64_t>(100, static_cast<std::uint64_t>(rate * static_cast<double>(plan_.seconds)));
        load.quiet_seconds = 120;
        load.ready = std::move(ready);
        CRN_TRY(funder, account(plan_.network, 1));
        CRN_TRY(report, run_load(load, funder, progress_));
        return FloodPhase{rate, report.tps, report.p50_ms, report.p99_ms, std::move(report.p99_ms_by_second)};
    }

private:
    const FloodPlan& plan_;
    Progress& progress_;
};

/// What one organisation sends to its own node. Waits at `begin` when all is signed.
Result<LoadReport> attack(const FloodPlan& plan, double rate, std::barrier<>& begin, Progress& progress) {
    LoadPlan load;
    load.urls = {plan.network.nodes.front().rpc};
    load.connections = kThreads;
    load.accounts = 200;
    load.rate = rate;
    // Longer than the honest ones need when all goes well; the rest is not sent.
    load.transactions = static_cast<std::uint64_t>(rate * static_cast<double>(plan.seconds) * 1.2);
    load.stop_after_seconds = static_cast<double>(plan.seconds) * 1.2;
    load.quiet_seconds = 600;
    bool arrived = false;
    load.ready = [&] {
        arrived = true;
        begin.arrive_and_wait();
    };
    auto funder = account(plan.network, 2);
    auto report = funder ? run_load(load, *funder, progress) : Result<LoadReport>{std::unexpected(funder.error())};
    if (!arrived) begin.arrive_and_drop();
    return report;
}

/// The others send `rate` while the first node's organisation sends `attack_rate`.
Result<FloodPhase> beside(const FloodPlan& plan, Honest& honest, double rate, double attack_rate, FloodReport& report) {
    std::barrier begin(2);
    Result<LoadReport> attacked = LoadReport{};
    std::ostream nowhere{nullptr};
    const Terminal silent = {.out = nowhere, .err = nowhere, .quiet = true};
    Progress quiet(silent, system_clock());
    std::thread attacker([&] {
        setpriority(PRIO_PROCESS, 0, 19); // in life it has a machine of its own
        attacked = attack(plan, attack_rate, begin, quiet);
    });
    bool arrived = false;
    auto during = honest.run(rate, [&] {
        arrived = true;
        begin.arrive_and_wait();
    });
    if (!arrived) begin.arrive_and_drop();
    attacker.join();
    if (!during) return std::unexpected(during.error());
    if (!attacked) return std::unexpected(attacked.error());
    report.attempts = attacked->committed + attacked->failed;
    report.refused = attacked->failed;
    return during;
}

/// First the organisation's share, then ten times as much: what is beyond its share must not be felt by the others.
Status flood_with_transactions(const FloodPlan& plan, Honest& honest, double rate, FloodReport& report) {
    const auto share = rate / static_cast<double>(plan.network.nodes.size() - 1) * 2;
    CRN_TRY(at_share, beside(plan, honest, rate, share, report));
    report.at_share = at_share;
    report.attack_offered = kFloodFactor * share;
    CRN_TRY(during, beside(plan, honest, rate, report.attack_offered, report));
    report.during = during;
    return {};
}

/// Runs `flood` in threads while the honest ones work.
template <class Flood>
Result<FloodPhase> during(Honest& honest, double rate, std::atomic<bool>& stop, Flood flood) {
    std::vector<std::jthread> threads;
    auto phase = honest.run(rate, [&] {
        for (std::size_t i = 0; i < kThreads; ++i) threads.emplace_back(flood);
    });
    stop = true;
    return phase;
}

Result<std::string> peer_address(const DevNode& node) {
    CRN_TRY(settings, read_node_config(node.config));
    return settings.node.listen_address + ":" + std::to_string(settings.node.listen_port);
}

} // namespace

Result<FloodReport> run_flood(const FloodPlan& plan, Progress& progress) {
    if (plan.network.nodes.size() < 4) return fail(error::CliPrecondition, "needs a development network of four nodes");
    std::signal(SIGPIPE, SIG_IGN); // the other side closes in the middle of what TLS writes
    FloodReport report;
    Honest honest(plan, progress);
    auto rate = plan.rate;
    if (rate == 0) {
        progress.stage("Measuring what the network can do");
        CRN_TRY(capacity, honest.capacity());
        const auto n = static_cast<double>(plan.network.nodes.size());
        rate = std::max(10.0, capacity / n * (n - 1) / 2); // each honest organisation uses half of its share
    }
    CRN_TRY(before, honest.run(rate, [] {}));
    report.before = before;
    const auto& victim = plan.network.nodes.front();
    report.rss_before_kb = rss_kb(victim.pid);
    std::atomic<bool> stop = false;

    switch (plan.kind) {
    case FloodKind::transactions: {
        CRN_CHECK(flood_with_transactions(plan, honest, rate, report));
        break;
    }
    case FloodKind::handshakes: {
        CRN_TRY(address, peer_address(victim));
        CRN_TRY(target, FloodTarget::of(address));
        const auto now = system_clock().wall().count() / 1000;
        const crypto::Validity validity{now - 3600, now + 86'400};
        CRN_TRY(ca, crypto::create_ca("Nobody", validity, crypto::system_random()));
        crypto::ValidatorSeed seed;
        crypto::system_random().fill(seed.bytes);
        CRN_TRY(node, crypto::issue_node_certificate(
                          ca, {"Nobody", "nobody", crypto::ValidatorKey::from_seed(seed).public_key()}, validity,
                          crypto::system_random()));
        const std::string key{node.key_pem.view()};
        HandshakeCounts counts;
        CRN_TRY(phase, during(honest, rate, stop, [&] {
                    flood_handshakes(target, plan.source, node.certificate_pem, key, plan.handshakes, counts, stop);
                }));
        report.during = phase;
        report.attempts = std::min<std::uint64_t>(counts.attempts, plan.handshakes);
        report.refused = counts.closed_before_tls;
        break;
    }
    case FloodKind::frames: {
        CRN_TRY(address, peer_address(victim));
        CRN_TRY(target, FloodTarget::of(address));
        FrameCounts counts;
        CRN_TRY(phase, during(honest, rate, stop, [&] { flood_frames(target, plan.source, counts, stop); }));
        report.during = phase;
        report.attempts = counts.connections;
        report.refused = counts.connections;
        break;
    }
    case FloodKind::slow: {
        CRN_TRY(target, FloodTarget::of(victim.rpc));
        SlowCounts counts;
        CRN_TRY(phase, during(honest, rate, stop, [&] {
                    hold_connections(target, plan.source, plan.connections / kThreads, counts, stop);
                }));
        report.during = phase;
        report.attempts = counts.opened;
        report.refused = counts.refused;
        break;
    }
    }
    report.rss_after_kb = rss_kb(victim.pid);
    CRN_TRY(rpc, RpcClient::open(victim.rpc, {}, 10));
    report.answered = rpc.call("eth_blockNumber").has_value();
    if (plan.kind != FloodKind::transactions)
        report.attack_offered = static_cast<double>(report.attempts) / static_cast<double>(plan.seconds);
    progress.done();
    return report;
}

} // namespace cairn::cli
