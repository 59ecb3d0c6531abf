// `cairn bench audit`: writes a log of many events, spoils one record of it in each way there is, and measures how long
// it takes to find it.
#include "audit/record.hpp"
#include "audit/trail.hpp"
#include "audit/verifier.hpp"
#include "base/errors/audit.hpp"
#include "base/errors/cli.hpp"
#include "cli/invocation.hpp"

#include <nlohmann/json.hpp>

#include <filesystem>
#include <fstream>
#include <ostream>
#include <random>
#include <thread>

namespace cairn::cli {
namespace {

using nlohmann::json;

audit::Event sample(std::uint64_t i) {
    return {.subject = "account 0x" + std::string(38, 'a') + std::to_string(10 + i % 90),
            .identity = "Alpha",
            .origin = "block " + std::to_string(1 + i / 20),
            .object = "Parameters.change",
            .action = "contract.call",
            .reason = "transaction 0x" + std::string(56, '0') + std::to_string(10'000'000 + i % 90'000'000)};
}

/// One record edited, removed, moved behind its successor, or everything cut off behind it.
enum class Spoil { none, edit, remove, move, cut };
constexpr std::pair<Spoil, const char*> kSpoils[] = {{Spoil::none, "sound"},
                                                     {Spoil::edit, "one record edited"},
                                                     {Spoil::remove, "one record deleted"},
                                                     {Spoil::move, "two records swapped"},
                                                     {Spoil::cut, "end cut off"}};

Status write_spoiled(const std::string& from, const std::string& to, Spoil spoil, std::uint64_t victim) {
    std::ofstream out{to, std::ios::binary};
    out << audit::kEvidenceMagic;
    const auto put = [&](BytesView record) {
        for (int i = 0; i < 4; ++i) out.put(static_cast<char>(record.size() >> (8 * i)));
        out.write(reinterpret_cast<const char*>(record.data()), static_cast<std::streamsize>(record.size()));
    };
    Bytes held;
    bool cut = false;
    CRN_CHECK(audit::read_log(storage::posix_file_system(), from,
                              {.on_record =
                                   [&](const audit::Place&, BytesView bytes) {
                                       // The sequence stands behind the kind and the link of an event.
                                       std::uint64_t sequence = 0;
                                       if (bytes.size() > 41 && bytes[0] == 2)
                                           for (int i = 7; i >= 0; --i)
                                               sequence = sequence << 8 | bytes[33 + static_cast<std::size_t>(i)];
                                       auto record = to_bytes(bytes);
                                       if (sequence == victim && spoil == Spoil::remove) return true;
                                       if (sequence == victim && spoil == Spoil::edit) record.back() ^= 1;
                                       if (sequence == victim && spoil == Spoil::move) {
                                           held = record;
                                           return true;
                                       }
                                       cut |= sequence > victim && spoil == Spoil::cut;
                                       if (cut) return false;
                                       put(record);
                                       if (!held.empty()) put(std::exchange(held, {}));
                                       return true;
                                   },
                               .on_damage = [](const audit::Place&, std::uint64_t, bool) {},
                               .on_missing = [](const std::string&) {}}));
    out.flush();
    if (!out) return fail(error::CliFileUnwritable, to);
    return {};
}

Status bench_audit(Invocation& invocation) {
    CRN_TRY(count, invocation.number("events", 1'000'000, 1'000, 100'000'000));
    const auto& terminal = invocation.terminal();
    Progress progress(terminal, system_clock());
    std::string pattern = (std::filesystem::temp_directory_path() / "cairn-audit-XXXXXX").string();
    if (::mkdtemp(pattern.data()) == nullptr) return fail(error::CliFileUnwritable, pattern);
    const struct Folder {
        std::string path;
        ~Folder() {
            std::error_code ignored;
            std::filesystem::remove_all(path, ignored);
        }
    } folder{pattern};
    const auto seconds_since = [](Microseconds start) {
        return static_cast<double>((system_clock().monotonic() - start).count()) / 1e6;
    };
    CRN_TRY(sealer, audit::open_file_sealer(folder.path + "/seal.key"));
    progress.stage("Writing " + std::to_string(count) + " events");
    auto start = system_clock().monotonic();
    audit::Head head;
    {
        CRN_TRY(opened,
                audit::open_trail(
                    storage::posix_file_system(),
                    {.directory = folder.path + "/audit", .node = "bench", .organisation = "Bench", .chain_id = 1},
                    *sealer, system_clock()));
        for (std::uint64_t i = 0; i < count; ++i) {
            while (true) {
                const auto status = opened.trail->append(sample(i), audit::Durability::grouped);
                if (status) break;
                if (status.error().code != error::AuditBusy) return status;
                std::this_thread::sleep_for(std::chrono::milliseconds{1});
            }
        }
        CRN_CHECK(opened.trail->flush());
        head = opened.trail->sealed();
    }
    const auto writing = seconds_since(start);
    const auto log = folder.path + "/audit";
    // Every AuditBusy above left a note in the log that it happened.
    const auto events = head.sequence;
    std::mt19937_64 random{1};
    json results = json::array();
    Table table({"LOG", ">SECONDS", "FOUND"});
    bool all_found = true;
    for (const auto& [spoil, name] : kSpoils) {
        progress.stage(std::string{"Verifying: "} + name);
        const auto victim = events / 4 + random() % (events / 2);
        const auto file = folder.path + "/spoiled.audit";
        CRN_CHECK(write_spoiled(log, file, spoil, victim));
        audit::Expectation expected;
        expected.anchors = audit::AnchorList{
            .node = "bench", .chain_id = 1, .seal_keys = {sealer->key()}, .anchors = {{events, head.hash, 1}}};
        start = system_clock().monotonic();
        CRN_TRY(report, audit::verify_log(storage::posix_file_system(), file, expected));
        const auto seconds = seconds_since(start);
        std::string found = "nothing";
        bool right = spoil == Spoil::none && report.findings_total == 0 && report.anchors_met == 1;
        for (const auto& finding : report.findings) {
            // A cut shows at the event behind the last that is left, or at those that lost their seal.
            const bool here =
                finding.first_event <= victim + (spoil == Spoil::cut ? 1 : 0) && victim <= finding.last_event;
            if (found == "nothing" || here) found = std::string{audit::name_of(finding.fault)} + ": " + finding.text;
            right |= spoil != Spoil::none && here;
            if (here) break;
        }
        all_found &= right;
        table.row({name, std::to_string(seconds).substr(0, 5), found});
        results.push_back({{"log", name}, {"event", victim}, {"seconds", seconds}, {"right", right}, {"found", found}});
        std::filesystem::remove(file);
    }
    progress.done();
    if (terminal.json)
        terminal.out << json{{"events", events}, {"writing_seconds", writing}, {"verifications", results}}.dump(2)
                     << '\n';
    else {
        print_fields(terminal,
                     {{"events", std::to_string(events)}, {"writing", std::to_string(writing).substr(0, 5) + " s"}});
        table.print(terminal);
    }
    if (!all_found) return fail(error::AuditTampered, "a change was not found where it was made");
    return {};
}

} // namespace

void declare_bench_audit(CommandList& out) {
    out.push_back({.noun = "bench",
                   .verb = "audit",
                   .summary = "measure writing and verifying an audit log, and that every change in it is found",
                   .flags = {{.name = "events", .value = "N", .help = "length of the log (default: 1000000)"}},
                   .examples = {{"cairn bench audit", ""}, {"cairn bench audit --events 10000 --json", ""}},
                   .run = bench_audit});
}

} // namespace cairn::cli
