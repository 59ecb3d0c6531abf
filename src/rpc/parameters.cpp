#include "rpc/parameters.hpp"

namespace cairn::rpc {
namespace {

std::unexpected<RpcError> complain(std::string_view what, std::string_view reason) {
    return invalid(std::string{what} + ": " + std::string{reason});
}

std::string field(std::string_view what, std::string_view name) {
    return std::string{what} + ": field " + std::string{name};
}

const std::string* string_of(const Json& value) { return value.get_ptr<const Json::string_t*>(); }

/// Counts before it builds: the parser allocates for every value, so their number is limited first.
bool within_limits(std::string_view text, const RpcLimits& limits) {
    std::size_t depth = 0;
    std::size_t values = 1;
    for (std::size_t i = 0; i < text.size(); ++i) {
        switch (text[i]) {
        case '"':
            for (++i; i < text.size() && text[i] != '"'; ++i)
                if (text[i] == '\\') ++i;
            break;
        case '[':
        case '{':
            if (++depth > limits.json_depth_max) return false;
            ++values;
            break;
        case ']':
        case '}':
            if (depth > 0) --depth;
            break;
        case ',':
        case ':': ++values; break;
        default: break;
        }
    }
    return values <= limits.json_values_max;
}

template <class T>
RpcResult<T> to_fixed(const Json& value, std::string_view what, std::string_view type) {
    const auto* text = string_of(value);
    if (text == nullptr) return complain(what, "must be a string");
    if (!text->starts_with("0x") && !text->starts_with("0X")) return complain(what, "hex string without 0x prefix");
    if (text->size() != 2 + 2 * T::kSize)
        return complain(what, "hex string has length " + std::to_string(text->size() - 2) + ", want " +
                                  std::to_string(2 * T::kSize) + " for " + std::string{type});
    if (const auto out = fixed_from_hex<T>(*text)) return *out;
    return complain(what, "invalid hex string");
}

/// Fields of an object; absent and null fields are not given.
class Fields {
public:
    Fields(const Json& object, std::string_view what) : object_(object), what_(what) {}

