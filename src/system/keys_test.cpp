#include "system/keys.hpp"

#include "base/errors/keys.hpp"
#include "crypto/hash.hpp"
#include "crypto/secp256k1.hpp"
#include "evm/bytecode.hpp"
#include "ledger/key_claim.hpp"
#include "ledger/selector.hpp"
#include "system/chain_test.hpp"
#include "system/key_transitions.hpp"

#include <gtest/gtest.h>

#include <random>

namespace cairn::system {
namespace {

using codec::AbiValue;
using ledger::KeyClass;

constexpr std::string_view kRotate = "rotate(address,uint8,bytes32,bytes32)";
constexpr std::string_view kDecideReset = "decideReset(address,uint256,address,uint64,uint8,bytes32,bytes32)";
constexpr std::string_view kChangeState = "changeState(bytes32,uint8,uint64,string)";
constexpr std::string_view kDecideState = "decideState(bytes32,uint256,uint8,uint64,string)";
constexpr std::string_view kOpen = "openIncident(bytes32,uint64,string)";
constexpr std::string_view kRegister = "register(bytes32,uint8,uint64,uint64,bool)";

std::uint8_t number(KeyState state) { return static_cast<std::uint8_t>(state); }

crypto::AccountKey secret(std::uint8_t n) {
    crypto::AccountKey key;
    key.bytes[31] = n;
    return key;
}
Address address(std::uint8_t n) {
    static std::map<std::uint8_t, Address> known;
    const auto [entry, is_new] = known.try_emplace(n);
    if (is_new) entry->second = crypto::address_of(*crypto::public_key(secret(n)));
    return entry->second;
}

class Keys : public testing::Test {
protected:
    Answer send(const Address& sender, std::string_view signature, const AbiValue::List& arguments) {
        return chain.send(kKeysAddress, sender, signature, arguments);
    }
    /// v, r, s of the new key's proof.
    AbiValue::List proof(const Address& account, std::uint8_t key, std::uint32_t version) {
        const auto message = ledger::possession_message(chain.block().chain_id.low(), account, address(key), version);
        const auto signature = *crypto::sign(ledger::personal_digest(message), secret(key));
        return {27u + signature.y_parity, to_big_endian(signature.r), to_big_endian(signature.s)};
    }
    Answer rotate(const Address& account, std::uint8_t key, std::uint32_t version) {
        AbiValue::List arguments{address(key)};
        for (auto& part : proof(account, key, version)) arguments.push_back(part);
        return send(account, kRotate, arguments);
    }
    std::uint64_t round(const Hash256& key) {
        return send(kStranger, "round(bytes32)", {key}).value("(uint256)").number().low();
    }
    AbiValue::List reset_arguments(const Address& account, std::uint8_t key, std::uint32_t version,
                                   std::uint64_t delay) {
        AbiValue::List arguments{account, round(id(key_of_account(chain.state(), account))), address(key), delay};
        for (auto& part : proof(account, key, version)) arguments.push_back(part);
        return arguments;
    }
    Answer propose_reset(const Address& proposer, const Address& account, std::uint8_t key, std::uint32_t version,
                         std::uint64_t delay) {
        return chain.propose(proposer, kKeysAddress, kDecideReset, reset_arguments(account, key, version, delay));
    }
    void reset(const Address& account, std::uint8_t key, std::uint32_t version, std::uint64_t delay) {
        chain.carry_out(propose_reset(kAlpha, account, key, version, delay), {kBeta, kDelta});
    }
    Answer propose_state(const Address& proposer, const Hash256& key, KeyState to, std::string_view reason) {
        return chain.propose(proposer, kKeysAddress, kDecideState,
                             {key, round(key), number(to), 0, std::string{reason}});
    }
    void decide_state(const Hash256& key, KeyState to, std::string_view reason) {
        chain.carry_out(propose_state(kAlpha, key, to, reason), {kBeta, kDelta});
    }
    Answer approve(const Address& organisation, const AbiValue& proposal) {
        return chain.send(kProposalsAddress, organisation, "approve(uint256)", {proposal});
    }
    void vote_in(const std::string& validator, const crypto::VotingSecret& key) {
        const auto claim = to_bytes(*key.sign(signed_bytes(ledger::KeyClaim{chain.block().chain_id.low(), validator})));
        chain.carry_out(chain.propose(kAlpha, kMembersAddress, "replaceValidatorKey(string,bytes32,uint8,bytes)",
                                      AbiValue::List{validator, *Hash256::from(key.public_key().bytes), 0, claim}),
                        {kBeta, kDelta});
    }
    Result<Address> account_of(const Address& key) const {
        return ledger::account_of_key(key, nullptr, height(), chain.state());
    }
    std::uint64_t height() const { return const_cast<TestChain&>(chain).block().number; }
    void at(std::uint64_t h) { chain.block().number = h; }
    KeyState state_of(const Hash256& id) const { return key_facts(chain.state(), id, height())->head.state; }
    Hash256 id(const Address& key) const { return ledger::account_key_id(key); }

