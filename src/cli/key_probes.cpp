#include "cli/key_probes.hpp"

#include "base/errors/cli.hpp"
#include "base/errors/crypto.hpp"
#include "base/errors/keys.hpp"
#include "base/errors/network.hpp"
#include "base/errors/zone.hpp"
#include "cli/files.hpp"
#include "cli/node_data.hpp"
#include "cli/zone_client.hpp"
#include "crypto/certificate.hpp"
#include "ledger/transaction.hpp"
#include "system/keys.hpp"

#include <algorithm>
#include <set>

namespace cairn::cli {
namespace {

using nlohmann::json;

constexpr int kProbeTimeoutSeconds = 10;

bool is_key_refusal(ErrorCode code) {
    const ErrorCode codes[] = {error::KeyRetired,   error::KeyQuarantined, error::KeyCompromised,
                               error::KeySuspended, error::AccountLocked,  error::KeyNotActive};
    return std::ranges::find(codes, code) != std::end(codes);
}

Result<std::uint64_t> head_of(RpcClient& rpc) {
    CRN_TRY(text, rpc.call("eth_blockNumber"));
    return quantity_u64(text, "the height");
}

/// A transfer of nothing to itself, with the account's next nonce: nothing but the key speaks against it.
Result<Bytes> probe_transaction(RpcClient& rpc, const KeyView& key, const crypto::AccountKey& old_key) {
    CRN_TRY(chain, rpc.call("eth_chainId"));
    CRN_TRY(chain_id, quantity(chain, "the chain id"));
    CRN_TRY(count, rpc.call("eth_getTransactionCount", {to_hex(key.head.owner), "pending"}));
    CRN_TRY(nonce, quantity_u64(count, "the nonce"));
    CRN_TRY(price_text, rpc.call("eth_gasPrice"));
    CRN_TRY(price, quantity(price_text, "the gas price"));
    ledger::Transaction out;
    out.type = ledger::TransactionType::dynamic_fee;
    out.chain_id = chain_id;
    out.nonce = nonce;
    out.max_fee_per_gas = price;
    out.gas_limit = 21'000;
    out.to = key.head.owner;
    CRN_CHECK(ledger::sign_transaction(out, old_key));
    return ledger::encode_transaction(out);
}

/// Without a copy of the key: the state by which this node judges it, at its own head.
Probe judged_by_state(Probe out, RpcClient& rpc, const KeyView& key, const std::string& where) {
    out.attempt += "; no copy of the key at hand, so: what this node's state says of it";
    const auto height = head_of(rpc);
    const auto state = height ? view_keys(rpc, "stateAt(bytes32,uint64)", {key.id, *height}, "(uint8)")
                              : std::unexpected(height.error());
    if (!state) {
        out.outcome = ProbeOutcome::unreachable;
        out.detail = state.error().text();
        return out;
    }
    out.height = *height;
    const auto now = static_cast<ledger::KeyState>((*state)[0].number().low());
    out.outcome = ledger::signs(now) ? ProbeOutcome::accepted : ProbeOutcome::refused;
    out.detail = "the key is " + std::string{ledger::name_of(now)} + ", and " + where + " asks for that";
    return out;
}

Probe probe_client(const ProbePlan& plan, const std::string& url, const std::string& token) {
    Probe out{.interface = "client",
              .target = url,
              .attempt = "a transaction signed by the key (eth_sendRawTransaction)",
              .outcome = ProbeOutcome::not_applicable,
              .code = {},
              .detail = {}};
    if (plan.key.head.key_class != ledger::KeyClass::account) {
        out.detail = "clients sign with account keys";
        return out;
    }
    out.outcome = ProbeOutcome::unreachable;
    auto rpc = RpcClient::open(url, token, kProbeTimeoutSeconds);
    if (!rpc) {
        out.detail = rpc.error().text();
        return out;
    }
    if (!plan.old_key) return judged_by_state(std::move(out), *rpc, plan.key, "admission");
    const auto height = head_of(*rpc);
    const auto raw = probe_transaction(*rpc, plan.key, *plan.old_key);
    if (!height || !raw) {
        out.detail = (height ? raw.error() : height.error()).text();
        return out;
    }
    out.height = *height;
    const auto answer = rpc->call("eth_sendRawTransaction", {to_hex(*raw)});
    if (answer) {
        out.outcome = ProbeOutcome::accepted;
        out.detail = answer->dump();
        return out;
    }
    out.code = std::string{error_id(answer.error().code)};
    out.detail = answer.error().text();
    out.outcome = is_key_refusal(answer.error().code) ? ProbeOutcome::refused : ProbeOutcome::unclear;
    return out;
}

/// Blocks are what consensus accepts: none from the effective height on may hold a use of the key.
Probe probe_blocks(const ProbePlan& plan, const std::string& url, const std::string& token) {
    Probe out{.interface = "consensus",
              .target = url,
              .attempt = "uses of the key in blocks from " + std::to_string(plan.since) + " on (cairn_keyImpact)",
              .outcome = ProbeOutcome::unreachable,
              .code = {},
              .detail = {}};
    auto rpc = RpcClient::open(url, token, kProbeTimeoutSeconds);
    if (!rpc) {
        out.detail = rpc.error().text();
        return out;
    }
    const auto height = head_of(*rpc);
    const auto impact = rpc->call("cairn_keyImpact", {to_hex(plan.key.id), to_quantity(U256{plan.since})});
    if (!height || !impact) {
        out.detail = (height ? impact.error() : height.error()).text();
        return out;
    }
    out.height = *height;
    const auto key_class = plan.key.head.key_class;
    if (key_class == ledger::KeyClass::audit_seal) {
        out.attempt = "an anchor of the audit log that the key seals";
        return judged_by_state(std::move(out), *rpc, plan.key, "the contract Anchors");
    }
    if (key_class != ledger::KeyClass::account && key_class != ledger::KeyClass::consensus) {
        out.outcome = ProbeOutcome::not_applicable;
        out.detail = "blocks hold what account and voting keys sign, and anchors that seal keys sign";
        return out;
    }
    std::uint64_t uses = 0;
    for (const auto& finding : impact->value("findings", json::array()))
        if (text_of(finding, "what") == "signed-with" && text_of(finding, "via") == to_hex(plan.key.id))
            uses += finding.value("count", std::uint64_t{0});
    out.outcome = uses == 0 ? ProbeOutcome::refused : ProbeOutcome::accepted;
    out.detail = std::to_string(uses) + " uses in the node's blocks";
    return out;
}

/// Names of the validators whose connections the voting key stands for: whoever votes with it now. After a change of epoch the seat
/// has another key, and its connections say nothing about this one.
Result<std::set<std::string>> validators_of(RpcClient& rpc, const KeyView& key) {
    CRN_TRY(set, rpc.call("cairn_getValidators"));
    if (!set.is_object()) return fail(error::CliRpcInvalid, rpc.url() + " does not tell its validators");
    std::set<std::string> out;
    for (const auto& member : set.value("members", json::array()))
        if (const auto bytes = from_hex(text_of(member, "publicKey")); bytes && system::key_id(*bytes) == key.id)
            out.insert(text_of(member, "name"));
    return out;
}

/// Nodes connect to each other by certificates that name the voting key and hold the TLS key.
Probe probe_peers(const ProbePlan& plan, const std::string& url, const std::string& token) {
    Probe out{.interface = "peer",
              .target = url,
              .attempt = "a connection between nodes",
              .outcome = ProbeOutcome::not_applicable,
              .code = {},
              .detail = {}};
    const auto key_class = plan.key.head.key_class;
    const bool is_voting = key_class == ledger::KeyClass::consensus;
    if (!is_voting && key_class != ledger::KeyClass::tls && key_class != ledger::KeyClass::authority) {
        out.detail = "nodes connect with voting and TLS keys, which CAs certify";
        return out;
    }
    out.outcome = ProbeOutcome::unreachable;
    auto rpc = RpcClient::open(url, token, kProbeTimeoutSeconds);
    if (!rpc) {
        out.detail = rpc.error().text();
        return out;
    }
    if (!is_voting)
        return judged_by_state(std::move(out), *rpc, plan.key, "every handshake, and every live connection,");
    const auto names = validators_of(*rpc, plan.key);
    const auto status = rpc->call("cairn_nodeStatus");
    if (!names || !status) {
        out.detail = (names ? status.error() : names.error()).text();
        return out;
    }
    if (names->contains(text_of(*status, "name"))) {
        out.outcome = ProbeOutcome::not_applicable;
        out.detail = "the key is this node's own";
        return out;
    }
    out.attempt = "live connections of the validator that the key belongs to (cairn_nodeStatus)";
    for (const auto& peer : status->value("peers", json::array()))
        if (names->contains(text_of(peer, "name")) && peer.value("connected", json(false)) == true) {
            out.outcome = ProbeOutcome::accepted;
            out.detail = text_of(peer, "name") + " is connected";
            return out;
        }
    return judged_by_state(std::move(out), *rpc, plan.key, "every handshake");
}

/// Persons enter the management zone with the key of their certificate, and sign commands with it.
Probe probe_admin(const ProbePlan& plan, const ManagementDoor& door) {
    Probe out{.interface = "admin",
              .target = door.host + ":" + std::to_string(door.port),
              .attempt = "a signed command in the management zone",
              .outcome = ProbeOutcome::unclear,
              .code = {},
              .detail = {}};
    const auto text = read_file(plan.old_identity + "/identity.pem", crypto::kPemBytesMax);
    const auto person =
        text ? crypto::inspect_certificate(*text) : Result<crypto::CertificateInfo>{std::unexpected(text.error())};
    if (person && !door.organisation.empty() && door.organisation != person->organisation) {
        out.outcome = ProbeOutcome::not_applicable;
        out.detail = "the nodes of " + door.organisation + " let in persons of " + door.organisation;
        return out;
    }
    const auto answer =
        send_command({.node = door.node, .host = door.host, .port = door.port, .identity_directory = plan.old_identity},
                     "status", {}, {});
    if (answer) {
        out.outcome = ProbeOutcome::accepted;
        out.detail = "it answered";
        return out;
    }
    out.code = std::string{error_id(answer.error().code)};
    out.detail = answer.error().text();
    if (answer.error().code == error::CertificateRevoked) out.outcome = ProbeOutcome::refused;
    if (answer.error().code == error::ZoneUnreachable) out.outcome = ProbeOutcome::unreachable;
    return out;
}

void add_admin(std::vector<Probe>& out, const ProbePlan& plan, const std::string& token) {
    const auto key_class = plan.key.head.key_class;
    const bool enters = key_class == ledger::KeyClass::person || key_class == ledger::KeyClass::authority;
    if (key_class == ledger::KeyClass::person && !plan.old_identity.empty()) {
        for (const auto& door : plan.doors) out.push_back(probe_admin(plan, door));
        if (!plan.doors.empty()) return;
    }
    for (const auto& url : plan.nodes) {
        Probe one{.interface = "admin",
                  .target = url,
                  .attempt = "a signed command in the management zone",
                  .outcome = ProbeOutcome::not_applicable,
                  .code = {},
                  .detail = "persons enter and sign with the keys of their certificates, which CAs issue"};
        if (!enters) {
            out.push_back(std::move(one));
            continue;
        }
        auto rpc = RpcClient::open(url, token, kProbeTimeoutSeconds);
        one.outcome = ProbeOutcome::unreachable;
        if (rpc)
            out.push_back(judged_by_state(std::move(one), *rpc, plan.key, "the zone"));
        else
            out.push_back(std::move(one));
    }
}

/// Under a leaked root every version of the storage keys, and of the backup keys, that the thief may have is out: only one that was made
/// since may open anything. Asked of the signer itself, through the node.
Probe probe_vault(const ProbePlan& plan, const std::string& data_dir, const char* interface, const std::string& noun,
                  const char* attempt) {
    Probe out{.interface = interface,
              .target = data_dir,
              .attempt = attempt,
              .outcome = ProbeOutcome::unreachable,
              .code = {},
              .detail = {}};
    const auto versions = versions_of(data_dir, noun);
    if (!versions) {
        out.detail = versions.error().text();
        return out;
    }
    const auto noted = plan.versions.highest(data_dir, noun);
    std::size_t refused = 0;
    std::string unknown; // a current version that may be the thief's
    for (const auto& [version, state] : *versions) {
        if (noted && version > *noted) continue; // made since
        const auto number = std::to_string(version);
        if (state == "current") {
            // The first version was always there.
            if (!noted && version > 1) {
                unknown = number;
                continue;
            }
            out.outcome = ProbeOutcome::accepted;
            out.code.clear();
            out.detail = "version " + number +
                         " is current and was there when the incident was opened: rotate, re-encrypt, retire";
            return out;
        }
        const auto tried = ask_control(data_dir, noun + " try " + number);
        if (!tried) {
            out.detail = tried.error().text();
            return out;
        }
        if (tried->value("refused", json(false)) != true) {
            out.outcome = ProbeOutcome::accepted;
            out.code.clear();
            out.detail =
                "version " + number + " is " + state + " and still opens what it wraps: rotate, re-encrypt, retire";
            return out;
        }
        out.code = text_of(*tried, "code");
        ++refused;
    }
    if (!unknown.empty()) {
        out.outcome = ProbeOutcome::unclear;
        out.code.clear();
        out.detail = "version " + unknown +
                     " is current, and nothing here tells whether it was there when the incident was opened: name with "
                     "--out the directory that cairn key incident open was given, which holds " +
                     std::string{kVersionsFile} + "; if it is lost, run open again, then rotate, re-encrypt, retire";
        return out;
    }
    out.outcome = refused == 0 ? ProbeOutcome::not_applicable : ProbeOutcome::refused;
    out.detail = refused != 0        ? std::to_string(refused) + " old versions open nothing"
                 : versions->empty() ? "no version was ever made"
                                     : "every version was made after the incident was opened";
    return out;
}

Probe without(std::string_view interface, std::string_view attempt, ProbeOutcome outcome, std::string_view why) {
    return {.interface = std::string{interface},
            .target = {},
            .attempt = std::string{attempt},
            .outcome = outcome,
            .code = {},
            .detail = std::string{why}};
}

} // namespace

std::string_view name_of(ProbeOutcome outcome) {
    switch (outcome) {
    case ProbeOutcome::refused: return "refused";
    case ProbeOutcome::accepted: return "accepted";
    case ProbeOutcome::unclear: return "unclear";
    case ProbeOutcome::unreachable: return "unreachable";
    case ProbeOutcome::not_applicable: return "not applicable";
    case ProbeOutcome::not_probed: return "not probed";
    case ProbeOutcome::not_present: return "not present";
    }
    return "";
}

std::vector<Probe> probe_key(const ProbePlan& plan, const std::string& token) {
    std::vector<Probe> out;
    for (const auto& url : plan.nodes) out.push_back(probe_client(plan, url, token));
    for (const auto& url : plan.nodes) out.push_back(probe_blocks(plan, url, token));
    for (const auto& url : plan.nodes) out.push_back(probe_peers(plan, url, token));
    add_admin(out, plan, token);
    const bool is_storage = plan.key.head.key_class == ledger::KeyClass::storage_root;
    struct Row {
        const char *interface, *noun, *attempt;
    };
    for (const auto& [interface, noun, attempt] :
         {Row{"storage", "storage-key", "opening stored files with an old version of the storage key"},
          Row{"restore", "backup-key", "restoring a backup with an old version of the backup key"}}) {
        if (!is_storage)
            out.push_back(without(interface, attempt, ProbeOutcome::not_applicable,
                                  "keys of this class open no files of a node and no backups"));
        else if (plan.data_dirs.empty())
            out.push_back(without(interface, attempt, ProbeOutcome::not_probed,
                                  "no node of this user runs on this machine: run it where the node is"));
        for (const auto& directory : is_storage ? plan.data_dirs : std::vector<std::string>{})
            out.push_back(probe_vault(plan, directory, interface, noun, attempt));
    }
    return out;
}

json to_json(const std::vector<Probe>& probes) {
    json out = json::array();
    for (const auto& probe : probes)
        out.push_back({{"interface", probe.interface},
                       {"target", probe.target},
                       {"attempt", probe.attempt},
                       {"outcome", name_of(probe.outcome)},
                       {"code", probe.code},
                       {"detail", probe.detail},
                       {"height", probe.height}});
    return out;
}

bool all_refused(const std::vector<Probe>& probes) {
    bool any = false;
    for (const auto& probe : probes) {
        if (probe.outcome == ProbeOutcome::accepted || probe.outcome == ProbeOutcome::unclear ||
            probe.outcome == ProbeOutcome::unreachable)
            return false;
        any = any || probe.outcome == ProbeOutcome::refused;
    }
    return any;
}

} // namespace cairn::cli
