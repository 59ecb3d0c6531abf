#include "system/anchors.hpp"

#include "ledger/audit_statement.hpp"
#include "system/chain_test.hpp"
#include "system/keys.hpp"

#include <gtest/gtest.h>

namespace cairn::system {
namespace {

using codec::AbiValue;

constexpr std::string_view kAnchor = "anchor(string,uint64,bytes32,bytes)";
constexpr std::string_view kIntroduce = "introduceKey(string,bytes32,bytes)";
const Address kAnyone = filled<Address>(0x01);

crypto::ValidatorKey key_of(std::uint8_t byte) {
    return crypto::ValidatorKey::from_seed(filled<crypto::ValidatorSeed>(byte));
}
Hash256 word(const crypto::ValidatorPublicKey& key) { return *Hash256::from(key); }

/// Alpha-1 has a key that the test can sign with.
ledger::Genesis genesis_with_key() {
    auto genesis = four_organisations();
    genesis.validators.members[0].key = key_of(1).public_key();
    return genesis;
}

class Anchors : public testing::Test {
protected:
    Answer introduce(const crypto::ValidatorKey& owner, const crypto::ValidatorKey& key, std::string node = "Alpha-1") {
        const ledger::SealKeyStatement statement{chain_id(), node, key.public_key()};
        return chain.send(kAnchorsAddress, kAnyone, kIntroduce,
                          {node, word(key.public_key()), to_bytes(owner.sign(signed_bytes(statement)))});
    }
    Answer anchor(const crypto::ValidatorKey& key, std::uint64_t sequence, std::string node = "Alpha-1") {
        const auto head = filled<Hash256>(static_cast<std::uint8_t>(sequence));
        const ledger::AnchorStatement statement{chain_id(), node, sequence, head};
        return chain.send(kAnchorsAddress, kAnyone, kAnchor,
                          {node, sequence, head, to_bytes(key.sign(signed_bytes(statement)))});
    }
    std::uint64_t chain_id() { return chain.block().chain_id.low(); }

