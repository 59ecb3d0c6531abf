// The JSON form of genesis.
#include "base/errors/ledger.hpp"
#include "ledger/genesis.hpp"

#include <nlohmann/json.hpp>

#include <algorithm>
#include <limits>
#include <set>

namespace cairn::ledger {
namespace {

using Json = nlohmann::json; // objects are std::map: keys come out sorted

constexpr std::string_view kFormat = "cairn-genesis-v1";
constexpr std::size_t kJsonDepthMax = 8;

std::unexpected<Error> bad(const std::string& path, std::string_view why) {
    return fail(error::GenesisInvalid, path + ": " + std::string(why));
}

// Reading JSON: every getter names the path of what it did not like.

/// The members of one object; `finish` refuses those that nobody asked for.
class Fields {
public:
    Fields(const Json& value, std::string path) : value_(value), path_(std::move(path)) {}

    Status open() const {
        if (!value_.is_object()) return bad(path_, "is not an object");
        return {};
    }
    std::string path(std::string_view key) const {
        return path_.empty() ? std::string(key) : path_ + "." + std::string(key);
    }
    Result<const Json*> get(const char* key) {
        const auto found = value_.find(key);
        if (found == value_.end()) return bad(path(key), "is missing");
        ++read_;
        return &*found;
    }
    bool has(const char* key) const { return value_.contains(key); }
    Result<std::string> text(const char* key) {
        CRN_TRY(value, get(key));
        if (!value->is_string()) return bad(path(key), "is not a text");
        return value->get<std::string>();
    }
    Result<std::uint64_t> u64(const char* key, std::uint64_t limit = std::numeric_limits<std::uint64_t>::max()) {
        CRN_TRY(value, get(key));
        if (!value->is_number_unsigned()) return bad(path(key), "is not a whole number of 64 bits");
        const auto number = value->get<std::uint64_t>();
        if (number > limit) return bad(path(key), "is above " + std::to_string(limit));
        return number;
    }
    /// Decimal text, or a hexadecimal quantity.
    Result<U256> u256(const char* key) {
        CRN_TRY(value, text(key));
        const auto number = value.starts_with("0x") ? from_quantity(value) : from_decimal(value);
        if (!number) return bad(path(key), "is not a number of 256 bits in decimal or 0x form");
        return *number;
    }
    template <class T>
    Result<T> fixed(const char* key) {
        CRN_TRY(value, text(key));
        const auto parsed = fixed_from_hex<T>(value);
        if (!parsed) return bad(path(key), "is not 0x and " + std::to_string(2 * T::kSize) + " hex digits");
        return *parsed;
    }
    Status finish() const {
        if (read_ == value_.size()) return {};
        return bad(path_.empty() ? "file" : path_, "has a member that this version does not know");
    }

private:
    const Json& value_;
    std::string path_;
    std::size_t read_ = 0;
};

/// Refuses what nlohmann would let pass: the same key twice, and nesting deeper than the format has.
class StrictParse {
public:
    Result<Json> run(std::string_view text) {
        if (text.size() > kGenesisBytesMax) return bad("file", "is longer than 64 MiB");
        const auto observe = [this](int depth, Json::parse_event_t event, Json& parsed) {
            return observe_event(depth, event, parsed);
        };
        try {
            Json value = Json::parse(text.begin(), text.end(), observe, true, false);
            if (!problem_.empty()) return bad("file", problem_);
            return value;
        } catch (const Json::exception& error) {
            return bad("file", error.what());
        }
    }

private:
    bool observe_event(int depth, Json::parse_event_t event, Json& parsed) {
        if (!problem_.empty()) return false;
        const auto level = static_cast<std::size_t>(depth);
        if (level > kJsonDepthMax) {
            problem_ = "is nested too deeply";
            return false;
        }
        if (event == Json::parse_event_t::object_start) {
            keys_.resize(std::max(keys_.size(), level + 2));
            keys_[level + 1].clear();
        } else if (event == Json::parse_event_t::key) {
            if (keys_.size() <= level) keys_.resize(level + 1);
            if (!keys_[level].insert(parsed.get<std::string>()).second)
                problem_ = "has the key \"" + parsed.get<std::string>() + "\" twice in one object";
        }
        return problem_.empty();
    }

