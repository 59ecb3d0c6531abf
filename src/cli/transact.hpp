// Building, signing and sending a transaction, and waiting until it is final.
#pragma once

#include "base/result.hpp"
#include "cli/rpc_client.hpp"
#include "cli/sender.hpp"

#include <optional>
#include <string>

namespace cairn::cli {

struct TransactionRequest {
    std::optional<Address> to; // nothing: contract creation
    Bytes data;
    U256 value;
    std::optional<std::uint64_t> gas;
    std::optional<std::uint64_t> nonce;
};

/// --gas, --nonce, --async, --timeout.
std::vector<FlagSpec> transaction_flags();
/// Signs a type 2 transaction with nonce, fees and gas as the node advises and submits it.
Result<Hash256> submit(RpcClient& rpc, const Sender& sender, TransactionRequest request);
/// Polls until the receipt is there. CliTimedOut.
Result<nlohmann::json> wait_for_receipt(RpcClient& rpc, const Hash256& hash, std::uint64_t timeout_seconds);
/// Reads the flags above, submits, waits and fails with CliReverted for a receipt with status 0. With --async
/// the result is {"transactionHash"} only.
Result<nlohmann::json> transact(const Invocation& invocation, RpcClient& rpc, const Sender& sender,
                                TransactionRequest request);
/// Receipt or hash for people or as JSON.
void print_receipt(const Invocation& invocation, const nlohmann::json& receipt);

/// "1.5ether", "20gwei", "7wei" or a bare number of wei. CliUsage.
Result<U256> parse_amount(std::string_view text);
/// "1.5 ether", or wei if it is less than a gwei.
std::string amount_text(const U256& wei);

} // namespace cairn::cli
