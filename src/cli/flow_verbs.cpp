// Flow control as operators see it: budgets, bans, and a flood of one's own development network.
#include "cli/flow_verbs.hpp"
#include "base/errors/cli.hpp"
#include "cli/flood.hpp"
#include "cli/invocation.hpp"
#include "cli/rpc_client.hpp"
#include "cli/sender.hpp"

#include <algorithm>
#include <ostream>

namespace cairn::cli {
namespace {

using nlohmann::json;

std::string count_of(const json& object, const char* member) {
    const auto value = object.value(member, json{});
    return value.is_number_unsigned() ? std::to_string(value.get<std::uint64_t>()) : "-";
}

Status node_flow(Invocation& invocation) {
    CRN_TRY(rpc, open_rpc(invocation));
    CRN_TRY(flow, rpc.call("cairn_flow"));
    const auto& terminal = invocation.terminal();
    if (terminal.json) {
        terminal.out << flow.dump(2) << '\n';
        return {};
    }
    Table organisations({"ORGANISATION", ">SHARE", ">WAITING", ">GUARANTEED", ">REFUSED", ">EVICTED"});
    for (const auto& item : flow.value("organisations", json::array()))
        organisations.row({text_of(item, "name"), count_of(item, "share"), count_of(item, "transactions"),
                           count_of(item, "transactionsGuaranteed"), count_of(item, "refused"),
                           count_of(item, "evicted")});
    organisations.print(terminal);
    terminal.out << '\n';
    Table peers({"PEER", ">READ PAUSES", ">MESSAGES REFUSED", ">REQUESTS REFUSED", ">BAN SCORE"});
    for (const auto& item : flow.value("peers", json::array()))
        peers.row({text_of(item, "name"), count_of(item, "readPauses"), count_of(item, "messagesRefused"),
                   count_of(item, "requestsRefused"), count_of(item, "banScore")});
    peers.print(terminal);
    terminal.out << '\n';
    const auto own = flow.value("rpc", json{});
    if (own.is_object()) {
        Table classes({"REQUESTS", ">ADMITTED", ">THROTTLED", ">SHED"});
        for (const auto& item : own.value("classes", json::array()))
            classes.row({text_of(item, "name"), count_of(item, "admitted"), count_of(item, "throttled"),
                         count_of(item, "shed")});
        classes.print(terminal);
        terminal.out << '\n';
    }
    const auto handshakes = flow.value("handshakes", json::object());
    print_fields(terminal, {{"handshakes admitted", count_of(handshakes, "accepted")},
                            {"handshakes throttled", count_of(handshakes, "throttled")},
                            {"overload level", own.is_object() ? count_of(own, "overloadLevel") : "-"}});
    const auto spots = flow.value("hotSpots", json::array());
    if (!spots.empty()) {
        terminal.out << '\n';
        Table hot({"BUSY CONTRACT", ">TRANSACTIONS", ">GAS"});
        for (const auto& item : spots)
            hot.row({text_of(item, "contract"), count_of(item, "transactions"), count_of(item, "gas")});
        hot.print(terminal);
    }
    return {};
}

/// Digits, letters of hex, dots and colons only: it goes into another program's rules.
bool is_address(const std::string& text) {
    return !text.empty() && text.size() <= 45 &&
           text.find_first_not_of("0123456789abcdefABCDEF.:") == std::string::npos;
}

void print_nftables(const Terminal& terminal, const json& bans) {
    const auto set = [&](const char* name, const char* type, const char* kind, bool is_ipv6) {
        std::vector<std::string> addresses;
        for (const auto& ban : bans) {
            const auto address = text_of(ban, "address");
            const bool fits = is_address(address) && (address.find(':') != std::string::npos) == is_ipv6;
            if (fits && text_of(ban, "kind") == kind) addresses.push_back(address);
        }
        std::ranges::sort(addresses);
        addresses.erase(std::unique(addresses.begin(), addresses.end()), addresses.end());
        terminal.out << "    set " << name << " {\n        type " << type << "\n";
        if (!addresses.empty()) {
            terminal.out << "        elements = { ";
            for (std::size_t i = 0; i < addresses.size(); ++i) terminal.out << (i ? ", " : "") << addresses[i];
            terminal.out << " }\n";
        }
        terminal.out << "    }\n";
    };
    // `add` before `delete`: the file can be loaded again and again.
    terminal.out << "add table inet cairn_bans\ndelete table inet cairn_bans\ntable inet cairn_bans {\n";
    set("banned4", "ipv4_addr", "peer", false);
    set("banned6", "ipv6_addr", "peer", true);
    set("throttled4", "ipv4_addr", "source", false);
    set("throttled6", "ipv6_addr", "source", true);
    terminal.out << "    chain input {\n"
                    "        type filter hook input priority -10; policy accept;\n"
                    "        ip saddr @banned4 drop\n"
                    "        ip6 saddr @banned6 drop\n"
                    "        ip saddr @throttled4 tcp flags & (syn|ack) == syn limit rate over 16/second drop\n"
                    "        ip6 saddr @throttled6 tcp flags & (syn|ack) == syn limit rate over 16/second drop\n"
                    "    }\n}\n";
}

Status network_bans(Invocation& invocation) {
    CRN_TRY(rpc, open_rpc(invocation));
    CRN_TRY(bans, rpc.call("cairn_bans"));
    if (!bans.is_array()) return fail(error::CliRpcInvalid, "cairn_bans");
    const auto& terminal = invocation.terminal();
    if (invocation.has("nftables")) {
        print_nftables(terminal, bans);
    } else if (terminal.json) {
        terminal.out << bans.dump(2) << '\n';
    } else {
        Table table({"KIND", "NAME", "ADDRESS", ">SECONDS LEFT", "REASON"});
        for (const auto& ban : bans)
            table.row({text_of(ban, "kind"), text_of(ban, "name"), text_of(ban, "address"),
                       count_of(ban, "secondsLeft"), printable(text_of(ban, "reason"))});
        table.print(terminal);
    }
    return {};
}

std::string decimal(double value, int digits = 1) {
    char text[64];
    std::snprintf(text, sizeof text, "%.*f", digits, value);
    return text;
}

Status bench_flood(Invocation& invocation) {
    FloodPlan plan;
    CRN_TRY(network, read_dev_state(dev_dir(invocation)));
    plan.network = std::move(network);
    const auto kind = invocation.flag_or("kind", "transactions");
    plan.kind = kind == "handshakes" ? FloodKind::handshakes
                : kind == "frames"   ? FloodKind::frames
                : kind == "slow"     ? FloodKind::slow
                                     : FloodKind::transactions;
    CRN_TRY(rate, invocation.number("rate", 0, 1, 1'000'000));
    plan.rate = static_cast<double>(rate);
    CRN_TRY(seconds, invocation.number("seconds", plan.seconds, 1, 3'600));
    plan.seconds = seconds;
    CRN_TRY(handshakes, invocation.number("handshakes", plan.handshakes, 1, 10'000'000));
    plan.handshakes = handshakes;
    CRN_TRY(connections, invocation.number("connections", plan.connections, 4, 20'000));
    plan.connections = connections;
    plan.source = invocation.flag_or("source", plan.source);

    const auto& terminal = invocation.terminal();
    Progress progress(terminal, system_clock());
    CRN_TRY(report, run_flood(plan, progress));
    const auto ratio = [](double now, double then) { return then > 0 ? now / then : 0; };
    const auto goodput = ratio(report.during.goodput, report.before.goodput);
    const auto p99 = ratio(report.during.p99_ms, report.before.p99_ms);
    const auto p99_at_share = report.at_share ? ratio(report.during.p99_ms, report.at_share->p99_ms) : 0;
    if (terminal.json) {
        const auto phase = [](const FloodPhase& one) {
            return json{{"offered", one.offered},
                        {"goodput", one.goodput},
                        {"p50_ms", one.p50_ms},
                        {"p99_ms", one.p99_ms},
                        {"p99_ms_by_second", one.p99_ms_by_second}};
        };
        json answer = json{{"kind", kind},
                           {"before", phase(report.before)},
                           {"during", phase(report.during)},
                           {"goodput_ratio", goodput},
                           {"p99_ratio", p99},
                           {"attack_per_second", report.attack_offered},
                           {"attempts", report.attempts},
                           {"refused", report.refused},
                           {"rss_before_kb", report.rss_before_kb},
                           {"rss_after_kb", report.rss_after_kb},
                           {"answered", report.answered}};
        if (report.at_share) {
            answer["at_share"] = phase(*report.at_share);
            answer["p99_ratio_to_share"] = p99_at_share;
        }
        terminal.out << answer.dump(2) << '\n';
        return {};
    }
    std::vector<std::pair<std::string, std::string>> fields{
        {"flood", kind + ", " + decimal(report.attack_offered, 0) + " per second, " + std::to_string(report.attempts) +
                      " in all, " + std::to_string(report.refused) + " refused"},
        {"others offer", decimal(report.before.offered) + " transactions per second"},
        {"goodput before, during", decimal(report.before.goodput) + ", " + decimal(report.during.goodput) + " (" +
                                       decimal(100 * goodput) + " %)"},
        {"latency 99 % before, during",
         decimal(report.before.p99_ms) + " ms, " + decimal(report.during.p99_ms) + " ms (" + decimal(p99, 2) + " x)"}};
    if (report.at_share)
        fields.emplace_back("while it sends its share",
                            decimal(report.at_share->p99_ms) + " ms (" + decimal(p99_at_share, 2) + " x)");
    fields.emplace_back("memory of the node before, after",
                        std::to_string(report.rss_before_kb) + " kB, " + std::to_string(report.rss_after_kb) + " kB");
    fields.emplace_back("it still answers", report.answered ? "yes" : "no");
    print_fields(terminal, fields);
    return {};
}

} // namespace

void declare_flow(CommandList& out) {
    out.push_back({.noun = "node",
                   .verb = "flow",
                   .summary = "show budgets: who uses how much of a node, and what it refused",
                   .details = "Shares of the organisations in the transaction pool, the other validators' budgets, "
                              "requests by class, and the contracts that take most gas in the last 64 blocks.",
                   .flags = rpc_flags(),
                   .examples = {{"cairn node flow", ""}, {"cairn node flow --json", ""}},
                   .run = node_flow});
    auto ban_flags = rpc_flags();
    ban_flags.push_back({.name = "nftables", .help = "print rules for `nft -f -` that drop or slow them"});
    out.push_back({.noun = "network",
                   .verb = "bans",
                   .summary = "show who is banned or throttled by a node, also as firewall rules",
                   .details = "A peer is banned for a while when its own authenticated connection proved violations: "
                              "signatures that do not verify, malformed frames. A source is throttled when it begins "
                              "more handshakes than one address may; nothing is proven against it.",
                   .flags = std::move(ban_flags),
                   .examples = {{"cairn network bans", ""}, {"cairn network bans --nftables", "for nft -f -"}},
                   .run = network_bans});
    out.push_back(
        {.noun = "bench",
         .verb = "flood",
         .summary = "flood the development network and measure what its other users notice",
         .details =
             "Phases of equal length: the other organisations' users alone, then the same while the first node is "
             "flooded. transactions: its organisation sends ten times its share of valid transactions, and in a phase "
             "before that its share, which shows what the flood adds. handshakes: a non-member dials it again and "
             "again. frames: bytes that are no frames, as fast as the socket takes them. slow: connections that send "
             "or read slowly. Works on loopback only.",
         .flags = {{.name = "kind",
                    .value = "KIND",
                    .help = "what the flood consists of (default: transactions)",
                    .choices = {"transactions", "handshakes", "frames", "slow"}},
                   {.name = "rate",
                    .value = "R",
                    .help = "transactions per second of the others together (default: half of their shares, measured)"},
                   {.name = "seconds", .value = "N", .help = "length of each phase (default: 15)"},
                   {.name = "handshakes", .value = "N", .help = "how many (default: 10000)"},
                   {.name = "connections", .value = "N", .help = "slow ones at a time (default: 400)"},
                   {.name = "source",
                    .value = "ADDRESS",
                    .help = "loopback address to flood from (default: 127.66.0.1)"},
                   {.name = "dir",
                    .value = "DIR",
                    .help = "the network's directory (default: as cairn dev)",
                    .completes = Completes::directory}},
         .examples = {{"cairn bench flood", ""}, {"cairn bench flood --kind handshakes --json", ""}},
         .run = bench_flood});
}

} // namespace cairn::cli
