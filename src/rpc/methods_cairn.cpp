// Our own methods: what Ethereum has no words for.
#include "ledger/account_key.hpp"
#include "ledger/consensus_block.hpp"
#include "rpc/json_writer.hpp"
#include "rpc/labels.hpp"
#include "rpc/lookup.hpp"
#include "rpc/method.hpp"
#include "system/keys.hpp"
#include "system/members.hpp"

#include <algorithm>

namespace cairn::rpc {
namespace {

/// EIP-7910: the rules in force. One protocol profile, from genesis on: Osaka without blobs.
Answer config(Context& context, const Parameters&) {
    static constexpr std::pair<const char*, std::uint16_t> kPrecompiles[] = {
        {"BLAKE2F", 0x09}, {"BN254_ADD", 0x06}, {"BN254_MUL", 0x07},   {"BN254_PAIRING", 0x08}, {"ECREC", 0x01},
        {"ID", 0x04},      {"MODEXP", 0x05},    {"P256VERIFY", 0x100}, {"RIPEMD160", 0x03},     {"SHA256", 0x02},
    };
    const auto genesis = context.chain.block(Height{0});
    if (!genesis) return rpc_fail(code::kInternal, "no genesis block");
    JsonWriter out;
    out.begin_object();
    out.key("current").begin_object();
    out.key("activationTime").number(context.chain.genesis().timestamp);
    out.key("blobSchedule").begin_object();
    out.key("target").number(0u);
    out.key("max").number(0u);
    out.key("baseFeeUpdateFraction").number(5'007'716u);
    out.end_object();
    out.key("chainId").quantity(context.chain.genesis().parameters.chain_id);
    out.key("forkId").hex(BytesView{genesis->hash}.first(4));
    out.key("precompiles").begin_object();
    for (const auto& [name, number] : kPrecompiles) {
        Address address;
        address.bytes[18] = static_cast<std::uint8_t>(number >> 8);
        address.bytes[19] = static_cast<std::uint8_t>(number);
        out.key(name).hex(address);
    }
    out.end_object();
    out.key("systemContracts").begin_object();
    out.key("HISTORY_STORAGE_ADDRESS").text("0x0000f90827f1c53a10cb7a02335b175320002935");
    out.end_object();
    out.end_object();
    out.key("next").null();
    out.key("last").null();
    out.end_object();
    return out.take();
}

/// Prometheus text format 0.0.4, as one JSON text: a scraper's adapter needs no more than to unpack it.
Answer metrics(Context& context, const Parameters&) {
    const auto status = context.chain.status();
    std::string text;
    const auto line = [&](const char* name, const char* kind, const char* help, std::uint64_t value) {
        text += std::string("# HELP ") + name + " " + help + "\n# TYPE " + name + " " + kind + "\n" + name + " " +
                std::to_string(value) + "\n";
    };
    const auto connected = std::ranges::count_if(status.peers, &node::PeerStatus::connected);
    line("cairn_height", "gauge", "Newest final block.", status.head.value);
    line("cairn_peers_connected", "gauge", "Validators connected on all streams.",
         static_cast<std::uint64_t>(connected));
    line("cairn_pool_transactions", "gauge", "Transactions that wait.", status.pool_transactions);
    line("cairn_certificate_not_after_seconds", "gauge", "End of the TLS certificate of this node, seconds since 1970.",
         static_cast<std::uint64_t>(std::max<std::int64_t>(0, status.certificate_not_after)));
    line("cairn_certificate_renewals_total", "counter", "Certificates taken into use without a restart.",
         status.certificate_renewals);
    line("cairn_certificates_refused_total", "counter", "Handshakes refused for the certificate of the peer.",
         status.certificates_refused);
    line("cairn_certificates_cut_total", "counter", "Live connections cut: revoked, expired or trusted no more.",
         status.certificates_cut);
    JsonWriter out;
    out.text(text);
    return out.take();
}

Answer node_status(Context& context, const Parameters&) {
    const auto status = context.chain.status();
    JsonWriter out;
    out.begin_object();
    out.key("name").text(status.name);
    out.key("organisation").text(status.organisation);
    out.key("version").text(status.version);
    out.key("head").quantity(status.head.value);
    out.key("view").quantity(status.view.value);
    out.key("syncing").boolean(status.syncing);
    out.key("poolTransactions").quantity(status.pool_transactions);
    out.key("certificateNotAfter")
        .quantity(static_cast<std::uint64_t>(std::max<std::int64_t>(0, status.certificate_not_after)));
    out.key("peers").begin_array();
    for (const auto& peer : status.peers) {
        out.begin_object();
        out.key("name").text(peer.name);
        out.key("organisation").text(peer.organisation);
        out.key("connected").boolean(peer.connected);
        out.end_object();
    }
    out.end_array();
    out.end_object();
    return out.take();
}

void write_validators(JsonWriter& out, const ledger::ValidatorSet& set) {
    out.begin_object();
    out.key("epoch").quantity(set.epoch.value);
    out.key("hash").hex(ledger::hash_of(set));
    out.key("quorum").quantity(set.quorum());
    out.key("members").begin_array();
    for (const auto& member : set.members) {
        out.begin_object();
        out.key("name").text(member.name);
        out.key("organisation").text(member.organisation);
        out.key("algorithm").text(crypto::name_of(member.key.algorithm));
        out.key("publicKey").hex(member.key.bytes);
        out.key("address").text(member.address);
        out.end_object();
    }
    out.end_array();
    out.end_object();
}

/// Who certified the block: the execution votes on its hash, with the set that voted and the bytes that each signed.
Answer certificate(Context& context, const Parameters& parameters) {
    CRN_TRY(at, parameters.block(0));
    CRN_TRY(block, require_block(context.chain, at));
    CRN_TRY(found, lift(context.chain.certificate(Height{block->block.header.number})));
    CRN_TRY(validators, lift(context.chain.validators(found.statement.epoch)));
    codec::WireWriter encoded;
    ledger::encode(encoded, found);
    JsonWriter out;
    out.begin_object();
    out.key("number").quantity(block->block.header.number);
    out.key("hash").hex(block->hash);
    out.key("epoch").quantity(found.statement.epoch.value);
    out.key("signedBytes").hex(ledger::signed_bytes(context.chain.genesis().parameters.chain_id, found.statement));
    out.key("votes").begin_array();
    for (const auto& entry : found.entries) {
        out.begin_object();
        out.key("validator").quantity(entry.voter.value);
        out.key("signature").hex(entry.signature);
        out.end_object();
    }
    out.end_array();
    out.key("validators");
    write_validators(out, validators);
    out.key("raw").hex(encoded.bytes());
    out.end_object();
    return out.take();
}

Answer validators(Context& context, const Parameters& parameters) {
    auto epoch = context.chain.epoch();
    if (parameters.has(0)) {
        CRN_TRY(given, parameters.u64(0));
        epoch = Epoch{given};
    }
    CRN_TRY(set, lift(context.chain.validators(epoch)));
    JsonWriter out;
    write_validators(out, set);
    return out.take();
}

/// That a record was made is told, not which one, if it has a label.
void write_findings(JsonWriter& out, const keys::Impact& impact, const Labels& labels) {
    out.begin_array();
    for (const auto& finding : impact.findings) {
        const auto& event = finding.event;
        out.begin_object();
        out.key("what").text(keys::name_of(event.kind));
        out.key("via").hex(finding.via);
        const bool is_hidden = event.kind == keys::Touch::recorded && labels.covers_record(event.other);
        if (!event.other.is_zero() && !is_hidden) out.key("other").hex(event.other);
        if (!event.subject.empty()) out.key("subject").text(event.subject);
        out.key("height").number(event.height);
        out.key("lastHeight").number(event.last_height);
        out.key("count").number(event.count);
        if (event.kind == keys::Touch::session) out.key("forwardSecret").boolean(event.forward_secret);
        out.end_object();
    }
    out.end_array();
}

/// What stands to be lost with an account, at the head.
void write_account_at_stake(JsonWriter& out, const Address& address, const ledger::StateView& view) {
    const auto account = view.account(address);
    out.begin_object();
    out.key("account").hex(address);
    out.key("balance").quantity(account ? account->balance : U256{});
    out.key("nonce").quantity(account ? account->nonce : 0);
    out.key("key").hex(system::key_of_account(view, address));
    out.key("roles").begin_array();
    if (const auto name = system::organisation_of(view, address)) out.text("administrator of " + *name);
    out.end_array();
    out.end_object();
}

/// Everything that the key touched from a height on, with the keys that lie encrypted under it.
Answer key_impact(Context& context, const Parameters& parameters) {
    CRN_TRY(key, parameters.hash(0));
    std::uint64_t since = 0;
    if (parameters.has(1)) {
        CRN_TRY(given, parameters.u64(1));
        since = given;
    }
    CRN_TRY(impact, lift(context.chain.key_impact(key, Height{since})));
    CRN_TRY(view, lift(context.chain.state(context.chain.head())));
    JsonWriter out;
    out.begin_object();
    out.key("key").hex(key);
    out.key("since").number(since);
    out.key("head").number(context.chain.head().value);
    out.key("keys").begin_array();
    for (const auto& one : impact.keys) {
        out.begin_object();
        out.key("id").hex(one);
        if (const auto facts = system::key_facts(*view, one, context.chain.head().value + 1)) {
            out.key("class").text(ledger::name_of(facts->head.key_class));
            out.key("state").text(ledger::name_of(facts->head.state));
            out.key("owner").hex(facts->head.owner);
        }
        out.end_object();
    }
    out.end_array();
    out.key("accounts").begin_array();
    for (const auto& account : impact.accounts)
        write_account_at_stake(out, *Address::from(BytesView{account}.last(Address::kSize)), *view);
    out.end_array();
    out.key("findings");
    write_findings(out, impact, Labels{context});
    out.end_object();
    if (out.size() > context.limits.answer_bytes_max)
        return rpc_fail(code::kLimit, "response too large: ask for a later height");
    return out.take();
}

/// The genesis file as it lies on disk.
Answer genesis(Context& context, const Parameters&) { return ledger::to_json(context.chain.genesis()); }

} // namespace

void add_cairn_methods(MethodTable& table) {
    table["eth_config"] = {Cost::quick, 0, 0, config};
    table["cairn_nodeStatus"] = {Cost::quick, 0, 0, node_status};
    table["cairn_metrics"] = {Cost::quick, 0, 0, metrics};
    table["cairn_getCertificate"] = {Cost::normal, 0, 1, certificate};
    table["cairn_getValidators"] = {Cost::quick, 0, 1, validators};
    table["cairn_keyImpact"] = {Cost::slow, 1, 2, key_impact};
    table["cairn_getGenesis"] = {Cost::quick, 0, 0, genesis};
}

} // namespace cairn::rpc
