#include "base/errors/execution.hpp"
#include "execution/fixture.hpp"

#include <nlohmann/json.hpp>

#include <algorithm>

namespace cairn::execution {
namespace {

using Json = nlohmann::json;

/// Bounds what one number in `indexes` or a deep file can make the loader do.
constexpr std::size_t kCasesMax = 1u << 20;

std::unexpected<Error> bad(std::string_view where, std::string_view why) {
    return fail(error::FixtureInvalid, std::string{where} + ": " + std::string{why});
}

const Json* member(const Json& object, const char* key) {
    if (!object.is_object()) return nullptr;
    const auto found = object.find(key);
    return found == object.end() || found->is_null() ? nullptr : &*found;
}

const std::string* text(const Json* value) { return value == nullptr ? nullptr : value->get_ptr<const std::string*>(); }

/// Quantities have leading zeros here, and zero may be "0x". Nothing for anything that is not a 256-bit number.
std::optional<U256> as_u256(const Json* value) {
    const auto* string = text(value);
    if (string == nullptr) return std::nullopt;
    if (*string == "0x") return U256{};
    return from_quantity(*string);
}

std::optional<std::uint64_t> as_u64(const Json* value) {
    const auto number = as_u256(value);
    if (!number || !number->fits_u64()) return std::nullopt;
    return number->low();
}

std::optional<Bytes> as_bytes(const Json* value) {
    const auto* string = text(value);
    return string == nullptr ? std::nullopt : from_hex(*string);
}

template <class T>
std::optional<T> as_fixed(const Json* value) {
    const auto* string = text(value);
    return string == nullptr ? std::nullopt : fixed_from_hex<T>(*string);
}

/// Digests that may be written as a short quantity.
std::optional<Hash256> as_hash(const Json* value) {
    const auto number = as_u256(value);
    if (!number) return std::nullopt;
    return to_big_endian(*number);
}

Result<FixtureAccounts> read_accounts(const Json* json, std::string_view where) {
    if (json == nullptr || !json->is_object()) return bad(where, "no accounts");
    FixtureAccounts out;
    for (const auto& [key, value] : json->items()) {
        const auto address = fixed_from_hex<Address>(key);
        const auto nonce = as_u64(member(value, "nonce"));
        const auto balance = as_u256(member(value, "balance"));
        const auto code = as_bytes(member(value, "code"));
        const auto* storage = member(value, "storage");
        if (!address || !nonce || !balance || !code || storage == nullptr || !storage->is_object())
            return bad(where, "malformed account " + key);
        FixtureAccount account{*nonce, *balance, *code, {}};
        for (const auto& [slot_text, slot_value] : storage->items()) {
            const auto slot = slot_text == "0x" ? U256{} : from_quantity(slot_text);
            const auto content = as_u256(&slot_value);
            if (!slot || !content) return bad(where, "malformed slot of " + key);
            if (*content) account.storage[*slot] = *content;
        }
        out[*address] = std::move(account);
    }
    return out;
}

/// Given hashes first; else the recipe's: Keccak-256 of the number's decimal digits.
std::function<Hash256(std::uint64_t)> block_hashes(const Json& env, std::uint64_t number) {
    std::map<std::uint64_t, Hash256> given;
    if (const auto previous = as_fixed<Hash256>(member(env, "previousHash")); previous && number > 0)
        given[number - 1] = *previous;
    if (const auto* hashes = member(env, "blockHashes"); hashes != nullptr && hashes->is_object())
        for (const auto& [key, value] : hashes->items()) {
            const auto at = key.starts_with("0x") ? from_quantity(key) : from_decimal(key);
            if (const auto hash = as_fixed<Hash256>(&value); at && at->fits_u64() && hash) given[at->low()] = *hash;
        }
    return [given = std::move(given), number](std::uint64_t n) {
        if (n >= number || number - n > 256) return Hash256{};
        if (const auto found = given.find(n); found != given.end()) return found->second;
        return crypto::keccak256(cairn::as_bytes(std::to_string(n)));
    };
}

Status read_environment(const Json& json, StateTest& test) {
    const auto* env = member(json, "env");
    if (env == nullptr) return bad(test.name, "no env");
    const auto coinbase = as_fixed<Address>(member(*env, "currentCoinbase"));
    const auto gas_limit = as_u64(member(*env, "currentGasLimit"));
    const auto number = as_u64(member(*env, "currentNumber"));
    const auto timestamp = as_u64(member(*env, "currentTimestamp"));
    if (!coinbase || !gas_limit || !number || !timestamp) return bad(test.name, "malformed env");
    test.block.coinbase = *coinbase;
    test.block.gas_limit = *gas_limit;
    test.block.number = *number;
    test.block.timestamp = *timestamp;
    test.block.prev_randao = as_hash(member(*env, "currentRandom")).value_or(Hash256{});
    test.block.base_fee = as_u256(member(*env, "currentBaseFee")).value_or(U256{});
    test.excess_blob_gas = as_u64(member(*env, "currentExcessBlobGas")).value_or(0);
    test.block.block_hash = block_hashes(*env, *number);
    test.block.chain_id = U256{1};
    if (const auto* config = member(json, "config")) {
        if (const auto chain_id = as_u256(member(*config, "chainid"))) test.block.chain_id = *chain_id;
        if (const auto* schedule = member(*config, "blobSchedule"); schedule != nullptr && schedule->is_object())
            for (const auto& [fork, values] : schedule->items()) {
                const auto revision = revision_from_name(fork);
                const auto fraction = as_u64(member(values, "baseFeeUpdateFraction"));
                if (revision && fraction && *fraction != 0) test.blob_fee_fractions[*revision] = *fraction;
            }
    }
    return {};
}

const Json* element(const Json* list, std::size_t index) {
    if (list == nullptr || !list->is_array() || index >= list->size() || (*list)[index].is_null()) return nullptr;
    return &(*list)[index];
}

std::optional<std::vector<ledger::AccessListEntry>> as_access_list(const Json& json) {
    if (!json.is_array()) return std::nullopt;
    std::vector<ledger::AccessListEntry> out;
    for (const auto& item : json) {
        const auto address = as_fixed<Address>(member(item, "address"));
        const auto* keys = member(item, "storageKeys");
        if (!address || keys == nullptr || !keys->is_array()) return std::nullopt;
        auto& entry = out.emplace_back(ledger::AccessListEntry{*address, {}});
        for (const auto& key : *keys) {
            const auto hash = as_hash(&key);
            if (!hash) return std::nullopt;
            entry.storage_keys.push_back(*hash);
        }
    }
    return out;
}

std::optional<std::vector<ledger::Authorization>> as_authorizations(const Json& json) {
    if (!json.is_array()) return std::nullopt;
    std::vector<ledger::Authorization> out;
    for (const auto& item : json) {
        const auto* parity = member(item, "yParity");
        const auto chain_id = as_u256(member(item, "chainId"));
        const auto address = as_fixed<Address>(member(item, "address"));
        const auto nonce = as_u64(member(item, "nonce"));
        const auto y_parity = as_u256(parity != nullptr ? parity : member(item, "v"));
        const auto r = as_u256(member(item, "r"));
        const auto s = as_u256(member(item, "s"));
        if (!chain_id || !address || !nonce || !y_parity || !r || !s) return std::nullopt;
        out.push_back({*chain_id, *address, *nonce, *y_parity, *r, *s});
    }
    return out;
}

struct Indexes {
    std::size_t data = 0;
    std::size_t gas = 0;
    std::size_t value = 0;
};

/// Nothing if a field is missing or does not fit: then only a rejection can be expected.
std::optional<ledger::Transaction> pick_transaction(const Json& json, const Indexes& at, const U256& chain_id) {
    using ledger::TransactionType;
    ledger::Transaction tx;
    const auto nonce = as_u64(member(json, "nonce"));
    const auto gas_limit = as_u64(element(member(json, "gasLimit"), at.gas));
    const auto value = as_u256(element(member(json, "value"), at.value));
    const auto data = as_bytes(element(member(json, "data"), at.data));
    const auto* to = text(member(json, "to"));
    if (!nonce || !gas_limit || !value || !data) return std::nullopt;
    tx.nonce = *nonce;
    tx.gas_limit = *gas_limit;
    tx.value = *value;
    tx.data = *data;
    if (to != nullptr && !to->empty() && *to != "0x") {
        tx.to = fixed_from_hex<Address>(*to);
        if (!tx.to) return std::nullopt;
    }
    if (const auto* list = element(member(json, "accessLists"), at.data)) {
        auto entries = as_access_list(*list);
        if (!entries) return std::nullopt;
        tx.access_list = std::move(*entries);
        tx.type = TransactionType::access_list;
    }
    if (const auto* max_fee = member(json, "maxFeePerGas")) {
        const auto fee = as_u256(max_fee);
        const auto tip = as_u256(member(json, "maxPriorityFeePerGas"));
        if (!fee || !tip) return std::nullopt;
        tx.max_fee_per_gas = *fee;
        tx.max_priority_fee_per_gas = *tip;
        tx.type = TransactionType::dynamic_fee;
    } else {
        const auto price = as_u256(member(json, "gasPrice"));
        if (!price) return std::nullopt;
        tx.max_fee_per_gas = tx.max_priority_fee_per_gas = *price;
    }
    if (const auto* hashes = member(json, "blobVersionedHashes")) {
        const auto fee = as_u256(member(json, "maxFeePerBlobGas"));
        if (!fee || !hashes->is_array()) return std::nullopt;
        tx.max_fee_per_blob_gas = *fee;
        tx.type = TransactionType::blob;
        for (const auto& item : *hashes) {
            const auto hash = as_fixed<Hash256>(&item);
            if (!hash) return std::nullopt;
            tx.blob_versioned_hashes.push_back(*hash);
        }
    }
    if (const auto* list = member(json, "authorizationList")) {
        auto items = as_authorizations(*list);
        if (!items) return std::nullopt;
        tx.authorization_list = std::move(*items);
        tx.type = TransactionType::set_code;
    }
    tx.chain_id = chain_id;
    return tx;
}

Result<Indexes> read_indexes(const Json* json, std::string_view where) {
    const auto read = [&](const char* key) -> std::optional<std::size_t> {
        const auto* value = json == nullptr ? nullptr : member(*json, key);
        if (value == nullptr || !value->is_number_unsigned()) return std::nullopt;
        return value->get<std::size_t>();
    };
    const auto data = read("data");
    const auto gas = read("gas");
    const auto value = read("value");
    if (!data || !gas || !value) return bad(where, "malformed indexes");
    return Indexes{*data, *gas, *value};
}

Result<StateTestCase> read_case(const Json& json, const Json& transaction, const StateTest& test) {
    StateTestCase out;
    CRN_TRY(indexes, read_indexes(member(json, "indexes"), test.name));
    const auto root = as_fixed<Hash256>(member(json, "hash"));
    const auto logs = as_fixed<Hash256>(member(json, "logs"));
    if (!root || !logs) return bad(test.name, "post entry without hash or logs");
    out.root = *root;
    out.logs_hash = *logs;
    out.transaction = pick_transaction(transaction, indexes, test.block.chain_id);
    out.txbytes = as_bytes(member(json, "txbytes"));
    if (const auto* exception = text(member(json, "expectException"))) out.exception = *exception;
    if (const auto* state = member(json, "state")) {
        CRN_TRY(accounts, read_accounts(state, test.name));
        out.expected_state = std::make_shared<const FixtureAccounts>(std::move(accounts));
    }
    return out;
}

Result<StateTest> read_test(const std::string& name, const Json& json) {
    StateTest test;
    test.name = name;
    CRN_CHECK(read_environment(json, test));
    CRN_TRY(accounts, read_accounts(member(json, "pre"), name));
    test.accounts = std::move(accounts);
    const auto* transaction = member(json, "transaction");
    const auto* post = member(json, "post");
    if (transaction == nullptr || post == nullptr || !post->is_object()) return bad(name, "no transaction or post");
    test.sender = as_fixed<Address>(member(*transaction, "sender"));
    test.secret_key = as_fixed<crypto::AccountKey>(member(*transaction, "secretKey"));
    for (const auto& [fork, entries] : post->items()) {
        const auto revision = revision_from_name(fork);
        if (!revision) continue;
        if (!entries.is_array()) return bad(name, "post of a fork is not a list");
        std::size_t index = 0;
        for (const auto& entry : entries) {
            if (test.cases.size() == kCasesMax) return bad(name, "too many cases");
            CRN_TRY(test_case, read_case(entry, *transaction, test));
            test_case.revision = *revision;
            test_case.index = index++;
            test.cases.push_back(std::move(test_case));
        }
    }
    return test;
}

} // namespace

Result<std::vector<StateTest>> parse_state_tests(std::string_view json) {
    if (json.size() > kFixtureBytesMax) return bad("file", "over 256 MiB");
    const auto root = Json::parse(json, nullptr, false);
    if (root.is_discarded()) return bad("file", "not JSON");
    if (!root.is_object()) return bad("file", "not an object of tests");
    std::vector<StateTest> out;
    for (const auto& [name, value] : root.items()) {
        CRN_TRY(test, read_test(name, value));
        out.push_back(std::move(test));
    }
    return out;
}

} // namespace cairn::execution