    ledger::Genesis genesis = four_organisations();
    TestChain chain{genesis};
};

TEST_F(Keys, genesis_registers_consensus_authority_and_organisation_keys) {
    for (const auto& organisation : genesis.organisations) {
        const auto signing = key_facts(chain.state(), key_id(organisation.signing_key), 1);
        ASSERT_TRUE(signing);
        EXPECT_EQ(signing->head.key_class, KeyClass::organisation);
        EXPECT_EQ(signing->head.owner, organisation.account);
        const auto authority = key_facts(chain.state(), key_id(as_bytes(organisation.ca_certificate_pem)), 1);
        ASSERT_TRUE(authority);
        EXPECT_EQ(authority->head.key_class, KeyClass::authority);
        EXPECT_EQ(authority->head.state, KeyState::active);
    }
    for (const auto& validator : genesis.validators.members) {
        const auto key = key_facts(chain.state(), key_id(validator.key.bytes), 1);
        ASSERT_TRUE(key);
        EXPECT_EQ(key->head.key_class, KeyClass::consensus);
        EXPECT_TRUE(key_was_good_at(chain.state(), key_id(validator.key.bytes), 0));
    }
    EXPECT_FALSE(key_facts(chain.state(), filled<Hash256>(0x99), 1));
}

/// The states and who may bring a key from one to another, written down a second time from security.md and NIST SP 800-57.
std::string allowed_askers(KeyState from, KeyState to) {
    using enum KeyState;
    const bool signing = from == active || from == escrowed;
    if (from == destroyed || from == to || to == none) return "";
    if (from == none) return to == pre_activation || to == active ? "o" : "";
    if (to == destroyed) return from == pre_activation || from == deactivated || from == compromised ? "og" : "";
    if (to == compromised) return "og"; // from any state but destroyed
    if (from == compromised || from == deactivated || to == pre_activation) return "";
    if (from == pre_activation) return to == active ? "o" : "";
    if (to == quarantined) return "og";
    if (to == escrowed) return from == active ? "o" : "";
    if (to == suspended) return signing ? "og" : "";
    if (to == lost) return signing || from == suspended ? "ogp" : "";
    if (to == deactivated) return from == quarantined ? "gp" : "op";
    // to active
    if (from == escrowed) return "o";
    if (from == suspended) return "og";
    if (from == lost) return "gp";
    return "g"; // quarantined
}

TEST(KeyTransitions, every_cell_of_the_table_is_as_the_standard_says) {
    for (std::uint8_t from = 0; from < ledger::kKeyStates + 2; ++from)
        for (std::uint8_t to = 0; to < ledger::kKeyStates + 2; ++to) {
            const bool known = from < ledger::kKeyStates && to < ledger::kKeyStates;
            const auto askers = known ? allowed_askers(KeyState{from}, KeyState{to}) : "";
            const std::string where = std::to_string(from) + " to " + std::to_string(to);
            EXPECT_EQ(is_allowed(KeyState{from}, KeyState{to}, Asker::owner), askers.contains('o')) << where;
            EXPECT_EQ(is_allowed(KeyState{from}, KeyState{to}, Asker::organisations), askers.contains('g')) << where;
            EXPECT_EQ(is_allowed(KeyState{from}, KeyState{to}, Asker::procedure), askers.contains('p')) << where;
        }
}

TEST_F(Keys, the_contract_refuses_every_forbidden_change_of_state_and_makes_every_allowed_one) {
    using enum KeyState;
    // How the owner brings a fresh key into each state that he can reach alone.
    const std::map<KeyState, std::vector<KeyState>> paths{{pre_activation, {}},
                                                          {active, {active}},
                                                          {suspended, {active, suspended}},
                                                          {deactivated, {active, deactivated}},
                                                          {compromised, {active, compromised}},
                                                          {destroyed, {destroyed}},
                                                          {escrowed, {active, escrowed}},
                                                          {lost, {active, lost}},
                                                          {quarantined, {active, quarantined}}};
    std::uint8_t next_id = 1;
    std::size_t refused = 0;
    for (const auto& [from, path] : paths)
        for (std::uint8_t to = 0; to < ledger::kKeyStates; ++to) {
            Hash256 key = filled<Hash256>(0xc0);
            key.bytes[1] = next_id++;
            send(kAlpha, kRegister, {key, 8, 0, 0, 0}).values("()");
            for (const auto step : path) send(kAlpha, kChangeState, {key, number(step), 0, ""}).values("()");
            ASSERT_EQ(state_of(key), from);
            const auto answer = send(kAlpha, kChangeState, {key, to, 0, "test"});
            if (allowed_askers(from, KeyState{to}).contains('o')) {
                EXPECT_TRUE(answer.result.ok()) << ledger::name_of(from) << " to " << ledger::name_of(KeyState{to});
                EXPECT_EQ(state_of(key), KeyState{to});
            } else {
                answer.expect_revert("TransitionRefused(uint8,uint8)", {number(from), to});
                EXPECT_EQ(state_of(key), from);
                ++refused;
            }
        }
    EXPECT_GT(refused, 50u);
}

TEST_F(Keys, only_administrators_register_and_only_owners_change) {
    const Hash256 key = filled<Hash256>(0xc1);
    send(kStranger, kRegister, {key, 8, 0, 0, 1}).expect_revert("NotAuthorised(address)", {kStranger});
    send(kAlpha, kRegister, {key, 3, 0, 0, 1}).expect_revert("FieldInvalid(string)", {"keyClass"});
    send(kAlpha, kRegister, {key, 8, 3, 0, 1}).expect_revert("FieldInvalid(string)", {"originatorUntil"});
    send(kAlpha, kRegister, {key, 8, 30, 20, 1}).expect_revert("FieldInvalid(string)", {"recipientUntil"});
    send(kAlpha, kRegister, {id(kStranger), 8, 0, 0, 1}).expect_revert("FieldInvalid(string)", {"id"});
    send(kAlpha, kRegister, {key, 8, 30, 40, 1}).values("()");
    send(kBeta, kRegister, {key, 8, 0, 0, 1}).expect_revert("KeyTaken(bytes32)", {key});
    send(kBeta, kChangeState, {key, number(KeyState::suspended), 0, ""})
        .expect_revert("NotAuthorised(address)", {kBeta});
    EXPECT_TRUE(key_was_good_at(chain.state(), key, 29));
    EXPECT_FALSE(key_was_good_at(chain.state(), key, 30));
}

TEST_F(Keys, a_rotation_keeps_the_address_and_ends_the_old_key_at_once) {
    const Address account = address(1);
    EXPECT_EQ(account_of(account), account);
    rotate(account, 2, 2).values("()");
    EXPECT_EQ(account_of(address(2)), account);
    EXPECT_EQ(account_of(account).error().code, error::KeyRetired);
    EXPECT_EQ(key_of_account(chain.state(), account), address(2));
    at(20);
    rotate(account, 3, 3).values("()");
    EXPECT_EQ(account_of(address(3)), account);
    EXPECT_EQ(account_of(address(2)).error().code, error::KeyRetired);
    EXPECT_EQ(account_of(account).error().code, error::KeyRetired);
    const auto middle = key_facts(chain.state(), id(address(2)), 20);
    EXPECT_EQ(middle->head.version, 2u);
    EXPECT_EQ(middle->previous, id(account));
    EXPECT_EQ(middle->next, id(address(3)));
    // Nobody else is concerned.
    EXPECT_EQ(account_of(address(9)), address(9));
}

TEST_F(Keys, a_rotation_needs_the_new_keys_consent_for_this_account_chain_and_version) {
    const Address account = address(1);
    AbiValue::List stolen{address(2)};
    for (auto& part : proof(kStranger, 2, 2)) stolen.push_back(part);
    send(account, kRotate, stolen).expect_revert("PossessionInvalid(address)", {address(2)});
    rotate(account, 2, 3).expect_revert("PossessionInvalid(address)", {address(2)});
    AbiValue::List foreign{address(2)};
    for (auto& part : proof(account, 4, 2)) foreign.push_back(part);
    send(account, kRotate, foreign).expect_revert("PossessionInvalid(address)", {address(2)});
    rotate(account, 1, 2).expect_revert("KeyTaken(bytes32)", {id(account)});
    rotate(account, 2, 2).values("()");
    rotate(kStranger, 2, 2).expect_revert("KeyTaken(bytes32)", {id(address(2))});
    rotate(account, 1, 3).expect_revert("KeyTaken(bytes32)", {id(account)}); // never back
    EXPECT_EQ(account_of(address(4)), address(4));
}

TEST_F(Keys, a_used_key_is_refused_but_money_sent_to_a_fresh_one_is_no_obstacle) {
    const auto with = [&](std::uint8_t key, const ledger::Account& account) {
        auto founders = genesis;
        founders.accounts[address(key)] = {.balance = account.balance, .nonce = account.nonce};
        chain.~TestChain();
        new (&chain) TestChain{founders};
    };
    with(2, {.nonce = 1, .balance = {}});
    rotate(address(1), 2, 2).expect_revert("KeyInUse(address)", {address(2)});
    with(3, {.nonce = 0, .balance = U256{1}});
    rotate(address(1), 3, 2).values("()");
    EXPECT_EQ(account_of(address(3)), address(1));
}

TEST_F(Keys, code_that_runs_for_an_account_cannot_rotate_its_key) {
    AbiValue::List arguments{address(2)};
    for (auto& part : proof(address(1), 2, 2)) arguments.push_back(part);
    const Bytes input = TestChain::call_data(kRotate, arguments);
    auto message = TestChain::message(kKeysAddress, address(1), input);
    message.depth = 1;
    chain.run(message).expect_revert("NotDirect()", {});
}

TEST_F(Keys, the_view_tells_the_message_that_the_new_key_signs) {
    EXPECT_EQ(send(kStranger, "possession(address,address)", {address(1), address(2)}).value("(bytes32)").as_hash(),
              ledger::possession_message(chain.block().chain_id.low(), address(1), address(2), 2));
}

TEST_F(Keys, good_at_follows_rotation_and_compromise) {
    const Address account = address(1);
    at(10);
    rotate(account, 2, 2).values("()");
    at(30);
    EXPECT_TRUE(key_was_good_at(chain.state(), id(account), 9));
    EXPECT_TRUE(key_was_good_at(chain.state(), id(account), 10)); // the rotation itself
    EXPECT_FALSE(key_was_good_at(chain.state(), id(account), 11));
    EXPECT_FALSE(key_was_good_at(chain.state(), id(address(2)), 9));
    EXPECT_TRUE(key_was_good_at(chain.state(), id(address(2)), 10));
    // It turns out that the new key had leaked at block 20.
    send(account, kChangeState, {id(address(2)), number(KeyState::compromised), 20, "found on a forum"}).values("()");
    EXPECT_TRUE(key_was_good_at(chain.state(), id(address(2)), 19));
    EXPECT_FALSE(key_was_good_at(chain.state(), id(address(2)), 20));
    EXPECT_FALSE(key_was_good_at(chain.state(), id(address(2)), 31));
    EXPECT_EQ(account_of(address(2)).error().code, error::KeyCompromised);
    EXPECT_EQ(send(kStranger, "goodAt(bytes32,uint64)", {id(address(2)), 19}).value("(bool)"), AbiValue{1});
    EXPECT_EQ(send(kStranger, "goodAt(bytes32,uint64)", {id(address(2)), 20}).value("(bool)"), AbiValue{0});
    send(account, kChangeState, {id(address(2)), number(KeyState::destroyed), 31, ""})
        .expect_revert("FieldInvalid(string)", {"since"});
}

TEST_F(Keys, a_key_signs_only_within_its_originators_span) {
    const Hash256 key = filled<Hash256>(0xc3);
    at(10);
    send(kAlpha, kRegister, {key, 8, 20, 40, 0}).values("()");
    EXPECT_FALSE(key_was_good_at(chain.state(), key, 12));
    at(15);
    send(kAlpha, kChangeState, {key, number(KeyState::active), 0, ""}).values("()");
    EXPECT_FALSE(key_was_good_at(chain.state(), key, 14));
    EXPECT_TRUE(key_was_good_at(chain.state(), key, 15));
    EXPECT_TRUE(key_was_good_at(chain.state(), key, 19));
    EXPECT_FALSE(key_was_good_at(chain.state(), key, 20));
}

TEST_F(Keys, a_reset_needs_more_than_half_locks_the_account_and_waits) {
    const Address account = address(1);
    at(100);
    for (const auto& sender : {kStranger, kAlpha, account})
        send(sender, kDecideReset, reset_arguments(account, 2, 2, 10))
            .expect_revert("NotAuthorised(address)", {sender});
    propose_reset(kStranger, account, 2, 2, 10).expect_revert("NotAuthorised(address)", {kStranger});
    propose_reset(kAlpha, account, 2, 2, 4).expect_revert("FieldInvalid(string)", {"delay"});
    const auto id = propose_reset(kAlpha, account, 2, 2, 10).value("(uint256)");
    approve(kBeta, id).values("()");
    EXPECT_EQ(account_of(account), account);
    approve(kDelta, id).values("()");
    EXPECT_EQ(account_of(account).error().code, error::AccountLocked);
    at(109);
    send(kStranger, "finishReset(address)", {account}).expect_revert("TooEarly(uint256,uint256)", {109, 110});
    at(110);
    send(kStranger, "finishReset(address)", {account}).values("()");
    EXPECT_EQ(account_of(address(2)), account);
    EXPECT_EQ(account_of(account).error().code, error::KeyRetired);
    send(kStranger, "finishReset(address)", {account}).expect_revert("ResetUnknown(address)", {account});
}

TEST_F(Keys, the_old_key_objects_and_the_account_is_free_again) {
    const Address account = address(1);
    // Two proposals of the same: one is carried out, and objected to.
    const auto spare = propose_reset(kBeta, account, 2, 2, 10).value("(uint256)");
    approve(kAlpha, spare).values("()");
    reset(account, 2, 2, 10);
    ledger::Transaction objection;
    objection.to = kKeysAddress;
    objection.data = TestChain::call_data(ledger::kObjectReset, {account});
    EXPECT_EQ(ledger::account_of_key(account, &objection, height(), chain.state()), account);
    objection.value = U256{1};
    EXPECT_FALSE(ledger::account_of_key(account, &objection, height(), chain.state()));
    send(kStranger, ledger::kObjectReset, {account}).expect_revert("NotAuthorised(address)", {kStranger});
    send(account, ledger::kObjectReset, {account}).values("()");
    EXPECT_EQ(account_of(account), account);
    at(1000);
    send(kStranger, "finishReset(address)", {account}).expect_revert("ResetUnknown(address)", {account});
    // The approvals of before do not count again.
    approve(kDelta, spare).expect_revert("RoundOver(bytes32,uint256)", {id(account), 2});
    EXPECT_EQ(account_of(account), account);
    propose_reset(kAlpha, account, 2, 2, 10).value("(uint256)");
    EXPECT_EQ(account_of(account), account);
}

TEST_F(Keys, a_quarantined_key_cannot_object_and_its_reset_need_not_wait) {
    const Address account = address(1);
    send(account, kOpen, {id(account), 0, "stolen laptop"}).values("(uint256)");
    EXPECT_EQ(account_of(account).error().code, error::KeyQuarantined);
    reset(account, 2, 2, 0);
    ledger::Transaction objection;
    objection.to = kKeysAddress;
    objection.data = TestChain::call_data(ledger::kObjectReset, {account});
    EXPECT_EQ(ledger::account_of_key(account, &objection, height(), chain.state()).error().code, error::KeyQuarantined);
    send(account, ledger::kObjectReset, {account}).expect_revert("ResetUnknown(address)", {account});
    send(kStranger, "finishReset(address)", {account}).values("()");
    EXPECT_EQ(account_of(address(2)), account);
    EXPECT_EQ(account_of(account).error().code, error::KeyRetired);
}

TEST_F(Keys, one_organisation_alone_stops_a_foreign_account_for_a_while_and_once) {
    const Address account = address(1);
    at(50);
    send(kStranger, kOpen, {id(account), 0, ""}).expect_revert("NotAuthorised(address)", {kStranger});
    send(kAlpha, kOpen, {id(account), 40, "reported by phone"}).values("(uint256)");
    EXPECT_EQ(account_of(account).error().code, error::KeyQuarantined);
    at(50 + kLoneQuarantineBlocks);
    EXPECT_EQ(account_of(account).error().code, error::KeyQuarantined);
    send(kAlpha, "closeIncident(uint256,bytes32)", {0, filled<Hash256>(1)})
        .expect_revert("KeyStillSigns(bytes32)", {id(account)});
    at(51 + kLoneQuarantineBlocks);
    EXPECT_EQ(account_of(account), account);
    EXPECT_EQ(key_state_at(chain.state(), id(account), 50 + kLoneQuarantineBlocks), KeyState::quarantined);
    EXPECT_EQ(key_state_at(chain.state(), id(account), 51 + kLoneQuarantineBlocks), KeyState::active);
    send(kAlpha, "closeIncident(uint256,bytes32)", {0, filled<Hash256>(1)}).values("()");
    send(kAlpha, kOpen, {id(account), 0, ""}).expect_revert("QuarantineUsed(bytes32)", {id(account)});
    send(kBeta, kOpen, {id(account), 0, ""}).values("(uint256)");
    // Confirmed by more than half it lasts; and the same number ends it.
    decide_state(id(account), KeyState::quarantined, "confirmed");
    at(10'000);
    EXPECT_EQ(account_of(account).error().code, error::KeyQuarantined);
    EXPECT_EQ(key_state_at(chain.state(), id(account), 9'000), KeyState::quarantined);
    decide_state(id(account), KeyState::active, "false alarm");
    EXPECT_EQ(account_of(account), account);
}

TEST_F(Keys, no_organisation_alone_takes_the_objection_to_a_reset_away) {
    const Address account = address(1);
    reset(account, 2, 2, 10);
    send(kBeta, kOpen, {id(account), 0, "malice"}).values("(uint256)");
    EXPECT_EQ(state_of(id(account)), KeyState::lost);
    send(account, ledger::kObjectReset, {account}).values("()");
    EXPECT_EQ(account_of(account), account);
    // The incident of before keeps nobody from stopping the key that signs again.
    EXPECT_EQ(send(kDelta, kOpen, {id(account), 0, "a thief has objected"}).value("(uint256)"), AbiValue{1});
    EXPECT_EQ(account_of(account).error().code, error::KeyQuarantined);
    send(kGamma, kOpen, {id(account), 0, ""}).expect_revert("IncidentIsOpen(uint256)", {1});
}

TEST_F(Keys, an_incident_about_a_key_that_nobody_used_keeps_it_from_no_account) {
    const Address account = address(1);
    at(50);
    // Seen in the proposal, before and after it is decided.
    send(kBeta, kOpen, {id(address(2)), 0, "malice"}).values("(uint256)");
    reset(account, 2, 2, 10);
    EXPECT_EQ(state_of(id(account)), KeyState::lost);
    at(100);
    send(kStranger, "finishReset(address)", {account}).values("()");
    EXPECT_EQ(account_of(address(2)), account);
    EXPECT_EQ(key_state_at(chain.state(), id(address(2)), 99), KeyState::quarantined);
    EXPECT_EQ(key_state_at(chain.state(), id(address(2)), 100), KeyState::active);
    EXPECT_EQ(key_state_at(chain.state(), id(address(2)), 100 + 2 * kLoneQuarantineBlocks), KeyState::active);
    reset(account, 3, 3, 10);
    send(kDelta, kOpen, {id(address(3)), 0, "malice"}).values("(uint256)");
    at(200);
    send(kStranger, "finishReset(address)", {account}).values("()");
    EXPECT_EQ(account_of(address(3)), account);
    send(kAlpha, kOpen, {id(address(3)), 0, "leaked"}).values("(uint256)");
    EXPECT_EQ(account_of(address(3)).error().code, error::KeyQuarantined) << "the incident of before is in nobody's way";
}

TEST_F(Keys, a_reset_to_a_key_that_was_put_to_use_meanwhile_is_decided_anew) {
    const Address account = address(1);
    at(50);
    reset(account, 2, 2, 10);
    propose_reset(kAlpha, account, 3, 2, 10).expect_revert("ResetPending(address)", {account});
    chain.put(address(2), {}, 1);
    at(100);
    send(kStranger, "finishReset(address)", {account}).expect_revert("KeyInUse(address)", {address(2)});
    reset(account, 3, 2, 10);
    at(200);
    send(kStranger, "finishReset(address)", {account}).values("()");
    EXPECT_EQ(account_of(address(3)), account);
}

TEST_F(Keys, code_that_an_account_lent_its_name_to_stops_with_its_key_and_ends_with_it) {
    const Address account = address(1);
    const Address lender = filled<Address>(0x42);
    at(50);
    chain.put(lender, {0x00}, 1); // STOP
    Bytes designator{0xef, 0x01, 0x00};
    append(designator, lender);
    chain.put(account, designator, 1);
    const auto calls = [&] { return chain.run(TestChain::message(account, kStranger, {})); };
    EXPECT_TRUE(calls().result.ok());
    send(kBeta, kOpen, {id(account), 0, "leaked"}).values("(uint256)");
    calls().expect_revert("PolicyDenied(string,address,address,bytes4)",
                          {"the key of the account is stopped", account, account, Bytes(4)});
    at(51 + kLoneQuarantineBlocks);
    EXPECT_TRUE(calls().result.ok()) << "a false alarm harms nobody";
    rotate(account, 2, 2).values("()");
    EXPECT_EQ(chain.state().account(account)->code_hash, crypto::kEmptyKeccak);
    EXPECT_EQ(account_of(address(2)), account);
}

TEST_F(Keys, an_incident_of_one_organisation_is_ended_by_no_other) {
    const Address account = address(1);
    send(kAlpha, kOpen, {id(account), 0, "leaked"}).values("(uint256)");
    reset(account, 2, 2, 0);
    send(kBeta, "noteIncident(uint256,string,bytes32)", {0, "seen", filled<Hash256>(7)}).values("()");
    send(kBeta, "closeIncident(uint256,bytes32)", {0, filled<Hash256>(8)}).expect_revert("NotAuthorised(address)", {kBeta});
    send(kAlpha, "closeIncident(uint256,bytes32)", {0, filled<Hash256>(8)}).values("()");
}

TEST_F(Keys, a_quarantine_that_leaves_no_quorum_of_validators_is_refused) {
    const auto key = [&](std::size_t i) { return key_id(genesis.validators.members[i].key.bytes); };
    send(kBeta, kOpen, {key(0), 0, ""}).expect_revert("NotAuthorised(address)", {kBeta});
    send(kAlpha, kOpen, {key(0), 0, "disk stolen"}).values("(uint256)");
    EXPECT_EQ(state_of(key(0)), KeyState::quarantined);
    send(kBeta, kOpen, {key(1), 0, ""}).expect_revert("QuorumLost(uint256,uint256)", {2, 3});
    EXPECT_EQ(state_of(key(1)), KeyState::active);
    decide_state(key(0), KeyState::active, "found");
    send(kBeta, kOpen, {key(1), 0, ""}).values("(uint256)");
    // More than half of the organisations may do it all the same.
    decide_state(key(2), KeyState::quarantined, "three keys on one stolen disk");
    EXPECT_EQ(state_of(key(2)), KeyState::quarantined);
    EXPECT_EQ(stopped_keys(chain.state(), genesis.validators.members),
              (std::vector{genesis.validators.members[1].key, genesis.validators.members[2].key}));
}

/// A key that nobody has seen, and its id.
struct FreshKey {
    crypto::VotingSecret secret;
    Hash256 id;
};
FreshKey fresh_key(std::uint8_t byte) {
    auto key = *crypto::VotingSecret::from(crypto::VotingAlgorithm::ed25519, filled<Hash256>(byte));
    const auto id = key_id(key.public_key().bytes);
    return {std::move(key), id};
}

TEST_F(Keys, a_voting_key_is_its_validators_organisations_whoever_registered_it_first) {
    const auto [next, key] = fresh_key(0x77);
    // Seen in a proposal, or before: Beta takes it, in a class whose quarantine no quorum of validators guards.
    send(kBeta, kRegister, {key, 2, 0, 0, 1}).values("()");
    send(kBeta, kOpen, {key, 0, "malice"}).values("(uint256)");
    const auto about_betas = propose_state(kBeta, key, KeyState::deactivated, "malice").value("(uint256)");
    vote_in("Alpha-1", next);
    auto validators = genesis.validators.members;
    validators[0].key = next.public_key();
    EXPECT_TRUE(stopped_keys(chain.state(), validators).empty()) << "Beta stops no key of Alpha's";

    const auto facts = key_facts(chain.state(), key, height());
    EXPECT_EQ(facts->head.owner, kAlpha);
    EXPECT_EQ(facts->head.key_class, KeyClass::consensus);
    EXPECT_EQ(facts->head.state, KeyState::active);
    EXPECT_EQ(facts->terms.originator_from, height());
    EXPECT_TRUE(key_was_good_at(chain.state(), key, height()));
    for (const auto& organisation : {kAlpha, kBeta})
        send(organisation, kRegister, {key, 1, 0, 0, 1}).expect_revert("KeyTaken(bytes32)", {key});
    send(kBeta, kChangeState, {key, number(KeyState::destroyed), 0, "mine"})
        .expect_revert("NotAuthorised(address)", {kBeta});
    approve(kAlpha, about_betas).values("()");
    approve(kDelta, about_betas).expect_revert("RoundOver(bytes32,uint256)", {key, 1});

    send(kAlpha, kOpen, {key, 0, "disk stolen"}).values("(uint256)");
    EXPECT_EQ(stopped_keys(chain.state(), validators), std::vector{next.public_key()});
    send(kBeta, "closeIncident(uint256,bytes32)", {0, filled<Hash256>(1)}).values("()");
    send(kAlpha, kOpen, {key, 0, ""}).expect_revert("IncidentIsOpen(uint256)", {1});
}

TEST_F(Keys, a_vote_on_the_state_of_a_new_voting_key_counts_at_once) {
    for (const bool squatted : {false, true}) {
        const auto [next, key] = fresh_key(squatted ? 0x78 : 0x77);
        if (squatted) send(kBeta, kRegister, {key, 5, 0, 0, 1}).values("()");
        vote_in(squatted ? "Delta-1" : "Alpha-1", next);
        auto validators = genesis.validators.members;
        validators[squatted ? 2 : 0].key = next.public_key();
        decide_state(key, KeyState::quarantined, "seen elsewhere");
        EXPECT_EQ(stopped_keys(chain.state(), validators), std::vector{next.public_key()});
        decide_state(key, KeyState::active, "false alarm");
        EXPECT_TRUE(stopped_keys(chain.state(), validators).empty());
    }
}

TEST_F(Keys, a_voting_key_of_a_new_validator_is_entered_and_counts_for_the_quorum) {
    const auto [fifth, key] = fresh_key(0x77);
    const auto claim =
        to_bytes(*fifth.sign(signed_bytes(ledger::KeyClaim{chain.block().chain_id.low(), "Alpha-2"})));
    chain.carry_out(chain.propose(kAlpha, kMembersAddress, "addValidator(string,string,bytes32,uint8,bytes,string)",
                                  {"Alpha-2", "Alpha", *Hash256::from(fifth.public_key().bytes), 0, claim, "a:1"}),
                    {kBeta, kDelta});
    EXPECT_EQ(key_facts(chain.state(), key, height())->head.owner, kAlpha);
    // Four of five still sign: a quorum. Three would not be one.
    send(kBeta, kOpen, {key_id(genesis.validators.members[1].key.bytes), 0, ""}).values("(uint256)");
    send(kAlpha, kOpen, {key, 0, ""}).expect_revert("QuorumLost(uint256,uint256)", {3, 4});
}

TEST_F(Keys, what_its_organisation_said_of_a_voting_key_before_the_vote_stays) {
    const auto [ready, ready_id] = fresh_key(0x77);
    send(kAlpha, kRegister, {ready_id, 1, 0, 0, 0}).values("()");
    EXPECT_EQ(state_of(ready_id), KeyState::pre_activation);
    vote_in("Alpha-1", ready);
    EXPECT_EQ(state_of(ready_id), KeyState::active) << "it votes";

    const auto [stopped, stopped_id] = fresh_key(0x78);
    send(kAlpha, kRegister, {stopped_id, 1, 0, 0, 1}).values("()");
    send(kAlpha, kChangeState, {stopped_id, number(KeyState::compromised), 0, "before it ever voted"}).values("()");
    const auto claim =
        to_bytes(*stopped.sign(signed_bytes(ledger::KeyClaim{chain.block().chain_id.low(), "Alpha-1"})));
    chain
        .propose(kAlpha, kMembersAddress, "replaceValidatorKey(string,bytes32,uint8,bytes)",
                 {"Alpha-1", *Hash256::from(stopped.public_key().bytes), 0, claim})
        .expect_revert("TransitionRefused(uint8,uint8)", {number(KeyState::compromised), number(KeyState::active)});

    const auto [mistaken, mistaken_id] = fresh_key(0x79);
    send(kAlpha, kRegister, {mistaken_id, 6, 0, 0, 1}).values("()");
    vote_in("Alpha-1", mistaken);
    EXPECT_EQ(key_facts(chain.state(), mistaken_id, height())->head.key_class, KeyClass::consensus);
}

TEST_F(Keys, voting_keys_are_entered_by_members_alone) {
    for (const auto& sender : {kAlpha, kStranger})
        send(sender, "enterVotingKey(bytes32,address)", {filled<Hash256>(0x77), kAlpha})
            .expect_revert("NotAuthorised(address)", {sender});
}

TEST(KeysOfGenesis, a_key_that_votes_and_signs_is_entered_as_one_that_votes) {
    auto genesis = four_organisations();
    genesis.organisations[1].signing_key =
        *crypto::ValidatorPublicKey::from(genesis.validators.members[0].key.bytes); // Beta's, and Alpha's validator's
    TestChain chain{genesis};
    const auto facts = key_facts(chain.state(), key_id(genesis.validators.members[0].key.bytes), 1);
    EXPECT_EQ(facts->head.key_class, KeyClass::consensus);
    EXPECT_EQ(facts->head.owner, kAlpha);
}

TEST_F(Keys, a_certificates_key_is_stopped_by_the_organisation_that_it_belongs_to_and_by_no_other) {
    const Hash256 tls = filled<Hash256>(0xe1);
    const Hash256 squatted = filled<Hash256>(0xe2);
    const auto before = key_changes_of(chain.state());
    send(kAlpha, kRegister, {tls, 2, 0, 0, 1}).values("()");
    send(kBeta, kRegister, {squatted, 2, 0, 0, 1}).values("()"); // Alpha's as well
    EXPECT_FALSE(is_stopped(chain.state(), "Alpha", tls));
    send(kBeta, kOpen, {tls, 0, ""}).expect_revert("NotAuthorised(address)", {kBeta});
    send(kAlpha, kOpen, {tls, 0, "copied"}).values("(uint256)");
    send(kBeta, kOpen, {squatted, 0, "malice"}).values("(uint256)");
    EXPECT_TRUE(is_stopped(chain.state(), "Alpha", tls));
    EXPECT_FALSE(is_stopped(chain.state(), "Beta", tls));
    EXPECT_FALSE(is_stopped(chain.state(), "Alpha", squatted));
    EXPECT_GT(key_changes_of(chain.state()), before);
    decide_state(tls, KeyState::active, "false alarm");
    EXPECT_FALSE(is_stopped(chain.state(), "Alpha", tls));
    // The voting key that genesis registered: so may the others together, too.
    const auto voting = key_id(genesis.validators.members[0].key.bytes);
    decide_state(voting, KeyState::quarantined, "it signed two blocks");
    EXPECT_TRUE(is_stopped(chain.state(), "Alpha", voting));
}

TEST_F(Keys, the_organisations_together_give_a_squatted_key_to_the_one_that_it_belongs_to) {
    constexpr std::string_view kAward = "award(bytes32,address,uint8)";
    const Hash256 squatted = filled<Hash256>(0xe2);
    const auto award = [&](const Hash256& key, const Address& owner, std::uint8_t key_class) {
        return chain.propose(kAlpha, kKeysAddress, kAward, {key, owner, key_class});
    };
    send(kBeta, kRegister, {squatted, 1, 0, 0, 1}).values("()"); // Alpha's, and no voting key
    send(kBeta, kOpen, {squatted, 0, "malice"}).values("(uint256)");
    const auto meant_before = propose_state(kBeta, squatted, KeyState::compromised, "malice").value("(uint256)");
    send(kAlpha, kAward, {squatted, kAlpha, 2}).expect_revert("NotAuthorised(address)", {kAlpha});
    award(squatted, kStranger, 2).expect_revert("FieldInvalid(string)", {"owner"});
    award(squatted, kBeta, 2).expect_revert("FieldInvalid(string)", {"owner"});
    award(squatted, kAlpha, 1).expect_revert("FieldInvalid(string)", {"keyClass"});
    award(squatted, kAlpha, 3).expect_revert("FieldInvalid(string)", {"keyClass"});
    award(filled<Hash256>(0xe3), kAlpha, 2).expect_revert("KeyUnknown(bytes32)", {filled<Hash256>(0xe3)});
    award(id(address(1)), kAlpha, 2).expect_revert("KeyUnknown(bytes32)", {id(address(1))});
    award(key_id(genesis.validators.members[1].key.bytes), kAlpha, 2).expect_revert("FieldInvalid(string)", {"id"});

    const auto before = key_changes_of(chain.state());
    chain.carry_out(award(squatted, kAlpha, 2), {kBeta, kDelta});
    const auto facts = key_facts(chain.state(), squatted, height());
    ASSERT_TRUE(facts);
    EXPECT_EQ(facts->head.owner, kAlpha);
    EXPECT_EQ(facts->head.key_class, KeyClass::tls);
    EXPECT_EQ(facts->head.state, KeyState::active);
    EXPECT_GT(key_changes_of(chain.state()), before);
    // What was opened and proposed about the other's entry does not hold the owner up.
    approve(kAlpha, meant_before).values("()");
    approve(kDelta, meant_before).expect_revert("RoundOver(bytes32,uint256)", {squatted, 1});
    send(kBeta, kOpen, {squatted, 0, "again"}).expect_revert("NotAuthorised(address)", {kBeta});
    send(kAlpha, kOpen, {squatted, 0, "copied"}).values("(uint256)");
    EXPECT_TRUE(is_stopped(chain.state(), "Alpha", squatted));
}

TEST_F(Keys, incidents_chain_their_steps_and_close_once) {
    const Address account = address(1);
    at(60);
    EXPECT_EQ(send(account, kOpen, {id(account), 55, "leak"}).value("(uint256)"), AbiValue{0});
    send(kAlpha, kOpen, {id(account), 0, ""}).expect_revert("IncidentIsOpen(uint256)", {0});
    send(kStranger, "noteIncident(uint256,string,bytes32)", {0, "impact", filled<Hash256>(7)})
        .expect_revert("NotAuthorised(address)", {kStranger});
    send(kAlpha, "noteIncident(uint256,string,bytes32)", {0, "impact", filled<Hash256>(7)}).values("()");
    send(kAlpha, "noteIncident(uint256,string,bytes32)", {1, "impact", filled<Hash256>(7)})
        .expect_revert("IncidentUnknown(uint256)", {1});
    at(70);
    send(kAlpha, "closeIncident(uint256,bytes32)", {0, filled<Hash256>(8)}).values("()");
    send(kAlpha, "closeIncident(uint256,bytes32)", {0, filled<Hash256>(8)})
        .expect_revert("IncidentUnknown(uint256)", {0});
    const auto entry =
        send(kStranger, "incident(uint256)", {0}).value("((bytes32,address,uint64,uint64,uint64,uint64,bytes32))");
    Hash256 chain_of_steps;
    for (const auto& [step, digest] : {std::pair{"impact", 7}, std::pair{"closed", 8}}) {
        Bytes text = to_bytes(chain_of_steps);
        append(text, crypto::keccak256(as_bytes(std::string_view{step})));
        append(text, filled<Hash256>(static_cast<std::uint8_t>(digest)));
        chain_of_steps = crypto::keccak256(text);
    }
    const AbiValue expected = AbiValue::List{id(account), account, 60, 70, 55, 2, chain_of_steps};
    EXPECT_EQ(entry, expected);
}

TEST_F(Keys, an_organisation_replaces_its_own_keys_but_not_a_validators) {
    const Hash256 seal = filled<Hash256>(0xd1);
    const Hash256 next = filled<Hash256>(0xd2);
    send(kAlpha, kRegister, {seal, 6, 0, 0, 1}).values("()");
    send(kBeta, "replaceKey(bytes32,bytes32)", {seal, next}).expect_revert("NotAuthorised(address)", {kBeta});
    send(kAlpha, "replaceKey(bytes32,bytes32)", {seal, next}).values("()");
    EXPECT_EQ(state_of(seal), KeyState::deactivated);
    EXPECT_EQ(key_facts(chain.state(), next, height())->head.version, 2u);
    send(kAlpha, "replaceKey(bytes32,bytes32)", {seal, filled<Hash256>(0xd3)})
        .expect_revert("KeyTaken(bytes32)", {next});
    send(kAlpha, "replaceKey(bytes32,bytes32)",
         {key_id(genesis.validators.members[0].key.bytes), filled<Hash256>(0xd4)})
        .expect_revert("FieldInvalid(string)", {"keyClass"});
}

/// A contract that takes a signature as ERC-2612 does: ecrecover says whose key it is, Keys whether the key was good at a height.
TEST_F(Keys, a_contract_asks_whether_the_key_that_ecrecover_found_was_good_at_a_height) {
    using enum evm::Opcode;
    const auto selector = ledger::selector_of("goodAt(bytes32,uint64)");
    evm::testing::Code checker; // input: digest, v, r, s, height; output: goodAt(signer, height)
    checker.push(128).push(0).push(0).op(CALLDATACOPY);
    checker.push(32).push(0).push(128).push(0).push(1).op(GAS, STATICCALL, POP);
    checker.push(from_big_endian(BytesView{selector}) << 224).push(64).op(MSTORE);
    checker.push(0).op(MLOAD).push(68).op(MSTORE);
    checker.push(128).op(CALLDATALOAD).push(100).op(MSTORE);
    checker.push(32).push(160).push(68).push(64).push(kKeysAddress).op(GAS, STATICCALL, POP);
    checker.push(32).push(160).op(RETURN);
    const Address contract = filled<Address>(0x77);
    auto founders = genesis;
    founders.accounts[contract] = {.balance = {}, .nonce = 1, .code = checker, .storage = {}};
    chain.~TestChain();
    new (&chain) TestChain{founders};

    const Address account = address(1);
    const auto good = [&](std::uint8_t key, std::uint64_t at_height) {
        const auto digest = filled<Hash256>(0x5a);
        const auto signature = *crypto::sign(digest, secret(key));
        const Bytes input = *codec::abi_encode(
            "(bytes32,uint256,bytes32,bytes32,uint64)",
            {digest, 27u + signature.y_parity, to_big_endian(signature.r), to_big_endian(signature.s), at_height});
        return chain.run(TestChain::message(contract, kStranger, input)).value("(bool)").as_bool();
    };
    at(10);
    EXPECT_TRUE(good(1, 10));
    rotate(account, 2, 2).values("()");
    at(20);
    EXPECT_TRUE(good(1, 9)) << "what it signed while it was the account's stays good";
    EXPECT_FALSE(good(1, 20)) << "retired";
    EXPECT_TRUE(good(2, 20));
    send(kAlpha, kOpen, {id(address(2)), 15, "stolen"}).values("(uint256)");
    EXPECT_FALSE(good(2, 20)) << "in quarantine";
    EXPECT_TRUE(good(2, 19));
}

/// Whatever is asked in whatever order: an account has exactly one key that could sign for it, a key signs for at most one
/// account, and a key that was retired never signs again.
TEST_F(Keys, random_histories_never_revive_a_key_or_share_an_account) {
    for (const std::uint64_t seed : {1u, 2u, 3u, 4u}) {
        SCOPED_TRACE("seed " + std::to_string(seed));
        std::mt19937_64 random{seed};
        chain.~TestChain();
        new (&chain) TestChain{genesis};
        std::set<Address> retired;
        std::map<Address, std::uint32_t> versions;
        std::uint8_t next_key = 10;
        for (int step = 0; step < 120; ++step) {
            at(height() + 1 + random() % 3);
            const Address account = address(static_cast<std::uint8_t>(1 + random() % 3));
            const Address key = key_of_account(chain.state(), account);
            const Address organisation = std::array{kAlpha, kBeta, kDelta}[random() % 3];
            const auto version = versions.try_emplace(account, 1).first->second + 1;
            switch (random() % 8) {
            case 0:
                if (account_of(key) == account) rotate(account, next_key++, version);
                break;
            case 1: propose_reset(organisation, account, static_cast<std::uint8_t>(100 + version), version, 5); break;
            case 2: send(kStranger, "finishReset(address)", {account}); break;
            case 3: send(organisation, kOpen, {id(key), 0, ""}); break;
            case 4: propose_state(organisation, id(key), static_cast<KeyState>(random() % 10), "vote"); break;
            case 5: send(account, ledger::kObjectReset, {account}); break;
            case 6: {
                const auto proposals = chain.send(kProposalsAddress, kStranger, "count()", {}).value("(uint256)");
                if (const auto count = proposals.number().low(); count != 0)
                    for (const auto& voter : {kAlpha, kBeta, kDelta})
                        approve(voter, count - random() % std::min<std::uint64_t>(count, 4));
                break;
            }
            default: send(account, kChangeState, {id(key), random() % 10, 0, "owner"}); break;
            }
            const Address now = key_of_account(chain.state(), account);
            if (now != key) {
                retired.insert(key);
                ++versions[account];
            }
            std::map<Address, Address> signer_of;
            for (std::uint8_t n = 1; n < 200; n = static_cast<std::uint8_t>(n == 60 ? 100 : n + 1))
                if (const auto whose = account_of(address(n))) {
                    if (*whose == address(n) && n >= 10) continue; // a key that nobody has touched
                    EXPECT_FALSE(retired.contains(address(n)));
                    EXPECT_TRUE(signer_of.emplace(*whose, address(n)).second) << "two keys sign for one account";
                    EXPECT_EQ(key_of_account(chain.state(), *whose), address(n));
                }
            if (HasFailure()) return;
        }
    }
}

} // namespace
} // namespace cairn::system
