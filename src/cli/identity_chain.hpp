// The system contract Identities as the verbs use it.
#pragma once

#include "cli/invocation.hpp"
#include "cli/rpc_client.hpp"
#include "cli/sender.hpp"
#include "codec/abi.hpp"
#include "ledger/account_binding.hpp"

namespace cairn::cli {

/// Selector and arguments.
Bytes identity_call(std::string_view signature, const codec::AbiValue::List& values);
/// eth_call; the decoded outputs. CliRpcInvalid if there is no such contract.
Result<codec::AbiValue::List> ask(RpcClient& rpc, const Address& contract, std::string_view signature,
                                  const codec::AbiValue::List& values, std::string_view outputs);
/// Signs, sends, waits; a revert is explained by the contract's errors.
Result<nlohmann::json> tell_identities(const Invocation& invocation, RpcClient& rpc, const Sender& sender, Bytes data);

struct ChainIdentity {
    std::optional<ledger::AccountIdentity> identity;
    Hash256 commitment;
    ledger::Standing standing = ledger::Standing::unbound;
    std::string organisation; // empty if not bound
};
Result<ChainIdentity> identity_on_chain(RpcClient& rpc, const Address& account);
/// Index in Members.
Result<std::uint64_t> organisation_index(RpcClient& rpc, const std::string& name);

/// --org, by default that of the first node of a development network. CliUsage if there is neither.
FlagSpec org_flag();
Result<std::string> org_directory(const Invocation& invocation);
/// --key-file or --from, otherwise the administrator's key in the organisation's directory.
Result<Sender> registrar_of(const Invocation& invocation, const std::string& directory);

} // namespace cairn::cli
