#include "cli/keys_client.hpp"

#include "base/errors/cli.hpp"
#include "cli/files.hpp"
#include "cli/keystore.hpp"
#include "cli/transact.hpp"
#include "crypto/certificate.hpp"
#include "ledger/genesis.hpp"
#include "ledger/selector.hpp"
#include "system/keys.hpp"

#include <algorithm>
#include <array>

namespace cairn::cli {
namespace {

using codec::AbiValue;
using nlohmann::json;

constexpr std::uint64_t kLogBlocks = 10'000; // what a node searches for one request unless it is told otherwise
constexpr std::string_view kOpenIncident = "openIncident(bytes32,uint64,string)";
constexpr std::string_view kIncidentIsOpen = "IncidentIsOpen(uint256)";
constexpr std::string_view kKeyTuple = "((address,uint8,uint8,uint32,uint64,uint64,uint64,uint64,bytes32,bytes32))";

/// The contract's own errors in words.
constexpr std::pair<std::string_view, std::string_view> kReasons[] = {
    {"KeyUnknown(bytes32)", "the chain does not know this key"},
    {"KeyTaken(bytes32)", "this key has an entry already; a new key must be a fresh one"},
    {"TransitionRefused(uint8,uint8)", "a key in its present state may not be brought into that state by this account"},
    {"FieldInvalid(string)", "a value is out of range: the delay, a height, the class or the text"},
    {"PossessionInvalid(address)", "the proof is not one by the new key for this account and version"},
    {"KeyInUse(address)", "the new key's own address has a nonce or code; take a fresh key"},
    {"NotDirect()", "only a transaction of the account itself may do this"},
    {"QuorumLost(uint256,uint256)",
     "too few validators would keep a key that signs, and the chain would stand still; more than half of the "
     "organisations may do it: cairn key state KEY quarantined --force"},
    {"ResetUnknown(address)", "no reset of this account waits"},
    {"ResetPending(address)", "a reset of this account waits already"},
    {"TooEarly(uint256,uint256)", "the delay is not over"},
    {"IncidentUnknown(uint256)", "no open incident has this number"},
    {kIncidentIsOpen, "an incident on this key is open already: cairn key incident list"},
    {"KeyStillSigns(bytes32)", "the quarantine would end by itself: replace the key, or let more than half confirm it"},
    {"QuarantineUsed(bytes32)", "this organisation has stopped this key alone before; now more than half must agree"},
    {"NotAuthorised(address)", "the sending account is neither the key's owner nor an organisation's administrator"},
    {"RoundOver(bytes32,uint256)", "something else was decided about this key; propose it anew"}};

std::string reason_of(const std::string& revert_data) {
    const auto data = from_hex(revert_data);
    if (!data || data->size() < 4) return "refused without a reason";
    for (const auto& [signature, text] : kReasons) {
        const auto selector = ledger::selector_of(signature);
        if (std::equal(selector.begin(), selector.end(), data->begin())) return std::string{text};
    }
    return "refused with " + revert_data;
}

std::uint64_t number_at(const AbiValue::List& list, std::size_t i) { return list[i].number().low(); }

/// The incident that is open on the key: asked for another one, the contract names it. Nothing if it refuses for another reason, or would
/// open one.
std::optional<std::uint64_t> open_incident_on(RpcClient& rpc, const Address& asker, const Hash256& id) {
    const auto data = to_hex(keys_call(kOpenIncident, {id, 0, ""}));
    const auto answer = rpc.call(
        "eth_call",
        {{{"from", to_hex(asker)}, {"to", to_hex(ledger::kKeysContract)}, {"data", data}, {"input", data}}, "latest"});
    if (answer || answer.error().code != error::CliReverted) return std::nullopt;
    const auto told = from_hex(rpc.revert_data());
    const auto selector = ledger::selector_of(kIncidentIsOpen);
    if (!told || told->size() < selector.size() || !std::equal(selector.begin(), selector.end(), told->begin()))
        return std::nullopt;
    const auto values = codec::abi_decode("(uint256)", BytesView{*told}.subspan(selector.size()));
    if (!values || !(*values)[0].number().fits_u64()) return std::nullopt;
    return number_at(*values, 0);
}

} // namespace

Result<Hash256> parse_key_id(std::string_view text) {
    const std::string word{text};
    if (const auto id = fixed_from_hex<Hash256>(word)) return *id;
    if (const auto address = parse_address(word)) return ledger::account_key_id(*address);
    if (const auto certified = certified_key(word)) return certified->id;
    return fail(error::CliUsage,
                "\"" + word + "\" is neither an address, nor a key id of 64 hex digits, nor a file with a certificate");
}

std::optional<CertifiedKeyId> certified_key(const std::string& text) {
    if (!exists(text)) return std::nullopt;
    const auto content = read_file(text, crypto::kPemBytesMax);
    if (!content) return std::nullopt;
    const auto info = crypto::inspect_certificate(*content);
    if (!info) return std::nullopt;
    if (info->is_ca)
        return CertifiedKeyId{system::authority_id(*content), ledger::KeyClass::authority, info->organisation};
    return CertifiedKeyId{info->key_id, info->consensus_key ? ledger::KeyClass::tls : ledger::KeyClass::person,
                          info->organisation};
}

std::string key_text(const Hash256& id) {
    const auto address = *Address::from(BytesView{id}.last(Address::kSize));
    return ledger::account_key_id(address) == id ? checksummed(address) : to_hex(id);
}

Bytes keys_call(std::string_view signature, const AbiValue::List& arguments) {
    const auto selector = ledger::selector_of(signature);
    Bytes out{selector.begin(), selector.end()};
    append(out, codec::abi_encode(signature.substr(signature.find('(')), arguments).value());
    return out;
}

Result<AbiValue::List> view_keys(RpcClient& rpc, std::string_view signature, const AbiValue::List& arguments,
                                 std::string_view outputs) {
    const auto data = to_hex(keys_call(signature, arguments));
    auto answer =
        rpc.call("eth_call", {{{"to", to_hex(ledger::kKeysContract)}, {"data", data}, {"input", data}}, "latest"});
    if (!answer) {
        if (answer.error().code == error::CliReverted) return fail(error::CliNotFound, reason_of(rpc.revert_data()));
        return std::unexpected(answer.error());
    }
    const auto bytes = answer->is_string() ? from_hex(answer->get<std::string>()) : std::nullopt;
    if (!bytes || bytes->empty())
        return fail(error::CliRpcInvalid, rpc.url() + " has no Keys contract: it is not a Cairn node of this version");
    return codec::abi_decode(outputs, *bytes);
}

Result<json> send_keys(const Invocation& invocation, RpcClient& rpc, const Sender& sender, std::string_view signature,
                       const AbiValue::List& arguments) {
    TransactionRequest request;
    request.to = ledger::kKeysContract;
    request.data = keys_call(signature, arguments);
    auto receipt = transact(invocation, rpc, sender, std::move(request));
    if (!receipt && receipt.error().code == error::CliReverted && !rpc.revert_data().empty())
        return fail(error::CliReverted, reason_of(rpc.revert_data()));
    return receipt;
}

Result<KeyView> read_key(RpcClient& rpc, const Hash256& id) {
    CRN_TRY(values, view_keys(rpc, "key(bytes32)", {id}, kKeyTuple));
    const auto& fields = values[0].list();
    KeyView out{.id = id, .head = {}, .terms = {}, .previous = fields[8].as_hash(), .next = fields[9].as_hash()};
    out.head.owner = fields[0].as_address();
    out.head.key_class = static_cast<ledger::KeyClass>(number_at(fields, 1));
    out.head.state = static_cast<ledger::KeyState>(number_at(fields, 2));
    out.head.version = static_cast<std::uint32_t>(number_at(fields, 3));
    out.terms = {number_at(fields, 4), number_at(fields, 5), number_at(fields, 6), number_at(fields, 7)};
    return out;
}

json to_json(const KeyView& key) {
    json out = {{"id", to_hex(key.id)},
                {"class", ledger::name_of(key.head.key_class)},
                {"state", ledger::name_of(key.head.state)},
                {"owner", checksummed(key.head.owner)},
                {"version", key.head.version},
                {"originator_from", key.terms.originator_from},
                {"originator_until", key.terms.originator_until},
                {"recipient_until", key.terms.recipient_until},
                {"compromised_at", key.terms.compromised_at}};
    if (!key.previous.is_zero()) out["previous"] = to_hex(key.previous);
    if (!key.next.is_zero()) out["next"] = to_hex(key.next);
    return out;
}

Status check_quorum_without(RpcClient& rpc, const Hash256& id) {
    CRN_TRY(set, rpc.call("cairn_getValidators"));
    if (!set.is_object()) return fail(error::CliRpcInvalid, rpc.url() + " does not tell its validators");
    CRN_TRY(needed, quantity_u64(set.value("quorum", nlohmann::json{}), "the quorum"));
    std::size_t good = 0;
    bool is_validator = false;
    for (const auto& member : set.value("members", nlohmann::json::array())) {
        const auto public_key = from_hex(text_of(member, "publicKey"));
        if (!public_key) return fail(error::CliRpcInvalid, rpc.url() + " does not tell its validators' keys");
        const auto one = system::key_id(*public_key);
        is_validator |= one == id;
        CRN_TRY(key, read_key(rpc, one));
        if (one != id && ledger::signs(key.head.state)) ++good;
    }
    if (!is_validator || good >= needed) return {};
    return fail(error::CliPrecondition, "only " + std::to_string(good) + " of the " + std::to_string(needed) +
                                            " validators that a quorum needs would keep a voting key that signs");
}

Result<json> key_events(RpcClient& rpc, const json& topics, std::uint64_t from) {
    CRN_TRY(head_text, rpc.call("eth_blockNumber"));
    CRN_TRY(head, quantity_u64(head_text, "the height"));
    json out = json::array();
    for (auto first = from, width = kLogBlocks; first <= head;) {
        const auto last = head - first < width ? head : first + width - 1;
        const auto logs = rpc.call("eth_getLogs", {{{"address", to_hex(ledger::kKeysContract)},
                                                    {"fromBlock", to_quantity(first)},
                                                    {"toBlock", to_quantity(last)},
                                                    {"topics", topics}}});
        if (!logs) {
            // Another node's limits, or so many events in one answer: half as far.
            if (logs.error().code != error::CliRpcRefused || first == last) return std::unexpected(logs.error());
            width = (last - first + 1) / 2;
            continue;
        }
        if (!logs->is_array()) return fail(error::CliRpcInvalid, rpc.url() + " does not tell its logs");
        for (const auto& log : *logs)
            if (log.is_object()) out.push_back(log);
        if (last == head) break;
        first = last + 1;
    }
    return out;
}

Result<std::uint64_t> incident_count(RpcClient& rpc) {
    CRN_TRY(values, view_keys(rpc, "incidentCount()", {}, "(uint256)"));
    return number_at(values, 0);
}

Result<IncidentView> read_incident(RpcClient& rpc, std::uint64_t number) {
    CRN_TRY(values,
            view_keys(rpc, "incident(uint256)", {number}, "((bytes32,address,uint64,uint64,uint64,uint64,bytes32))"));
    const auto& fields = values[0].list();
    return IncidentView{.number = number,
                        .key = fields[0].as_hash(),
                        .opener = fields[1].as_address(),
                        .opened_at = number_at(fields, 2),
                        .closed_at = number_at(fields, 3),
                        .since = number_at(fields, 4),
                        .steps = number_at(fields, 5),
                        .evidence = fields[6].as_hash()};
}

json to_json(const IncidentView& incident) {
    return {{"incident", incident.number},
            {"key", to_hex(incident.key)},
            {"opener", checksummed(incident.opener)},
            {"opened_at", incident.opened_at},
            {"closed_at", incident.closed_at},
            {"since", incident.since},
            {"steps", incident.steps},
            {"evidence", to_hex(incident.evidence)}};
}

Result<OpenedIncident> open_incident(const Invocation& invocation, RpcClient& rpc, const Sender& sender,
                                     const Hash256& id, std::uint64_t since, const std::string& reason) {
    if (const auto open = open_incident_on(rpc, sender.address, id)) return OpenedIncident{*open, false};
    const auto receipt = send_keys(invocation, rpc, sender, kOpenIncident, {id, since, reason});
    if (!receipt) {
        // An earlier run's transaction, or somebody else's, may have come first.
        if (receipt.error().code == error::CliReverted)
            if (const auto open = open_incident_on(rpc, sender.address, id)) return OpenedIncident{*open, false};
        return std::unexpected(receipt.error());
    }
    const auto topic = to_hex(ledger::event_topic("IncidentOpened(uint256,bytes32,uint64,string)"));
    for (const auto& log : receipt->value("logs", json::array())) {
        const auto topics = log.is_object() ? log.value("topics", json::array()) : json::array();
        if (text_of(log, "address") != to_hex(ledger::kKeysContract) || topics.size() != 3 || topics[0] != topic ||
            topics[2] != to_hex(id) || !topics[1].is_string())
            continue;
        const auto word = fixed_from_hex<Hash256>(topics[1].get<std::string>());
        const auto number = word ? from_big_endian(*word) : U256{};
        if (word && number.fits_u64()) return OpenedIncident{number.low(), true};
    }
    if (receipt->contains("logs"))
        return fail(error::CliRpcInvalid, rpc.url() + " does not tell the number of the incident that it has taken");
    return fail(error::CliPrecondition, "transaction " + text_of(*receipt, "transactionHash") +
                                            " is sent and not waited for; the same command without --async goes on");
}

Result<Possession> prove_possession(RpcClient& rpc, const Address& account, const crypto::AccountKey& key) {
    CRN_TRY(address, address_of(key));
    CRN_TRY(current, view_keys(rpc, "keyOf(address)", {account}, "(address,uint32)"));
    CRN_TRY(chain, rpc.call("eth_chainId"));
    CRN_TRY(chain_id, quantity_u64(chain, "the chain id"));
    Possession out{.account = account,
                   .key = address,
                   .version = static_cast<std::uint32_t>(number_at(current, 1) + 1),
                   .chain_id = chain_id,
                   .signature = {}};
    const auto message = ledger::possession_message(chain_id, account, address, out.version);
    CRN_TRY(signature, crypto::sign(ledger::personal_digest(message), key));
    out.signature = signature;
    return out;
}

json to_json(const Possession& proof) {
    return {{"account", checksummed(proof.account)},
            {"key", checksummed(proof.key)},
            {"version", proof.version},
            {"chain_id", proof.chain_id},
            {"v", 27 + proof.signature.y_parity},
            {"r", to_hex(to_big_endian(proof.signature.r))},
            {"s", to_hex(to_big_endian(proof.signature.s))}};
}

Result<Possession> possession_from_json(const std::string& path, const std::string& text) {
    const auto invalid = fail(error::CliFileInvalid, path + ": no proof of possession of a key");
    const auto parsed = json::parse(text, nullptr, false);
    if (!parsed.is_object()) return invalid;
    const auto account = fixed_from_hex<Address>(text_of(parsed, "account"));
    const auto key = fixed_from_hex<Address>(text_of(parsed, "key"));
    const auto r = fixed_from_hex<Hash256>(text_of(parsed, "r"));
    const auto s = fixed_from_hex<Hash256>(text_of(parsed, "s"));
    const auto number = [&](const char* name) -> std::optional<std::uint64_t> {
        const auto found = parsed.find(name);
        if (found == parsed.end() || !found->is_number_unsigned()) return std::nullopt;
        return found->get<std::uint64_t>();
    };
    const auto v = number("v");
    const auto version = number("version");
    const auto chain_id = number("chain_id");
    if (!account || !key || !r || !s || !v || (*v != 27 && *v != 28) || !version || *version > UINT32_MAX || !chain_id)
        return invalid;
    return Possession{.account = *account,
                      .key = *key,
                      .version = static_cast<std::uint32_t>(*version),
                      .chain_id = *chain_id,
                      .signature = {from_big_endian(*r), from_big_endian(*s), static_cast<std::uint8_t>(*v - 27)}};
}

Result<Bytes> reset_call(RpcClient& rpc, const Possession& proof, std::uint64_t delay) {
    CRN_TRY(current, view_keys(rpc, "keyOf(address)", {proof.account}, "(address,uint32)"));
    CRN_TRY(round, view_keys(rpc, "round(bytes32)", {ledger::account_key_id(current[0].as_address())}, "(uint256)"));
    AbiValue::List arguments{proof.account, round[0], proof.key, delay};
    for (auto& value : signature_values(proof)) arguments.push_back(std::move(value));
    return keys_call("decideReset(address,uint256,address,uint64,uint8,bytes32,bytes32)", arguments);
}

AbiValue::List signature_values(const Possession& proof) {
    return {27u + proof.signature.y_parity, to_big_endian(proof.signature.r), to_big_endian(proof.signature.s)};
}

} // namespace cairn::cli
