// `cairn key incident`: open, close, probe, list, show, verify.
#include "base/errors/cli.hpp"
#include "base/errors/keys.hpp"
#include "cli/audit_anchors.hpp"
#include "cli/ca_key.hpp"
#include "cli/config.hpp"
#include "cli/evidence_pack.hpp"
#include "cli/files.hpp"
#include "cli/governance.hpp"
#include "cli/key_commands.hpp"
#include "cli/key_incident_case.hpp"
#include "cli/keystore.hpp"
#include "cli/transact.hpp"
#include "signer/sealed_keys.hpp"
#include "system/addresses.hpp"
#include "system/keys.hpp"

#include <algorithm>
#include <ostream>

namespace cairn::cli {
namespace {

using nlohmann::json;

void print_case(const IncidentCase& of, const json& summary) {
    const auto& terminal = of.invocation.terminal();
    if (terminal.json) {
        terminal.out << summary.dump(2) << '\n';
        return;
    }
    std::vector<std::pair<std::string, std::string>> fields;
    for (const auto& [name, value] : summary.items())
        if (name != "probes" && name != "replacement")
            fields.emplace_back(name, value.is_string() ? value.get<std::string>() : value.dump());
    print_fields(terminal, fields);
    Table table({"INTERFACE", "TARGET", "OUTCOME", "CODE", "DETAIL"});
    for (const auto& one : of.probes)
        table.row({one.interface, one.target.empty() ? "-" : one.target, std::string{name_of(one.outcome)},
                   one.code.empty() ? "-" : one.code, printable(one.detail)});
    table.print(terminal);
}

Result<std::string> evidence_directory(const Invocation& invocation) {
    const auto out = invocation.flag("out");
    if (!out) return fail(error::CliUsage, "missing --out DIR\n" + usage_of(invocation.command()));
    return *out;
}

/// A key that the register may lack: of a certificate, or of the seal of an audit log.
struct NamedKey {
    Hash256 id;
    ledger::KeyClass key_class = ledger::KeyClass::none; // none: it is in the register, or is not known at all
    std::string organisation;                            // whose it is
};

/// The seal key of an audit log: of a node on this machine, or one that a validator has introduced.
std::optional<NamedKey> named_seal_key(const Invocation& invocation, RpcClient& rpc, const Hash256& named) {
    const auto is_named = [&](const crypto::ValidatorPublicKey& key) {
        return system::key_id(key) == named || *Hash256::from(key) == named;
    };
    const auto found = [](const crypto::ValidatorPublicKey& key, std::string organisation) {
        return NamedKey{system::key_id(key), ledger::KeyClass::audit_seal, std::move(organisation)};
    };
    for (const auto& config : configs_of(invocation)) {
        const auto settings = read_node_config(config);
        if (!settings) continue;
        const auto keys = signer::read_sealed_keys(settings->node.keys_file);
        const auto certified = certified_key(settings->node.tls_certificate_file);
        if (keys && certified && is_named(keys->public_keys.audit))
            return found(keys->public_keys.audit, certified->organisation);
    }
    const auto set = rpc.call("cairn_getValidators");
    if (!set || !set->is_object()) return std::nullopt;
    for (const auto& member : set->value("members", json::array()))
        if (const auto keys = fetch_seal_keys(rpc, text_of(member, "name")))
            for (const auto& key : *keys)
                if (is_named(key)) return found(key, text_of(member, "organisation"));
    return std::nullopt;
}

/// `cairn validator list` and `cairn signer show` show keys themselves: their digits name them as well as their ids do.
Result<NamedKey> named_key(const Invocation& invocation, RpcClient& rpc, const std::string& text) {
    if (const auto certified = certified_key(text))
        return NamedKey{certified->id, certified->key_class, certified->organisation};
    CRN_TRY(named, parse_key_id(text));
    if (read_key(rpc, named)) return NamedKey{named, {}, {}};
    if (const auto id = system::key_id(named); read_key(rpc, id)) return NamedKey{id, {}, {}};
    return named_seal_key(invocation, rpc, named).value_or(NamedKey{named, {}, {}});
}

constexpr std::string_view kNamedFile = "named.json"; // in the directory of the evidence
constexpr std::size_t kNamedBytesMax = 1u << 16;

/// A certificate's file names another key once the stopped one is replaced: whoever goes on with an incident means the key of its first run.
Result<NamedKey> key_of_first_run(const Invocation& invocation, RpcClient& rpc, const std::string& directory) {
    const auto& word = invocation.argument(1);
    const auto file = directory + "/" + std::string{kNamedFile};
    if (const auto text = read_file(file, kNamedBytesMax)) {
        const auto kept = json::parse(*text, nullptr, false);
        const auto id = kept.is_object() ? fixed_from_hex<Hash256>(text_of(kept, "key")) : std::nullopt;
        if (id && text_of(kept, "named") == word && read_key(rpc, *id)) return NamedKey{*id, {}, {}};
    }
    CRN_TRY(named, named_key(invocation, rpc, word));
    CRN_CHECK(make_directory(directory, Access::secret));
    CRN_CHECK(write_file(file, json{{"named", word}, {"key", to_hex(named.id)}}.dump(2) + "\n", Access::secret,
                         Existing::replace));
    return named;
}

/// Whose key it is has to enter it: entered by another, the chain would take the stop for a word about somebody else's key.
Status enter(const Invocation& invocation, RpcClient& rpc, const Sender& sender, const NamedKey& named) {
    if (named.key_class == ledger::KeyClass::none || read_key(rpc, named.id)) return {};
    CRN_TRY(found, read_contract(rpc, system::kMembersAddress, "organisationByName(string)", {named.organisation},
                                 "(uint256,(string,address,bool,bytes32,string))"));
    const auto owner = found[1].list()[1].as_address();
    if (owner != sender.address)
        return fail(error::CliPrecondition, "the key is of " + named.organisation + ": its administrator " +
                                                checksummed(owner) + " opens the incident");
    CRN_TRY(receipt, send_keys(invocation, rpc, sender, "register(bytes32,uint8,uint64,uint64,bool)",
                               {named.id, static_cast<std::uint8_t>(named.key_class), 0, 0, 1}));
    static_cast<void>(receipt);
    return {};
}

Status incident_open(Invocation& invocation) {
    CRN_TRY(since, invocation.number("since", 0, 0, UINT64_MAX - 1));
    CRN_TRY(directory, evidence_directory(invocation));
    CRN_TRY(sender, choose_sender(invocation));
    CRN_TRY(rpc, open_rpc(invocation));
    CRN_TRY(named, key_of_first_run(invocation, rpc, directory));
    const auto id = named.id;
    const auto& clock = system_clock();
    CRN_CHECK(enter(invocation, rpc, sender, named));
    const auto start = clock.monotonic();
    CRN_TRY(before_text, rpc.call("eth_blockNumber"));
    CRN_TRY(before, quantity_u64(before_text, "the height"));
    CRN_TRY(opened, open_incident(invocation, rpc, sender, id, since, invocation.flag_or("reason", "")));
    CRN_TRY(of, IncidentCase::read(invocation, rpc, sender, opened.number));
    if (of.incident.key != id)
        return fail(error::CliRpcInvalid, rpc.url() + " does not show the incident that it has taken");
    const bool is_resumed = !opened.is_new;
    const auto block = of.incident.opened_at;
    // Until it was stopped, if it is stopped now.
    const auto blocks = is_resumed ? 0 : block - std::min(block, before);
    CRN_CHECK(of.note_versions(directory));
    // First that it is stopped everywhere: all else can wait.
    CRN_CHECK(of.probe());
    const auto effective = std::chrono::duration_cast<Milliseconds>(clock.monotonic() - start);
    CRN_CHECK(of.find_impact());
    CRN_CHECK(of.find_owners());
    if (of.can_note()) {
        if (of.has_versions()) CRN_CHECK(of.note(directory, kVersionsStep, std::string{kVersionsFile}));
        CRN_CHECK(of.note_once(directory, kImpactStep, "impact.json"));
        CRN_CHECK(of.note_once(directory, kOwnersStep, "owners.json"));
        CRN_CHECK(of.note_once(directory, kProbesStep, "probes.json"));
    }
    const auto replacement = of.replace();
    if (of.can_note()) CRN_CHECK(of.note(directory, kReplacementStep, "replacement.json"));
    const bool is_replaced = all_done(replacement);
    if (is_resumed || is_replaced) {
        // That the old key is refused shows once more when another is in its place.
        const auto first = std::exchange(of.files["probes.json"], {});
        CRN_CHECK(of.probe());
        of.files["verified.json"] = std::exchange(of.files["probes.json"], first);
        if (is_replaced && of.can_note()) CRN_CHECK(of.note_once(directory, kVerifiedStep, "verified.json"));
    }
    CRN_TRY(manifest, of.pack(directory, "open"));
    const auto close = "cairn key incident close " + std::to_string(opened.number) + " --out DIR";
    print_case(of, {{"incident", opened.number},
                    {"key", key_text(id)},
                    {"state", ledger::name_of(of.key.head.state)},
                    {"resumed", is_resumed},
                    {"step", is_replaced ? "close" : "replace"},
                    {"replacement", to_json(replacement)},
                    {"replaced_by", of.key.next.is_zero() ? "" : key_text(of.key.next)},
                    {"stopped_in_block", block},
                    {"blocks_until_stopped", blocks},
                    {"milliseconds_until_refused_everywhere", effective.count()},
                    {"all_refused", all_refused(of.probes)},
                    {"accounts_concerned", of.files["impact.json"]["accounts"].size()},
                    {"findings", of.files["impact.json"]["findings"].size()},
                    {"evidence", directory},
                    {"manifest", to_hex(manifest)},
                    {"probes", to_json(of.probes)}});
    if (!invocation.terminal().quiet)
        invocation.terminal().err << (is_replaced ? "Replaced. Next: " + close + "\n"
                                                  : "Left to do for the replacement:\n" + left_to_do(replacement));
    const bool accepted =
        std::ranges::any_of(of.probes, [](const Probe& one) { return one.outcome == ProbeOutcome::accepted; });
    if (accepted) return fail(error::IncidentIncomplete, "the key is still accepted somewhere");
    for (const auto& one : replacement)
        if (one.state == StepState::failed) return fail(error::IncidentIncomplete, one.step + ": " + one.detail);
    return {};
}

Status incident_close(Invocation& invocation) {
    CRN_TRY(number, parse_number("NUMBER", invocation.argument(1), 0, UINT64_MAX - 1));
    CRN_TRY(directory, evidence_directory(invocation));
    CRN_TRY(sender, choose_sender(invocation));
    CRN_TRY(rpc, open_rpc(invocation));
    CRN_TRY(of, IncidentCase::read(invocation, rpc, sender, number));
    if (of.incident.closed_at != 0)
        return fail(error::CliPrecondition, "incident " + std::to_string(number) + " is closed already");
    of.read_versions(directory);
    // A replacement that everybody has approved is carried out now.
    bool is_pending = false;
    if (of.key.head.key_class == ledger::KeyClass::account) {
        const auto replacement = of.replace();
        is_pending = std::ranges::any_of(replacement, [](const ReplacementStep& one) {
            return one.state == StepState::waiting || one.state == StepState::failed;
        });
    }
    CRN_CHECK(of.probe());
    CRN_CHECK(of.find_impact());
    CRN_CHECK(of.find_owners());
    CRN_TRY(manifest, of.pack(directory, "closing"));
    const bool stopped = !ledger::signs(of.key.head.state);
    const bool done = stopped && !is_pending && all_refused(of.probes);
    if (done) {
        CRN_TRY(receipt, send_keys(invocation, rpc, sender, "closeIncident(uint256,bytes32)", {number, manifest}));
        CRN_TRY(block, quantity_u64(receipt.value("blockNumber", json{}), "the block"));
        of.incident.closed_at = block;
    }
    print_case(of, {{"incident", number},
                    {"key", key_text(of.key.id)},
                    {"state", ledger::name_of(of.key.head.state)},
                    {"replaced_by", of.key.next.is_zero() ? "" : key_text(of.key.next)},
                    {"all_refused", all_refused(of.probes)},
                    {"closed_in_block", of.incident.closed_at},
                    {"evidence", directory},
                    {"manifest", to_hex(manifest)},
                    {"probes", to_json(of.probes)}});
    if (!done) return fail(error::IncidentIncomplete, directory + (is_pending ? "/replacement.json" : "/probes.json"));
    return {};
}

/// The probes alone, at any time.
Status incident_probe(Invocation& invocation) {
    CRN_TRY(number, parse_number("NUMBER", invocation.argument(1), 0, UINT64_MAX - 1));
    CRN_TRY(rpc, open_rpc(invocation));
    const Sender nobody{};
    CRN_TRY(of, IncidentCase::read(invocation, rpc, nobody, number));
    if (const auto directory = invocation.flag("out")) of.read_versions(*directory);
    CRN_CHECK(of.probe());
    print_case(of, {{"incident", number},
                    {"key", key_text(of.key.id)},
                    {"state", ledger::name_of(of.key.head.state)},
                    {"all_refused", all_refused(of.probes)},
                    {"probes", to_json(of.probes)}});
    if (!all_refused(of.probes)) return fail(error::IncidentIncomplete, "see the table");
    return {};
}

Status incident_list(Invocation& invocation) {
    CRN_TRY(rpc, open_rpc(invocation));
    CRN_TRY(count, incident_count(rpc));
    json list = json::array();
    Table table({">INCIDENT", "KEY", ">OPENED", ">CLOSED", ">SINCE", ">STEPS"});
    for (std::uint64_t i = 0; i < count; ++i) {
        CRN_TRY(entry, read_incident(rpc, i));
        list.push_back(to_json(entry));
        table.row({std::to_string(i), key_text(entry.key), std::to_string(entry.opened_at),
                   entry.closed_at == 0 ? "open" : std::to_string(entry.closed_at), std::to_string(entry.since),
                   std::to_string(entry.steps)});
    }
    if (invocation.json())
        invocation.terminal().out << list.dump(2) << '\n';
    else
        table.print(invocation.terminal());
    return {};
}

Status incident_show(Invocation& invocation) {
    CRN_TRY(number, parse_number("NUMBER", invocation.argument(1), 0, UINT64_MAX - 1));
    CRN_TRY(rpc, open_rpc(invocation));
    CRN_TRY(entry, read_incident(rpc, number));
    CRN_TRY(key, read_key(rpc, entry.key));
    const json out = {{"incident", to_json(entry)}, {"key", to_json(key)}};
    const auto& terminal = invocation.terminal();
    if (terminal.json) {
        terminal.out << out.dump(2) << '\n';
        return {};
    }
    print_fields(terminal, {{"incident", std::to_string(number)},
                            {"key", key_text(entry.key)},
                            {"state", std::string{ledger::name_of(key.head.state)}},
                            {"opened by", checksummed(entry.opener)},
                            {"opened in block", std::to_string(entry.opened_at)},
                            {"closed in block", entry.closed_at == 0 ? "open" : std::to_string(entry.closed_at)},
                            {"leak since block", std::to_string(entry.since)},
                            {"steps noted", std::to_string(entry.steps)},
                            {"chain of steps", to_hex(entry.evidence)}});
    return {};
}

Status incident_verify(Invocation& invocation) {
    CRN_TRY(evidence, verify_evidence(invocation.argument(1)));
    print_fields(invocation.terminal(), {{"manifest", to_hex(evidence.manifest_digest)},
                                         {"signed by", checksummed(evidence.signer)},
                                         {"files", std::to_string(evidence.files) + ", all as they were signed"}});
    return {};
}

Status key_incident(Invocation& invocation) {
    const auto& action = invocation.argument(0);
    if (action == "list") return incident_list(invocation);
    if (invocation.arguments().size() < 2)
        return fail(error::CliUsage, "missing the key, number or directory\n" + usage_of(invocation.command()));
    if (action == "open") return incident_open(invocation);
    if (action == "show") return incident_show(invocation);
    if (action == "close") return incident_close(invocation);
    if (action == "probe") return incident_probe(invocation);
    return incident_verify(invocation);
}

} // namespace

void declare_key_incident(CommandList& out) {
    out.push_back(
        {.noun = "key",
         .verb = "incident",
         .summary = "answer a leaked key: stop it, find what it touched, replace it, prove that nothing accepts it",
         .details =
             "`open` quarantines the key on chain (from that block on nothing signed by it is accepted, and a "
             "validator is "
             "cut off), tries it on every interface of every node, lists what it touched, notes each step on chain and "
             "writes an evidence pack. A TLS key, a person's or a CA's is named by its certificate's file, the seal "
             "key "
             "of an audit log by its digits (`cairn signer show`); they are registered if the "
             "chain does not know them yet. Then it replaces the key as far as it can from here. For the voting key of "
             "a "
             "node on this machine it makes a new one beside the old, names it in node.toml, starts the node of a "
             "development network again, proposes it, and carries out what the others have approved; --proof takes one "
             "that was made elsewhere. For an account it proposes the key of --proof. A TLS or seal key it makes in "
             "the "
             "node's keys.sealed; where the organisation's CA is on this machine (--org) it issues the new "
             "certificates, "
             "and replaces the CA itself in its three stages. What it cannot do - keys on "
             "tokens, keys and nodes elsewhere, the approvals of others - it names with the command and for whom, "
             "and the incident stays in the step `replace`. Run the same command again to go on, also after it was "
             "killed: nothing is done twice. Keep --out, and ask a node of another organisation (--rpc) if the key is "
             "that of the node itself. `probe` tries the key "
             "again and says of each interface: used, refused, or why it has no use there. Under a leaked storage root "
             "only versions of a node's storage and backup keys that were made since the incident was opened may open "
             "anything; `open` notes in versions.json which there were, so give `probe` and `close` the same --out. "
             "`close` carries out an "
             "approved replacement, tries the old key again, and closes the incident with the digest of the final "
             "pack, or says what is missing. `verify` checks a pack without a node. Send as an organisation's "
             "administrator: an owner who stops his own account's key cannot note the steps that follow.",
         .arguments = {{"ACTION", "the step", Need::one, {"open", "list", "show", "probe", "close", "verify"}},
                       {"WHICH", "open: the key; show, probe, close: the incident's number; verify: the directory",
                        Need::optional}},
         .flags = joined(
             {{{.name = "since", .value = "HEIGHT", .help = "open: block of the leak (default: now)"},
               {.name = "reason", .value = "TEXT", .help = "open: why, public for ever"},
               {.name = "out",
                .value = "DIR",
                .help = "open, close: where the evidence goes; probe: where open put it",
                .completes = Completes::directory},
               {.name = "config",
                .value = "FILE",
                .help = "open: node.toml of a node on this machine (default: all of the development network)",
                .repeatable = true,
                .completes = Completes::file},
               {.name = "org",
                .value = "DIR",
                .help = "open: folder of an organisation on this machine, with its CA (default: all of the development "
                        "network)",
                .repeatable = true,
                .completes = Completes::directory},
               ca_passphrase_flag(),
               {.name = "node",
                .value = "URL",
                .help = "client endpoint to try the key on (default: all of the development network, or --rpc)",
                .repeatable = true},
               {.name = "old-key-file",
                .value = "FILE",
                .help = "a copy of the stopped account key, to try it with",
                .completes = Completes::file},
               {.name = "old-identity",
                .value = "DIR",
                .help = "a copy of a person's folder (ca.pem, identity.pem, identity.key), to try that key with",
                .completes = Completes::directory},
               {.name = "management",
                .value = "NODE=HOST:PORT",
                .help = "listener of a management zone to try it on (default: all of the development network)",
                .repeatable = true},
               {.name = "proof",
                .value = "FILE",
                .help = "open: proof of the new key: of an account (cairn key reset prove), or that votes (cairn "
                        "signer voting-key, prove-key)",
                .completes = Completes::file}},
              sender_flags(),
              transaction_flags(),
              rpc_flags()}),
         .examples =
             {{"cairn key incident open 0x70997970C51812dc3A010C7d01b50e0d17dc79C8 --since 120 --reason \"laptop "
               "stolen\" --key-file administrator.key --out evidence",
               ""},
              {"cairn key incident close 0 --key-file administrator.key --out evidence", ""},
              {"cairn key incident verify evidence", ""}},
         .run = key_incident});
}

} // namespace cairn::cli
