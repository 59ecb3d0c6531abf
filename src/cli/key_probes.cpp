#include "cli/key_probes.hpp"

#include "base/errors/keys.hpp"
#include "ledger/transaction.hpp"

#include <algorithm>

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
    if (!plan.old_key) {
        out.outcome = ProbeOutcome::not_probed;
        out.detail = "no copy of the key: give --old-key-file";
        return out;
    }
    out.outcome = ProbeOutcome::unreachable;
    auto rpc = RpcClient::open(url, token, kProbeTimeoutSeconds);
    if (!rpc) {
        out.detail = rpc.error().text();
        return out;
    }
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
    std::uint64_t uses = 0;
    for (const auto& finding : impact->value("findings", json::array()))
        if (text_of(finding, "what") == "signed-with" && text_of(finding, "via") == to_hex(plan.key.id))
            uses += finding.value("count", std::uint64_t{0});
    out.outcome = uses == 0 ? ProbeOutcome::refused : ProbeOutcome::accepted;
    out.detail = std::to_string(uses) + " uses in the node's blocks";
    if (plan.key.head.key_class == ledger::KeyClass::consensus)
        out.detail += "; votes by this key count until the validator set changes";
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
    const bool is_account = plan.key.head.key_class == ledger::KeyClass::account;
    out.push_back(is_account ? without("peer", "a connection between nodes", ProbeOutcome::not_applicable,
                                       "an account key opens no connection between nodes")
                             : without("peer", "a connection between nodes", ProbeOutcome::not_probed,
                                       "this command holds no node's TLS key to try a handshake with"));
    out.push_back(without("admin", "a management request", ProbeOutcome::not_present,
                          "no management request is signed by keys of the contract Keys in this version"));
    out.push_back(is_account ? without("storage", "opening stored files", ProbeOutcome::not_applicable,
                                       "account keys protect no files of a node")
                             : without("storage", "opening stored files", ProbeOutcome::not_probed,
                                       "retired storage keys are refused by the node's own registry"));
    out.push_back(without("restore", "restoring a backup", ProbeOutcome::not_present,
                          "a backup is not opened through the network in this version"));
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
