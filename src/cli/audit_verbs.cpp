// What anyone can do with an audit log without a node: verify, query, export, and put the logs of several nodes together.
#include "audit/report.hpp"
#include "audit/verifier.hpp"
#include "base/errors/audit.hpp"
#include "base/errors/cli.hpp"
#include "cli/audit_anchors.hpp"
#include "cli/files.hpp"
#include "cli/known_chain.hpp"
#include "cli/node_data.hpp"
#include "cli/rpc_client.hpp"

#include <algorithm>
#include <fstream>
#include <map>
#include <ostream>

namespace cairn::cli {
namespace {

using nlohmann::json;

constexpr std::size_t kAnchorsFileBytesMax = 64u << 20;

std::string text_of_key(const crypto::ValidatorPublicKey& key) { return to_hex(key); }

Result<audit::Filter> filter_of(const Invocation& invocation) {
    audit::Filter filter;
    for (auto [name, time] : {std::pair{"from", &filter.from}, std::pair{"to", &filter.to}}) {
        const auto given = invocation.flag(name);
        if (!given) continue;
        *time = audit::time_from(*given);
        if (!*time) return fail(error::AuditQueryInvalid, std::string{"--"} + name + " " + *given);
    }
    filter.subject = invocation.flag("subject");
    filter.identity = invocation.flag("identity");
    filter.action = invocation.flag("action");
    filter.object = invocation.flag("object");
    filter.origin = invocation.flag("origin");
    if (const auto result = invocation.flag("result")) {
        filter.outcome = audit::outcome_from(*result);
        if (!filter.outcome) return fail(error::AuditQueryInvalid, "--result " + *result);
    }
    return filter;
}

/// From --node, --genesis, --handovers, --seal-key, --anchors and --rpc.
Result<audit::Expectation> expectation_of(const Invocation& invocation) {
    audit::Expectation out;
    out.node = invocation.flag("node");
    out.live = invocation.has("live");
    if (const auto text = invocation.flag("seal-key")) {
        out.seal_key = fixed_from_hex<crypto::ValidatorPublicKey>(*text);
        if (!out.seal_key) return fail(error::CliUsage, "--seal-key wants 32 bytes in hex");
    }
    if (invocation.has("genesis")) {
        CRN_TRY(known, known_chain(invocation));
        out.chain_id = known.genesis.parameters.chain_id;
        out.epochs = std::move(known.epochs);
    } else if (invocation.has("handovers"))
        return fail(error::CliUsage, "--handovers needs --genesis");
    if (const auto file = invocation.flag("anchors")) {
        CRN_TRY(text, read_file(*file, kAnchorsFileBytesMax));
        CRN_TRY(anchors, anchors_from_json(text));
        out.anchors = std::move(anchors);
    } else if (invocation.has("rpc")) {
        if (!out.node) return fail(error::CliUsage, "--rpc needs --node NAME");
        CRN_TRY(rpc, open_rpc(invocation));
        CRN_TRY(anchors, fetch_anchors(rpc, *out.node));
        out.anchors = std::move(anchors);
    }
    return out;
}

json to_json(const ledger::KeyUses& uses) {
    json out = json::object();
    for (std::size_t i = 0; i < ledger::kKeyUses; ++i)
        out[std::string{ledger::name_of(static_cast<ledger::KeyUse>(i))}] = uses.counts[i];
    return out;
}

json to_json(const audit::Report& report) {
    json findings = json::array();
    for (const auto& finding : report.findings)
        findings.push_back({{"fault", audit::name_of(finding.fault)},
                            {"first_event", finding.first_event},
                            {"last_event", finding.last_event},
                            {"file", finding.place.file},
                            {"offset", finding.place.offset},
                            {"text", finding.text}});
    json keys = json::array();
    for (const auto& key : report.seal_keys) keys.push_back(text_of_key(key));
    json out{{"node", report.opening.node},
             {"organisation", report.opening.organisation},
             {"chain_id", report.opening.chain_id},
             {"genesis", to_hex(report.opening.genesis)},
             {"first_event", report.first_event},
             {"last_event", report.last_event},
             {"events", report.events},
             {"seals", report.seals},
             {"seal_keys", keys},
             {"unsealed_events", report.unsealed_events},
             {"key_uses", report.uses ? json(to_json(*report.uses)) : json()},
             {"unaccounted_key_uses", to_json(report.unaccounted)},
             {"signer_memories_lost", report.counts_lost},
             {"anchors_met", report.anchors_met},
             {"last_anchored", report.last_anchored},
             {"findings_total", report.findings_total},
             {"findings", findings}};
    if (report.last_seal)
        out["last_seal"] = {
            {"event", report.last_seal->sequence},
            {"head", to_hex(report.last_seal->head)},
            {"time", audit::iso_time(Milliseconds{static_cast<std::int64_t>(report.last_seal->time_ms)})}};
    return out;
}

Status audit_verify(Invocation& invocation) {
    CRN_TRY(expected, expectation_of(invocation));
    CRN_TRY(reader, audit_reader(invocation, invocation.argument(0)));
    CRN_TRY(report, audit::verify_log(reader, expected));
    const auto& terminal = invocation.terminal();
    if (terminal.json)
        terminal.out << to_json(report).dump(2) << '\n';
    else {
        print_fields(
            terminal,
            {{"node", report.opening.node + " of " + report.opening.organisation},
             {"chain id", std::to_string(report.opening.chain_id)},
             {"events", std::to_string(report.events) + ", from " + std::to_string(report.first_event) + " to " +
                            std::to_string(report.last_event)},
             {"seals", std::to_string(report.seals)},
             {"last seal", report.last_seal
                               ? "behind event " + std::to_string(report.last_seal->sequence) + ", " +
                                     audit::iso_time(Milliseconds{static_cast<std::int64_t>(report.last_seal->time_ms)})
                               : "none"},
             {"anchors", expected.anchors ? std::to_string(report.anchors_met) + " met, up to event " +
                                                std::to_string(report.last_anchored)
                                          : "not compared: give --anchors or --rpc"},
             {"seal key", report.seal_keys.empty() ? "none" : text_of_key(report.seal_keys.back())},
             {"keys used", report.uses ? text_of(*report.uses) : "not counted"},
             {"without account", report.unaccounted == ledger::KeyUses{} ? "none" : text_of(report.unaccounted)},
             {"verdict", report.findings_total == 0 ? "sound" : std::to_string(report.findings_total) + " findings"}});
        if (!report.findings.empty()) {
            terminal.out << '\n';
            Table table({"FAULT", "EVENTS", "PLACE", "WHAT"});
            for (const auto& finding : report.findings)
                table.row(
                    {std::string{audit::name_of(finding.fault)},
                     std::to_string(finding.first_event) +
                         (finding.last_event == finding.first_event ? "" : "-" + std::to_string(finding.last_event)),
                     finding.place.text(), finding.text});
            table.print(terminal);
        }
    }
    if (report.findings_total != 0) return fail(error::AuditTampered, report.findings.front().text);
    return {};
}

/// Every event of the log that the flags ask for. A log that is not sound is read nevertheless, with a warning: an
/// examiner wants to see what is left.
Result<audit::Report> for_each_event(const Invocation& invocation, const audit::Filter& filter,
                                     const std::function<void(const audit::Event&)>& visit) {
    audit::Expectation expected;
    expected.live = true;
    expected.node = invocation.flag("node");
    CRN_TRY(reader, audit_reader(invocation, invocation.argument(0)));
    CRN_TRY(report, audit::verify_log(reader, expected, [&](const audit::Event& event) {
                if (filter.matches(event)) visit(event);
            }));
    if (report.findings_total != 0)
        invocation.terminal().err << "Warning: the log is not sound: " << printable(report.findings.front().text)
                                  << "; run cairn audit verify\n";
    return report;
}

std::string group_of(const audit::Event& event, const std::string& by) {
    if (by == "origin") return std::string{audit::origin_class(event)};
    if (by == "subject") return event.subject;
    if (by == "object") return event.object;
    if (by == "result") return std::string{audit::name_of(event.outcome)};
    if (by == "identity") return event.identity.empty() ? "-" : event.identity;
    return event.action;
}

Status audit_query(Invocation& invocation) {
    CRN_TRY(filter, filter_of(invocation));
    CRN_TRY(limit, invocation.number("limit", 1'000, 1, 1'000'000));
    const auto& terminal = invocation.terminal();
    const auto by = invocation.flag("count-by");
    std::map<std::string, std::array<std::uint64_t, 3>> groups;
    std::vector<audit::Event> found; // the last `limit`
    std::uint64_t matching = 0;
    CRN_TRY(report, for_each_event(invocation, filter, [&](const audit::Event& event) {
                ++matching;
                if (by) {
                    ++groups[group_of(event, *by)][static_cast<std::size_t>(event.outcome) - 1];
                    return;
                }
                if (found.size() == 2 * limit)
                    found.erase(found.begin(), found.begin() + static_cast<std::ptrdiff_t>(limit));
                found.push_back(event);
            }));
    if (found.size() > limit) found.erase(found.begin(), found.end() - static_cast<std::ptrdiff_t>(limit));
    if (by) {
        json list = json::array();
        Table table({*by, ">ACCEPTED", ">REFUSED", ">FAILED"});
        for (const auto& [name, counts] : groups) {
            table.row({name, std::to_string(counts[0]), std::to_string(counts[1]), std::to_string(counts[2])});
            list.push_back({{*by, name}, {"accepted", counts[0]}, {"refused", counts[1]}, {"failed", counts[2]}});
        }
        if (terminal.json)
            terminal.out << json{{"events", matching}, {"groups", list}}.dump(2) << '\n';
        else
            table.print(terminal);
        return {};
    }
    if (terminal.json) {
        json list = json::array();
        for (const auto& event : found) list.push_back(json::parse(audit::to_json_line(event)));
        terminal.out << json{{"node", report.opening.node}, {"matching", matching}, {"events", list}}.dump(2) << '\n';
        return {};
    }
    Table table({"TIME", ">EVENT", "SUBJECT", "ACTION", "OBJECT", "RESULT", "ORIGIN", "REASON"});
    for (const auto& event : found)
        table.row({audit::iso_time(event.time), std::to_string(event.sequence), event.subject, event.action,
                   event.object, std::string{audit::name_of(event.outcome)}, event.origin, event.reason});
    table.print(terminal);
    if (matching > found.size() && !terminal.quiet)
        terminal.err << matching - found.size() << " earlier events are not shown; --limit shows more\n";
    return {};
}

/// Copies the records as they are, up to the last seal: what verifies there verifies here.
Status export_evidence(const Invocation& invocation, std::ostream& out) {
    const auto& path = invocation.argument(0);
    CRN_TRY(reader, audit_reader(invocation, path));
    std::string waiting;
    std::uint64_t records = 0;
    out << audit::kEvidenceMagic;
    const auto status = reader({.on_record =
                                    [&](const audit::Place&, BytesView record) {
                                        for (int i = 0; i < 4; ++i)
                                            waiting += static_cast<char>(record.size() >> (8 * i));
                                        waiting += as_text(record);
                                        const auto decoded = audit::decode_record(record);
                                        if (decoded && !std::holds_alternative<audit::Seal>(decoded->body)) return true;
                                        out << waiting;
                                        waiting.clear();
                                        ++records;
                                        return static_cast<bool>(out);
                                    },
                                .on_damage = [](const audit::Place&, std::uint64_t, bool) {},
                                .on_missing = [](const std::string&) {}});
    CRN_CHECK(status);
    if (records == 0) return fail(error::AuditNoSuchLog, path + " has no sealed records yet");
    return {};
}

Status audit_export(Invocation& invocation) {
    CRN_TRY(filter, filter_of(invocation));
    const auto format = invocation.flag_or("format", "jsonl");
    const auto path = invocation.flag("out");
    const auto& terminal = invocation.terminal();
    std::ofstream file;
    if (path) {
        if (exists(*path)) return fail(error::CliFileExists, *path);
        file.open(*path, std::ios::binary);
        if (!file) return fail(error::CliFileUnwritable, *path);
    }
    std::ostream& out = path ? file : terminal.out;
    std::uint64_t count = 0;
    if (format == "evidence") {
        if (!path) return fail(error::CliUsage, "--format evidence needs --out FILE");
        CRN_CHECK(export_evidence(invocation, out));
    } else {
        if (format == "csv") out << audit::csv_header() << "\r\n";
        CRN_TRY(report, for_each_event(invocation, filter, [&](const audit::Event& event) {
                    ++count;
                    if (format == "csv")
                        out << audit::to_csv_line(event) << "\r\n";
                    else
                        out << (format == "syslog" ? audit::to_syslog_line(event) : audit::to_json_line(event)) << '\n';
                }));
        (void)report;
    }
    out.flush();
    if (!out) return fail(error::CliFileUnwritable, path.value_or("standard output"));
    if (path && !terminal.quiet)
        terminal.err << (format == "evidence" ? "All records up to the last seal" : std::to_string(count) + " events")
                     << " in " << *path << '\n';
    return {};
}

Status audit_anchors(Invocation& invocation) {
    const auto node = invocation.flag("node");
    if (!node) return fail(error::CliUsage, "missing --node NAME\n" + usage_of(invocation.command()));
    CRN_TRY(rpc, open_rpc(invocation));
    CRN_TRY(list, fetch_anchors(rpc, *node));
    const auto text = anchors_to_json(list);
    const auto& terminal = invocation.terminal();
    if (const auto out = invocation.flag("out"))
        CRN_CHECK(write_file(*out, text, Access::shared, Existing::refuse));
    else if (terminal.json)
        terminal.out << text;
    if (terminal.json) return {};
    Table table({">EVENT", ">BLOCK", "HEAD"});
    for (const auto& anchor : list.anchors)
        table.row({std::to_string(anchor.sequence), std::to_string(anchor.height), to_hex(anchor.head)});
    table.print(terminal);
    return {};
}

/// Checks the logs of several nodes one beside the other, as an organisation's centre receives them.
Status audit_receive(Invocation& invocation) {
    const auto& terminal = invocation.terminal();
    json list = json::array();
    Table table({"NODE", ">EVENTS", ">FROM", ">TO", "STATE"});
    std::optional<Error> broken;
    std::map<std::string, audit::Report> nodes;
    for (const auto& path : invocation.arguments()) {
        audit::Expectation expected;
        expected.live = true;
        CRN_TRY(reader, audit_reader(invocation, path));
        CRN_TRY(report, audit::verify_log(reader, expected));
        const auto& node = report.opening.node;
        if (nodes.contains(node))
            return fail(error::CliUsage, path + " is the log of " + node + ", which is among the others already");
        std::string state = "continuous";
        for (const auto& finding : report.findings) {
            // What a receiver calls the faults of a stream.
            const auto* name = finding.fault == audit::Fault::deleted   ? "gap"
                               : finding.fault == audit::Fault::doubled ? "duplicate"
                               : finding.fault == audit::Fault::moved   ? "reordered"
                                                                        : "changed";
            if (state == "continuous") state = std::string{name} + ": " + finding.text;
            if (!broken) broken = Error{error::AuditStreamBroken, node + ": " + name + ": " + finding.text};
        }
        auto entry = to_json(report);
        entry["state"] = state;
        list.push_back(std::move(entry));
        table.row({node, std::to_string(report.events), std::to_string(report.first_event),
                   std::to_string(report.last_event), state});
        nodes.emplace(node, std::move(report));
    }
    if (terminal.json)
        terminal.out << json{{"nodes", list}}.dump(2) << '\n';
    else
        table.print(terminal);
    if (broken) return std::unexpected(*broken);
    return {};
}

constexpr ArgumentSpec kLog{
    .name = "LOG", .help = "a node's data_dir/audit, or an exported evidence file", .completes = Completes::file};
constexpr FlagSpec kKeys{.name = "config",
                         .value = "FILE",
                         .help =
                             "configuration of the node, to open its log with its sealed keys while it does not run",
                         .completes = Completes::file};

std::vector<FlagSpec> filter_flags() {
    return {{.name = "from", .value = "TIME", .help = "not before, e.g. 2026-11-21 or 2026-11-21T12:00:00Z"},
            {.name = "to", .value = "TIME", .help = "before"},
            {.name = "subject", .value = "TEXT", .help = "who: a part of it"},
            {.name = "identity", .value = "TEXT", .help = "as whom: a part of it"},
            {.name = "action", .value = "NAME", .help = "e.g. admin.stop, or admin for all of them"},
            {.name = "object", .value = "TEXT", .help = "on what: a part of it"},
            {.name = "origin", .value = "TEXT", .help = "from where: a part of it"},
            {.name = "result",
             .value = "RESULT",
             .help = "only events with this outcome",
             .choices = {"accepted", "refused", "failed"}},
            {.name = "node", .value = "NAME", .help = "refuse the log of any other node"},
            kKeys};
}

std::vector<FlagSpec> with(std::vector<FlagSpec> flags, std::vector<FlagSpec> more) {
    flags.insert(flags.end(), more.begin(), more.end());
    return flags;
}

} // namespace

void declare_audit(CommandList& out) {
    out.push_back(
        {.noun = "audit",
         .verb = "verify",
         .summary = "check an audit log without a node",
         .details =
             "Finds and locates what was edited, deleted, moved or cut off. An exported evidence file needs neither "
             "node nor "
             "key. A node's own directory is encrypted: the node reads it out while it runs, to its own user alone; "
             "while "
             "it does not, --config opens it with the node's sealed keys. Without --anchors or --rpc, a log that was "
             "cut back to an earlier seal looks whole: only the chain knows that there was more. With --genesis the "
             "log "
             "must be a validator's. Of one that joined later, or has left, give --handovers too (any node has them: "
             "`cairn validator handovers --out handovers.json`): the log of one that left is good for the blocks up to "
             "its last epoch's end.",
         .arguments = {kLog},
         .flags = with({{.name = "node", .value = "NAME", .help = "refuse the log of any other node"},
                        {.name = "genesis",
                         .value = "FILE",
                         .help = "refuse the log of any other chain, and of whoever is no validator of it",
                         .completes = Completes::file},
                        handovers_flag(),
                        {.name = "anchors",
                         .value = "FILE",
                         .help = "what `cairn audit anchors` saved",
                         .completes = Completes::file},
                        {.name = "seal-key", .value = "HEX", .help = "refuse a log that another key seals"},
                        kKeys,
                        {.name = "live", .help = "the node is running: the last half second may lack its seal"}},
                       rpc_flags()),
         .examples = {{"cairn audit verify /srv/cairn/data/audit --node alpha-1 --genesis genesis.json", ""},
                      {"cairn audit verify epsilon-1.audit --genesis genesis.json --handovers handovers.json",
                       "of a validator that joined later"},
                      {"cairn audit verify alpha-1.audit --anchors alpha-1.anchors.json --json", ""}},
         .run = audit_verify});
    out.push_back(
        {.noun = "audit",
         .verb = "query",
         .summary = "show events of an audit log",
         .arguments = {kLog},
         .flags = with(filter_flags(), {{.name = "count-by",
                                         .value = "FIELD",
                                         .help = "count them instead",
                                         .choices = {"origin", "subject", "identity", "object", "action", "result"}},
                                        {.name = "limit", .value = "N", .help = "the last N events (default: 1000)"}}),
         .examples = {{"cairn audit query data/audit --action admin --from 2026-11-01", ""},
                      {"cairn audit query data/audit --result refused --count-by origin",
                       "local and remote users apart"}},
         .run = audit_query});
    out.push_back(
        {.noun = "audit",
         .verb = "export",
         .summary = "write events for other systems, or the signed records as evidence",
         .arguments = {kLog},
         .flags = with(
             filter_flags(),
             {{.name = "format",
               .value = "FORMAT",
               .help = "default: jsonl; evidence: all records with chain and seals",
               .choices = {"jsonl", "csv", "syslog", "evidence"}},
              {.name = "out", .value = "FILE", .help = "instead of standard output", .completes = Completes::file}}),
         .examples = {{"cairn audit export data/audit --format syslog", "RFC 5424 with structured data"},
                      {"cairn audit export data/audit --format evidence --out alpha-1.audit", ""}},
         .run = audit_export});
    out.push_back({.noun = "audit",
                   .verb = "anchors",
                   .summary = "show what the chain knows of a node's audit log",
                   .flags = with({{.name = "node", .value = "NAME", .help = "whose log (required)"},
                                  {.name = "out",
                                   .value = "FILE",
                                   .help = "save for `cairn audit verify --anchors`",
                                   .completes = Completes::file}},
                                 rpc_flags()),
                   .examples = {{"cairn audit anchors --node alpha-1 --out alpha-1.anchors.json", ""}},
                   .run = audit_anchors});
    out.push_back({.noun = "audit",
                   .verb = "receive",
                   .summary = "check the logs received from several nodes for gaps, duplicates and reordering",
                   .arguments = {{.name = "LOG",
                                  .help = "one evidence file or audit directory per node",
                                  .need = Need::one_or_more,
                                  .completes = Completes::file}},
                   .flags = {kKeys},
                   .examples = {{"cairn audit receive centre/alpha-1.audit centre/beta-1.audit", ""}},
                   .run = audit_receive});
}

} // namespace cairn::cli
