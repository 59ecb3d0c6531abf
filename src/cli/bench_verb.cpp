#include "base/errors/cli.hpp"
#include "cli/files.hpp"
#include "cli/invocation.hpp"
#include "cli/load.hpp"
#include "cli/rpc_client.hpp"
#include "cli/sender.hpp"

#include <algorithm>
#include <cmath>
#include <ostream>

namespace cairn::cli {
namespace {

using nlohmann::json;

/// `per_unit` of 1000 keeps three decimals; dividing last gives the shortest decimal form.
double rounded(double value, double per_unit) { return std::round(value * per_unit) / per_unit; }

std::string decimal(double value, int digits) {
    char text[64];
    std::snprintf(text, sizeof text, "%.*f", digits, value);
    return text;
}

Result<LoadPlan> plan_of(const Invocation& invocation) {
    LoadPlan plan;
    // Also finds the development network, and the token, as every other verb does.
    if (const auto urls = invocation.flag("rpc")) {
        for (std::size_t begin = 0; begin <= urls->size();) {
            const auto end = std::min(urls->find(',', begin), urls->size());
            if (end > begin) plan.urls.push_back(urls->substr(begin, end - begin));
            begin = end + 1;
        }
        if (plan.urls.empty()) return fail(error::CliUsage, "--rpc names no URL");
    } else {
        CRN_TRY(rpc, open_rpc(invocation));
        plan.urls.push_back(rpc.url());
    }
    if (const auto file = invocation.flag("rpc-token-file")) {
        CRN_TRY(text, read_secret_file(*file));
        plan.token = text.substr(0, text.find_first_of("\r\n"));
    }
    const auto kind = invocation.flag_or("kind", "transfer");
    plan.kind = kind == "erc20" ? LoadKind::erc20 : kind == "record" ? LoadKind::record : LoadKind::transfer;
    CRN_TRY(transactions, invocation.number("txs", plan.transactions, 1, 10'000'000));
    plan.transactions = transactions;
    CRN_TRY(accounts, invocation.number("accounts", std::min<std::uint64_t>(plan.accounts, transactions), 1, 100'000));
    plan.accounts = accounts;
    CRN_TRY(batch, invocation.number("batch", plan.batch, 1, 1000));
    plan.batch = batch;
    CRN_TRY(connections,
            invocation.number("connections", std::max<std::uint64_t>(plan.connections, plan.urls.size()), 1, 256));
    plan.connections = std::min(connections, accounts);
    CRN_TRY(rate, invocation.number("rate", 0, 1, 10'000'000));
    plan.rate = static_cast<double>(rate);
    CRN_TRY(patience, invocation.number("timeout", plan.quiet_seconds, 1, 3600));
    plan.quiet_seconds = patience;
    return plan;
}

Status bench_load(Invocation& invocation) {
    CRN_TRY(plan, plan_of(invocation));
    CRN_TRY(sender, choose_sender(invocation));
    const auto& terminal = invocation.terminal();
    Progress progress(terminal, system_clock());
    CRN_TRY(report, run_load(plan, sender, progress));
    if (terminal.json) {
        terminal.out << json{{"tps", rounded(report.tps, 10)},
                             {"committed", report.committed},
                             {"failed", report.failed},
                             {"p50_ms", rounded(report.p50_ms, 1000)},
                             {"p99_ms", rounded(report.p99_ms, 1000)},
                             {"wall_s", rounded(report.wall_s, 1000)},
                             {"client_cpu_s", rounded(report.client_cpu_s, 1000)},
                             {"calibration_recovers_per_s", rounded(report.calibration_recovers_per_s, 1)}}
                            .dump()
                     << '\n';
    } else {
        print_fields(terminal, {{"transactions per second", decimal(report.tps, 1)},
                                {"committed", std::to_string(report.committed)},
                                {"failed", std::to_string(report.failed)},
                                {"latency, median", decimal(report.p50_ms, 1) + " ms"},
                                {"latency, 99 %", decimal(report.p99_ms, 1) + " ms"},
                                {"wall time", decimal(report.wall_s, 3) + " s"},
                                {"client's CPU time", decimal(report.client_cpu_s, 3) + " s"},
                                {"calibration",
                                 decimal(report.calibration_recovers_per_s, 0) + " bare recovers/s with all cores"}});
    }
    if (!report.first_refusal.empty() && !terminal.quiet)
        terminal.err << "First refusal: " << printable(report.first_refusal) << '\n';
    return {};
}

} // namespace

void declare_bench(CommandList& out) {
    std::vector<FlagSpec> flags = {
        {.name = "kind",
         .value = "KIND",
         .help = "what the transactions do (default: transfer)",
         .choices = {"transfer", "erc20", "record"}},
        {.name = "txs", .value = "N", .help = "transactions in all (default: 10000)"},
        {.name = "accounts", .value = "N", .help = "sending accounts, made and funded for the run (default: 100)"},
        {.name = "rate", .value = "R", .help = "transactions per second (default: as fast as they are taken)"},
        {.name = "batch", .value = "N", .help = "transactions per request (default: 100)"},
        {.name = "connections", .value = "N", .help = "connections in all (default: 4, or one per URL)"},
        {.name = "timeout", .value = "SECONDS", .help = "give up when nothing was committed for so long (default: 30)"},
    };
    for (const auto& list : {sender_flags(), rpc_flags()}) flags.insert(flags.end(), list.begin(), list.end());
    out.push_back(
        {.noun = "bench",
         .verb = "load",
         .summary = "measure transactions per second and latency of a network",
         .details = "Works against any Ethereum JSON-RPC node; --rpc takes several URLs separated by commas. All "
                    "transactions are signed before the clock starts. Latency runs from sending (with --rate: from "
                    "when the transaction was due) until it is seen in a block. --from or --key-file names the "
                    "account that funds the others. The calibration figure, bare public-key recoveries per second "
                    "with all cores in the same run, makes figures of different machines comparable.",
         .flags = std::move(flags),
         .examples = {{"cairn bench load", "the development network"},
                      {"cairn bench load --rpc http://127.0.0.1:8545,http://127.0.0.1:8547 --kind erc20 --txs 50000 "
                       "--accounts 500 --json",
                       "two nodes"},
                      {"cairn bench load --rate 1000 --txs 30000", "latency at a fixed rate"}},
         .run = bench_load});
}

} // namespace cairn::cli
