// JSON-RPC 2.0 over HTTP, as any Ethereum node speaks it: one kept-alive connection, single calls and
// batches. Not thread-safe: one client per thread.
#pragma once

#include "base/result.hpp"
#include "base/u256.hpp"

#include <nlohmann/json.hpp>

#include <memory>
#include <string>
#include <vector>

namespace cairn::cli {

class Invocation;
struct FlagSpec;

struct RpcCall {
    std::string method;
    nlohmann::json parameters = nlohmann::json::array();
};

class RpcClient {
public:
    /// `url` is http(s)://host[:port][/path]; `token` is sent as bearer if not empty.
    static Result<RpcClient> open(const std::string& url, std::string token = {}, int timeout_seconds = 60);
    RpcClient(RpcClient&&) noexcept;
    RpcClient& operator=(RpcClient&&) noexcept;
    ~RpcClient();

    /// The member "result". Errors: CliRpcUnreachable, CliRpcInvalid, CliReverted for a revert, the node's
    /// own code if its message is one of Cairn's table (geth's wordings), otherwise CliRpcRefused with the
    /// node's message.
    Result<nlohmann::json> call(const std::string& method, nlohmann::json parameters = nlohmann::json::array());
    /// Results in the order of the calls.
    Result<std::vector<Result<nlohmann::json>>> batch(const std::vector<RpcCall>& calls);
    /// Sends a text that is JSON-RPC already and returns the body of the answer.
    Result<std::string> post(const std::string& body);

    const std::string& url() const;
    /// "data" of the last error that was an execution revert; empty otherwise.
    const std::string& revert_data() const;

private:
    struct Connection;
    explicit RpcClient(std::unique_ptr<Connection> connection);
    std::unique_ptr<Connection> connection_;
};

/// --rpc and --rpc-token-file.
std::vector<FlagSpec> rpc_flags();
/// From --rpc, CAIRN_RPC, the development network or the standard port, in this order.
Result<RpcClient> open_rpc(const Invocation& invocation);

/// Quantity of an answer; CliRpcInvalid that names `what` otherwise.
Result<U256> quantity(const nlohmann::json& value, std::string_view what);
Result<std::uint64_t> quantity_u64(const nlohmann::json& value, std::string_view what);
/// Text member of an answer or nothing.
std::string text_of(const nlohmann::json& object, const char* member);

} // namespace cairn::cli
