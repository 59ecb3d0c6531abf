#include "base/errors/ledger.hpp"
#include "system/members.hpp"

#include "ledger/key_claim.hpp"
#include "ledger/slot_layout.hpp"
#include "system/chain_test.hpp"

#include <gtest/gtest.h>

namespace cairn::system {
namespace {

using codec::AbiValue;

constexpr std::string_view kAdd = "addOrganisation(string,address,bytes32,string)";
constexpr std::string_view kRemove = "removeOrganisation(string)";
constexpr std::string_view kOrganisation = "((string,address,bool,bytes32,string))";
constexpr std::string_view kValidator = "((string,uint32,bool,bytes32,string,uint8))";
const Address kEpsilon = filled<Address>(0xe0);

class Members : public testing::Test {
protected:
    Answer send(const Address& sender, std::string_view signature, const AbiValue::List& arguments) {
        return chain.send(kMembersAddress, sender, signature, arguments);
    }
    AbiValue read(std::string_view signature, const AbiValue::List& arguments, std::string_view type) {
        return send(kStranger, signature, arguments).value(type);
    }
    Answer propose(const Address& sender, std::string_view signature, const AbiValue::List& arguments) {
        return chain.propose(sender, kMembersAddress, signature, arguments);
    }
    Answer add_epsilon(const Address& sender) {
        return propose(sender, kAdd, {"Epsilon", kEpsilon, filled<Hash256>(0x55), "certificate"});
    }
    void remove(std::string_view name, const std::vector<Address>& others) {
        chain.carry_out(propose(kAlpha, kRemove, {name}), others);
    }
    std::vector<std::string> names() const {
        std::vector<std::string> out;
        for (const auto& organisation : organisations_of(chain.state())) out.push_back(organisation.name);
        return out;
    }
    ledger::Genesis genesis = four_organisations();
    TestChain chain{genesis};
};

TEST_F(Members, genesis_founders_are_read_back_as_they_were) {
    EXPECT_EQ(organisations_of(chain.state()), genesis.organisations);
    EXPECT_EQ(validators_of(chain.state(), Epoch{0}), genesis.validators);
    EXPECT_EQ(organisation_of(chain.state(), kBeta), "Beta");
    EXPECT_EQ(organisation_of(chain.state(), kStranger), std::nullopt);
}

TEST_F(Members, getters_tell_the_same_to_contracts) {
    EXPECT_EQ(read("organisationCount()", {}, "(uint256)"), AbiValue{4});
    EXPECT_EQ(read("validatorCount()", {}, "(uint256)"), AbiValue{4});
    const AbiValue beta =
        AbiValue::List{"Beta", kBeta, 1, filled<Hash256>(0x11), genesis.organisations[1].ca_certificate_pem};
    EXPECT_EQ(read("organisation(uint256)", {1}, kOrganisation), beta);
    EXPECT_EQ(send(kStranger, "organisationByName(string)", {"Beta"})
                  .values("(uint256,(string,address,bool,bytes32,string))"),
              (AbiValue::List{1, beta}));
    const AbiValue validator = AbiValue::List{"Beta-1", 1, 1, filled<Hash256>(0x21), "127.0.0.1:30301", 0};
    EXPECT_EQ(read("validator(uint256)", {1}, kValidator), validator);
    EXPECT_EQ(send(kStranger, "validatorByName(string)", {"Beta-1"})
                  .values("(uint256,(string,uint32,bool,bytes32,string,uint8))"),
              (AbiValue::List{1, validator}));
    EXPECT_EQ(read("organisationOf(address)", {kDelta}, "(string)"), AbiValue{"Delta"});
    EXPECT_EQ(read("organisationOf(address)", {kStranger}, "(string)"), AbiValue{""});
}

TEST_F(Members, sm2_voting_keys_are_kept_as_such) {
    auto founders = four_organisations();
    founders.validators.members[1].key.algorithm = crypto::VotingAlgorithm::sm2;
    TestChain national{founders};
    EXPECT_EQ(validators_of(national.state(), Epoch{0}), founders.validators);
    EXPECT_EQ(national.send(kMembersAddress, kStranger, "validator(uint256)", {1}).value(kValidator),
              (AbiValue::List{"Beta-1", 1, 1, filled<Hash256>(0x21), "127.0.0.1:30301", 1}));
    national.carry_out(national.propose(kAlpha, kMembersAddress, kRemove, {"Beta"}), {kDelta, kGamma});
    EXPECT_EQ(national.send(kMembersAddress, kStranger, "validator(uint256)", {1}).value(kValidator),
              (AbiValue::List{"Beta-1", 1, 0, filled<Hash256>(0x21), "127.0.0.1:30301", 1}));
}

TEST_F(Members, getters_refuse_what_does_not_exist) {
    send(kStranger, "organisation(uint256)", {4}).expect_revert("IndexOutOfRange(uint256,uint256)", {4, 4});
    send(kStranger, "validator(uint256)", {~U256{}}).expect_revert("IndexOutOfRange(uint256,uint256)", {~U256{}, 4});
    send(kStranger, "organisationByName(string)", {"Omega"}).expect_revert("OrganisationUnknown(string)", {"Omega"});
    send(kStranger, "validatorByName(string)", {"x"}).expect_revert("ValidatorUnknown(string)", {"x"});
    send(kStranger, "validatorByName(string)", {std::string(65, 'x')}).expect_revert("FieldInvalid(string)", {"name"});
}

TEST_F(Members, network_address_is_changed_by_its_own_organisation_only) {
    constexpr std::string_view kSet = "setNetworkAddress(string,string)";
    send(kStranger, kSet, {"Alpha-1", "h:1"}).expect_revert("NotAuthorised(address)", {kStranger});
    send(kBeta, kSet, {"Alpha-1", "h:1"}).expect_revert("NotAuthorised(address)", {kBeta});
    send(kAlpha, kSet, {"nobody", "h:1"}).expect_revert("ValidatorUnknown(string)", {"nobody"});
    for (const std::string_view bad :
         {"", ":1", "host", "host:", "host:0", "host:65536", "host:1x", "ho st:1", "h\n:1", "host:-1"})
        send(kAlpha, kSet, {"Alpha-1", bad}).expect_revert("FieldInvalid(string)", {"networkAddress"});
    send(kAlpha, kSet, {"Alpha-1", std::string(260, 'h') + ":1"})
        .expect_revert("FieldInvalid(string)", {"networkAddress"});
    EXPECT_EQ(validators_of(chain.state(), Epoch{0}), genesis.validators);

    const std::string long_address = std::string(50, 'h') + ".example:30303";
    for (const std::string& good : {std::string{"node.alpha.example:443"}, long_address, std::string{"[::1]:9"}}) {
        const auto answer = send(kAlpha, kSet, {"Alpha-1", good});
        ASSERT_TRUE(answer.result.ok());
        EXPECT_EQ(validators_of(chain.state(), Epoch{0}).members[0].address, good);
        ASSERT_EQ(answer.logs.size(), 1u);
        EXPECT_EQ(answer.logs[0].topics,
                  (std::vector<Hash256>{ledger::event_topic("NetworkAddressChanged(uint256,string)"), Hash256{}}));
        EXPECT_EQ(*codec::abi_decode("(string)", answer.logs[0].data), AbiValue::List{good});
    }
}

TEST_F(Members, an_organisation_joins_when_the_majority_approves) {
    const auto proposed = add_epsilon(kAlpha);
    EXPECT_EQ(names(), (std::vector<std::string>{"Alpha", "Beta", "Delta", "Gamma"}));
    chain.carry_out(proposed, {kGamma, kBeta});
    EXPECT_EQ(names(), (std::vector<std::string>{"Alpha", "Beta", "Delta", "Gamma", "Epsilon"}));
    EXPECT_EQ(organisation_of(chain.state(), kEpsilon), "Epsilon");
}

TEST_F(Members, come_and_go_only_by_proposals) {
    for (const auto& sender : {kAlpha, kStranger}) {
        send(sender, kAdd, {"Epsilon", kEpsilon, filled<Hash256>(0x55), "certificate"})
            .expect_revert("NotAuthorised(address)", {sender});
        send(sender, kRemove, {"Beta"}).expect_revert("NotAuthorised(address)", {sender});
    }
    add_epsilon(kStranger).expect_revert("NotAuthorised(address)", {kStranger});
}

TEST_F(Members, an_organisation_leaves_with_its_validators) {
    remove("Gamma", {kBeta, kDelta});
    EXPECT_EQ(names(), (std::vector<std::string>{"Alpha", "Beta", "Delta"}));
    EXPECT_EQ(validators_of(chain.state(), Epoch{1}).size(), 3u);
    EXPECT_EQ(organisation_of(chain.state(), kGamma), std::nullopt);
    EXPECT_EQ(read("organisation(uint256)", {3}, kOrganisation).list()[2], AbiValue{0}); // still listed
    // It has no say any more, and its name stays taken.
    propose(kGamma, kRemove, {"Alpha"}).expect_revert("NotAuthorised(address)", {kGamma});
    propose(kAlpha, kAdd, {"Gamma", kEpsilon, filled<Hash256>(1), "c"}).expect_revert("NameTaken(string)", {"Gamma"});
    propose(kAlpha, kRemove, {"Gamma"}).expect_revert("OrganisationUnknown(string)", {"Gamma"});
    send(kGamma, "setNetworkAddress(string,string)", {"Gamma-1", "h:1"})
        .expect_revert("NotAuthorised(address)", {kGamma});
}

TEST_F(Members, the_last_organisation_stays) {
    remove("Gamma", {kBeta, kDelta});
    remove("Delta", {kBeta});
    remove("Beta", {kBeta});
    EXPECT_EQ(names(), (std::vector<std::string>{"Alpha"}));
    propose(kAlpha, kRemove, {"Alpha"}).expect_revert("LimitReached()", {});
}

constexpr std::string_view kAddValidator = "addValidator(string,string,bytes32,uint8,bytes,string)";
constexpr std::string_view kRemoveValidator = "removeValidator(string)";
constexpr std::string_view kReplaceKey = "replaceValidatorKey(string,bytes32,uint8,bytes)";

/// A key that the test can sign with.
class NewKey {
public:
    explicit NewKey(std::uint8_t seed, crypto::VotingAlgorithm algorithm = crypto::VotingAlgorithm::ed25519)
        : secret_(*crypto::VotingSecret::from(algorithm, filled<Hash256>(seed))) {}
    const crypto::VotingKey& key() const { return secret_.public_key(); }
    Hash256 word() const { return *Hash256::from(key().bytes); }
    std::uint8_t algorithm() const { return static_cast<std::uint8_t>(key().algorithm); }
    Bytes claim(const std::string& validator, std::uint64_t chain_id = 20260) const {
        return to_bytes(*secret_.sign(signed_bytes(ledger::KeyClaim{chain_id, validator})));
    }
    AbiValue::List replacing(const std::string& validator) const {
        return AbiValue::List{validator, word(), algorithm(), claim(validator)};
    }
    AbiValue::List joining(const std::string& validator, const std::string& organisation,
                           const std::string& address) const {
        return AbiValue::List{validator, organisation, word(), algorithm(), claim(validator), address};
    }

private:
    crypto::VotingSecret secret_;
};

TEST_F(Members, validators_come_go_and_change_keys_when_the_majority_approves) {
    const NewKey first{0x77}, second{0x78}, third{0x79};
    chain.carry_out(propose(kAlpha, kAddValidator, first.joining("Beta-2", "Beta", "10.0.0.2:30300")), {kBeta, kGamma});
    auto set = validators_of(chain.state(), Epoch{1});
    ASSERT_EQ(set.size(), 5u);
    EXPECT_EQ(set.members[4], (ledger::Validator{"Beta-2", "Beta", first.key(), "10.0.0.2:30300"}));

    chain.carry_out(propose(kBeta, kReplaceKey, second.replacing("Beta-1")), {kAlpha, kGamma});
    set = validators_of(chain.state(), Epoch{2});
    EXPECT_EQ(set.members[1].key, second.key());
    EXPECT_EQ(set.members[1].name, "Beta-1");

    chain.carry_out(propose(kAlpha, kRemoveValidator, {"Alpha-1"}), {kBeta, kGamma});
    set = validators_of(chain.state(), Epoch{3});
    ASSERT_EQ(set.size(), 4u);
    EXPECT_EQ(set.members[0].name, "Beta-1");
    // Who left stays listed, and its name taken.
    propose(kAlpha, kAddValidator, third.joining("Alpha-1", "Alpha", "h:1"))
        .expect_revert("NameTaken(string)", {"Alpha-1"});
    propose(kAlpha, kRemoveValidator, {"Alpha-1"}).expect_revert("ValidatorUnknown(string)", {"Alpha-1"});
    propose(kAlpha, kReplaceKey, third.replacing("Alpha-1")).expect_revert("ValidatorUnknown(string)", {"Alpha-1"});
}

TEST_F(Members, voting_keys_are_taken_up_only_with_their_own_claim_to_this_seat_of_this_chain) {
    const NewKey key{0x77}, other{0x78};
    const auto unproven = [&](const Bytes& proof) {
        propose(kAlpha, kReplaceKey, AbiValue::List{"Beta-1", key.word(), 0, proof})
            .expect_revert("KeyUnproven(bytes32)", {key.word()});
        propose(kAlpha, kAddValidator, AbiValue::List{"Beta-2", "Beta", key.word(), 0, proof, "h:1"})
            .expect_revert("KeyUnproven(bytes32)", {key.word()});
    };
    unproven({});
    unproven(Bytes(64));
    unproven(key.claim("Alpha-1"));       // for another seat
    unproven(key.claim("Beta-1", 20261)); // of another chain
    unproven(other.claim("Beta-1"));      // by another key
    auto longer = key.claim("Beta-1");
    longer.push_back(0);
    unproven(longer);
    chain.carry_out(propose(kAlpha, kReplaceKey, key.replacing("Beta-1")), {kBeta, kGamma});
}

TEST_F(Members, a_new_voting_key_is_of_an_algorithm_of_the_suite) {
    const NewKey sm2{0x77, crypto::VotingAlgorithm::sm2}, ed25519{0x78};
    propose(kAlpha, kReplaceKey, sm2.replacing("Beta-1")).expect_revert("FieldInvalid(string)", {"algorithm"});
    propose(kAlpha, kReplaceKey, AbiValue::List{"Beta-1", ed25519.word(), 2, ed25519.claim("Beta-1")})
        .expect_revert("FieldInvalid(string)", {"algorithm"});

    for (const auto suite : {ledger::Suite::national, ledger::Suite::mixed}) {
        auto founders = four_organisations();
        founders.parameters.suite = suite;
        TestChain national{founders};
        const auto proposing = [&](std::string_view call, const AbiValue::List& arguments) {
            return national.propose(kAlpha, kMembersAddress, call, arguments);
        };
        national.carry_out(proposing(kReplaceKey, sm2.replacing("Beta-1")), {kBeta, kGamma});
        const auto set = validators_of(national.state(), Epoch{1});
        EXPECT_EQ(set.members[1].key, sm2.key());
        EXPECT_EQ(set.members[1].key.algorithm, crypto::VotingAlgorithm::sm2);
        if (suite == ledger::Suite::national)
            proposing(kReplaceKey, ed25519.replacing("Alpha-1")).expect_revert("FieldInvalid(string)", {"algorithm"});
        else
            national.carry_out(proposing(kAddValidator, ed25519.joining("Beta-2", "Beta", "h:1")), {kBeta, kGamma});
        // A proof of the other algorithm is none, and the same bytes are no second key under another algorithm.
        const NewKey next{0x79, crypto::VotingAlgorithm::sm2};
        auto mixed = next.replacing("Alpha-1");
        mixed[3] = NewKey{0x79}.claim("Alpha-1");
        proposing(kReplaceKey, mixed).expect_revert("KeyUnproven(bytes32)", {next.word()});
        if (suite != ledger::Suite::mixed) continue;
        proposing(kReplaceKey, AbiValue::List{"Alpha-1", sm2.word(), 0, sm2.claim("Alpha-1")})
            .expect_revert("KeyTaken(bytes32)", {sm2.word()});
    }
}

TEST_F(Members, voting_keys_are_never_used_twice) {
    const NewKey fresh{0x77};
    const auto of_genesis = [&](std::size_t i) { return *Hash256::from(genesis.validators.members[i].key.bytes); };
    const auto replacing = [](std::string_view name, const Hash256& key) {
        return AbiValue::List{name, key, 0, Bytes(64)};
    };
    propose(kAlpha, kReplaceKey, replacing("Beta-1", of_genesis(0)))
        .expect_revert("KeyTaken(bytes32)", {of_genesis(0)});
    propose(kAlpha, kAddValidator, AbiValue::List{"Beta-2", "Beta", of_genesis(1), 0, Bytes(64), "h:1"})
        .expect_revert("KeyTaken(bytes32)", {of_genesis(1)});
    propose(kAlpha, kReplaceKey, replacing("Beta-1", Hash256{})).expect_revert("FieldInvalid(string)", {"key"});
    // Neither what was replaced nor what left with its validator or organisation.
    chain.carry_out(propose(kAlpha, kReplaceKey, fresh.replacing("Beta-1")), {kBeta, kGamma});
    propose(kAlpha, kReplaceKey, replacing("Beta-1", of_genesis(1)))
        .expect_revert("KeyTaken(bytes32)", {of_genesis(1)});
    chain.carry_out(propose(kAlpha, kRemoveValidator, {"Beta-1"}), {kBeta, kGamma});
    propose(kAlpha, kReplaceKey, fresh.replacing("Alpha-1")).expect_revert("KeyTaken(bytes32)", {fresh.word()});
    remove("Gamma", {kBeta, kDelta});
    propose(kAlpha, kReplaceKey, replacing("Alpha-1", of_genesis(3)))
        .expect_revert("KeyTaken(bytes32)", {of_genesis(3)});
}

TEST_F(Members, the_last_validator_stays) {
    for (const auto* name : {"Beta-1", "Delta-1", "Gamma-1"})
        chain.carry_out(propose(kAlpha, kRemoveValidator, {name}), {kBeta, kGamma});
    propose(kAlpha, kRemoveValidator, {"Alpha-1"}).expect_revert("LimitReached()", {});
    propose(kBeta, kRemove, {"Alpha"}).expect_revert("LimitReached()", {});
    EXPECT_EQ(validators_of(chain.state(), Epoch{1}).size(), 1u);
}

TEST_F(Members, validators_with_bad_fields_are_refused) {
    const NewKey key{0x77};
    propose(kAlpha, kAddValidator, key.joining("", "Beta", "h:1")).expect_revert("FieldInvalid(string)", {"name"});
    propose(kAlpha, kAddValidator, key.joining("Beta-2", "Beta", "h"))
        .expect_revert("FieldInvalid(string)", {"networkAddress"});
    propose(kAlpha, kAddValidator, key.joining("Beta-2", "Omega", "h:1"))
        .expect_revert("OrganisationUnknown(string)", {"Omega"});
    propose(kAlpha, kAddValidator, key.joining("Beta-1", "Beta", "h:1")).expect_revert("NameTaken(string)", {"Beta-1"});
    send(kBeta, kRemoveValidator, {"Beta-1"}).expect_revert("NotAuthorised(address)", {kBeta});
    send(kBeta, kAddValidator, key.joining("Beta-2", "Beta", "h:1")).expect_revert("NotAuthorised(address)", {kBeta});
    send(kBeta, kReplaceKey, key.replacing("Beta-1")).expect_revert("NotAuthorised(address)", {kBeta});
}

TEST_F(Members, additions_with_bad_fields_are_refused) {
    const Hash256 key = filled<Hash256>(1);
    for (const std::string& name : {std::string{}, std::string(65, 'x'), std::string{"a\nb"}, std::string{"\xff"}})
        propose(kAlpha, kAdd, {name, kEpsilon, key, "c"}).expect_revert("FieldInvalid(string)", {"name"});
    propose(kAlpha, kAdd, {"E", Address{}, key, "c"}).expect_revert("FieldInvalid(string)", {"account"});
    propose(kAlpha, kAdd, {"E", kEpsilon, Hash256{}, "c"}).expect_revert("FieldInvalid(string)", {"signingKey"});
    propose(kAlpha, kAdd, {"E", kEpsilon, key, ""}).expect_revert("FieldInvalid(string)", {"caCertificate"});
    propose(kAlpha, kAdd, {"E", kEpsilon, key, std::string(kCaCertificateBytesMax + 1, 'c')})
        .expect_revert("FieldInvalid(string)", {"data"}); // longer than a proposal may be
    propose(kAlpha, kAdd, {"Beta", kEpsilon, key, "c"}).expect_revert("NameTaken(string)", {"Beta"});
    propose(kAlpha, kAdd, {"E", kBeta, key, "c"}).expect_revert("AccountTaken(address)", {kBeta});
}

TEST_F(Members, storage_is_where_solidity_would_put_it) {
    const auto at = [&](const U256& slot) { return chain.state().storage(kMembersAddress, slot); };
    EXPECT_EQ(at(0), U256{4});
    EXPECT_EQ(at(1), U256{4});
    const U256 beta = ledger::content_slot(0) + U256{4};
    EXPECT_EQ(at(beta), ledger::string_word(as_bytes("Beta")));
    EXPECT_EQ(at(beta + U256{1}), from_big_endian(kBeta) | U256{1} << 160);
    EXPECT_EQ(at(beta + U256{2}), from_big_endian(filled<Hash256>(0x11)));
    EXPECT_EQ(at(beta + U256{3}), U256{2 * genesis.organisations[1].ca_certificate_pem.size() + 1});
    const U256 validator = ledger::content_slot(1) + U256{4};
    EXPECT_EQ(at(validator + U256{1}), U256{1} | U256{1} << 32);
    EXPECT_EQ(at(ledger::mapping_slot("Beta", 2)), U256{2});
    EXPECT_EQ(at(ledger::mapping_slot("Beta-1", 3)), U256{2});
    EXPECT_EQ(at(ledger::mapping_slot(to_big_endian(from_big_endian(kBeta)), 6)), U256{2});
}

TEST(MembersGenesis, refuses_founders_that_contradict_each_other) {
    const auto refused = [](const std::function<void(ledger::Genesis&)>& change) {
        auto genesis = four_organisations();
        change(genesis);
        const auto accounts = genesis_accounts(genesis);
        ASSERT_FALSE(accounts);
        EXPECT_EQ(accounts.error().code, error::GenesisInvalid);
    };
    refused([](auto& g) { g.organisations[1].name = "Alpha"; });
    refused([](auto& g) { g.organisations[1].account = g.organisations[0].account; });
    refused([](auto& g) { g.organisations[1].account = {}; });
    refused([](auto& g) { g.organisations[1].ca_certificate_pem.clear(); });
    refused([](auto& g) { g.validators.members[1].organisation = "Omega"; });
    refused([](auto& g) { g.validators.members[1].name = g.validators.members[0].name; });
    refused([](auto& g) { g.validators.members[1].address = "nowhere"; });
    refused([](auto& g) { g.accounts[kRecordsAddress].balance = 1; });
}

TEST(MembersGenesis, keeps_the_accounts_of_the_file) {
    auto genesis = four_organisations();
    auto& account = genesis.accounts[filled<Address>(0x42)];
    account = {.balance = 5, .nonce = 3, .code = {0x60, 0x00}, .storage = {{U256{1}, U256{2}}}};
    const TestChain chain{genesis};
    const auto found = chain.state().account(filled<Address>(0x42));
    ASSERT_TRUE(found);
    EXPECT_EQ(found->balance, U256{5});
    EXPECT_EQ(found->nonce, 3u);
    EXPECT_EQ(*chain.state().code(found->code_hash), account.code);
    EXPECT_EQ(chain.state().storage(filled<Address>(0x42), 1), U256{2});
}

} // namespace
} // namespace cairn::system