    const Json* find(const char* name) const {
        const auto found = object_.find(name);
        return found == object_.end() || found->is_null() ? nullptr : &*found;
    }
    template <class T, class Parse>
    RpcResult<std::optional<T>> get(const char* name, Parse parse) const {
        const auto* value = find(name);
        if (value == nullptr) return std::optional<T>{};
        CRN_TRY(parsed, parse(*value, field(what_, name)));
        return std::optional<T>{std::move(parsed)};
    }
    /// One meaning under two names; the first wins.
    template <class T, class Parse>
    RpcResult<std::optional<T>> get(const char* name, const char* other, Parse parse) const {
        return get<T>(find(name) != nullptr ? name : other, parse);
    }

private:
    const Json& object_;
    std::string_view what_;
};

RpcResult<std::vector<ledger::AccessListEntry>> to_access_list(const Json& value, std::string_view what) {
    if (!value.is_array()) return complain(what, "must be an array");
    std::vector<ledger::AccessListEntry> out;
    for (const auto& entry : value) {
        if (!entry.is_object() || !entry.contains("address")) return complain(what, "entries need an address");
        CRN_TRY(address, to_address(entry["address"], field(what, "address")));
        ledger::AccessListEntry parsed{address, {}};
        if (const auto keys = entry.find("storageKeys"); keys != entry.end() && !keys->is_null()) {
            if (!keys->is_array()) return complain(what, "storageKeys must be an array");
            for (const auto& key : *keys) {
                CRN_TRY(slot, to_hash(key, field(what, "storageKeys")));
                parsed.storage_keys.push_back(slot);
            }
        }
        out.push_back(std::move(parsed));
    }
    return out;
}

RpcResult<std::vector<ledger::Authorization>> to_authorizations(const Json& value, std::string_view what) {
    if (!value.is_array()) return complain(what, "must be an array");
    std::vector<ledger::Authorization> out;
    for (const auto& entry : value) {
        if (!entry.is_object()) return complain(what, "entries must be objects");
        for (const auto* name : {"chainId", "address", "nonce", "yParity", "r", "s"})
            if (!entry.contains(name)) return complain(what, std::string{"entries need "} + name);
        CRN_TRY(chain_id, to_u256(entry["chainId"], field(what, "chainId")));
        CRN_TRY(address, to_address(entry["address"], field(what, "address")));
        CRN_TRY(nonce, to_u64(entry["nonce"], field(what, "nonce")));
        CRN_TRY(parity, to_u64(entry["yParity"], field(what, "yParity")));
        CRN_TRY(r, to_u256(entry["r"], field(what, "r")));
        CRN_TRY(s, to_u256(entry["s"], field(what, "s")));
        if (parity > 255) return complain(what, "yParity must fit one byte");
        out.push_back({chain_id, address, nonce, parity, r, s});
    }
    return out;
}

RpcResult<std::map<U256, U256>> to_slots(const Json& value, std::string_view what) {
    if (!value.is_object()) return complain(what, "must be an object");
    std::map<U256, U256> out;
    for (const auto& [key, content] : value.items()) {
        CRN_TRY(slot, to_hash(key, what));
        CRN_TRY(word, to_hash(content, what));
        out[from_big_endian(slot)] = from_big_endian(word);
    }
    return out;
}

} // namespace

RpcResult<Json> parse_json(std::string_view text, const RpcLimits& limits) {
    if (!within_limits(text, limits))
        return rpc_fail(code::kLimit, "request is nested too deeply or has too many values");
    auto document = Json::parse(text, nullptr, false);
    if (document.is_discarded()) return rpc_fail(code::kParse, "parse error: the body is not JSON");
    return document;
}

RpcResult<Address> to_address(const Json& value, std::string_view what) {
    return to_fixed<Address>(value, what, "an address");
}
RpcResult<Hash256> to_hash(const Json& value, std::string_view what) {
    return to_fixed<Hash256>(value, what, "a 32-byte value");
}

RpcResult<Bytes> to_data(const Json& value, std::string_view what) {
    const auto* text = string_of(value);
    if (text == nullptr) return complain(what, "must be a string");
    if (!text->starts_with("0x") && !text->starts_with("0X")) return complain(what, "hex string without 0x prefix");
    if (text->size() % 2 != 0) return complain(what, "hex string of odd length");
    if (auto bytes = from_hex(*text)) return std::move(*bytes);
    return complain(what, "invalid hex string");
}

RpcResult<U256> to_u256(const Json& value, std::string_view what) {
    const auto* text = string_of(value);
    if (text == nullptr) return complain(what, "must be a hex string");
    if (!text->starts_with("0x") && !text->starts_with("0X")) return complain(what, "hex string without 0x prefix");
    if (text->size() == 2) return complain(what, "empty hex string");
    if (text->size() > 3 && (*text)[2] == '0') return complain(what, "hex number with leading zero digits");
    if (text->size() > 2 + 64) return complain(what, "hex number > 256 bits");
    if (const auto number = from_quantity("0x" + text->substr(2))) return *number;
    return complain(what, "invalid hex string");
}

RpcResult<std::uint64_t> to_u64(const Json& value, std::string_view what) {
    CRN_TRY(number, to_u256(value, what));
    if (!number.fits_u64()) return complain(what, "hex number > 64 bits");
    return number.low();
}

RpcResult<bool> to_bool(const Json& value, std::string_view what) {
    if (!value.is_boolean()) return complain(what, "must be true or false");
    return value.get<bool>();
}

RpcResult<U256> to_slot(const Json& value) {
    const auto* text = string_of(value);
    if (text == nullptr) return invalid("storage key must be a string");
    const auto shown = text->size() <= 80 ? value.dump(-1, ' ', false, Json::error_handler_t::replace) : "...";
    if (!text->starts_with("0x") && !text->starts_with("0X")) return invalid("storage key without 0x prefix: " + shown);
    if (text->size() > 2 + 64) return invalid("storage key too long (want at most 32 bytes): " + shown);
    if (const auto slot = from_quantity("0x" + text->substr(2))) return *slot;
    return invalid("invalid hex in storage key: " + shown);
}

RpcResult<BlockParameter> to_block_number(const Json& value, std::string_view what) {
    const auto* text = string_of(value);
    if (text == nullptr) return complain(what, "block must be a tag or a hex number");
    if (*text == "latest" || *text == "safe" || *text == "finalized") return BlockParameter{};
    if (*text == "pending") return BlockParameter{BlockParameter::Kind::pending, {}, {}};
    if (*text == "earliest") return BlockParameter{BlockParameter::Kind::number, Height{0}, {}};
    CRN_TRY(number, to_u64(value, what));
    return BlockParameter{BlockParameter::Kind::number, Height{number}, {}};
}

RpcResult<BlockParameter> to_block(const Json& value, std::string_view what) {
    if (value.is_object()) {
        const Fields fields(value, what);
        const auto* hash = fields.find("blockHash");
        const auto* number = fields.find("blockNumber");
        if ((hash == nullptr) == (number == nullptr)) return complain(what, "give either blockHash or blockNumber");
        CRN_TRY(canonical, fields.get<bool>("requireCanonical", to_bool));
        static_cast<void>(canonical); // every block we know is canonical
        if (number != nullptr) return to_block_number(*number, field(what, "blockNumber"));
        CRN_TRY(parsed, to_hash(*hash, field(what, "blockHash")));
        return BlockParameter{BlockParameter::Kind::hash, {}, parsed};
    }
    if (const auto* text = string_of(value); text != nullptr && text->size() == 2 + 2 * Hash256::kSize) {
        CRN_TRY(hash, to_hash(value, what));
        return BlockParameter{BlockParameter::Kind::hash, {}, hash};
    }
    return to_block_number(value, what);
}

RpcResult<CallRequest> to_call(const Json& value, std::string_view what) {
    if (!value.is_object()) return complain(what, "must be an object");
    const Fields fields(value, what);
    CallRequest out;
    CRN_TRY(from, fields.get<Address>("from", to_address));
    CRN_TRY(to, fields.get<Address>("to", to_address));
    CRN_TRY(gas, fields.get<std::uint64_t>("gas", "gasLimit", to_u64));
    CRN_TRY(gas_price, fields.get<U256>("gasPrice", to_u256));
    CRN_TRY(max_fee, fields.get<U256>("maxFeePerGas", to_u256));
    CRN_TRY(priority, fields.get<U256>("maxPriorityFeePerGas", to_u256));
    CRN_TRY(amount, fields.get<U256>("value", to_u256));
    CRN_TRY(nonce, fields.get<std::uint64_t>("nonce", to_u64));
    CRN_TRY(chain_id, fields.get<std::uint64_t>("chainId", to_u64));
    CRN_TRY(type, fields.get<std::uint64_t>("type", to_u64));
    CRN_TRY(data, fields.get<Bytes>("data", to_data));
    CRN_TRY(input, fields.get<Bytes>("input", to_data));
    CRN_TRY(access_list, fields.get<std::vector<ledger::AccessListEntry>>("accessList", to_access_list));
    CRN_TRY(authorizations, fields.get<std::vector<ledger::Authorization>>("authorizationList", to_authorizations));
    if (data && input && *data != *input)
        return complain(what, "both \"data\" and \"input\" are set and not equal: use \"input\" for call data");
    if (gas_price && (max_fee || priority))
        return complain(what, "both gasPrice and (maxFeePerGas or maxPriorityFeePerGas) specified");
    if (fields.find("blobVersionedHashes") != nullptr || fields.find("maxFeePerBlobGas") != nullptr)
        return complain(what, "blob transactions are not supported");
    if (authorizations && !to) return complain(what, "a transaction with an authorizationList needs a recipient");
    return CallRequest{from,
                       to,
                       gas,
                       gas_price,
                       max_fee,
                       priority,
                       amount,
                       nonce,
                       chain_id,
                       type,
                       access_list,
                       authorizations,
                       input  ? std::move(*input)
                       : data ? std::move(*data)
                              : Bytes{}};
}

RpcResult<StateOverrides> to_state_overrides(const Json& value, std::string_view what) {
    if (!value.is_object()) return complain(what, "must be an object");
    StateOverrides out;
    for (const auto& [key, content] : value.items()) {
        CRN_TRY(address, to_address(key, what));
        if (!content.is_object()) return complain(what, "overrides of an account must be an object");
        const Fields fields(content, what);
        if (fields.find("movePrecompileToAddress") != nullptr)
            return complain(what, "movePrecompileToAddress is not supported");
        CRN_TRY(nonce, fields.get<std::uint64_t>("nonce", to_u64));
        CRN_TRY(balance, fields.get<U256>("balance", to_u256));
        CRN_TRY(code, fields.get<Bytes>("code", to_data));
        const auto slots = [](const Json& json, std::string_view name) { return to_slots(json, name); };
        using Slots = std::map<U256, U256>;
        CRN_TRY(state, fields.get<Slots>("state", slots));
        CRN_TRY(diff, fields.get<Slots>("stateDiff", slots));
        if (state && diff) return complain(what, "account " + to_hex(address) + " has both 'state' and 'stateDiff'");
        out[address] = {nonce, balance, std::move(code), std::move(state), diff ? std::move(*diff) : Slots{}};
    }
    return out;
}

RpcResult<BlockOverrides> to_block_overrides(const Json& value, std::string_view what) {
    if (!value.is_object()) return complain(what, "must be an object");
    const Fields fields(value, what);
    CRN_TRY(number, fields.get<std::uint64_t>("number", to_u64));
    CRN_TRY(time, fields.get<std::uint64_t>("time", "timestamp", to_u64));
    CRN_TRY(gas_limit, fields.get<std::uint64_t>("gasLimit", to_u64));
    CRN_TRY(recipient, fields.get<Address>("feeRecipient", "coinbase", to_address));
    CRN_TRY(randao, fields.get<Hash256>("prevRandao", "random", to_hash));
    CRN_TRY(base_fee, fields.get<U256>("baseFeePerGas", "baseFee", to_u256));
    CRN_TRY(blob_base_fee, fields.get<U256>("blobBaseFee", to_u256));
    return BlockOverrides{number, time, gas_limit, recipient, randao, base_fee, blob_base_fee};
}

RpcResult<LogFilter> to_log_filter(const Json& value, std::string_view what, const RpcLimits& limits) {
    if (!value.is_object()) return complain(what, "must be an object");
    const Fields fields(value, what);
    LogFilter out;
    CRN_TRY(block_hash, fields.get<Hash256>("blockHash", to_hash));
    CRN_TRY(from, fields.get<BlockParameter>("fromBlock", to_block_number));
    CRN_TRY(to, fields.get<BlockParameter>("toBlock", to_block_number));
    if (block_hash && (from || to))
        return complain(what, "cannot specify both BlockHash and FromBlock/ToBlock, choose one or the other");
    out.block_hash = block_hash;
    out.from = from;
    out.to = to;
    const std::string too_many = "exceed max addresses or topics per search position";
    if (const auto* address = fields.find("address")) {
        if (address->is_array()) {
            if (address->size() > limits.filter_values_max) return invalid(too_many);
            for (const auto& entry : *address) {
                CRN_TRY(parsed, to_address(entry, field(what, "address")));
                out.addresses.push_back(parsed);
            }
        } else {
            CRN_TRY(parsed, to_address(*address, field(what, "address")));
            out.addresses.push_back(parsed);
        }
    }
    if (const auto* topics = fields.find("topics")) {
        if (!topics->is_array()) return complain(what, "topics must be an array");
        if (topics->size() > 4) return invalid("exceed max topics");
        for (const auto& position : *topics) {
            auto& alternatives = out.topics.emplace_back();
            if (position.is_null()) continue;
            if (!position.is_array()) {
                CRN_TRY(topic, to_hash(position, field(what, "topics")));
                alternatives.push_back(topic);
                continue;
            }
            if (position.size() > limits.filter_values_max) return invalid(too_many);
            for (const auto& entry : position) {
                if (entry.is_null()) { // matches anything, so the position does
                    alternatives.clear();
                    break;
                }
                CRN_TRY(topic, to_hash(entry, field(what, "topics")));
                alternatives.push_back(topic);
            }
        }
    }
    return out;
}

} // namespace cairn::rpc
