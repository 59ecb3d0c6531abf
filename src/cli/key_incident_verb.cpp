#include "base/errors/cli.hpp"
#include "base/errors/keys.hpp"
#include "cli/config.hpp"
#include "cli/dev_state.hpp"
#include "cli/evidence_pack.hpp"
#include "cli/files.hpp"
#include "cli/governance.hpp"
#include "cli/key_commands.hpp"
#include "cli/key_probes.hpp"
#include "cli/key_replacement.hpp"
#include "cli/keys_client.hpp"
#include "cli/keystore.hpp"
#include "cli/transact.hpp"
#include "crypto/hash.hpp"
#include "system/keys.hpp"

#include <algorithm>
#include <ostream>
#include <set>
#include <thread>

namespace cairn::cli {
namespace {

using codec::AbiValue;
using nlohmann::json;

/// A node is a block or two behind the one that answered first.
constexpr Milliseconds kProbePatience{10'000};
constexpr Milliseconds kProbePause{100};
constexpr const char* kImpactStep = "impact";
constexpr const char* kOwnersStep = "owners notified";
constexpr const char* kProbesStep = "probes";
constexpr const char* kReplacementStep = "replacement";
constexpr const char* kVerifiedStep = "verified";
constexpr const char* kVersionsStep = "versions of storage keys";
constexpr std::size_t kVersionsBytesMax = 1u << 20;

std::vector<std::string> nodes_of(const Invocation& invocation, const RpcClient& rpc) {
    auto nodes = invocation.all("node");
    if (nodes.empty() && !invocation.has("rpc"))
        if (const auto state = read_dev_state(dev_dir(invocation)))
            for (const auto& node : state->nodes) nodes.push_back(node.rpc);
    if (nodes.empty()) nodes.push_back(rpc.url());
    return nodes;
}

/// Configurations of the nodes on this machine.
std::vector<std::string> configs_of(const Invocation& invocation) {
    auto out = invocation.all("config");
    for (auto& config : out) config = absolute(config);
    if (!out.empty()) return out;
    const auto state = read_dev_state(dev_dir(invocation));
    if (!state) return out;
    for (const auto& node : state->nodes) out.push_back(node.config);
    return out;
}

/// Where the signers of this machine's nodes can be asked.
std::vector<std::string> data_dirs_of(const Invocation& invocation) {
    std::vector<std::string> out;
    for (const auto& config : configs_of(invocation))
        if (const auto settings = read_node_config(config)) out.push_back(settings->node.data_dir);
    return out;
}

/// A copy of the stopped key, to try it with: from a file, or one of the development network's.
Result<std::optional<crypto::AccountKey>> old_key_of(const Invocation& invocation, const Hash256& id) {
    std::optional<crypto::AccountKey> out;
    if (const auto file = invocation.flag("old-key-file")) {
        CRN_TRY(text, read_secret_file(*file));
        auto key = parse_private_key(text);
        wipe(text);
        if (!key) return fail(key.error().code, *file);
        CRN_TRY(address, address_of(*key));
        if (ledger::account_key_id(address) != id)
            return fail(error::CliUsage,
                        *file + " is the key " + checksummed(address) + ", not the one of the incident");
        out = *key;
        return out;
    }
    const auto state = read_dev_state(dev_dir(invocation));
    if (!state) return out;
    for (const auto& account : state->accounts) {
        const auto address = fixed_from_hex<Address>(account.address);
        if (!address || ledger::account_key_id(*address) != id) continue;
        CRN_TRY(key, parse_private_key(account.private_key));
        out = key;
    }
    return out;
}

Result<std::uint64_t> block_of(const json& receipt) {
    return quantity_u64(receipt.value("blockNumber", json{}), "the block");
}

/// The quarantine and each step noted since, as the chain has them: whoever goes on with an incident learns from it what was done.
Result<json> steps_of(RpcClient& rpc, const IncidentView& incident) {
    const auto opened = to_hex(ledger::event_topic("IncidentOpened(uint256,bytes32,uint64,string)"));
    const auto step = to_hex(ledger::event_topic("IncidentStep(uint256,string,bytes32)"));
    const auto number = to_hex(to_big_endian(U256{incident.number}));
    CRN_TRY(logs, key_events(rpc, json::array({json::array({opened, step}), number}), incident.opened_at));
    json out = json::array();
    for (const auto& log : logs) {
        json one = {{"step", "quarantine"},
                    {"block", text_of(log, "blockNumber")},
                    {"transaction", text_of(log, "transactionHash")}};
        const auto topics = log.value("topics", json::array());
        if (topics.is_array() && !topics.empty() && topics[0] == step) {
            const auto data = from_hex(text_of(log, "data"));
            const auto values = data ? codec::abi_decode("(string,bytes32)", *data)
                                     : Result<AbiValue::List>{fail(error::CliRpcInvalid, rpc.url())};
            if (!values) return std::unexpected(values.error());
            one["step"] = (*values)[0].as_text();
            one["digest"] = to_hex((*values)[1].as_hash());
        }
        out.push_back(std::move(one));
    }
    return out;
}

/// One incident while it is worked on: what was found and done, each step noted on chain.
struct Case {
    const Invocation& invocation;
    RpcClient& rpc;
    const Sender& sender;
    std::uint64_t number = 0;
    KeyView key;
    IncidentView incident;
    std::map<std::string, json> files;
    json steps = json::array();
    std::vector<Probe> probes;
    NotedVersions versions; // of this machine's storage and backup keys when the incident was opened

    static std::string digest_of(const json& content) {
        return to_hex(crypto::sha256(as_bytes(content.dump(2) + "\n")));
    }
    /// The chain's newest digest for a step; empty if it was not taken yet.
    std::string noted(const std::string& step) const {
        std::string out;
        for (const auto& one : steps)
            if (text_of(one, "step") == step) out = text_of(one, "digest");
        return out;
    }
    /// What an earlier run has noted and left in the directory stands; otherwise `files[file]` does, and is noted.
    Status note_once(const std::string& directory, const std::string& step, const std::string& file) {
        if (const auto before = noted(step); !before.empty())
            if (const auto text = read_file(directory + "/" + file))
                if (auto kept = json::parse(*text, nullptr, false); !kept.is_discarded() && digest_of(kept) == before) {
                    files[file] = std::move(kept);
                    return {};
                }
        return note(directory, step, file);
    }
    /// On disk before it is on chain: no digest there is of something that is lost with this process.
    Status note(const std::string& directory, const std::string& step, const std::string& file) {
        const auto digest = digest_of(files[file]);
        if (digest == noted(step)) return {};
        CRN_CHECK(make_directory(directory, Access::secret));
        CRN_CHECK(write_file(directory + "/" + file, files[file].dump(2) + "\n", Access::secret, Existing::replace));
        CRN_TRY(receipt, send_keys(invocation, rpc, sender, "noteIncident(uint256,string,bytes32)",
                                   {number, step, *fixed_from_hex<Hash256>(digest)}));
        steps.push_back({{"step", step},
                         {"digest", digest},
                         {"block", text_of(receipt, "blockNumber")},
                         {"transaction", text_of(receipt, "transactionHash")}});
        return {};
    }
};

/// The sender cannot note steps if its own key is the one that was stopped.
bool can_note(const Case& of) { return ledger::account_key_id(of.sender.address) != of.key.id; }

bool has_versions(const Case& of) { return of.key.head.key_class == ledger::KeyClass::storage_root; }

/// What an earlier run has left in the directory, if it is of this incident.
void read_versions(Case& of, const std::string& directory) {
    const std::string file{kVersionsFile};
    const auto text = has_versions(of) ? read_file(directory + "/" + file, kVersionsBytesMax) : std::string{};
    auto noted = text ? NotedVersions::from_json(*text, of.number, of.key.id) : std::nullopt;
    if (!noted) return;
    of.versions = *std::move(noted);
    of.files[file] = of.versions.to_json(of.number, of.key.id);
}

/// On disk before anything else is asked: what is made from now on is not the thief's. The first note stays, also after a kill. One
/// that was lost is made anew, and then asks for more than it must: one more rotation.
Status note_versions(Case& of, const std::string& directory) {
    if (!has_versions(of)) return {};
    read_versions(of, directory);
    of.versions.add(data_dirs_of(of.invocation));
    const std::string file{kVersionsFile};
    auto content = of.versions.to_json(of.number, of.key.id);
    if (of.files[file] == content) return {};
    of.files[file] = std::move(content);
    CRN_CHECK(make_directory(directory, Access::secret));
    return write_file(directory + "/" + file, of.files[file].dump(2) + "\n", Access::secret, Existing::replace);
}

Status find_impact(Case& of) {
    CRN_TRY(impact, of.rpc.call("cairn_keyImpact", {to_hex(of.key.id), to_quantity(U256{of.incident.since})}));
    of.files["impact.json"] = impact;
    return {};
}

/// Who must hear of it: the owner, the accounts concerned, and whoever administers an organisation.
Status find_owners(Case& of) {
    std::set<std::string> accounts{checksummed(of.key.head.owner)};
    for (const auto& account : of.files["impact.json"].value("accounts", json::array()))
        if (const auto address = fixed_from_hex<Address>(text_of(account, "account")))
            accounts.insert(checksummed(*address));
    CRN_TRY(text, of.rpc.call("cairn_getGenesis"));
    CRN_TRY(genesis, ledger::genesis_from_json(text.is_string() ? text.get<std::string>() : text.dump()));
    json organisations = json::array();
    for (const auto& organisation : genesis.organisations)
        organisations.push_back({{"name", organisation.name}, {"administrator", checksummed(organisation.account)}});
    of.files["owners.json"] = {{"accounts", accounts}, {"organisations", organisations}};
    return {};
}

/// First block that must not hold a use of a key that was stopped in `block`. Whether a transaction counts is judged when its block is
/// executed; who may vote for a block's result is known where the block of the quarantine was executed, at the latest two blocks on.
std::uint64_t first_without_use(const KeyView& key, std::uint64_t block) {
    return block + (key.head.key_class == ledger::KeyClass::consensus ? 3 : 1);
}

std::vector<ManagementDoor> doors_of(const Invocation& invocation) {
    std::vector<ManagementDoor> out;
    if (const auto state = read_dev_state(dev_dir(invocation)); state && !invocation.has("rpc"))
        for (const auto& node : state->nodes)
            if (const auto settings = read_node_config(node.config); settings && settings->management)
                out.push_back(
                    {node.name, node.organisation, settings->management->tls.address, settings->management->tls.port});
    for (const auto& given : invocation.all("management")) {
        const auto equals = given.find('=');
        const auto where = equals == std::string::npos ? std::nullopt : parse_host_port(given.substr(equals + 1));
        if (where) out.push_back({given.substr(0, equals), {}, where->host, where->port});
    }
    return out;
}

/// Tries until no node accepts the key any more, or patience ends.
Status probe(Case& of, std::uint64_t since) {
    CRN_TRY(old_key, old_key_of(of.invocation, of.key.id));
    const ProbePlan plan{.key = of.key,
                         .nodes = nodes_of(of.invocation, of.rpc),
                         .doors = doors_of(of.invocation),
                         .data_dirs = data_dirs_of(of.invocation),
                         .old_key = old_key,
                         .old_identity = of.invocation.flag_or("old-identity", ""),
                         .since = since,
                         .versions = of.versions};
    const auto& clock = system_clock();
    const auto start = clock.monotonic();
    for (;;) {
        of.probes = probe_key(plan, {});
        const auto elapsed = clock.monotonic() - start;
        // A use in a block stays, and a version of a key that opens; a connection is about to be cut, and a node that is a block behind is
        // about to refuse.
        const bool stays = std::ranges::any_of(of.probes, [](const Probe& one) {
            return (one.outcome == ProbeOutcome::accepted || one.outcome == ProbeOutcome::unclear) &&
                   one.interface != "client" && one.interface != "peer" && one.interface != "admin";
        });
        if (all_refused(of.probes) || stays || elapsed >= kProbePatience) break;
        std::this_thread::sleep_for(kProbePause);
    }
    of.files["probes.json"] = {{"probes", to_json(of.probes)}, {"all_refused", all_refused(of.probes)}};
    return {};
}

/// The key's entry as the state root of a certified block proves it.
Status add_proof(Case& of) {
    CRN_TRY(head, of.rpc.call("eth_getBlockByNumber", {"latest", false}));
    const auto number = text_of(head, "number");
    json slots = json::array();
    for (std::uint64_t i = 0; i < ledger::kKeyEntryWords; ++i)
        slots.push_back(to_hex(to_big_endian(ledger::key_slot(of.key.id) + U256{i})));
    CRN_TRY(proof, of.rpc.call("eth_getProof", {to_hex(ledger::kKeysContract), slots, number}));
    CRN_TRY(certificate, of.rpc.call("cairn_getCertificate", {number}));
    of.files["proof.json"] = {{"block", head}, {"keys_contract", proof}, {"certificate", certificate}};
    return {};
}

Result<Hash256> pack(Case& of, const std::string& directory, std::string_view status) {
    CRN_TRY(key, read_key(of.rpc, of.key.id));
    CRN_TRY(incident, read_incident(of.rpc, of.number));
    of.files["key.json"] = to_json(key);
    of.files["incident.json"] = {{"incident", to_json(incident)}, {"steps", of.steps}};
    CRN_CHECK(add_proof(of));
    CRN_TRY(chain, of.rpc.call("eth_chainId"));
    return write_evidence(
        directory, of.files,
        {{"incident", of.number}, {"key", to_hex(of.key.id)}, {"status", status}, {"chain_id", chain}}, of.sender);
}

void print_case(const Case& of, const json& summary) {
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

std::vector<ReplacementStep> replace(Case& of) {
    auto steps = replace_key(of.invocation, of.rpc, of.sender,
                             {.key = of.key,
                              .incident = of.number,
                              .configs = configs_of(of.invocation),
                              .proof = of.invocation.flag_or("proof", "")});
    of.files["replacement.json"] = {{"replacement", to_json(steps)}};
    if (auto key = read_key(of.rpc, of.key.id)) of.key = *std::move(key);
    return steps;
}

/// `cairn validator list` shows voting keys themselves: their digits name them as well as their ids do.
Hash256 id_of(RpcClient& rpc, const Hash256& named) {
    if (read_key(rpc, named)) return named;
    const auto id = system::key_id(named);
    return read_key(rpc, id) ? id : named;
}

Status incident_open(Invocation& invocation) {
    CRN_TRY(named, parse_key_id(invocation.argument(1)));
    CRN_TRY(since, invocation.number("since", 0, 0, UINT64_MAX - 1));
    CRN_TRY(directory, evidence_directory(invocation));
    CRN_TRY(sender, choose_sender(invocation));
    CRN_TRY(rpc, open_rpc(invocation));
    const auto id = id_of(rpc, named);
    const auto& clock = system_clock();
    // The key of a certificate has an entry only if somebody made one.
    if (const auto certified = certified_key(invocation.argument(1)); certified && !read_key(rpc, id))
        CRN_CHECK(send_keys(invocation, rpc, sender, "register(bytes32,uint8,uint64,uint64,bool)",
                            {id, static_cast<std::uint8_t>(certified->key_class), 0, 0, 1}));
    const auto start = clock.monotonic();
    CRN_TRY(before_text, rpc.call("eth_blockNumber"));
    CRN_TRY(before, quantity_u64(before_text, "the height"));
    CRN_TRY(opened, open_incident(invocation, rpc, sender, id, since, invocation.flag_or("reason", "")));
    CRN_TRY(incident, read_incident(rpc, opened.number));
    if (incident.key != id)
        return fail(error::CliRpcInvalid, rpc.url() + " does not show the incident that it has taken");
    const bool is_resumed = !opened.is_new;
    const auto block = incident.opened_at;
    // Until it was stopped, if it is stopped now.
    const auto blocks = is_resumed ? 0 : block - std::min(block, before);
    CRN_TRY(key, read_key(rpc, id));
    CRN_TRY(steps, steps_of(rpc, incident));
    Case of{.invocation = invocation,
            .rpc = rpc,
            .sender = sender,
            .number = opened.number,
            .key = key,
            .incident = incident,
            .files = {},
            .steps = std::move(steps)};
    CRN_CHECK(note_versions(of, directory));
    // First that it is stopped everywhere: all else can wait.
    CRN_CHECK(probe(of, first_without_use(key, block)));
    const auto effective = std::chrono::duration_cast<Milliseconds>(clock.monotonic() - start);
    CRN_CHECK(find_impact(of));
    CRN_CHECK(find_owners(of));
    if (can_note(of)) {
        if (has_versions(of)) CRN_CHECK(of.note(directory, kVersionsStep, std::string{kVersionsFile}));
        CRN_CHECK(of.note_once(directory, kImpactStep, "impact.json"));
        CRN_CHECK(of.note_once(directory, kOwnersStep, "owners.json"));
        CRN_CHECK(of.note_once(directory, kProbesStep, "probes.json"));
    }
    const auto replacement = replace(of);
    if (can_note(of)) CRN_CHECK(of.note(directory, kReplacementStep, "replacement.json"));
    const bool is_replaced = all_done(replacement);
    if (is_resumed || is_replaced) {
        // That the old key is refused shows once more when another is in its place.
        const auto first = std::exchange(of.files["probes.json"], {});
        CRN_CHECK(probe(of, first_without_use(key, block)));
        of.files["verified.json"] = std::exchange(of.files["probes.json"], first);
        if (is_replaced && can_note(of)) CRN_CHECK(of.note_once(directory, kVerifiedStep, "verified.json"));
    }
    CRN_TRY(manifest, pack(of, directory, "open"));
    const auto close = "cairn key incident close " + std::to_string(of.number) + " --out DIR";
    print_case(of, {{"incident", of.number},
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
    CRN_TRY(incident, read_incident(rpc, number));
    if (incident.closed_at != 0)
        return fail(error::CliPrecondition, "incident " + std::to_string(number) + " is closed already");
    CRN_TRY(key, read_key(rpc, incident.key));
    Case of{.invocation = invocation,
            .rpc = rpc,
            .sender = sender,
            .number = number,
            .key = key,
            .incident = incident,
            .files = {}};
    CRN_TRY(steps, steps_of(rpc, incident));
    of.steps = std::move(steps);
    read_versions(of, directory);
    // A replacement that everybody has approved is carried out now.
    bool is_pending = false;
    if (key.head.key_class == ledger::KeyClass::account) {
        const auto replacement = replace(of);
        is_pending = std::ranges::any_of(replacement, [](const ReplacementStep& one) {
            return one.state == StepState::waiting || one.state == StepState::failed;
        });
    }
    CRN_CHECK(probe(of, first_without_use(key, incident.opened_at)));
    CRN_CHECK(find_impact(of));
    CRN_CHECK(find_owners(of));
    CRN_TRY(manifest, pack(of, directory, "closing"));
    const bool stopped = !ledger::signs(of.key.head.state);
    const bool done = stopped && !is_pending && all_refused(of.probes);
    if (done) {
        CRN_TRY(receipt, send_keys(invocation, rpc, sender, "closeIncident(uint256,bytes32)", {number, manifest}));
        CRN_TRY(block, block_of(receipt));
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
    CRN_TRY(incident, read_incident(rpc, number));
    CRN_TRY(key, read_key(rpc, incident.key));
    const Sender nobody{};
    Case of{.invocation = invocation,
            .rpc = rpc,
            .sender = nobody,
            .number = number,
            .key = key,
            .incident = incident,
            .files = {}};
    if (const auto directory = invocation.flag("out")) read_versions(of, *directory);
    CRN_CHECK(probe(of, first_without_use(key, incident.opened_at)));
    print_case(of, {{"incident", number},
                    {"key", key_text(key.id)},
                    {"state", ledger::name_of(key.head.state)},
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
             "writes an evidence pack. A TLS or person's key is named by its certificate's file, and registered if the "
             "chain does not know it yet. Then it replaces the key as far as it can from here. For the voting key of a "
             "node on this machine it makes a new one beside the old, names it in node.toml, starts the node of a "
             "development network again, proposes it, and carries out what the others have approved; --proof takes one "
             "that was made elsewhere. For an account it proposes the key of --proof. What it cannot do - keys on "
             "tokens, certificates, nodes elsewhere, the approvals of others - it names with the command and for whom, "
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
