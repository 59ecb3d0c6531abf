// Commands to a node through its management zone, and what a regulator may ask.
#include "base/errors/cli.hpp"
#include "base/errors/zone.hpp"
#include "cli/files.hpp"
#include "cli/invocation.hpp"
#include "cli/rpc_client.hpp"
#include "cli/zone_client.hpp"
#include "cli/zone_files.hpp"
#include "crypto/ed25519.hpp"
#include "zone/second_factor.hpp"

#include <iostream>
#include <ostream>

namespace cairn::cli {
namespace {

using nlohmann::json;

/// From --second-factor FILE, which is an authenticator of its own, or typed when the terminal can be asked.
Result<std::string> one_time_code(const Invocation& invocation, bool needed) {
    if (const auto file = invocation.flag("second-factor")) {
        CRN_TRY(uri, crypto::read_secret_file(*file));
        return zone::code_of(uri.view(), system_clock().wall().count() / 1000);
    }
    const auto& terminal = invocation.terminal();
    if (!needed || !terminal.in_is_tty) return std::string{};
    terminal.err << "One-time code: " << std::flush;
    std::string code;
    std::getline(std::cin, code);
    return code;
}

void print_object(const Terminal& terminal, const json& document) {
    std::vector<std::pair<std::string, std::string>> fields;
    for (const auto& [name, value] : document.items())
        fields.emplace_back(name, value.is_string() ? printable(value.get<std::string>()) : printable(value.dump()));
    print_fields(terminal, fields);
}

/// Of the development network, if --identity names nobody else.
const std::string kSystem = "administrators/system-1", kSecurity = "administrators/security-1",
                  kAudit = "administrators/audit-1";

enum class Needs : std::uint8_t { certificate, code };

/// The verb is the command's name.
Status run_command(Invocation& invocation, const std::map<std::string, std::string>& arguments, Needs needs,
                   const std::string& person) {
    CRN_TRY(access, zone_access(invocation, person));
    CRN_TRY(code, one_time_code(invocation, needs == Needs::code));
    CRN_TRY(answer, send_command(access, std::string{invocation.command().verb}, arguments, code));
    const auto& terminal = invocation.terminal();
    if (const auto file = invocation.flag("out"))
        CRN_CHECK(write_file(*file, answer.dump(2) + "\n", Access::shared, Existing::refuse));
    if (terminal.json)
        terminal.out << answer.dump(2) << '\n';
    else
        print_object(terminal, answer);
    if (const auto digest = text_of(answer, "waits"); !digest.empty() && !terminal.quiet)
        terminal.err << "Next, within ten minutes, by a second administrator of the same kind: cairn admin confirm "
                     << digest << "\n";
    return {};
}

Status admin_status(Invocation& invocation) { return run_command(invocation, {}, Needs::certificate, kSystem); }
Status admin_stop(Invocation& invocation) { return run_command(invocation, {}, Needs::code, kSystem); }
Status admin_anchor(Invocation& invocation) { return run_command(invocation, {}, Needs::certificate, kAudit); }
Status admin_rotate(Invocation& invocation) { return run_command(invocation, {}, Needs::certificate, kSecurity); }
Status admin_zone(Invocation& invocation) {
    return run_command(invocation, {{"zone", invocation.argument(0)}}, Needs::code, kSecurity);
}
Status admin_level(Invocation& invocation) {
    return run_command(invocation, {{"level", invocation.argument(0)}}, Needs::certificate, kSystem);
}
Status admin_unlock(Invocation& invocation) {
    return run_command(invocation, {{"name", invocation.argument(0)}}, Needs::code, kSecurity);
}
Status admin_prune(Invocation& invocation) {
    return run_command(invocation, {{"days", invocation.argument(0)}}, Needs::code, kAudit);
}
Status admin_retire(Invocation& invocation) {
    return run_command(invocation, {{"version", invocation.argument(0)}}, Needs::code, kSecurity);
}
Status admin_confirm(Invocation& invocation) {
    return run_command(invocation, {{"digest", invocation.argument(0)}}, Needs::code, "administrators/system-2");
}

Status admin_backup(Invocation& invocation) {
    return run_command(invocation, {{"file", invocation.argument(0)}}, Needs::code, kSystem);
}

/// What is of a list.
Status print_list(Invocation& invocation, std::vector<std::string> titles, const std::vector<const char*>& members) {
    CRN_TRY(access, zone_access(invocation, kSystem));
    CRN_TRY(answer, send_command(access, std::string{invocation.command().verb}, {}, {}));
    const auto& terminal = invocation.terminal();
    if (terminal.json) {
        terminal.out << answer.dump(2) << '\n';
        return {};
    }
    Table table(std::move(titles));
    for (const auto& item : answer) {
        std::vector<std::string> row;
        for (const auto* member : members) {
            const auto found = item.find(member);
            if (found == item.end())
                row.emplace_back();
            else if (found->is_array()) {
                std::string all;
                for (const auto& one : *found) all += (all.empty() ? "" : ", ") + printable(one.get<std::string>());
                row.push_back(all);
            } else
                row.push_back(printable(found->is_string() ? found->get<std::string>() : found->dump()));
        }
        table.row(std::move(row));
    }
    table.print(terminal);
    return {};
}

Status admin_commands(Invocation& invocation) {
    return print_list(invocation, {"COMMAND", "LEVEL", "BY", "WHAT"}, {"name", "level", "by", "summary"});
}
Status admin_pending(Invocation& invocation) {
    return print_list(invocation, {"REQUEST", "COMMAND", "ARGUMENTS", "BY"}, {"digest", "command", "arguments", "by"});
}

Status admin_enrol(Invocation& invocation) {
    const auto out = invocation.flag("out");
    if (!out) return fail(error::CliUsage, "missing --out FILE\n" + usage_of(invocation.command()));
    if (exists(*out)) return fail(error::CliFileExists, *out);
    CRN_TRY(access, zone_access(invocation, kSystem));
    CRN_TRY(code, one_time_code(invocation, false));
    CRN_TRY(answer, send_command(access, "enrol-second-factor", {}, code));
    const auto uri = text_of(answer, "authenticator");
    if (uri.empty()) return fail(error::ZoneRequestInvalid, "the node sent no authenticator");
    CRN_CHECK(crypto::write_secret_file(*out, uri + "\n"));
    const auto& terminal = invocation.terminal();
    if (terminal.json)
        terminal.out << json{{"file", *out}, {"node", access.node}}.dump(2) << '\n';
    else if (!terminal.quiet)
        terminal.err
            << "The file holds the secret. Put it into an authenticator on another device, or keep it offline.\n";
    return {};
}

Status org_enrol(Invocation& invocation) {
    const auto role = invocation.flag("role");
    const auto kind = person_role(role.value_or(""));
    if (!kind) return fail(error::CliUsage, "missing --role ROLE\n" + usage_of(invocation.command()));
    CRN_TRY(days, invocation.number("days", 365, 1, 3650));
    const auto now = system_clock().wall().count() / 1000;
    CRN_TRY(folder, enrol_person(invocation.flag_or("dir", "."), *kind, invocation.argument(0),
                                 static_cast<std::int64_t>(days), now, ca_passphrase(invocation)));
    const auto& terminal = invocation.terminal();
    if (terminal.json)
        terminal.out << json{{"role", *role}, {"name", invocation.argument(0)}, {"folder", folder}}.dump(2) << '\n';
    else
        print_fields(terminal, {{"role", *role}, {"name", invocation.argument(0)}, {"folder", folder}});
    if (!terminal.quiet) terminal.err << "Next: hand the folder to the person, and only to them; remove it here\n";
    return {};
}

std::vector<FlagSpec> command_flags() {
    auto flags = zone_flags();
    flags.push_back({.name = "second-factor",
                     .value = "FILE",
                     .help = "file of `cairn admin enrol` (default: the code is asked for)",
                     .completes = Completes::file});
    return flags;
}

} // namespace

void declare_admin(CommandList& out) {
    const auto add = [&](std::string_view verb, std::string_view summary, Status (*run)(Invocation&),
                         std::vector<ArgumentSpec> arguments, std::vector<Example> examples,
                         std::string_view details = {}) {
        out.push_back({.noun = "admin",
                       .verb = verb,
                       .summary = summary,
                       .details = details,
                       .arguments = std::move(arguments),
                       .flags = command_flags(),
                       .examples = std::move(examples),
                       .run = run});
    };
    add("status", "what a node is doing, as its administrators see it", admin_status, {},
        {{"cairn admin status", "first node of the development network"},
         {"cairn admin status --node alpha-1 --at 10.0.0.2:8600 --identity ~/alice", ""}});
    add("commands", "the closed list of commands that a node takes", admin_commands, {},
        {{"cairn admin commands", ""}});
    add("pending", "requests that wait for a second person", admin_pending, {}, {{"cairn admin pending", ""}});
    add("stop", "stop a node cleanly, once a second person has confirmed", admin_stop, {},
        {{"cairn admin stop --second-factor alice.otp", "from a script"}, {"cairn admin stop", "asks for the code"}},
        "By two system administrators: the answer is a digest for `cairn admin confirm`.");
    add("anchor", "anchor the audit log on the chain now", admin_anchor, {}, {{"cairn admin anchor", ""}});
    add("rotate-certificate",
        "take the certificates of the client, management and regulator listeners from their files again", admin_rotate,
        {}, {{"cairn admin rotate-certificate", ""}});
    add("set-log-level", "how much the node writes to its log, until its next start", admin_level,
        {{.name = "LEVEL", .choices = {"debug", "info", "warning", "error"}}},
        {{"cairn admin set-log-level debug", ""}});
    add("open-zone", "open a listener that was closed", admin_zone,
        {{.name = "ZONE", .choices = {"client", "regulator"}}},
        {{"cairn admin open-zone client --second-factor alice.otp", ""}});
    add("close-zone", "close a listener and its connections", admin_zone,
        {{.name = "ZONE", .choices = {"client", "regulator"}}},
        {{"cairn admin close-zone client --second-factor alice.otp", "in an incident"}});
    add("unlock", "let another administrator in again who was locked out", admin_unlock, {{.name = "NAME"}},
        {{"cairn admin unlock bob --second-factor alice.otp", ""}});
    add("prune-audit", "delete audit records that are older than so many days", admin_prune, {{.name = "DAYS"}},
        {{"cairn admin prune-audit 400 --second-factor alice.otp", ""}});
    add("backup", "write an encrypted backup to a new file on the node's machine, once a second person has confirmed",
        admin_backup, {{.name = "FILE", .help = "absolute path there"}},
        {{"cairn admin backup /srv/backups/alpha-1.backup --second-factor alice.otp", ""}},
        "By two system administrators: the answer is a digest for `cairn admin confirm`. `cairn backup status` on the "
        "node's machine tells how far it is.");
    add("retire-storage-key", "destroy an old version of the storage keys, once a second person has confirmed",
        admin_retire, {{.name = "VERSION"}},
        {{"cairn admin retire-storage-key 1 --second-factor alice.otp", "after `cairn storage key reencrypt`"}},
        "By two security administrators: the answer is a digest for `cairn admin confirm`, whose answer is a proof of "
        "completion for `cairn record add`. Refused while anything is under the version.");
    add("retire-backup-key", "end an old version of the backup key, once a second person has confirmed", admin_retire,
        {{.name = "VERSION"}},
        {{"cairn admin retire-backup-key 1 --second-factor alice.otp", "after `cairn backup key rotate`"}},
        "By two security administrators: the answer is a digest for `cairn admin confirm`. The node's signer opens no "
        "backup under the version any more; who has the root still does, until the files are deleted.");
    auto confirm_flags = command_flags();
    confirm_flags.push_back({.name = "out",
                             .value = "FILE",
                             .help = "also write the command's answer to a file",
                             .completes = Completes::file});
    out.push_back({.noun = "admin",
                   .verb = "confirm",
                   .summary = "as the second person, let the node do what another administrator asked for",
                   .details = "Of the same kind as the first, with a code of their own, within ten minutes. Look at "
                              "`cairn admin pending` first: it shows what is asked for, and by whom.",
                   .arguments = {{.name = "DIGEST", .help = "as the first person's command printed it"}},
                   .flags = std::move(confirm_flags),
                   .examples = {{"cairn admin confirm 0x5d1f... --identity ~/bob --second-factor bob.otp", ""}},
                   .run = admin_confirm});
    auto flags = command_flags();
    flags.push_back({.name = "out",
                     .value = "FILE",
                     .help = "for the authenticator's address, which holds the secret (required)",
                     .completes = Completes::file});
    out.push_back(
        {.noun = "admin",
         .verb = "enrol",
         .summary = "get a generator of one-time codes from a node",
         .details = "The first enrolment needs the certificate only: do it at once after you got it. Later ones need "
                    "a code of the present generator.",
         .flags = std::move(flags),
         .examples = {{"cairn admin enrol --out alice.otp", ""}},
         .run = admin_enrol});
    out.push_back(
        {.noun = "org",
         .verb = "enrol",
         .summary = "issue the certificate of an administrator or a regulator",
         .details =
             "Needs the organisation's CA key. There are no default persons: a new organisation has none. System, "
             "security and audit administrator are three powers, and nobody has two; the highest commands take "
             "two persons of one kind.",
         .arguments = {{"NAME", "letters, digits, '-', '_' and '.'"}},
         .flags = {{.name = "dir",
                    .value = "DIR",
                    .help = "the organisation's directory (default: .)",
                    .completes = Completes::directory},
                   {.name = "role",
                    .value = "ROLE",
                    .help = "which power (required)",
                    .choices = {"system-administrator", "security-administrator", "audit-administrator", "regulator"}},
                   {.name = "days", .value = "N", .help = "validity (default: 365)"},
                   ca_passphrase_flag()},
         .examples = {{"cairn org enrol alice --dir Alpha --role system-administrator", ""},
                      {"cairn org enrol supervisor --dir Alpha --role regulator", ""}},
         .run = org_enrol});
}

} // namespace cairn::cli