    std::vector<std::set<std::string>> keys_; // by depth: the keys of the object that is open there
    std::string problem_;
};

Result<ChainParameters> read_parameters(const Json& json) {
    Fields in(json, "parameters");
    CRN_CHECK(in.open());
    ChainParameters out;
    CRN_TRY(chain_id, in.u64("chain_id"));
    CRN_TRY(mode, in.text("fee_mode"));
    CRN_TRY(price, in.u256("fixed_gas_price"));
    CRN_TRY(block_gas, in.u64("block_gas_limit"));
    CRN_TRY(transaction_gas, in.u64("transaction_gas_cap"));
    CRN_TRY(code_bytes, in.u64("code_bytes_max", std::numeric_limits<std::uint32_t>::max()));
    CRN_TRY(history, in.u64("history_blocks"));
    CRN_TRY(interval, in.u64("min_block_interval_ms", std::numeric_limits<std::uint32_t>::max()));
    CRN_TRY(suite_name, in.text("suite"));
    std::string binding = "open";
    if (in.has("account_binding")) {
        CRN_TRY(named, in.text("account_binding"));
        binding = named;
    }
    CRN_CHECK(in.finish());
    if (mode != "free" && mode != "fixed") return bad("parameters.fee_mode", "is neither free nor fixed");
    if (binding != "required" && binding != "open")
        return bad("parameters.account_binding", "is neither required nor open");
    const auto suite = suite_from_name(suite_name);
    if (!suite) return bad("parameters.suite", "is none of international, national, mixed");
    out.suite = *suite;
    out.chain_id = chain_id;
    out.fee_mode = mode == "free" ? FeeMode::free : FeeMode::fixed;
    out.fixed_gas_price = price;
    out.block_gas_limit = block_gas;
    out.transaction_gas_cap = transaction_gas;
    out.code_bytes_max = static_cast<std::uint32_t>(code_bytes);
    out.history_blocks = history;
    out.min_block_interval_ms = static_cast<std::uint32_t>(interval);
    out.account_binding = binding == "required" ? AccountBinding::required : AccountBinding::open;
    return out;
}

Result<Organisation> read_organisation(const Json& json, const std::string& path) {
    Fields in(json, path);
    CRN_CHECK(in.open());
    CRN_TRY(name, in.text("name"));
    CRN_TRY(certificate, in.text("ca_certificate_pem"));
    CRN_TRY(key, in.fixed<crypto::ValidatorPublicKey>("signing_key"));
    CRN_TRY(account, in.fixed<Address>("account"));
    CRN_CHECK(in.finish());
    return Organisation{name, certificate, key, account};
}

Result<Validator> read_validator(const Json& json, const std::string& path) {
    Fields in(json, path);
    CRN_CHECK(in.open());
    CRN_TRY(name, in.text("name"));
    CRN_TRY(organisation, in.text("organisation"));
    std::string algorithm_name = "ed25519";
    if (in.has("algorithm")) {
        CRN_TRY(named, in.text("algorithm"));
        algorithm_name = named;
    }
    CRN_TRY(key, in.fixed<decltype(crypto::VotingKey::bytes)>("key"));
    CRN_TRY(address, in.text("address"));
    CRN_CHECK(in.finish());
    const auto algorithm = crypto::voting_algorithm_from_name(algorithm_name);
    if (!algorithm) return bad(path + ".algorithm", "is neither ed25519 nor sm2");
    return Validator{name, organisation, {*algorithm, key}, address};
}

Result<GenesisAccount> read_account(const Json& json, const std::string& path) {
    Fields in(json, path);
    CRN_CHECK(in.open());
    GenesisAccount out;
    CRN_TRY(balance, in.u256("balance"));
    CRN_TRY(nonce, in.u64("nonce"));
    CRN_TRY(code, in.text("code"));
    CRN_TRY(storage, in.get("storage"));
    if (in.has("organisation")) {
        CRN_TRY(organisation, in.text("organisation"));
        CRN_TRY(registrar, in.get("registrar"));
        if (!registrar->is_boolean()) return bad(in.path("registrar"), "is neither true nor false");
        out.organisation = organisation;
        out.is_registrar = registrar->get<bool>();
    }
    CRN_CHECK(in.finish());
    out.balance = balance;
    out.nonce = nonce;
    auto bytes = from_hex(code);
    if (!bytes) return bad(in.path("code"), "is not hexadecimal");
    out.code = std::move(*bytes);
    if (!storage->is_object()) return bad(in.path("storage"), "is not an object");
    for (const auto& [slot, value] : storage->items()) {
        const auto where = in.path("storage") + "." + slot;
        const auto key = fixed_from_hex<Hash256>(slot);
        if (!key) return bad(where, "is not a slot: 0x and 64 hex digits");
        const auto word =
            value.is_string() ? fixed_from_hex<Hash256>(value.get_ref<const std::string&>()) : std::optional<Hash256>{};
        if (!word) return bad(where, "is not a value: 0x and 64 hex digits");
        if (!out.storage.emplace(from_big_endian(*key), from_big_endian(*word)).second)
            return bad(where, "is there twice");
    }
    return out;
}

/// Names of roles, each once, in the order of their numbers.
Result<RoleMask> read_roles(const Json& json, const std::string& path) {
    if (!json.is_array()) return bad(path, "is not a list");
    RoleMask out = 0;
    for (const auto& item : json) {
        const auto role = item.is_string() ? role_of(item.get_ref<const std::string&>()) : std::nullopt;
        if (!role) return bad(path, "has something that is not the name of a role");
        if (mask_of(*role) <= out) return bad(path, "has roles twice or not in their order");
        out = static_cast<RoleMask>(out | mask_of(*role));
    }
    return out;
}

/// Reads each element of the array `key` with `read`, at most `limit` of them.
template <class T, class Read>
Result<std::vector<T>> read_array(Fields& in, const char* key, std::size_t limit, Read read) {
    CRN_TRY(array, in.get(key));
    if (!array->is_array()) return bad(key, "is not a list");
    if (array->size() > limit) return bad(key, "has more than " + std::to_string(limit) + " elements");
    std::vector<T> out;
    for (std::size_t i = 0; i < array->size(); ++i) {
        CRN_TRY(item, read((*array)[i], std::string(key) + "[" + std::to_string(i) + "]"));
        out.push_back(std::move(item));
    }
    return out;
}

} // namespace

std::string to_json(const Genesis& genesis) {
    const auto& p = genesis.parameters;
    Json out;
    out["format"] = kFormat;
    out["timestamp"] = genesis.timestamp;
    out["parameters"] = {{"chain_id", p.chain_id},
                         {"fee_mode", p.fee_mode == FeeMode::free ? "free" : "fixed"},
                         {"fixed_gas_price", to_decimal(p.fixed_gas_price)},
                         {"block_gas_limit", p.block_gas_limit},
                         {"transaction_gas_cap", p.transaction_gas_cap},
                         {"code_bytes_max", p.code_bytes_max},
                         {"history_blocks", p.history_blocks},
                         {"min_block_interval_ms", p.min_block_interval_ms},
                         {"suite", name_of(p.suite)}};
    if (p.account_binding == AccountBinding::required) out["parameters"]["account_binding"] = "required";
    out["organisations"] = Json::array();
    for (const auto& organisation : genesis.organisations)
        out["organisations"].push_back({{"name", organisation.name},
                                        {"ca_certificate_pem", organisation.ca_certificate_pem},
                                        {"signing_key", to_hex(organisation.signing_key)},
                                        {"account", to_hex(organisation.account)}});
    out["validators"] = Json::array();
    for (const auto& validator : genesis.validators.members) {
        out["validators"].push_back({{"name", validator.name},
                                     {"organisation", validator.organisation},
                                     {"key", to_hex(validator.key.bytes)},
                                     {"address", validator.address}});
        if (validator.key.algorithm != crypto::VotingAlgorithm::ed25519)
            out["validators"].back()["algorithm"] = crypto::name_of(validator.key.algorithm);
    }
    out["accounts"] = Json::object();
    for (const auto& [address, account] : genesis.accounts) {
        Json storage = Json::object();
        for (const auto& [slot, value] : account.storage)
            storage[to_hex(to_big_endian(slot))] = to_hex(to_big_endian(value));
        out["accounts"][to_hex(address)] = {{"balance", to_decimal(account.balance)},
                                            {"nonce", account.nonce},
                                            {"code", to_hex(account.code)},
                                            {"storage", std::move(storage)}};
        if (account.organisation.empty()) continue;
        out["accounts"][to_hex(address)]["organisation"] = account.organisation;
        out["accounts"][to_hex(address)]["registrar"] = account.is_registrar;
    }
    out["roles"] = Json::object();
    for (const auto& [account, roles] : genesis.roles) {
        auto names = Json::array();
        for (std::size_t i = 0; i < kRoleNames.size(); ++i)
            if ((roles & mask_of(static_cast<Role>(i))) != 0) names.push_back(kRoleNames[i]);
        out["roles"][to_hex(account)] = std::move(names);
    }
    out["signatures"] = Json::object();
    for (const auto& [name, signature] : genesis.signatures) out["signatures"][name] = to_hex(signature);
    return out.dump(2, ' ', false, Json::error_handler_t::replace) + "\n";
}

Result<Genesis> genesis_from_json(std::string_view json) {
    CRN_TRY(root, StrictParse{}.run(json));
    Fields in(root, "");
    if (!root.is_object()) return bad("file", "is not a JSON object");
    CRN_TRY(format, in.text("format"));
    if (format != kFormat) return bad("format", "is not cairn-genesis-v1");

    Genesis out;
    CRN_TRY(timestamp, in.u64("timestamp"));
    out.timestamp = timestamp;
    CRN_TRY(parameters_json, in.get("parameters"));
    CRN_TRY(parameters, read_parameters(*parameters_json));
    out.parameters = parameters;
    CRN_TRY(organisations, read_array<Organisation>(in, "organisations", kOrganisationsMax, read_organisation));
    out.organisations = std::move(organisations);
    CRN_TRY(validators, read_array<Validator>(in, "validators", kValidatorsMax, read_validator));
    out.validators.members = std::move(validators);

    CRN_TRY(accounts, in.get("accounts"));
    if (!accounts->is_object()) return bad("accounts", "is not an object");
    if (accounts->size() > kGenesisAccountsMax) return bad("accounts", "are more than 1,000,000");
    for (const auto& [key, value] : accounts->items()) {
        const auto address = fixed_from_hex<Address>(key);
        if (!address) return bad("accounts." + key, "is not an address: 0x and 40 hex digits");
        CRN_TRY(account, read_account(value, "accounts." + key));
        if (!out.accounts.emplace(*address, std::move(account)).second) return bad("accounts." + key, "is there twice");
    }

    CRN_TRY(roles, in.get("roles"));
    if (!roles->is_object()) return bad("roles", "is not an object");
    if (roles->size() > kGenesisRolesMax) return bad("roles", "are for more than 10,000 accounts");
    for (const auto& [key, value] : roles->items()) {
        const auto address = fixed_from_hex<Address>(key);
        if (!address) return bad("roles." + key, "is not an address: 0x and 40 hex digits");
        CRN_TRY(mask, read_roles(value, "roles." + key));
        if (!out.roles.emplace(*address, mask).second) return bad("roles." + key, "is there twice");
    }

    CRN_TRY(signatures, in.get("signatures"));
    if (!signatures->is_object()) return bad("signatures", "is not an object");
    for (const auto& [name, value] : signatures->items()) {
        const auto signature = value.is_string()
                                   ? fixed_from_hex<crypto::Signature>(value.get_ref<const std::string&>())
                                   : std::optional<crypto::Signature>{};
        if (!signature) return bad("signatures." + name, "is not 0x and 128 hex digits");
        out.signatures.emplace(name, *signature);
    }
    CRN_CHECK(in.finish());
    CRN_CHECK(check_genesis(out));
    return out;
}

} // namespace cairn::ledger
