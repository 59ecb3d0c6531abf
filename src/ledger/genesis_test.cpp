#include "base/errors/ledger.hpp"
#include "ledger/genesis.hpp"

#include <gtest/gtest.h>

#include <functional>

namespace cairn::ledger {
namespace {

using crypto::ValidatorKey;
using crypto::ValidatorSeed;

template <class T>
T filled(std::uint8_t byte) {
    T out;
    out.bytes.fill(byte);
    return out;
}

ValidatorKey signing_key(std::uint8_t i) { return ValidatorKey::from_seed(filled<ValidatorSeed>(i)); }

Genesis four_organisations() {
    Genesis out;
    out.parameters.chain_id = 20260;
    out.timestamp = 1'700'000'000;
    const std::array names{"Alpha", "Beta", "Delta", "Gamma"};
    for (std::uint8_t i = 0; i < 4; ++i) {
        const auto pem = "-----BEGIN CERTIFICATE-----\n" + std::to_string(i) + "\n-----END CERTIFICATE-----\n";
        out.organisations.push_back({names[i], pem, signing_key(i).public_key(), filled<Address>(i + 1)});
        out.validators.members.push_back({std::string(names[i]) + "-1", names[i], signing_key(i + 10).public_key(),
                                          "127.0.0.1:" + std::to_string(30300 + i)});
    }
    GenesisAccount rich;
    rich.balance = ~U256{} - U256{7};
    GenesisAccount contract;
    contract.nonce = 1;
    contract.code = {0x60, 0x00};
    contract.storage[U256{1, 2, 3, 4}] = U256{5};
    out.accounts[filled<Address>(0xaa)] = rich;
    out.accounts[filled<Address>(0xbb)] = contract;
    for (std::uint8_t role = 0; role < 3; ++role)
        out.roles[filled<Address>(0xd0 + role)] = mask_of(static_cast<Role>(role));
    out.roles[filled<Address>(1)] = mask_of(Role::validator) | mask_of(Role::deployer);
    return out;
}

void sign_by_all(Genesis& genesis) {
    const auto message = genesis_signed_bytes(hash_of(genesis));
    for (std::uint8_t i = 0; i < genesis.organisations.size(); ++i)
        genesis.signatures[genesis.organisations[i].name] = signing_key(i).sign(message);
}

std::string replaced(std::string text, std::string_view from, std::string_view to) {
    const auto at = text.find(from);
    EXPECT_NE(at, std::string::npos) << from;
    if (at != std::string::npos) text.replace(at, from.size(), to);
    return text;
}

TEST(Genesis, json_form_round_trips) {
    auto genesis = four_organisations();
    sign_by_all(genesis);
    const auto json = to_json(genesis);
    const auto back = genesis_from_json(json);
    ASSERT_TRUE(back) << back.error().text();
    EXPECT_EQ(back->parameters, genesis.parameters);
    EXPECT_EQ(back->timestamp, genesis.timestamp);
    EXPECT_EQ(back->organisations, genesis.organisations);
    EXPECT_EQ(back->validators, genesis.validators);
    EXPECT_EQ(back->accounts, genesis.accounts);
    EXPECT_EQ(back->roles, genesis.roles);
    EXPECT_EQ(back->signatures, genesis.signatures);
    EXPECT_EQ(hash_of(*back), hash_of(genesis));
    EXPECT_EQ(to_json(*back), json);
    EXPECT_TRUE(verify_signatures(*back));
}

TEST(Genesis, accounts_bound_to_an_organisation_survive_json_and_enter_the_hash) {
    auto genesis = four_organisations();
    genesis.parameters.account_binding = AccountBinding::required;
    auto& account = genesis.accounts[filled<Address>(0xaa)];
    account.organisation = "Beta";
    const auto plain = hash_of(genesis);
    account.is_registrar = true;
    EXPECT_NE(hash_of(genesis), plain);
    const auto back = genesis_from_json(to_json(genesis));
    ASSERT_TRUE(back) << back.error().text();
    EXPECT_EQ(back->parameters, genesis.parameters);
    EXPECT_EQ(back->accounts, genesis.accounts);
    EXPECT_EQ(hash_of(*back), hash_of(genesis));
}

TEST(Genesis, bindings_that_mean_nothing_are_refused) {
    const std::vector<std::pair<std::string, std::function<void(GenesisAccount&)>>> cases{
        {"is not among", [](GenesisAccount& a) { a.organisation = "Omega"; }},
        {"true without", [](GenesisAccount& a) { a.is_registrar = true; }},
        {"accounts without code",
         [](GenesisAccount& a) {
             a.organisation = "Alpha";
             a.code = {0};
         }},
    };
    for (const auto& [reason, change] : cases) {
        auto genesis = four_organisations();
        change(genesis.accounts[filled<Address>(0xaa)]);
        const auto status = check_genesis(genesis);
        ASSERT_FALSE(status) << reason;
        EXPECT_NE(status.error().detail.find(reason), std::string::npos) << status.error().detail;
    }
}

TEST(Genesis, json_keys_are_sorted) {
    const auto json = to_json(four_organisations());
    std::size_t last = 0;
    for (const auto* key : {"\"accounts\"", "\"format\"", "\"organisations\"", "\"parameters\"", "\"signatures\"",
                            "\"timestamp\"", "\"validators\""}) {
        const auto at = json.find(std::string("\n  ") + key);
        ASSERT_NE(at, std::string::npos) << key;
        EXPECT_GT(at, last) << key;
        last = at;
    }
}

TEST(Genesis, hash_is_the_same_for_ever) {
    EXPECT_EQ(to_hex(hash_of(four_organisations())),
              "0xb9b6bed06e5fa7bb667a5cab426c3764c1e1d5ba5e3b5817a045303bdca45eb9");
}

TEST(Genesis, founders_vote_with_what_the_suite_says) {
    const auto sm2_key = [](std::uint8_t fill) {
        return crypto::VotingSecret::from(crypto::VotingAlgorithm::sm2, Bytes(32, fill)).value().public_key();
    };
    auto national = four_organisations();
    for (std::uint8_t i = 0; i < 4; ++i) national.validators.members[i].key = sm2_key(static_cast<std::uint8_t>(i + 1));
    EXPECT_EQ(check_genesis(national).error().detail,
              "validators[0].algorithm: is sm2, which the suite international does not vote with");
    national.parameters.suite = Suite::national;
    EXPECT_TRUE(check_genesis(national));
    const auto read = genesis_from_json(to_json(national));
    ASSERT_TRUE(read) << read.error().text();
    EXPECT_EQ(read->validators, national.validators);
    EXPECT_EQ(hash_of(*read), hash_of(national));

    auto mixed = national;
    mixed.validators.members[2].key = four_organisations().validators.members[2].key;
    EXPECT_EQ(check_genesis(mixed).error().detail,
              "validators[2].algorithm: is ed25519, which the suite national does not vote with");
    mixed.parameters.suite = Suite::mixed;
    EXPECT_TRUE(check_genesis(mixed));
    // The same 32 bytes as keys of the other algorithm are another genesis.
    auto renamed = mixed;
    renamed.validators.members[2].key.algorithm = crypto::VotingAlgorithm::sm2;
    EXPECT_NE(hash_of(renamed), hash_of(mixed));
    mixed.validators.members[0].key.bytes.bytes.fill(0xff);
    EXPECT_EQ(check_genesis(mixed).error().detail, "validators[0].key: is not the x of a point on the SM2 curve");
}

TEST(Genesis, hash_depends_on_every_field) {
    const std::vector<std::function<void(Genesis&)>> changes{
        [](Genesis& g) { g.parameters.chain_id++; },
        [](Genesis& g) { g.parameters.fee_mode = FeeMode::fixed; },
        [](Genesis& g) { g.parameters.fixed_gas_price = U256{1}; },
        [](Genesis& g) { g.parameters.block_gas_limit++; },
        [](Genesis& g) { g.parameters.transaction_gas_cap++; },
        [](Genesis& g) { g.parameters.code_bytes_max++; },
        [](Genesis& g) { g.parameters.history_blocks++; },
        [](Genesis& g) { g.parameters.min_block_interval_ms++; },
        [](Genesis& g) { g.parameters.suite = Suite::mixed; },
        [](Genesis& g) { g.parameters.account_binding = AccountBinding::required; },
        [](Genesis& g) { g.accounts.begin()->second.organisation = "Alpha"; },
        [](Genesis& g) { g.timestamp++; },
        [](Genesis& g) { g.organisations[1].name += "x"; },
        [](Genesis& g) { g.organisations[1].ca_certificate_pem += "\n"; },
        [](Genesis& g) { g.organisations[1].signing_key[0] ^= 1; },
        [](Genesis& g) { g.organisations[1].account[0] ^= 1; },
        [](Genesis& g) { g.validators.members[2].name += "x"; },
        [](Genesis& g) { g.validators.members[2].organisation += "x"; },
        [](Genesis& g) { g.validators.members[2].key.bytes[0] ^= 1; },
        [](Genesis& g) { g.validators.members[2].address += "0"; },
        [](Genesis& g) { std::swap(g.validators.members[0], g.validators.members[1]); },
        [](Genesis& g) { g.accounts[filled<Address>(0xaa)].balance = U256{1}; },
        [](Genesis& g) { g.accounts[filled<Address>(0xaa)].nonce++; },
        [](Genesis& g) { g.accounts[filled<Address>(0xbb)].code.push_back(0); },
        [](Genesis& g) { g.accounts[filled<Address>(0xbb)].storage[U256{9}] = U256{1}; },
        [](Genesis& g) { g.accounts.erase(filled<Address>(0xbb)); },
        [](Genesis& g) { g.roles.erase(filled<Address>(1)); },
        [](Genesis& g) { g.roles[filled<Address>(1)] = mask_of(Role::deployer); },
    };
    std::vector<Hash256> hashes{hash_of(four_organisations())};
    for (const auto& change : changes) {
        auto genesis = four_organisations();
        change(genesis);
        hashes.push_back(hash_of(genesis));
    }
    std::ranges::sort(hashes);
    EXPECT_EQ(std::ranges::adjacent_find(hashes), hashes.end());
}

TEST(Genesis, hash_does_not_depend_on_signatures) {
    auto genesis = four_organisations();
    const auto before = hash_of(genesis);
    sign_by_all(genesis);
    EXPECT_EQ(hash_of(genesis), before);
}

TEST(Genesis, names_organisations_whose_signature_is_missing_or_wrong) {
    auto genesis = four_organisations();
    sign_by_all(genesis);
    genesis.signatures.erase("Beta");
    genesis.signatures["Gamma"] = genesis.signatures["Alpha"];
    const auto status = verify_signatures(genesis);
    ASSERT_FALSE(status);
    EXPECT_EQ(status.error().code, error::GenesisUnsigned);
    EXPECT_EQ(status.error().detail, "Beta (missing), Gamma (wrong)");
}

TEST(Genesis, change_after_signing_is_noticed) {
    auto genesis = four_organisations();
    sign_by_all(genesis);
    genesis.parameters.history_blocks++;
    const auto status = verify_signatures(genesis);
    ASSERT_FALSE(status);
    EXPECT_EQ(status.error().code, error::GenesisUnsigned);
}

TEST(Genesis, no_organisation_is_not_a_signed_genesis) {
    Genesis genesis;
    EXPECT_FALSE(verify_signatures(genesis));
}

struct BadField {
    std::string path;
    std::function<void(Genesis&)> change;
};

TEST(Genesis, bad_field_is_refused_with_its_path) {
    const std::vector<BadField> cases{
        {"parameters.chain_id", [](Genesis& g) { g.parameters.chain_id = 0; }},
        {"parameters.chain_id", [](Genesis& g) { g.parameters.chain_id = 4'503'599'627'370'477; }},
        {"parameters.block_gas_limit", [](Genesis& g) { g.parameters.block_gas_limit = 20'999; }},
        {"parameters.transaction_gas_cap", [](Genesis& g) { g.parameters.transaction_gas_cap = 500'000'001; }},
        {"parameters.code_bytes_max", [](Genesis& g) { g.parameters.code_bytes_max = (1 << 20) + 1; }},
        {"parameters.history_blocks", [](Genesis& g) { g.parameters.history_blocks = 0; }},
        {"parameters.min_block_interval_ms", [](Genesis& g) { g.parameters.min_block_interval_ms = 60'001; }},
        {"parameters.fixed_gas_price", [](Genesis& g) { g.parameters.fixed_gas_price = U256{1}; }},
        {"parameters.fixed_gas_price", [](Genesis& g) { g.parameters.fee_mode = FeeMode::fixed; }},
        {"timestamp", [](Genesis& g) { g.timestamp = 1'700'000'000'000; }},
        {"organisations", [](Genesis& g) { g.organisations.clear(); }},
        {"organisations[0].name", [](Genesis& g) { g.organisations[0].name = ""; }},
        {"organisations[0].name", [](Genesis& g) { g.organisations[0].name = "A\nB"; }},
        {"organisations[0].name", [](Genesis& g) { g.organisations[0].name = std::string(65, 'A'); }},
        {"organisations[1].name", [](Genesis& g) { g.organisations[1].name = "Alpha"; }},
        {"organisations[2].name", [](Genesis& g) { std::swap(g.organisations[1], g.organisations[2]); }},
        {"organisations[3].ca_certificate_pem", [](Genesis& g) { g.organisations[3].ca_certificate_pem = "x"; }},
        {"organisations[3].ca_certificate_pem",
         [](Genesis& g) { g.organisations[3].ca_certificate_pem.append(16 * 1024, 'A'); }},
        {"organisations[3].ca_certificate_pem",
         [](Genesis& g) { g.organisations[3].ca_certificate_pem = g.organisations[0].ca_certificate_pem; }},
        {"organisations[1].signing_key",
         [](Genesis& g) { g.organisations[1].signing_key = g.organisations[0].signing_key; }},
        {"organisations[1].account", [](Genesis& g) { g.organisations[1].account = {}; }},
        {"organisations[1].account", [](Genesis& g) { g.organisations[1].account = g.organisations[0].account; }},
        {"validators", [](Genesis& g) { g.validators.members.clear(); }},
        {"validators[2].name", [](Genesis& g) { g.validators.members[2].name = "Alpha-1"; }},
        {"validators[2].organisation", [](Genesis& g) { g.validators.members[2].organisation = "Omega"; }},
        {"validators[2].key", [](Genesis& g) { g.validators.members[2].key = g.validators.members[1].key; }},
        {"validators[2].address", [](Genesis& g) { g.validators.members[2].address = "127.0.0.1"; }},
        {"validators[2].address", [](Genesis& g) { g.validators.members[2].address = "127.0.0.1:65536"; }},
        {"validators[2].address", [](Genesis& g) { g.validators.members[2].address = "a b:1"; }},
        {"validators[2].address", [](Genesis& g) { g.validators.members[2].address = ":1"; }},
        {"validators[2].address", [](Genesis& g) { g.validators.members[2].address = "127.0.0.1:30300"; }},
        {"accounts.0xbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb.balance",
         [](Genesis& g) { g.accounts[filled<Address>(0xbb)].balance = U256{8}; }},
        {"accounts.0xbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb.code",
         [](Genesis& g) { g.accounts[filled<Address>(0xbb)].code.resize(24'577); }},
        {"accounts.0xbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb.nonce",
         [](Genesis& g) { g.accounts[filled<Address>(0xbb)].nonce = ~std::uint64_t{0}; }},
        {"accounts.0xbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb.storage."
         "0x0000000000000000000000000000000000000000000000000000000000000002",
         [](Genesis& g) { g.accounts[filled<Address>(0xbb)].storage[U256{2}] = U256{}; }},
        {"accounts.0xcccccccccccccccccccccccccccccccccccccccc",
         [](Genesis& g) { g.accounts[filled<Address>(0xcc)] = {}; }},
        {"roles", [](Genesis& g) { g.roles.erase(filled<Address>(0xd2)); }},
        {"roles.0x0000000000000000000000000000000000000000",
         [](Genesis& g) { g.roles[Address{}] = mask_of(Role::regulator); }},
        {"roles.0xbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb", [](Genesis& g) { g.roles[filled<Address>(0xbb)] = 0; }},
        {"roles.0xd0d0d0d0d0d0d0d0d0d0d0d0d0d0d0d0d0d0d0d0",
         [](Genesis& g) { g.roles[filled<Address>(0xd0)] |= mask_of(Role::security_administrator); }},
        {"roles.0xd0d0d0d0d0d0d0d0d0d0d0d0d0d0d0d0d0d0d0d0",
         [](Genesis& g) { g.roles[filled<Address>(0xd0)] |= mask_of(Role::deployer); }},
        {"roles.0x0202020202020202020202020202020202020202",
         [](Genesis& g) { g.roles[filled<Address>(2)] = mask_of(Role::audit_administrator); }},
        {"signatures.Omega", [](Genesis& g) { g.signatures["Omega"] = {}; }},
    };
    for (const auto& [path, change] : cases) {
        auto genesis = four_organisations();
        change(genesis);
        const auto read = genesis_from_json(to_json(genesis));
        ASSERT_FALSE(read) << path;
        EXPECT_EQ(read.error().code, error::GenesisInvalid);
        EXPECT_TRUE(read.error().detail.starts_with(path + ":")) << read.error().detail << "\nexpected " << path;
    }
}

TEST(Genesis, validators_of_another_epoch_are_refused) {
    auto genesis = four_organisations();
    EXPECT_TRUE(check_genesis(genesis));
    genesis.validators.epoch = Epoch{1};
    EXPECT_FALSE(check_genesis(genesis));
}

TEST(Genesis, limits_hold_at_the_limit_and_not_above) {
    for (const unsigned count : {100u, 101u}) {
        auto genesis = four_organisations();
        genesis.validators.members.clear();
        for (unsigned i = 0; i < count; ++i) {
            crypto::ValidatorPublicKey key;
            key[0] = static_cast<std::uint8_t>(i);
            genesis.validators.members.push_back(
                {"v" + std::to_string(i), "Alpha", key, "10.0.0.1:" + std::to_string(1000 + i)});
        }
        EXPECT_EQ(genesis_from_json(to_json(genesis)).has_value(), count == 100);
    }
    auto genesis = four_organisations();
    genesis.parameters.chain_id = 4'503'599'627'370'476;
    genesis.accounts[filled<Address>(0xbb)].balance = U256{7};
    genesis.accounts[filled<Address>(0xbb)].code.resize(24'576);
    EXPECT_TRUE(genesis_from_json(to_json(genesis)));
}

TEST(Genesis, malformed_text_is_refused_with_the_path) {
    const auto json = to_json(four_organisations());
    struct Case {
        std::string from, to, path;
    };
    const std::vector<Case> cases{
        {"\"format\": \"cairn-genesis-v1\"", "\"format\": \"cairn-genesis-v2\"", "format"},
        {"\"format\": \"cairn-genesis-v1\",", "", "format"},
        {"\"chain_id\": 20260", "\"chain_id\": -1", "parameters.chain_id"},
        {"\"chain_id\": 20260", "\"chain_id\": 2.5", "parameters.chain_id"},
        {"\"chain_id\": 20260", "\"chain_id\": 18446744073709551616", "parameters.chain_id"},
        {"\"chain_id\": 20260", "\"chain_id\": \"20260\"", "parameters.chain_id"},
        {"\"chain_id\": 20260", "\"chain_id\": 1, \"chain_id\": 20260", "file"},
        {"\"chain_id\": 20260", "\"chain_id\": 20260, \"colour\": 1", "parameters"},
        {"\"fee_mode\": \"free\"", "\"fee_mode\": \"gratis\"", "parameters.fee_mode"},
        {"\"fixed_gas_price\": \"0\"", "\"fixed_gas_price\": \"zero\"", "parameters.fixed_gas_price"},
        {"\"name\": \"Alpha\"", "\"name\": 5", "organisations[0].name"},
        {"\"signing_key\": \"0x", "\"signing_key\": \"", "organisations[0].signing_key"},
        {"\"key\": \"0x", "\"key\": \"0x00", "validators[0].key"},
        {"\"signatures\": {}", "\"signatures\": {\"Alpha\": \"0x00\"}", "signatures.Alpha"},
        {"\"signatures\": {}", "\"signatures\": []", "signatures"},
        {"\"signatures\": {}", "\"signatures\": {}, \"extra\": {}", "file"},
        {"\"code\": \"0x6000\"", "\"code\": \"0x600\"", "accounts.0xbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb.code"},
        {"\"0xaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa\"", "\"0xaa\"", "accounts.0xaa"},
        {"\"0xaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa\"", "\"0xBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBB\"",
         "accounts.0xbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb"},
    };
    for (const auto& [from, to, path] : cases) {
        const auto read = genesis_from_json(replaced(json, from, to));
        ASSERT_FALSE(read) << to;
        EXPECT_EQ(read.error().code, error::GenesisInvalid);
        EXPECT_TRUE(read.error().detail.starts_with(path + ":")) << read.error().detail << "\nexpected " << path;
    }
    EXPECT_FALSE(genesis_from_json(json + "x"));
    EXPECT_FALSE(genesis_from_json(""));
    EXPECT_FALSE(genesis_from_json("[]"));
    EXPECT_FALSE(genesis_from_json(std::string(100'000, '[')));
    EXPECT_FALSE(genesis_from_json(json.substr(0, json.size() / 2)));
}

TEST(Genesis, balance_may_be_written_in_hexadecimal) {
    auto genesis = four_organisations();
    genesis.accounts[filled<Address>(0xaa)].balance = U256{4096};
    const auto read = genesis_from_json(replaced(to_json(genesis), "\"balance\": \"4096\"", "\"balance\": \"0x1000\""));
    ASSERT_TRUE(read) << read.error().text();
    EXPECT_EQ(hash_of(*read), hash_of(genesis));
}

TEST(Genesis, header_of_block_zero_binds_the_whole_genesis) {
    const auto genesis = four_organisations();
    const auto root = filled<Hash256>(0x11);
    const auto header = genesis_header(genesis, root);
    EXPECT_EQ(header.mix_hash, hash_of(genesis));
    EXPECT_EQ(header.state_root, root);
    EXPECT_EQ(header.number, 0u);
    EXPECT_TRUE(header.parent_hash.is_zero());
    EXPECT_EQ(header.gas_limit, genesis.parameters.block_gas_limit);
    EXPECT_EQ(header.timestamp, genesis.timestamp);
    EXPECT_EQ(header.base_fee_per_gas, U256{});
    EXPECT_EQ(header.withdrawals_root, kEmptyTrieRoot);
    EXPECT_EQ(header.requests_hash, kEmptyRequestsHash);

    auto priced = genesis;
    priced.parameters.fee_mode = FeeMode::fixed;
    priced.parameters.fixed_gas_price = U256{1'000'000'000};
    EXPECT_EQ(genesis_header(priced, root).base_fee_per_gas, U256{1'000'000'000});
}

} // namespace
} // namespace cairn::ledger
