// `cairn backup`: encrypted backups of a node, made and verified while it runs or while it does not, and restored.
#include "base/errors/cli.hpp"
#include "base/errors/node.hpp"
#include "cli/files.hpp"
#include "cli/node_data.hpp"
#include "cli/rpc_client.hpp"
#include "cli/sender.hpp"
#include "node/backup.hpp"
#include "node/control_commands.hpp"
#include "node/epochs.hpp"
#include "node/executed_chain.hpp"
#include "node/own_signer.hpp"
#include "storage/segment_log.hpp"
#include "system/system_contracts.hpp"

#include <ctime>
#include <filesystem>
#include <ostream>
#include <thread>

namespace cairn::cli {
namespace {

using nlohmann::json;

std::string percent(std::uint64_t done, std::uint64_t total) {
    if (total == 0) return "starting";
    constexpr std::uint64_t kWidth = 24;
    const auto filled = std::min(kWidth, done * kWidth / total);
    return "[" + std::string(filled, '#') + std::string(kWidth - filled, '.') + "] " +
           std::to_string(std::min<std::uint64_t>(100, done * 100 / total)) + " %";
}

Result<NodeSettings> settings_of(const Invocation& invocation) {
    CRN_TRY(config, node_config_of(invocation));
    return read_node_config(config);
}

/// Genesis and signer of a node that does not run; its data is not touched.
struct BackupKeys {
    ledger::Genesis genesis;
    std::shared_ptr<signer::Client> signer;
};
Result<BackupKeys> open_keys(const node::NodeConfig& config) {
    CRN_TRY(text, read_file(config.genesis_file));
    CRN_TRY(genesis, ledger::genesis_from_json(text));
    CRN_CHECK(ledger::verify_signatures(genesis));
    CRN_TRY(signer, node::start_own_signer(config, genesis.parameters.chain_id));
    return BackupKeys{std::move(genesis), std::move(signer)};
}

void print_report(const Terminal& terminal, const json& report, const std::string& path, const char* verdict) {
    if (terminal.json) {
        auto out = report;
        out["file"] = path;
        out["verdict"] = verdict;
        terminal.out << out.dump(2) << '\n';
        return;
    }
    const auto seconds = static_cast<std::time_t>(report.value("time_ms", std::uint64_t{0}) / 1000);
    char time[32] = "";
    std::tm parts{};
    if (::gmtime_r(&seconds, &parts) != nullptr) std::strftime(time, sizeof time, "%Y-%m-%dT%H:%M:%SZ", &parts);
    print_fields(terminal, {{"file", path},
                            {"node", printable(report.value("node", ""))},
                            {"height", std::to_string(report.value("height", std::uint64_t{0}))},
                            {"block", report.value("block", "")},
                            {"transactions", std::to_string(report.value("transactions", std::uint64_t{0}))},
                            {"bytes", std::to_string(report.value("bytes", std::uint64_t{0}))},
                            {"made", time},
                            {"backup key", "version " + std::to_string(report.value("key_version", 0U))},
                            {"verdict", verdict}});
}

/// The running node does it, and this shows how far it is.
Result<json> let_node_do(const Invocation& invocation, const std::string& data_dir, const std::string& task,
                         const std::string& path) {
    CRN_TRY(state, ask_control(data_dir, "backup " + task + " " + path));
    Progress progress(invocation.terminal(), system_clock());
    progress.stage(task == "create" ? "backing up" : "verifying");
    while (state.value("running", json(false)) == true) {
        progress.update(percent(state.value("done", std::uint64_t{0}), state.value("total", std::uint64_t{0})));
        std::this_thread::sleep_for(std::chrono::milliseconds{100});
        CRN_TRY(next, ask_control(data_dir, "backup status"));
        state = next;
    }
    if (state.contains("failed"))
        if (auto failed = control_error(state["failed"])) return std::unexpected(*std::move(failed));
    progress.done();
    return state.value("report", json::object());
}

node::BackupProgress shown(Progress& progress) {
    return [&progress](std::uint64_t done, std::uint64_t total) {
        progress.update(percent(done, total));
        return true;
    };
}

/// Of a node that does not run: through its stores, opened with its keys.
Result<node::BackupReport> create_stopped(const Invocation& invocation, const node::NodeConfig& config,
                                          const std::string& path) {
    CRN_TRY(opened, open_stopped(config));
    CRN_TRY(chain, node::ExecutedChain::open(config.data_dir, opened.genesis, system::native_contracts(),
                                             opened.at_rest.get()));
    CRN_TRY(log, storage::open_segment_log_on(opened.at_rest->files(), config.data_dir + "/ordered",
                                              {.record_bytes_max = 64u << 20}));
    CRN_TRY(ordered, node::OrderedStore::open(*log, chain->store(), chain->blocks()));
    CRN_TRY(epochs, node::Epochs::open(chain->store(), opened.genesis, chain->blocks().hash_of(Height{0})));
    CRN_TRY(signers, node::start_voting_signers(opened.signer, config, opened.genesis.parameters.chain_id));
    std::string name;
    for (auto epoch = epochs->current(); epoch && name.empty();) {
        const auto& set = epoch->validators;
        for (const auto& signer : signers)
            if (const auto index = set.index_of(signer->keys().consensus)) name = set.members[index->value].name;
        epoch = set.epoch == opened.genesis.validators.epoch ? nullptr : epochs->of(set.epoch.previous());
    }
    if (name.empty()) return fail(error::CliPrecondition, config.keys_file + " is not a key of any validator");
    Progress progress(invocation.terminal(), system_clock());
    progress.stage("backing up");
    auto report = node::create_backup(path, name, opened.genesis, *ordered, chain->blocks(), *epochs, *opened.signer,
                                      opened.at_rest->suite(),
                                      static_cast<std::uint64_t>(system_clock().wall().count()), shown(progress));
    if (report) progress.done();
    return report;
}

Status backup_create(Invocation& invocation) {
    const auto out = invocation.flag("out");
    if (!out) return fail(error::CliUsage, "missing --out FILE\n" + usage_of(invocation.command()));
    CRN_TRY(settings, settings_of(invocation));
    const auto& data_dir = settings.node.data_dir;
    auto path = absolute(*out);
    if (std::filesystem::is_directory(path)) {
        std::time_t now = system_clock().wall().count() / 1000;
        char time[32] = "";
        std::tm parts{};
        if (::gmtime_r(&now, &parts) != nullptr) std::strftime(time, sizeof time, "%Y%m%dT%H%M%SZ", &parts);
        path += "/" + invocation.flag_or("node", "node") + "-" + time + ".backup";
    }
    auto report = let_node_do(invocation, data_dir, "create", path);
    if (!report && report.error().code == error::NodeUnreachable) {
        CRN_TRY(made, create_stopped(invocation, settings.node, path));
        report = node::to_json(made);
    }
    if (!report) return std::unexpected(std::move(report).error());
    print_report(invocation.terminal(), *report, path, "written");
    if (!invocation.terminal().quiet)
        invocation.terminal().err << "Next: cairn backup verify " << path << ", and a copy to another place\n";
    return {};
}

Status backup_verify(Invocation& invocation) {
    CRN_TRY(settings, settings_of(invocation));
    const auto path = absolute(invocation.argument(0));
    auto report = let_node_do(invocation, settings.node.data_dir, "verify", path);
    if (!report && report.error().code == error::NodeUnreachable) {
        CRN_TRY(keys, open_keys(settings.node));
        Progress progress(invocation.terminal(), system_clock());
        progress.stage("verifying");
        CRN_TRY(verified, node::verify_backup(path, keys.genesis, *keys.signer, shown(progress)));
        progress.done();
        report = node::to_json(verified);
    }
    if (!report) return std::unexpected(std::move(report).error());
    print_report(invocation.terminal(), *report, path, "certified by a quorum");
    return {};
}

Status backup_restore(Invocation& invocation) {
    CRN_TRY(settings, settings_of(invocation));
    const auto path = absolute(invocation.argument(0));
    if (ask_control(settings.node.data_dir, "backup status"))
        return fail(error::BackupInTheWay, settings.node.data_dir + ": the node runs");
    CRN_TRY(keys, open_keys(settings.node));
    Progress progress(invocation.terminal(), system_clock());
    progress.stage("restoring");
    CRN_TRY(report, node::restore_backup(path, settings.node, keys.genesis, keys.signer,
                                         invocation.has("behind") ? node::Behind::accept : node::Behind::refuse,
                                         shown(progress)));
    progress.done();
    print_report(invocation.terminal(), node::to_json(report), path, "restored; every result is the certified one");
    if (!invocation.terminal().quiet)
        invocation.terminal().err << "Next: start the node; it fetches what came later from its peers\n";
    return {};
}

Status backup_status(Invocation& invocation) {
    CRN_TRY(settings, settings_of(invocation));
    CRN_TRY(state, ask_control(settings.node.data_dir, "backup status"));
    const auto& terminal = invocation.terminal();
    if (terminal.json) {
        terminal.out << state.dump(2) << '\n';
        return {};
    }
    const auto failed = state.contains("failed") ? control_error(state["failed"]) : std::nullopt;
    const bool running = state.value("running", json(false)) == true;
    print_fields(terminal, {{"file", printable(text_of(state, "path"))},
                            {"state", failed                           ? failed->text()
                                      : running                        ? percent(state.value("done", std::uint64_t{0}),
                                                                                 state.value("total", std::uint64_t{0}))
                                      : text_of(state, "path").empty() ? "none since the node started"
                                                                       : "done"}});
    return {};
}

Status backup_key(Invocation& invocation) {
    CRN_TRY(settings, settings_of(invocation));
    const auto& action = invocation.argument(0);
    CRN_TRY(answer, ask_control(settings.node.data_dir, "backup-key " + action));
    const auto& terminal = invocation.terminal();
    if (terminal.json) {
        terminal.out << answer.dump(2) << '\n';
        return {};
    }
    Table table({"VERSION", "STATE", "CHECK"});
    for (const auto& one : answer.value("versions", json::array()))
        table.row({std::to_string(one.value("version", 0U)), text_of(one, "state"), text_of(one, "check")});
    table.print(terminal);
    return {};
}

std::vector<FlagSpec> flags(std::vector<FlagSpec> more = {}) {
    std::vector<FlagSpec> out{node_config_flag(),
                              {.name = "node",
                               .value = "NAME",
                               .help = "node of the development network (default: its first)",
                               .completes = Completes::dev_node},
                              {.name = "dir",
                               .value = "DIR",
                               .help = "directory of the development network",
                               .completes = Completes::directory}};
    out.insert(out.end(), more.begin(), more.end());
    return out;
}

constexpr ArgumentSpec kFile{.name = "FILE", .help = "what `cairn backup create` wrote", .completes = Completes::file};

} // namespace

void declare_backup(CommandList& out) {
    out.push_back(
        {.noun = "backup",
         .verb = "create",
         .summary = "write an encrypted backup of a node to one file",
         .details =
             "A running node makes it while it goes on; that of a stopped one is made with its sealed keys. It holds "
             "the finalized blocks up to one height and the certificates that prove them; state is executed "
             "again when it is restored. Not in it: private keys, the signer's memory, the audit log. The file "
             "has a key of its own, which only this validator's root opens. A creation that is killed leaves "
             "FILE.partial, never half a FILE.",
         .flags = flags({{.name = "out",
                          .value = "FILE",
                          .help = "new file, or a directory for one (required)",
                          .completes = Completes::file}}),
         .examples = {{"cairn backup create --node alpha-1 --out alpha-1.backup", ""},
                      {"cairn backup create --config /srv/cairn/node.toml --out /srv/backups", ""}},
         .run = backup_create});
    out.push_back(
        {.noun = "backup",
         .verb = "verify",
         .summary = "check a backup: every byte, every block, the signatures of a quorum",
         .details =
             "Whether executing the blocks gives the certified result is shown by restoring it, which can be done "
             "beside: with a configuration of another data directory.",
         .arguments = {kFile},
         .flags = flags(),
         .examples = {{"cairn backup verify alpha-1.backup --node alpha-1", ""}},
         .run = backup_verify});
    out.push_back(
        {.noun = "backup",
         .verb = "restore",
         .summary = "make the data directory of a stopped node from a backup",
         .details =
             "Everything is checked against genesis before anything is in place: bytes, blocks, certificates, and the "
             "result of executing every block. The data directory must not have data yet. The signer's memory is not "
             "part of a backup, because an older one would let the validator contradict what it has signed since: it "
             "stays what it is, and a backup that is older than what was signed is refused without --behind.",
         .arguments = {kFile},
         .flags =
             flags({{.name = "behind",
                     .help = "restore although the signer has signed later results: the node fetches the rest from "
                             "its peers"}}),
         .examples = {{"cairn backup restore alpha-1.backup --config /srv/cairn/node.toml", ""}},
         .run = backup_restore});
    out.push_back({.noun = "backup",
                   .verb = "status",
                   .summary = "how far a running node is with its backup",
                   .flags = flags(),
                   .examples = {{"cairn backup status --node alpha-1", ""}},
                   .run = backup_status});
    out.push_back(
        {.noun = "backup",
         .verb = "key",
         .summary = "versions of the key that backups are under",
         .details = "After rotate new backups are under a new version; after `cairn admin retire-backup-key`, by two "
                    "administrators, this node's signer opens no backup under the old one. The versions are derived "
                    "from the root, so that a recovered root alone opens "
                    "backups on another machine: what ends an old backup for whoever has the root is to delete it.",
         .arguments = {{.name = "ACTION", .help = "status or rotate", .choices = {"status", "rotate"}}},
         .flags = flags(),
         .examples = {{"cairn backup key rotate --node alpha-1", ""}},
         .run = backup_key});
}

} // namespace cairn::cli
