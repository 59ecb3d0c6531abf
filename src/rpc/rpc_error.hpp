// How a request fails: JSON-RPC's code and message, in the words of geth where clients match on them.
#pragma once

#include "base/bytes.hpp"
#include "base/result.hpp"

#include <expected>
#include <string>

namespace cairn::rpc {

/// The codes this server uses. Clients know them: never change one.
namespace code {
inline constexpr int kParse = -32700;
inline constexpr int kRequest = -32600;
inline constexpr int kMethod = -32601;
inline constexpr int kParameters = -32602;
inline constexpr int kInternal = -32603;
inline constexpr int kRejected = -32000;
inline constexpr int kLimit = -32005;
inline constexpr int kReverted = 3;
inline constexpr int kSyncTimeout = 4; // EIP-7966
} // namespace code

struct RpcError {
    int code = code::kInternal;
    std::string message;
    std::string data; // JSON text; empty: no data
};

template <class T>
using RpcResult = std::expected<T, RpcError>;
/// The JSON text of a result.
using Answer = RpcResult<std::string>;

inline std::unexpected<RpcError> rpc_fail(int code, std::string message, std::string data = {}) {
    return std::unexpected(RpcError{code, std::move(message), std::move(data)});
}
inline std::unexpected<RpcError> invalid(std::string message) {
    return rpc_fail(code::kParameters, std::move(message));
}

/// A failure of the node below: its title, which for transactions is geth's wording, then the detail;
/// `data` carries the stable code and the next step.
RpcError rejected(const Error& error);

/// Lets CRN_TRY pass a node's error on from a handler.
template <class T>
RpcResult<T> lift(Result<T> result) {
    if (result) return std::move(*result);
    return std::unexpected(rejected(result.error()));
}

/// "execution reverted", with the reason if `output` is Error(string) or Panic(uint256) of Solidity; code 3 and the data.
RpcError reverted(BytesView output);
/// The reason alone; empty if there is none.
std::string revert_reason(BytesView output);

} // namespace cairn::rpc
