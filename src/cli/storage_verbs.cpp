// `cairn storage`: rotation of the keys that protect a node's data, over the node while it runs.
#include "base/errors/cli.hpp"
#include "cli/files.hpp"
#include "cli/node_data.hpp"

#include <nlohmann/json.hpp>
#include <ostream>
#include <thread>

namespace cairn::cli {
namespace {

using nlohmann::json;

constexpr std::uint64_t kDefaultRateMib = 32;

void print_status(const Terminal& terminal, const json& status) {
    if (terminal.json) {
        terminal.out << status.dump(2) << '\n';
        return;
    }
    const auto& run = status["reencryption"];
    const bool running = run.value("running", false);
    const auto left = run.value("files_left", std::uint64_t{0});
    print_fields(
        terminal,
        {{"encrypted", status.value("encrypted", false) ? "yes, " + status.value("suite", "") : "no"},
         {"files", std::to_string(status.value("files", std::uint64_t{0}))},
         {"registry", status.value("registry", "")},
         {"re-encryption", running     ? "running, " + std::to_string(left) + " files left"
                           : left == 0 ? "complete"
                                       : std::to_string(left) + " files under an old version or another cipher"}});
    if (run.contains("failed") && run["failed"].is_string())
        print_fields(terminal, {{"last failure", printable(run["failed"].get<std::string>())}});
    terminal.out << '\n';
    Table table({"VERSION", "STATE", "CHECK", ">FILES", ">WRAPPED"});
    for (const auto& version : status["versions"])
        table.row({std::to_string(version.value("version", 0u)), version.value("state", ""), version.value("check", ""),
                   std::to_string(version.value("files", std::uint64_t{0})),
                   std::to_string(version.value("wrapped", std::uint64_t{0}))});
    table.print(terminal);
}

/// Until no file is under an old version.
Status reencrypt(Invocation& invocation, const std::string& data_dir) {
    const auto& terminal = invocation.terminal();
    CRN_TRY(rate, invocation.number("rate", kDefaultRateMib, 1, 10'000));
    CRN_TRY(status, ask_control(data_dir, "storage-key reencrypt " + std::to_string(rate)));
    Progress progress(terminal, system_clock());
    progress.stage("re-encrypting");
    while (!invocation.has("detach") && status["reencryption"].value("running", false)) {
        progress.update(std::to_string(status["reencryption"].value("files_left", std::uint64_t{0})) + " files left");
        std::this_thread::sleep_for(std::chrono::milliseconds{200});
        CRN_TRY(next, ask_control(data_dir, "storage-key status"));
        status = next;
    }
    progress.done();
    print_status(terminal, status);
    if (status["reencryption"].contains("failed") && status["reencryption"]["failed"].is_string())
        return fail(error::CliPrecondition, status["reencryption"]["failed"].get<std::string>());
    return {};
}

Status storage_key(Invocation& invocation) {
    CRN_TRY(config, node_config_of(invocation));
    CRN_TRY(settings, read_node_config(config));
    const auto& data_dir = settings.node.data_dir;
    const auto& action = invocation.argument(0);
    if (action == "reencrypt") return reencrypt(invocation, data_dir);
    if (action == "rotate") {
        CRN_TRY(rotated, ask_control(data_dir, "storage-key rotate"));
        (void)rotated;
    }
    CRN_TRY(status, ask_control(data_dir, action == "rewrap" ? "storage-key rewrap" : "storage-key status"));
    print_status(invocation.terminal(), status);
    return {};
}

Status storage_read(Invocation& invocation) {
    CRN_TRY(config, node_config_of(invocation));
    CRN_TRY(settings, read_node_config(config));
    CRN_TRY(node, open_stopped(settings.node));
    CRN_TRY(file, node.at_rest->files().open(absolute(invocation.argument(0))));
    CRN_TRY(size, file->size());
    Bytes piece(1u << 20);
    for (std::uint64_t at = 0; at < size;) {
        CRN_TRY(read, file->read_at(at, piece));
        invocation.terminal().out << as_text(BytesView{piece}.first(read));
        at += read;
    }
    return {};
}

const FlagSpec kConfig = node_config_flag();
const FlagSpec kNode{.name = "node",
                     .value = "NAME",
                     .help = "node of the development network (default: its first)",
                     .completes = Completes::dev_node};
const FlagSpec kDir{
    .name = "dir", .value = "DIR", .help = "directory of the development network", .completes = Completes::directory};

} // namespace

void declare_storage(CommandList& out) {
    out.push_back(
        {.noun = "storage",
         .verb = "key",
         .summary = "rotate the keys of a node's data while it runs",
         .details =
             "A rotation is: rotate (new data gets keys under a new version), rewrap (the keys of old files are "
             "wrapped "
             "by it; no data is rewritten), reencrypt (old files get new keys, in the background at a limited rate), "
             "and then `cairn admin retire-storage-key`, with which two administrators destroy the old version. Run as "
             "the node's user on the node's machine.",
         .arguments = {{.name = "ACTION",
                        .help = "status, rotate, rewrap or reencrypt",
                        .choices = {"status", "rotate", "rewrap", "reencrypt"}}},
         .flags = {kConfig,
                   kNode,
                   kDir,
                   {.name = "rate", .value = "MIB", .help = "reencrypt: at most so many MiB per second (default: 32)"},
                   {.name = "detach", .help = "reencrypt: do not wait for the end"}},
         .examples = {{"cairn storage key status --config /srv/cairn/node.toml", ""},
                      {"cairn storage key rotate", "the first node of the development network"},
                      {"cairn storage key reencrypt --rate 64", ""}},
         .run = storage_key});
    out.push_back(
        {.noun = "storage",
         .verb = "read",
         .summary = "print an encrypted file of a node that does not run",
         .details =
             "For the reports that a node leaves in its data directory when it stops by itself. The node's sealed keys "
             "are opened "
             "for it by a signer, as at the node's start: the passphrase comes from signer.passphrase_file of the "
             "configuration, a systemd credential, or the terminal.",
         .arguments = {{.name = "FILE", .help = "a file in the data directory", .completes = Completes::file}},
         .flags = {kConfig, kNode, kDir},
         .examples = {{"cairn storage read /srv/cairn/data/divergence-12.json --config /srv/cairn/node.toml", ""}},
         .run = storage_read});
}

} // namespace cairn::cli