    const crypto::ValidatorKey validator = key_of(1);
    const crypto::ValidatorKey seal = key_of(2);
    TestChain chain{genesis_with_key()};
};

TEST_F(Anchors, keeps_every_anchor_with_its_block) {
    EXPECT_TRUE(introduce(validator, seal).result.ok());
    const auto answer = anchor(seal, 10);
    EXPECT_TRUE(answer.result.ok());
    ASSERT_EQ(answer.logs.size(), 1u);
    chain.block().number = 9;
    EXPECT_TRUE(anchor(seal, 25).result.ok());
    const auto page = chain.send(kAnchorsAddress, kAnyone, "anchors(string,uint256,uint256)", {"Alpha-1", 0, 10})
                          .value("((uint64,uint48,uint48,bytes32)[])");
    EXPECT_EQ(page.list(), (AbiValue::List{AbiValue{AbiValue::List{10, 7, 1'700'000'000, filled<Hash256>(10)}},
                                           AbiValue::List{25, 9, 1'700'000'000, filled<Hash256>(25)}}));
    EXPECT_EQ(chain.send(kAnchorsAddress, kAnyone, "count(string)", {"Alpha-1"}).value("(uint256)"), AbiValue{2});
    const auto latest = latest_anchor(chain.state(), "Alpha-1");
    ASSERT_TRUE(latest);
    EXPECT_EQ(latest->sequence, 25u);
    EXPECT_EQ(latest->block_number, 9u);
    EXPECT_EQ(latest->head, filled<Hash256>(25));
    EXPECT_EQ(seal_key_of(chain.state(), "Alpha-1"), seal.public_key());
    EXPECT_FALSE(latest_anchor(chain.state(), "Beta-1"));
    EXPECT_FALSE(seal_key_of(chain.state(), "Beta-1"));
}

TEST_F(Anchors, an_sm2_voting_key_introduces_the_seal_key_too) {
    const auto voter = crypto::VotingSecret::from(crypto::VotingAlgorithm::sm2, Bytes(32, 7)).value();
    auto genesis = four_organisations();
    genesis.validators.members[0].key = voter.public_key();
    TestChain national{genesis};
    const ledger::SealKeyStatement statement{chain_id(), "Alpha-1", seal.public_key()};
    const auto introduce_with = [&](const crypto::Signature& signature) {
        return national.send(kAnchorsAddress, kAnyone, kIntroduce,
                             {"Alpha-1", word(seal.public_key()), to_bytes(signature)});
    };
    introduce_with(seal.sign(signed_bytes(statement))).expect_revert("SignatureInvalid()", {});
    EXPECT_TRUE(introduce_with(voter.sign(signed_bytes(statement)).value()).result.ok());
    EXPECT_EQ(seal_key_of(national.state(), "Alpha-1"), seal.public_key());
}

TEST_F(Anchors, takes_only_what_the_node_signed) {
    anchor(seal, 10).expect_revert("NoSealKey(string)", {"Alpha-1"});
    introduce(seal, seal).expect_revert("SignatureInvalid()", {});
    introduce(validator, seal, "Beta-1").expect_revert("SignatureInvalid()", {});
    introduce(validator, seal, "Nobody-1").expect_revert("NodeUnknown(string)", {"Nobody-1"});
    ASSERT_TRUE(introduce(validator, seal).result.ok());
    anchor(validator, 10).expect_revert("SignatureInvalid()", {});
    anchor(seal, 10, "Beta-1").expect_revert("NoSealKey(string)", {"Beta-1"});
    chain.send(kAnchorsAddress, kAnyone, kAnchor, {"Alpha-1", 10, filled<Hash256>(1), Bytes(63)})
        .expect_revert("SignatureInvalid()", {});
    EXPECT_FALSE(latest_anchor(chain.state(), "Alpha-1"));
}

TEST_F(Anchors, never_goes_back) {
    ASSERT_TRUE(introduce(validator, seal).result.ok());
    ASSERT_TRUE(anchor(seal, 10).result.ok());
    anchor(seal, 10).expect_revert("NotNewer(uint64,uint64)", {10, 10});
    anchor(seal, 9).expect_revert("NotNewer(uint64,uint64)", {9, 10});
}

TEST_F(Anchors, a_stopped_seal_key_anchors_nothing_until_another_one_is_introduced) {
    const auto next = key_of(3);
    const auto id = key_id(seal.public_key());
    const auto of_keys = [&](const Address& sender, std::string_view signature, const AbiValue::List& arguments) {
        return chain.send(kKeysAddress, sender, signature, arguments);
    };
    ASSERT_TRUE(introduce(validator, seal).result.ok());
    ASSERT_TRUE(anchor(seal, 10).result.ok());
    const auto register_seal = "register(bytes32,uint8,uint64,uint64,bool)";
    const auto open = "openIncident(bytes32,uint64,string)";
    // Whoever else registers the id says nothing of the node's key.
    const auto foreign = key_id(next.public_key());
    ASSERT_TRUE(of_keys(kBeta, register_seal, {foreign, 6, 0, 0, 1}).result.ok());
    ASSERT_TRUE(of_keys(kBeta, open, {foreign, 0, "a lie"}).result.ok());
    ASSERT_TRUE(of_keys(kAlpha, register_seal, {id, 6, 0, 0, 1}).result.ok());
    ASSERT_TRUE(anchor(seal, 11).result.ok());
    ASSERT_TRUE(of_keys(kAlpha, open, {id, 0, "copied"}).result.ok());
    anchor(seal, 12).expect_revert("SealKeyStopped(string)", {"Alpha-1"});
    introduce(validator, seal).expect_revert("SealKeyStopped(string)", {"Alpha-1"});
    // What a thief may have anchored with it keeps nothing away, and the next key goes on from where the log is.
    chain.block().number = 9;
    EXPECT_FALSE(latest_anchor(chain.state(), "Alpha-1"));
    ASSERT_TRUE(introduce(validator, next).result.ok());
    ASSERT_TRUE(introduce(validator, next).result.ok());
    EXPECT_TRUE(anchor(next, 9).result.ok());
    anchor(next, 9).expect_revert("NotNewer(uint64,uint64)", {9, 9});
    EXPECT_EQ(latest_anchor(chain.state(), "Alpha-1")->sequence, 9u);
    const auto keys = chain.send(kAnchorsAddress, kAnyone, "sealKeys(string,uint256,uint256)", {"Alpha-1", 0, ~U256{}})
                          .value("((uint48,bytes32)[])");
    EXPECT_EQ(keys.list().size(), 2u) << "the same one again is not another one";
}

TEST_F(Anchors, a_new_seal_key_takes_over_and_the_old_one_is_remembered) {
    const auto next = key_of(3);
    ASSERT_TRUE(introduce(validator, seal).result.ok());
    ASSERT_TRUE(introduce(validator, next).result.ok());
    anchor(seal, 10).expect_revert("SignatureInvalid()", {});
    EXPECT_TRUE(anchor(next, 10).result.ok());
    const auto keys = chain.send(kAnchorsAddress, kAnyone, "sealKeys(string,uint256,uint256)", {"Alpha-1", 0, ~U256{}})
                          .value("((uint48,bytes32)[])");
    EXPECT_EQ(keys.list(), (AbiValue::List{AbiValue{AbiValue::List{7, word(seal.public_key())}},
                                           AbiValue::List{7, word(next.public_key())}}));
}

} // namespace
} // namespace cairn::system
