#include "cli/key_incident_case.hpp"

#include "base/errors/cli.hpp"
#include "cli/config.hpp"
#include "cli/dev_state.hpp"
#include "cli/evidence_pack.hpp"
#include "cli/files.hpp"
#include "cli/governance.hpp"
#include "cli/keystore.hpp"
#include "cli/transact.hpp"
#include "crypto/hash.hpp"

#include <algorithm>
#include <filesystem>
#include <set>
#include <thread>

namespace cairn::cli {
namespace {

using codec::AbiValue;
using nlohmann::json;

/// A node is a block or two behind the one that answered first.
constexpr Milliseconds kProbePatience{10'000};
constexpr Milliseconds kProbePause{100};
constexpr std::size_t kVersionsBytesMax = 1u << 20;

std::vector<std::string> nodes_of(const Invocation& invocation, const RpcClient& rpc) {
    auto nodes = invocation.all("node");
    if (nodes.empty() && !invocation.has("rpc"))
        if (const auto state = read_dev_state(dev_dir(invocation)))
            for (const auto& node : state->nodes) nodes.push_back(node.rpc);
    if (nodes.empty()) nodes.push_back(rpc.url());
    return nodes;
}

/// Folders of organisations on this machine, with their CAs.
std::vector<std::string> organisations_of(const Invocation& invocation) {
    auto out = invocation.all("org");
    for (auto& directory : out) directory = absolute(directory);
    if (!out.empty()) return out;
    const auto state = read_dev_state(dev_dir(invocation));
    if (!state) return out;
    std::error_code problem;
    for (const auto& entry : std::filesystem::directory_iterator(state->directory + "/organisations", problem))
        out.push_back(entry.path().string());
    std::ranges::sort(out);
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

std::string digest_of(const json& content) { return to_hex(crypto::sha256(as_bytes(content.dump(2) + "\n"))); }

} // namespace

std::vector<std::string> configs_of(const Invocation& invocation) {
    auto out = invocation.all("config");
    for (auto& config : out) config = absolute(config);
    if (!out.empty()) return out;
    const auto state = read_dev_state(dev_dir(invocation));
    if (!state) return out;
    for (const auto& node : state->nodes) out.push_back(node.config);
    return out;
}

Result<IncidentCase> IncidentCase::read(const Invocation& invocation, RpcClient& rpc, const Sender& sender,
                                        std::uint64_t number) {
    CRN_TRY(incident, read_incident(rpc, number));
    CRN_TRY(key, read_key(rpc, incident.key));
    CRN_TRY(steps, steps_of(rpc, incident));
    return IncidentCase{.invocation = invocation,
                        .rpc = rpc,
                        .sender = sender,
                        .incident = incident,
                        .key = key,
                        .steps = std::move(steps)};
}

bool IncidentCase::can_note() const { return ledger::account_key_id(sender.address) != key.id; }

/// The chain's newest digest for a step; empty if it was not taken yet.
std::string IncidentCase::noted(const std::string& step) const {
    std::string out;
    for (const auto& one : steps)
        if (text_of(one, "step") == step) out = text_of(one, "digest");
    return out;
}

Status IncidentCase::note_once(const std::string& directory, const std::string& step, const std::string& file) {
    if (const auto before = noted(step); !before.empty())
        if (const auto text = read_file(directory + "/" + file))
            if (auto kept = json::parse(*text, nullptr, false); !kept.is_discarded() && digest_of(kept) == before) {
                files[file] = std::move(kept);
                return {};
            }
    return note(directory, step, file);
}

Status IncidentCase::note(const std::string& directory, const std::string& step, const std::string& file) {
    const auto digest = digest_of(files[file]);
    if (digest == noted(step)) return {};
    CRN_CHECK(make_directory(directory, Access::secret));
    CRN_CHECK(write_file(directory + "/" + file, files[file].dump(2) + "\n", Access::secret, Existing::replace));
    CRN_TRY(receipt, send_keys(invocation, rpc, sender, "noteIncident(uint256,string,bytes32)",
                               {incident.number, step, *fixed_from_hex<Hash256>(digest)}));
    steps.push_back({{"step", step},
                     {"digest", digest},
                     {"block", text_of(receipt, "blockNumber")},
                     {"transaction", text_of(receipt, "transactionHash")}});
    return {};
}

bool IncidentCase::has_versions() const { return key.head.key_class == ledger::KeyClass::storage_root; }

void IncidentCase::read_versions(const std::string& directory) {
    const std::string file{kVersionsFile};
    const auto text = has_versions() ? read_file(directory + "/" + file, kVersionsBytesMax) : std::string{};
    auto before = text ? NotedVersions::from_json(*text, incident.number, key.id) : std::nullopt;
    if (!before) return;
    versions = *std::move(before);
    files[file] = versions.to_json(incident.number, key.id);
}

Status IncidentCase::note_versions(const std::string& directory) {
    if (!has_versions()) return {};
    read_versions(directory);
    versions.add(data_dirs_of(invocation));
    const std::string file{kVersionsFile};
    auto content = versions.to_json(incident.number, key.id);
    if (files[file] == content) return {};
    files[file] = std::move(content);
    CRN_CHECK(make_directory(directory, Access::secret));
    return write_file(directory + "/" + file, files[file].dump(2) + "\n", Access::secret, Existing::replace);
}

Status IncidentCase::find_impact() {
    CRN_TRY(impact, rpc.call("cairn_keyImpact", {to_hex(key.id), to_quantity(U256{incident.since})}));
    files["impact.json"] = impact;
    return {};
}

Status IncidentCase::find_owners() {
    std::set<std::string> accounts{checksummed(key.head.owner)};
    for (const auto& account : files["impact.json"].value("accounts", json::array()))
        if (const auto address = fixed_from_hex<Address>(text_of(account, "account")))
            accounts.insert(checksummed(*address));
    CRN_TRY(text, rpc.call("cairn_getGenesis"));
    CRN_TRY(genesis, ledger::genesis_from_json(text.is_string() ? text.get<std::string>() : text.dump()));
    json organisations = json::array();
    for (const auto& organisation : genesis.organisations)
        organisations.push_back({{"name", organisation.name}, {"administrator", checksummed(organisation.account)}});
    files["owners.json"] = {{"accounts", accounts}, {"organisations", organisations}};
    return {};
}

/// First block that must not hold a use of a key that was stopped in `block`. Whether a transaction counts is judged when its block is
/// executed; who may vote for a block's result is known where the block of the quarantine was executed, at the latest two blocks on.
std::uint64_t IncidentCase::first_without_use() const {
    return incident.opened_at + (key.head.key_class == ledger::KeyClass::consensus ? 3 : 1);
}

Status IncidentCase::probe() {
    CRN_TRY(old_key, old_key_of(invocation, key.id));
    const ProbePlan plan{.key = key,
                         .nodes = nodes_of(invocation, rpc),
                         .doors = doors_of(invocation),
                         .data_dirs = data_dirs_of(invocation),
                         .old_key = old_key,
                         .old_identity = invocation.flag_or("old-identity", ""),
                         .since = first_without_use(),
                         .versions = versions};
    const auto& clock = system_clock();
    const auto start = clock.monotonic();
    for (;;) {
        probes = probe_key(plan, {});
        const auto elapsed = clock.monotonic() - start;
        // A use in a block stays, and a version of a key that opens; a connection is about to be cut, and a node that is a block behind is
        // about to refuse.
        const bool stays = std::ranges::any_of(probes, [&](const Probe& one) {
            return (one.outcome == ProbeOutcome::accepted || one.outcome == ProbeOutcome::unclear) &&
                   one.interface != "client" && one.interface != "peer" && one.interface != "admin" &&
                   !(one.interface == "consensus" && key.head.key_class == ledger::KeyClass::audit_seal);
        });
        if (all_refused(probes) || stays || elapsed >= kProbePatience) break;
        std::this_thread::sleep_for(kProbePause);
    }
    files["probes.json"] = {{"probes", to_json(probes)}, {"all_refused", all_refused(probes)}};
    return {};
}

/// The key's entry as the state root of a certified block proves it.
Status IncidentCase::add_proof() {
    CRN_TRY(head, rpc.call("eth_getBlockByNumber", {"latest", false}));
    const auto number = text_of(head, "number");
    json slots = json::array();
    for (std::uint64_t i = 0; i < ledger::kKeyEntryWords; ++i)
        slots.push_back(to_hex(to_big_endian(ledger::key_slot(key.id) + U256{i})));
    CRN_TRY(proof, rpc.call("eth_getProof", {to_hex(ledger::kKeysContract), slots, number}));
    CRN_TRY(certificate, rpc.call("cairn_getCertificate", {number}));
    files["proof.json"] = {{"block", head}, {"keys_contract", proof}, {"certificate", certificate}};
    return {};
}

Result<Hash256> IncidentCase::pack(const std::string& directory, std::string_view status) {
    CRN_TRY(key_now, read_key(rpc, key.id));
    CRN_TRY(incident_now, read_incident(rpc, incident.number));
    files["key.json"] = to_json(key_now);
    files["incident.json"] = {{"incident", to_json(incident_now)}, {"steps", steps}};
    CRN_CHECK(add_proof());
    CRN_TRY(chain, rpc.call("eth_chainId"));
    return write_evidence(
        directory, files,
        {{"incident", incident.number}, {"key", to_hex(key.id)}, {"status", status}, {"chain_id", chain}}, sender);
}

std::vector<ReplacementStep> IncidentCase::replace() {
    auto done = replace_key(invocation, rpc, sender,
                            {.key = key,
                             .incident = incident.number,
                             .configs = configs_of(invocation),
                             .organisations = organisations_of(invocation),
                             .proof = invocation.flag_or("proof", ""),
                             .versions = versions});
    files["replacement.json"] = {{"replacement", to_json(done)}};
    if (auto now = read_key(rpc, key.id)) key = *std::move(now);
    return done;
}

} // namespace cairn::cli
