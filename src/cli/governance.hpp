// Reading and deciding through the system contracts Roles and Proposals, for the verbs that do.
#pragma once

#include "cli/rpc_client.hpp"
#include "codec/abi.hpp"
#include "ledger/selector.hpp"

#include <optional>
#include <string>

namespace cairn::cli {

/// Values of a view function, in the latest block. `outputs` as in "(uint256,string)".
Result<codec::AbiValue::List> read_contract(RpcClient& rpc, const Address& contract, std::string_view signature,
                                            const codec::AbiValue::List& arguments, std::string_view outputs);
Bytes encode_call(std::string_view signature, const codec::AbiValue::List& arguments);

/// A revert of Roles, Proposals, Members, Parameters or of the rules themselves in words.
std::string explain_revert(BytesView data);
/// The same error, with the words for the revert that `rpc` got last, if a system contract or the rules wrote it.
std::unexpected<Error> explained(Error error, const RpcClient& rpc);

/// Sends a call of a system contract; a refusal is CliReverted with its reason in words.
Result<nlohmann::json> send_call(const Invocation& invocation, RpcClient& rpc, const Address& contract, Bytes data);
/// Proposes a call of a governed function; the receipt.
Result<nlohmann::json> send_proposal(const Invocation& invocation, RpcClient& rpc, const Address& contract, Bytes data,
                                     const std::string& reason);
/// Number of the proposal that a receipt tells of; nothing with --async.
std::optional<U256> proposal_in(const nlohmann::json& receipt);
/// Proposes a call of a governed function for the reason of --reason, and prints what became of it.
Status propose_call(const Invocation& invocation, const Address& contract, Bytes data);

/// --reason, sender's, transaction's and node's flags.
std::vector<FlagSpec> proposing_flags();

/// "0x12345678" or "transfer(address,uint256)".
Result<ledger::Selector> parse_method(std::string_view text);

} // namespace cairn::cli
