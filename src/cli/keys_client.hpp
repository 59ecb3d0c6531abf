// The system contract Keys over JSON-RPC: what the verbs of `cairn key` share.
#pragma once

#include "cli/invocation.hpp"
#include "cli/rpc_client.hpp"
#include "cli/sender.hpp"
#include "codec/abi.hpp"
#include "ledger/account_key.hpp"

#include <optional>

namespace cairn::cli {

/// An account key's address, an id of 64 hex digits, or a file with the certificate of a TLS key, a person's or a CA's. CliUsage.
Result<Hash256> parse_key_id(std::string_view text);
/// As people know it: an address for an account key, all digits otherwise.
std::string key_text(const Hash256& id);

/// Class and id of the key in a certificate file; nothing if `text` names no such file.
struct CertifiedKeyId {
    Hash256 id;
    ledger::KeyClass key_class = ledger::KeyClass::none;
    std::string organisation; // as the certificate says
};
std::optional<CertifiedKeyId> certified_key(const std::string& text);

struct KeyView {
    Hash256 id;
    ledger::KeyHead head;
    ledger::KeyTerms terms;
    Hash256 previous;
    Hash256 next;
};
/// CliNotFound for a key that the chain does not know.
Result<KeyView> read_key(RpcClient& rpc, const Hash256& id);
nlohmann::json to_json(const KeyView& key);

struct IncidentView {
    std::uint64_t number = 0;
    Hash256 key;
    Address opener;
    std::uint64_t opened_at = 0;
    std::uint64_t closed_at = 0;
    std::uint64_t since = 0;
    std::uint64_t steps = 0;
    Hash256 evidence;
};
/// CliPrecondition if fewer validators than a quorum would keep a key that signs without this one: the chain would stand still.
Status check_quorum_without(RpcClient& rpc, const Hash256& id);
/// What the contract told with these topics from block `from` to the head, as the node's log objects, in their order. Asks for fewer
/// blocks at a time where the node refuses. CliRpcInvalid, CliRpcRefused.
Result<nlohmann::json> key_events(RpcClient& rpc, const nlohmann::json& topics, std::uint64_t from);
Result<std::uint64_t> incident_count(RpcClient& rpc);
Result<IncidentView> read_incident(RpcClient& rpc, std::uint64_t number);
nlohmann::json to_json(const IncidentView& incident);
struct OpenedIncident {
    std::uint64_t number = 0;
    bool is_new = false; // false: it was open before
};
/// Stops the key and opens an incident on it, or finds the one that is open. Asks for no other incident: anybody may have made many, and
/// the key must be stopped first. CliReverted in the contract's words, CliPrecondition with --async.
Result<OpenedIncident> open_incident(const Invocation& invocation, RpcClient& rpc, const Sender& sender,
                                     const Hash256& id, std::uint64_t since, const std::string& reason);

/// Calls a view; the decoded outputs.
Result<codec::AbiValue::List> view_keys(RpcClient& rpc, std::string_view signature,
                                        const codec::AbiValue::List& arguments, std::string_view outputs);
Bytes keys_call(std::string_view signature, const codec::AbiValue::List& arguments);
/// Sends a transaction to the contract and waits; a revert is put into the contract's own words.
Result<nlohmann::json> send_keys(const Invocation& invocation, RpcClient& rpc, const Sender& sender,
                                 std::string_view signature, const codec::AbiValue::List& arguments);

/// What shows that somebody holds the new key of an account.
struct Possession {
    Address account;
    Address key;
    std::uint32_t version = 0;
    std::uint64_t chain_id = 0;
    crypto::EcdsaSignature signature;
};
Result<Possession> prove_possession(RpcClient& rpc, const Address& account, const crypto::AccountKey& key);
nlohmann::json to_json(const Possession& proof);
/// CliFileInvalid.
Result<Possession> possession_from_json(const std::string& path, const std::string& text);
/// The governed call that gives the account this key; it is for a proposal.
Result<Bytes> reset_call(RpcClient& rpc, const Possession& proof, std::uint64_t delay);
/// v, r, s as the contract takes them.
codec::AbiValue::List signature_values(const Possession& proof);

} // namespace cairn::cli
