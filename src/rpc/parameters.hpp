// The one parser of what clients send: hex, quantities, block parameters, transaction objects, filters.
//
// Strict: a value that is not exactly of its form is refused with -32602 and a message that names the argument.
#pragma once

#include "base/types.hpp"
#include "ledger/transaction.hpp"
#include "rpc/limits.hpp"
#include "rpc/rpc_error.hpp"

#include <nlohmann/json.hpp>

#include <optional>
#include <variant>
#include <vector>

namespace cairn::rpc {

using Json = nlohmann::json;

/// Checks nesting and the number of values without building anything, then parses. Nothing if it is not JSON;
/// the error is kParse, or kLimit when it is too deep or too large.
RpcResult<Json> parse_json(std::string_view text, const RpcLimits& limits);

/// Single values. `what` stands before the complaint: "invalid argument 0".
RpcResult<Address> to_address(const Json& value, std::string_view what);
RpcResult<Hash256> to_hash(const Json& value, std::string_view what);
RpcResult<Bytes> to_data(const Json& value, std::string_view what);
RpcResult<U256> to_u256(const Json& value, std::string_view what);
RpcResult<std::uint64_t> to_u64(const Json& value, std::string_view what);
RpcResult<bool> to_bool(const Json& value, std::string_view what);
/// A storage slot: "0x" and 1 to 64 digits.
RpcResult<U256> to_slot(const Json& value);

/// Which block. `safe` and `finalized` equal `latest` here; `pending` is the state after the head.
struct BlockParameter {
    enum class Kind : std::uint8_t { latest, pending, number, hash };
    Kind kind = Kind::latest;
    Height number;
    Hash256 hash;
};
/// Tag, number, 32-byte hash, or an EIP-1898 object.
RpcResult<BlockParameter> to_block(const Json& value, std::string_view what);
/// Tag or number only.
RpcResult<BlockParameter> to_block_number(const Json& value, std::string_view what);

/// A transaction object of eth_call, estimateGas, fillTransaction, ...; what is absent was not given.
struct CallRequest {
    std::optional<Address> from;
    std::optional<Address> to;
    std::optional<std::uint64_t> gas;
    std::optional<U256> gas_price;
    std::optional<U256> max_fee_per_gas;
    std::optional<U256> max_priority_fee_per_gas;
    std::optional<U256> value;
    std::optional<std::uint64_t> nonce;
    std::optional<std::uint64_t> chain_id;
    std::optional<std::uint64_t> type;
    std::optional<std::vector<ledger::AccessListEntry>> access_list;
    std::optional<std::vector<ledger::Authorization>> authorization_list;
    Bytes data;
};
RpcResult<CallRequest> to_call(const Json& value, std::string_view what);

/// State to pretend for one account (geth's state overrides).
struct AccountOverride {
    std::optional<std::uint64_t> nonce;
    std::optional<U256> balance;
    std::optional<Bytes> code;
    std::optional<std::map<U256, U256>> state; // replaces all slots
    std::map<U256, U256> state_diff;           // replaces these slots
};
using StateOverrides = std::map<Address, AccountOverride>;
RpcResult<StateOverrides> to_state_overrides(const Json& value, std::string_view what);

struct BlockOverrides {
    std::optional<std::uint64_t> number;
    std::optional<std::uint64_t> time;
    std::optional<std::uint64_t> gas_limit;
    std::optional<Address> fee_recipient;
    std::optional<Hash256> prev_randao;
    std::optional<U256> base_fee;
    std::optional<U256> blob_base_fee;
};
RpcResult<BlockOverrides> to_block_overrides(const Json& value, std::string_view what);

/// Which logs, and where to look for them.
struct LogFilter {
    std::optional<Hash256> block_hash;
    std::optional<BlockParameter> from;
    std::optional<BlockParameter> to;
    std::vector<Address> addresses;           // empty: any
    std::vector<std::vector<Hash256>> topics; // per position; empty: any
};
RpcResult<LogFilter> to_log_filter(const Json& value, std::string_view what, const RpcLimits& limits);

/// The positional parameters of one request. Arguments that are null count as not given.
class Parameters {
public:
    explicit Parameters(const Json& array) : array_(array) {}

    bool has(std::size_t i) const { return i < array_.size() && !array_[i].is_null(); }
    const Json& at(std::size_t i) const { return array_[i]; }
    std::size_t size() const { return array_.size(); }
    /// "invalid argument 2"
    static std::string name(std::size_t i) { return "invalid argument " + std::to_string(i); }

    RpcResult<Address> address(std::size_t i) const { return to_address(at(i), name(i)); }
    RpcResult<Hash256> hash(std::size_t i) const { return to_hash(at(i), name(i)); }
    RpcResult<Bytes> data(std::size_t i) const { return to_data(at(i), name(i)); }
    RpcResult<std::uint64_t> u64(std::size_t i) const { return to_u64(at(i), name(i)); }
    RpcResult<U256> u256(std::size_t i) const { return to_u256(at(i), name(i)); }
    RpcResult<BlockParameter> block_number(std::size_t i) const { return to_block_number(at(i), name(i)); }
    /// `latest` if not given.
    RpcResult<BlockParameter> block(std::size_t i) const {
        return has(i) ? to_block(at(i), name(i)) : RpcResult<BlockParameter>{BlockParameter{}};
    }
    RpcResult<bool> boolean(std::size_t i, bool otherwise) const {
        return has(i) ? to_bool(at(i), name(i)) : RpcResult<bool>{otherwise};
    }

private:
    const Json& array_;
};

} // namespace cairn::rpc
