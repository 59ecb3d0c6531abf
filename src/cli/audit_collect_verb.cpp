// `cairn audit collect`: fetches the signed records of nodes through their regulator zones, checks each as one stream, and compares them.
//
// DIR/NODE.audit is an evidence file; DIR/NODE.cursor says up to which byte of it, and where the node goes on. A crash between
// the two costs nothing: what is behind that byte is fetched again.
#include "audit/correlation.hpp"
#include "base/errors/audit.hpp"
#include "base/errors/cli.hpp"
#include "cli/dev_state.hpp"
#include "cli/files.hpp"
#include "cli/invocation.hpp"
#include "cli/rpc_client.hpp"
#include "cli/zone_client.hpp"

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <ostream>
#include <sstream>

namespace cairn::cli {
namespace {

using nlohmann::json;

struct Progressed {
    std::uint64_t bytes = 0;
    std::string next = "0:0";
};

Progressed read_cursor(const std::string& path) {
    Progressed out;
    const auto text = read_file(path);
    if (!text) return out;
    std::istringstream in{*text};
    Progressed read;
    if (in >> read.bytes >> read.next) out = read;
    return out;
}

Status append_records(const std::string& path, const json& page, std::uint64_t& bytes) {
    std::ofstream out{path, std::ios::binary | std::ios::app};
    if (bytes == 0) {
        out << audit::kEvidenceMagic;
        bytes = audit::kEvidenceMagic.size();
    }
    for (const auto& item : page) {
        const auto record = item.is_string() ? from_hex("0x" + item.get<std::string>()) : std::nullopt;
        if (!record || record->size() > audit::kRecordBytesMax)
            return fail(error::AuditRecordInvalid, "the node sent no record");
        for (int i = 0; i < 4; ++i) out.put(static_cast<char>(record->size() >> (8 * i)));
        out.write(reinterpret_cast<const char*>(record->data()), static_cast<std::streamsize>(record->size()));
        bytes += 4 + record->size();
    }
    out.flush();
    if (!out) return fail(error::CliFileUnwritable, path);
    return {};
}

/// What one run takes of one node, so that none fills the disk of whoever asks it: the next run goes on from there.
constexpr std::uint64_t kPageRecords = 1'000;
constexpr std::uint64_t kRunBytesMax = 1ull << 30;
constexpr std::size_t kCursorBytesMax = 128;

/// What was new of one node.
Result<json> collect(const ZoneAccess& access, const std::string& directory) {
    const auto log = directory + "/" + access.node + ".audit";
    const auto cursor = directory + "/" + access.node + ".cursor";
    auto progress = read_cursor(cursor);
    std::error_code error;
    if (!exists(log)) progress = {};
    if (exists(log)) std::filesystem::resize_file(log, progress.bytes, error);
    if (error) return fail(error::CliFileUnwritable, log + " (" + error.message() + ")");
    std::uint64_t records = 0;
    bool more = true;
    for (const auto before = progress.bytes; more && progress.bytes - before < kRunBytesMax;) {
        CRN_TRY(page,
                ask(access, "audit-records", {{"cursor", progress.next}, {"limit", std::to_string(kPageRecords)}}));
        if (!page.is_object() || !page.contains("records") || !page["records"].is_array() ||
            page["records"].size() > kPageRecords || text_of(page, "next").size() > kCursorBytesMax)
            return fail(error::AuditRecordInvalid, "the node sent no page of records");
        CRN_CHECK(append_records(log, page["records"], progress.bytes));
        records += page["records"].size();
        progress.next = text_of(page, "next");
        more = page.value("more", json(false)) == true && !page["records"].empty();
        CRN_CHECK(write_file(cursor, std::to_string(progress.bytes) + " " + progress.next + "\n", Access::secret,
                             Existing::replace));
    }
    audit::Expectation expected;
    expected.node = access.node;
    CRN_TRY(report, audit::verify_log(storage::posix_file_system(), log, expected));
    return json{{"node", access.node},
                {"file", log},
                {"new_records", records},
                {"more", more},
                {"last_event", report.last_event},
                {"findings_total", report.findings_total},
                {"stream", report.findings_total == 0 ? "continuous" : report.findings[0].text}};
}

/// Every log in the directory beside every other.
Result<json> correlate(const std::string& directory) {
    std::vector<std::string> logs;
    for (const auto& entry : std::filesystem::directory_iterator{directory})
        if (entry.path().extension() == ".audit") logs.push_back(entry.path().string());
    std::ranges::sort(logs);
    audit::Correlation correlation;
    for (const auto& log : logs) CRN_CHECK(correlation.add(storage::posix_file_system(), log));
    json differences = json::array();
    for (const auto& one : correlation.differences())
        differences.push_back({{"height", one.height}, {"act", one.act}, {"told", one.told}});
    return json{{"logs", logs.size()}, {"acts_compared", correlation.compared()}, {"differences", differences}};
}

Status audit_collect(Invocation& invocation) {
    const auto directory = invocation.flag("out");
    if (!directory) return fail(error::CliUsage, "missing --out DIR\n" + usage_of(invocation.command()));
    CRN_CHECK(make_directory(*directory, Access::secret));
    std::vector<ZoneAccess> nodes;
    if (invocation.has("all")) {
        CRN_TRY(state, read_dev_state(invocation.flag_or("dir", default_dev_dir())));
        for (const auto& node : state.nodes) {
            CRN_TRY(access, zone_access(invocation, "regulators/developer", node.name));
            nodes.push_back(std::move(access));
        }
    } else {
        CRN_TRY(access, zone_access(invocation, "regulators/developer"));
        nodes.push_back(std::move(access));
    }
    json collected = json::array();
    for (const auto& node : nodes) {
        CRN_TRY(one, collect(node, *directory));
        collected.push_back(std::move(one));
    }
    CRN_TRY(joined, correlate(*directory));
    const auto& terminal = invocation.terminal();
    if (terminal.json) {
        terminal.out << json{{"nodes", collected}, {"joined", joined}}.dump(2) << '\n';
    } else {
        Table table({"NODE", "FILE", ">NEW", ">LAST EVENT", "STREAM"});
        for (const auto& one : collected)
            table.row({text_of(one, "node"), text_of(one, "file"),
                       one["new_records"].dump() + (one["more"] == true ? ", more waits" : ""),
                       one["last_event"].dump(), text_of(one, "stream")});
        table.print(terminal);
        print_fields(terminal, {{"logs in " + *directory, joined["logs"].dump()},
                                {"acts on the chain compared", joined["acts_compared"].dump()},
                                {"differences", joined["differences"].dump()}});
    }
    for (const auto& one : collected)
        if (one["findings_total"] != 0) return fail(error::AuditStreamBroken, text_of(one, "stream"));
    if (!joined["differences"].empty())
        return fail(error::AuditNodesDiffer, text_of(joined["differences"][0], "act") + " (block " +
                                                 joined["differences"][0]["height"].dump() + ")");
    return {};
}

} // namespace

void declare_audit_collect(CommandList& out) {
    auto flags = zone_flags();
    flags.push_back({.name = "out",
                     .value = "DIR",
                     .help = "where NODE.audit is continued (required)",
                     .completes = Completes::directory});
    flags.push_back({.name = "all", .help = "of every node of the development network"});
    out.push_back(
        {.noun = "audit",
         .verb = "collect",
         .summary = "fetch the signed records of nodes through their regulator zones, and compare them",
         .details =
             "Continues where it ended; one run takes at most 1 GiB of a node. A gap, a duplicate or a change of order "
             "is refused and named. The logs of "
             "several "
             "nodes in one DIR are compared: every act on the chain must be in each log that reaches to its block; "
             "what one lacks is named.",
         .flags = std::move(flags),
         .examples = {{"cairn audit collect --out centre", "first node of the development network"},
                      {"cairn audit collect --node alpha-1 --at 10.0.0.2:8610 --identity supervisor --out centre", ""}},
         .run = audit_collect});
}

} // namespace cairn::cli
