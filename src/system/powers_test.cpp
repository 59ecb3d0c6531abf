// Who can do what: roles, decisions and their thresholds, the matrix of roles and operations.
#include "crypto/secp256k1.hpp"
#include "ledger/account_key.hpp"
#include "ledger/key_claim.hpp"
#include "system/chain_test.hpp"
#include "system/governance.hpp"
#include "system/keys.hpp"
#include "system/policy.hpp"
#include "system/roles.hpp"

#include <gtest/gtest.h>

#include <random>

namespace cairn::system {
namespace {

using codec::AbiValue;
using ledger::Role;

const Address kContract = filled<Address>(0xc0);
const Address kSuspect = filled<Address>(0x55);
const Hash256 kForeignKey = filled<Hash256>(0xe1);

std::uint8_t number_of_role(Role role) { return static_cast<std::uint8_t>(role); }

class Powers : public testing::Test {
protected:
    Answer propose(const Address& sender, std::string_view signature, const AbiValue::List& arguments) {
        return chain.propose(sender, kRolesAddress, signature, arguments);
    }
    /// Decided by the security administrator and Alpha, or as `approvers` say.
    void decide(std::string_view signature, const AbiValue::List& arguments,
                const std::vector<Address>& approvers = {kAlpha}) {
        chain.carry_out(propose(kSecurity, signature, arguments), approvers);
    }
    void decide_by_organisations(const Address& target, std::string_view signature, const AbiValue::List& arguments) {
        chain.carry_out(chain.propose(kAlpha, target, signature, arguments), {kBeta, kDelta});
    }
    Answer vote(const Address& sender, std::string_view signature, const AbiValue::List& arguments) {
        return chain.send(kProposalsAddress, sender, signature, arguments);
    }
    AbiValue::List proposal(const AbiValue& id) {
        return vote(kStranger, "proposal(uint256)", {id}).value(TestChain::kProposalType).list();
    }
    std::uint64_t state_of(const AbiValue& id) { return proposal(id)[5].number().low(); }
    void next_block() { ++chain.block().number; }
    bool holds(const Address& account, Role role) {
        return has_role(chain.state(), account, role, Height{chain.block().number});
    }
    bool may_call(const Address& account, const Address& contract, const Bytes& data = {1, 2, 3, 4}) {
        return chain.send(kRolesAddress, kStranger, "check(address,address,bytes)", {account, contract, data})
            .values("(bool,string)")[0]
            .as_bool();
    }
    TestChain chain{with_roles()}; // at block 7
};

// Roles.

TEST_F(Powers, genesis_roles_are_read_back_as_they_were) {
    for (std::uint8_t role = 0; role < ledger::kRoleNames.size(); ++role) {
        const Address holder = filled<Address>(static_cast<std::uint8_t>(0xd0 + role));
        EXPECT_TRUE(holds(holder, static_cast<Role>(role)));
        EXPECT_EQ(chain.send(kRolesAddress, kStranger, "rolesOf(address)", {holder}).value("(uint256)"),
                  AbiValue{1u << role});
        EXPECT_EQ(chain.send(kRolesAddress, kStranger, "has(address,uint8)", {holder, role}).value("(bool)"),
                  AbiValue{1});
        EXPECT_EQ(chain.send(kRolesAddress, kStranger, "has(address,uint8)", {kStranger, role}).value("(bool)"),
                  AbiValue{0});
    }
    EXPECT_EQ(holders_of(chain.state(), Role::security_administrator, Height{7}), std::vector{kSecurity});
}

TEST_F(Powers, a_role_counts_from_the_next_block_on) {
    decide("grant(address,uint8)", {kStranger, number_of_role(Role::deployer)});
    EXPECT_FALSE(holds(kStranger, Role::deployer));
    EXPECT_FALSE(may_call(kStranger, Address{}));
    next_block();
    EXPECT_TRUE(holds(kStranger, Role::deployer));
    EXPECT_TRUE(may_call(kStranger, Address{}));
    decide("revoke(address,uint8)", {kStranger, number_of_role(Role::deployer)});
    EXPECT_TRUE(may_call(kStranger, Address{}));
    next_block();
    EXPECT_FALSE(may_call(kStranger, Address{}));
}

TEST_F(Powers, one_account_never_holds_two_of_the_administrators_roles) {
    for (const auto& [account, held] : std::vector<std::pair<Address, std::string>>{
             {kSystem, "system-administrator"}, {kAudit, "audit-administrator"}, {kDeployer, "deployer"}})
        propose(kAlpha, "grantAdministrator(address,uint8)", {account, number_of_role(Role::security_administrator)})
            .expect_revert("RoleConflict(address,string)", {account, held});
    propose(kAlpha, "grantAdministrator(address,uint8)", {kBeta, number_of_role(Role::security_administrator)})
        .expect_revert("RoleConflict(address,string)", {kBeta, "organisation"});
    propose(kSecurity, "grant(address,uint8)", {kAudit, number_of_role(Role::deployer)})
        .expect_revert("RoleConflict(address,string)", {kAudit, "audit-administrator"});
    // Nor by the detour over an organisation's account.
    chain
        .propose(kAlpha, kMembersAddress, "addOrganisation(string,address,bytes32,string)",
                 {"Epsilon", kAudit, filled<Hash256>(1), "certificate"})
        .expect_revert("AccountTaken(address)", {kAudit});
    // Nor by the function for the other kind of role.
    propose(kSecurity, "grant(address,uint8)", {kStranger, number_of_role(Role::audit_administrator)})
        .expect_revert("FieldInvalid(string)", {"role"});
    propose(kAlpha, "grantAdministrator(address,uint8)", {kStranger, number_of_role(Role::deployer)})
        .expect_revert("FieldInvalid(string)", {"role"});
}

TEST_F(Powers, administrators_stay_disjoint_over_any_sequence_of_operations) {
    for (std::uint64_t seed = 0; seed < 40; ++seed) {
        std::mt19937_64 random{seed};
        TestChain world{with_roles()};
        std::vector<Address> accounts{kSystem,
                                      kSecurity,
                                      kAudit,
                                      kDeployer,
                                      kAlpha,
                                      kBeta,
                                      kStranger,
                                      filled<Address>(0x67),
                                      filled<Address>(0x68)};
        const auto any = [&] { return accounts[random() % accounts.size()]; };
        for (int step = 0; step < 60; ++step) {
            const auto role = random() % 8;
            Answer proposed;
            switch (random() % 6) {
            case 0:
                proposed = world.propose(kAlpha, kRolesAddress, "grantAdministrator(address,uint8)", {any(), role});
                break;
            case 1:
                proposed = world.propose(kAlpha, kRolesAddress, "revokeAdministrator(address,uint8)", {any(), role});
                break;
            case 2: proposed = world.propose(any(), kRolesAddress, "grant(address,uint8)", {any(), role}); break;
            case 3: proposed = world.propose(any(), kRolesAddress, "revoke(address,uint8)", {any(), role}); break;
            case 4: world.send(kRolesAddress, any(), "renounce(uint8)", {role}); break;
            case 5:
                proposed = world.propose(kAlpha, kMembersAddress, "addOrganisation(string,address,bytes32,string)",
                                         {"N" + std::to_string(step), any(), filled<Hash256>(1), "c"});
                break;
            }
            if (!proposed.result.output.empty() && proposed.result.ok()) {
                const auto id = proposed.value("(uint256)");
                for (const auto& voter : {kBeta, kDelta, kGamma, kSecurity})
                    world.send(kProposalsAddress, voter, "approve(uint256)", {id});
                world.block().number += 3;
                world.send(kProposalsAddress, kAlpha, "execute(uint256)", {id});
            }
            world.block().number += random() % 2;
            for (const auto& account : accounts) {
                const Subject subject = subject_of(world.state(), account);
                for (const std::uint64_t block : {world.block().number, world.block().number + 1}) {
                    const Rights& rights = subject.at(block);
                    const unsigned mask = rights.roles;
                    if (!rights.is_administrator()) continue;
                    ASSERT_EQ(mask & (mask - 1), 0u) << "seed " << seed << " step " << step << " " << to_hex(account);
                    ASSERT_EQ(organisation_of(world.state(), account), std::nullopt) << "seed " << seed;
                }
            }
            for (const auto administrator :
                 {Role::system_administrator, Role::security_administrator, Role::audit_administrator})
                ASSERT_FALSE(holders_of(world.state(), administrator, Height{world.block().number + 1}).empty())
                    << "seed " << seed << " step " << step;
        }
    }
}

TEST_F(Powers, the_last_administrator_of_a_kind_stays) {
    chain.send(kRolesAddress, kSecurity, "renounce(uint8)", {1})
        .expect_revert("WouldLockOut(string)", {"no security-administrator would be left"});
    propose(kAlpha, "revokeAdministrator(address,uint8)", {kAudit, 2})
        .expect_revert("WouldLockOut(string)", {"no audit-administrator would be left"});
    propose(kSecurity, "freeze(address,uint256,string)", {kSecurity, 1000, "leaked key"})
        .expect_revert("WouldLockOut(string)", {"no security-administrator would be left"});
    // With a second one the first may go.
    decide_by_organisations(kRolesAddress, "grantAdministrator(address,uint8)", {kStranger, 1});
    EXPECT_TRUE(chain.send(kRolesAddress, kSecurity, "renounce(uint8)", {1}).result.ok());
    next_block();
    EXPECT_EQ(holders_of(chain.state(), Role::security_administrator, Height{chain.block().number}),
              std::vector{kStranger});
}

// Decisions.

constexpr std::string_view kDecideReset = "decideReset(address,uint256,address,uint64,uint8,bytes32,bytes32)";
AbiValue::List reset_arguments() {
    crypto::AccountKey secret;
    secret.bytes[31] = 9;
    const auto key = crypto::address_of(*crypto::public_key(secret));
    const auto message = ledger::possession_message(four_organisations().parameters.chain_id, kSuspect, key, 2);
    const auto signature = *crypto::sign(ledger::personal_digest(message), secret);
    return {kSuspect, 0, key, 10, 27u + signature.y_parity, to_big_endian(signature.r), to_big_endian(signature.s)};
}

/// Every governed function with arguments that work, and who proposes it.
struct Action {
    Matter matter;
    Address proposer;
    Address target;
    std::string_view signature;
    AbiValue::List arguments;
};
std::vector<Action> actions() {
    const Bytes method{1, 2, 3, 4};
    return {
        {Matter::membership,
         kAlpha,
         kMembersAddress,
         "addOrganisation(string,address,bytes32,string)",
         {"Epsilon", filled<Address>(0xe0), filled<Hash256>(1), "certificate"}},
        {Matter::membership, kAlpha, kMembersAddress, "removeOrganisation(string)", {"Gamma"}},
        {Matter::parameters,
         kAlpha,
         kParametersAddress,
         "change(string,uint256,uint256)",
         {"codeBytesMax", 30'000, 99}},
        {Matter::rules, kAlpha, kProposalsAddress, "setRule(uint8,uint256,uint256,uint256)", {6, 3, 5, 1000}},
        {Matter::administrators, kAlpha, kRolesAddress, "grantAdministrator(address,uint8)", {kStranger, 0}},
        {Matter::administrators, kAlpha, kRolesAddress, "revokeAdministrator(address,uint8)", {kSystem, 0}},
        {Matter::rights, kSecurity, kRolesAddress, "grant(address,uint8)", {kStranger, 4}},
        {Matter::rights, kSecurity, kRolesAddress, "revoke(address,uint8)", {kDeployer, 4}},
        {Matter::policy,
         kSecurity,
         kRolesAddress,
         "setPolicy(address,address,bytes4,uint8,uint8)",
         {kStranger, kContract, method, 7, 2}},
        {Matter::freeze, kSecurity, kRolesAddress, "freeze(address,uint256,string)", {kStranger, 99, "suspicious"}},
        {Matter::freeze, kSecurity, kRolesAddress, "unfreeze(address)", {kSuspect}},
        {Matter::freeze,
         kSecurity,
         kRolesAddress,
         "freezeMethod(address,bytes4,uint256,string)",
         {kContract, method, 99, "bug"}},
        {Matter::freeze, kSecurity, kRolesAddress, "unfreezeMethod(address,bytes4)", {kContract, Bytes{9, 9, 9, 9}}},
        {Matter::labels, kSecurity, kRolesAddress, "raiseLabel(address,uint8,uint32)", {kContract, 3, 1}},
        {Matter::labels,
         kSecurity,
         kRolesAddress,
         "raiseRecordLabel(bytes32,uint8,uint32)",
         {filled<Hash256>(1), 3, 1}},
        {Matter::declassification, kSecurity, kRolesAddress, "declassify(address,uint8,uint32)", {kSuspect, 0, 0}},
        {Matter::declassification,
         kSecurity,
         kRolesAddress,
         "declassifyRecord(bytes32,uint8,uint32)",
         {filled<Hash256>(2), 0, 0}},
        {Matter::retirement, kSecurity, kRolesAddress, "retire(address,string)", {kContract, "replaced"}},
        {Matter::rules, kAlpha, kProposalsAddress, "setDormancy(uint256)", {2000}},
        {Matter::administrators, kAlpha, kProposalsAddress, "confirm(address)", {kSecurity}},
        {Matter::keys,
         kAlpha,
         kKeysAddress,
         "decideState(bytes32,uint256,uint8,uint64,string)",
         {ledger::account_key_id(kSuspect), 0, static_cast<std::uint8_t>(ledger::KeyState::compromised), 0,
          "found on a forum"}},
        {Matter::keys, kAlpha, kKeysAddress, kDecideReset, reset_arguments()},
        {Matter::membership, kAlpha, kIdentitiesAddress, "release(address)", {kSuspect}},
        {Matter::keys, kAlpha, kKeysAddress, "award(bytes32,address,uint8)", {kForeignKey, kBeta, 2}},
    };
}

/// A chain in which each of the actions can be carried out.
std::unique_ptr<TestChain> prepared() {
    auto chain = std::make_unique<TestChain>(with_roles());
    const auto decide = [&](std::string_view signature, const AbiValue::List& arguments) {
        chain->carry_out(chain->propose(kSecurity, kRolesAddress, signature, arguments), {kAlpha});
    };
    decide("freeze(address,uint256,string)", {kSuspect, 999, "test"});
    decide("freezeMethod(address,bytes4,uint256,string)", {kContract, Bytes{9, 9, 9, 9}, 999, "test"});
    decide("raiseLabel(address,uint8,uint32)", {kSuspect, 2, 3});
    decide("raiseRecordLabel(bytes32,uint8,uint32)", {filled<Hash256>(2), 2, 3});
    const auto second =
        chain->propose(kAlpha, kRolesAddress, "grantAdministrator(address,uint8)", {filled<Address>(0x77), 0});
    chain->carry_out(second, {kBeta, kDelta});
    chain->send(kIdentitiesAddress, kAlpha, "bind(address,uint8,bytes32,uint64)",
                {kSuspect, 1, filled<Hash256>(7), 0});
    chain->send(kKeysAddress, kAlpha, "register(bytes32,uint8,uint64,uint64,bool)", {kForeignKey, 2, 0, 0, 1});
    chain->block().number = 20;
    return chain;
}

TEST_F(Powers, no_governed_function_runs_but_by_a_proposal) {
    for (const auto& action : actions())
        for (const auto& sender : {action.proposer, kAlpha, kSystem, kSecurity, kAudit, kRegulator, kStranger}) {
            auto world = prepared();
            world->send(action.target, sender, action.signature, action.arguments)
                .expect_revert("NotAuthorised(address)", {sender});
        }
}

TEST_F(Powers, below_its_threshold_no_action_has_an_effect_and_at_it_each_has) {
    const std::vector<Address> voters{kAlpha, kBeta, kDelta, kGamma};
    for (const auto& action : actions()) {
        SCOPED_TRACE(action.signature);
        auto world = prepared();
        const auto before = world->written(action.target);
        const auto is_untouched = [&] {
            if (action.target == kProposalsAddress) return true; // judged by its rule below
            return world->written(action.target) == before;
        };
        const auto rule_before = world->send(kProposalsAddress, kStranger, "rule(uint8)", {6});
        const auto proposed = world->propose(action.proposer, action.target, action.signature, action.arguments);
        const auto id = proposed.value("(uint256)");
        const auto read = [&] {
            return world->send(kProposalsAddress, kStranger, "proposal(uint256)", {id})
                .value(TestChain::kProposalType)
                .list();
        };
        EXPECT_EQ(read()[4], AbiValue{static_cast<std::uint8_t>(action.matter)});
        for (const auto& voter : voters) {
            const auto now = read();
            if (now[9].number() == now[10].number()) break;
            EXPECT_TRUE(is_untouched()) << to_decimal(now[9].number()) << " approvals";
            world->send(kProposalsAddress, voter, "execute(uint256)", {id})
                .expect_revert("WrongState(uint256,string)", {id, "open"});
            world->send(kProposalsAddress, voter, "approve(uint256)", {id}); // the proposer has already
        }
        const auto decided = read();
        ASSERT_EQ(decided[9], decided[10]);
        EXPECT_GE(decided[10].number(), U256{2}) << "one alone";
        const auto delay = default_rule(action.matter).delay;
        if (delay != 0) {
            EXPECT_TRUE(is_untouched()) << "while objections are possible";
            world->block().number += delay - 1;
            world->send(kProposalsAddress, kBeta, "execute(uint256)", {id})
                .expect_revert("TooEarly(uint256,uint256)", {id, world->block().number + 1});
            ++world->block().number;
            EXPECT_TRUE(world->send(kProposalsAddress, kBeta, "execute(uint256)", {id}).result.ok());
        }
        EXPECT_EQ(read()[5], AbiValue{3});
        const auto rule_after = world->send(kProposalsAddress, kStranger, "rule(uint8)", {6});
        const auto numbers = [](const Answer& answer) { // delay and expiry
            const auto values = answer.values("(uint256,uint256,uint256,uint256)");
            return std::pair{values[2].number(), values[3].number()};
        };
        EXPECT_EQ(numbers(rule_after) != numbers(rule_before), action.signature.starts_with("setRule"));
        EXPECT_EQ(is_untouched(), action.target == kProposalsAddress);
    }
}

TEST_F(Powers, more_than_a_third_of_the_organisations_stop_a_decision) {
    const auto id = propose(kAlpha, "grantAdministrator(address,uint8)", {kStranger, 0}).value("(uint256)");
    for (const auto& voter : {kBeta, kDelta}) EXPECT_TRUE(vote(voter, "approve(uint256)", {id}).result.ok());
    EXPECT_EQ(state_of(id), 2u);
    vote(kSecurity, "object(uint256,string)", {id, "no"}).expect_revert("NotAuthorised(address)", {kSecurity});
    EXPECT_TRUE(vote(kGamma, "object(uint256,string)", {id, "not known to us"}).result.ok());
    EXPECT_EQ(state_of(id), 2u);
    vote(kGamma, "object(uint256,string)", {id, "again"}).expect_revert("AlreadyObjected(uint256)", {id});
    EXPECT_TRUE(vote(kDelta, "object(uint256,string)", {id, "on second thought"}).result.ok());
    EXPECT_EQ(state_of(id), 4u);
    chain.block().number += 3;
    vote(kAlpha, "execute(uint256)", {id}).expect_revert("WrongState(uint256,string)", {id, "rejected"});
}

TEST_F(Powers, an_approval_that_was_taken_back_does_not_count_at_execution) {
    const auto id = propose(kAlpha, "grantAdministrator(address,uint8)", {kStranger, 0}).value("(uint256)");
    for (const auto& voter : {kBeta, kDelta}) vote(voter, "approve(uint256)", {id});
    vote(kDelta, "object(uint256,string)", {id, "wait"});
    EXPECT_EQ(state_of(id), 1u);
    chain.block().number += 3;
    vote(kAlpha, "execute(uint256)", {id}).expect_revert("WrongState(uint256,string)", {id, "open"});
    // It can be decided again, and then there is time to object again.
    EXPECT_TRUE(vote(kDelta, "approve(uint256)", {id}).result.ok());
    EXPECT_EQ(state_of(id), 2u);
    vote(kAlpha, "execute(uint256)", {id})
        .expect_revert("TooEarly(uint256,uint256)", {id, chain.block().number + 2});
    chain.block().number += 2;
    EXPECT_TRUE(vote(kAlpha, "execute(uint256)", {id}).result.ok());
}

TEST_F(Powers, proposals_lapse_and_can_be_withdrawn_by_their_proposer_only) {
    const auto id = propose(kSecurity, "grant(address,uint8)", {kStranger, 4}).value("(uint256)");
    vote(kAlpha, "withdraw(uint256)", {id}).expect_revert("NotAuthorised(address)", {kAlpha});
    EXPECT_TRUE(vote(kSecurity, "withdraw(uint256)", {id}).result.ok());
    vote(kAlpha, "approve(uint256)", {id}).expect_revert("WrongState(uint256,string)", {id, "withdrawn"});
    const auto other = propose(kSecurity, "grant(address,uint8)", {kStranger, 4}).value("(uint256)");
    chain.block().number += 50'001;
    vote(kAlpha, "approve(uint256)", {other}).expect_revert("WrongState(uint256,string)", {other, "expired"});
    vote(kAlpha, "approve(uint256)", {99}).expect_revert("ProposalUnknown(uint256)", {99});
    vote(kAlpha, "approve(uint256)", {0}).expect_revert("ProposalUnknown(uint256)", {0});
}

TEST_F(Powers, what_is_not_governed_or_would_fail_is_not_proposed) {
    vote(kAlpha, "propose(address,bytes,string)", {kRecordsAddress, Bytes{1, 2, 3, 4}, "r"})
        .expect_revert("NotGoverned(address,bytes4)", {kRecordsAddress, Bytes{1, 2, 3, 4}});
    vote(kAlpha, "propose(address,bytes,string)", {kMembersAddress, Bytes{}, "r"})
        .expect_revert("NotGoverned(address,bytes4)", {kMembersAddress, Bytes(4)});
    propose(kSecurity, "revoke(address,uint8)", {kStranger, 4}).expect_revert("NothingToChange()", {});
    propose(kSecurity, "freeze(address,uint256,string)", {kStranger, 8, "too short"})
        .expect_revert("FieldInvalid(string)", {"until"});
    propose(kSecurity, "freeze(address,uint256,string)", {kRolesAddress, 99, "x"})
        .expect_revert("WouldLockOut(string)", {"system contracts are not frozen"});
    propose(kSecurity, "setPolicy(address,address,bytes4,uint8,uint8)", {Address{}, kProposalsAddress, Bytes(4), 2, 2})
        .expect_revert("WouldLockOut(string)", {"policies do not reach Roles and Proposals"});
    chain.propose(kAlpha, kProposalsAddress, "setRule(uint8,uint256,uint256,uint256)", {6, 6, 0, 1000})
        .expect_revert("WouldLockOut(string)", {"freeze would need 6 approvals of 5 voters"});
    chain.propose(kAlpha, kProposalsAddress, "setRule(uint8,uint256,uint256,uint256)", {6, 1, 0, 1000})
        .expect_revert("FieldInvalid(string)", {"threshold"});
    EXPECT_EQ(vote(kStranger, "count()", {}).value("(uint256)"), AbiValue{0});
}

TEST_F(Powers, denying_everything_to_everybody_leaves_governing_possible) {
    decide("setPolicy(address,address,bytes4,uint8,uint8)", {Address{}, Address{}, Bytes(4), 0, 2});
    next_block();
    EXPECT_FALSE(may_call(kDeployer, kContract));
    EXPECT_FALSE(may_call(kAlpha, kMembersAddress));
    EXPECT_FALSE(may_call(kAlpha, kKeysAddress));
    const auto key = *crypto::VotingSecret::from(crypto::VotingAlgorithm::ed25519, filled<Hash256>(0x77));
    const ledger::KeyClaim claim{chain.block().chain_id.low(), "Alpha-1"};
    decide_by_organisations(
        kMembersAddress, "replaceValidatorKey(string,bytes32,uint8,bytes)",
        {"Alpha-1", *Hash256::from(key.public_key().bytes), 0, to_bytes(*key.sign(signed_bytes(claim)))});
    EXPECT_TRUE(key_facts(chain.state(), key_id(key.public_key().bytes), chain.block().number));
    decide("setPolicy(address,address,bytes4,uint8,uint8)", {Address{}, Address{}, Bytes(4), 0, 0});
    next_block();
    EXPECT_TRUE(may_call(kStranger, kContract));
}

TEST_F(Powers, frozen_voters_do_not_count_and_cannot_be_too_many) {
    decide("freeze(address,uint256,string)", {kGamma, 500, "key leaked"});
    const auto id = propose(kSecurity, "grant(address,uint8)", {kStranger, 4}).value("(uint256)");
    next_block();
    const auto refused = vote(kGamma, "approve(uint256)", {id});
    EXPECT_EQ(refused.result.outcome, evm::Outcome::revert);
    EXPECT_EQ(state_of(id), 1u);
    propose(kSecurity, "freeze(address,uint256,string)", {kDelta, 500, "too many"})
        .expect_revert("WouldLockOut(string)", {"membership would need 3 approvals of 2 voters"});
}

// Freezes.

TEST_F(Powers, a_freeze_holds_from_the_next_block_to_the_one_before_its_end) {
    decide("freeze(address,uint256,string)", {kContract, 10, "bug in withdraw"});
    for (const auto& [block, allowed] :
         std::vector<std::pair<std::uint64_t, bool>>{{7, true}, {8, false}, {9, false}, {10, true}, {11, true}}) {
        chain.block().number = block;
        EXPECT_EQ(may_call(kStranger, kContract), allowed) << block;
    }
    EXPECT_EQ(chain.send(kRolesAddress, kStranger, "frozen(address)", {kContract}).values("(uint256,uint256,string)"),
              (AbiValue::List{8, 10, "bug in withdraw"}));
}

TEST_F(Powers, a_freeze_ends_early_by_decision_and_a_retired_contract_never_comes_back) {
    decide("freeze(address,uint256,string)", {kContract, 1000, "looking into it"});
    next_block();
    EXPECT_FALSE(may_call(kStranger, kContract));
    decide("unfreeze(address)", {kContract});
    EXPECT_FALSE(may_call(kStranger, kContract)) << "still in this block";
    next_block();
    EXPECT_TRUE(may_call(kStranger, kContract));
    decide("retire(address,string)", {kContract, "replaced"}, {kAlpha, kBeta, kDelta});
    next_block();
    EXPECT_FALSE(may_call(kStranger, kContract));
    propose(kSecurity, "unfreeze(address)", {kContract}).expect_revert("FieldInvalid(string)", {"retired"});
    propose(kSecurity, "freeze(address,uint256,string)", {kContract, 2000, "shorter"})
        .expect_revert("NothingToChange()", {});
}

TEST_F(Powers, a_frozen_method_leaves_the_others) {
    decide("freezeMethod(address,bytes4,uint256,string)", {kContract, Bytes{1, 2, 3, 4}, 50, "bug"});
    next_block();
    EXPECT_FALSE(may_call(kStranger, kContract, {1, 2, 3, 4}));
    EXPECT_TRUE(may_call(kStranger, kContract, {1, 2, 3, 5}));
    EXPECT_TRUE(may_call(kStranger, kContract, {}));
}

TEST_F(Powers, a_reader_without_an_address_runs_code_that_nobody_deploys) {
    const auto creation = [&](const Address& sender) {
        evm::Message message = TestChain::message({}, sender, {});
        message.kind = evm::CallKind::create;
        message.depth = 1;
        return chain.run(message).result;
    };
    EXPECT_TRUE(creation(Address{}).ok());
    EXPECT_EQ(creation(kStranger).outcome, evm::Outcome::revert);
    decide("setPolicy(address,address,bytes4,uint8,uint8)", {Address{}, Address{}, Bytes(4), 2, 2});
    next_block();
    EXPECT_EQ(creation(Address{}).outcome, evm::Outcome::revert) << "what is denied to all is denied to readers";
}

TEST_F(Powers, deployment_is_opened_to_everybody_and_closed_again_by_decision) {
    propose(kSecurity, "grant(address,uint8)", {Address{}, number_of_role(Role::regulator)})
        .expect_revert("FieldInvalid(string)", {"account"});
    propose(kAlpha, "grantAdministrator(address,uint8)", {Address{}, number_of_role(Role::audit_administrator)})
        .expect_revert("FieldInvalid(string)", {"account"});
    decide("grant(address,uint8)", {Address{}, number_of_role(Role::deployer)});
    EXPECT_FALSE(may_call(kStranger, Address{}));
    next_block();
    EXPECT_TRUE(may_call(kStranger, Address{}));
    decide("revoke(address,uint8)", {Address{}, number_of_role(Role::deployer)});
    next_block();
    EXPECT_FALSE(may_call(kStranger, Address{}));
}

// Labels.

TEST(Label, domination_is_a_partial_order_with_joins) {
    std::mt19937_64 random{1};
    const auto any = [&] {
        return Label{static_cast<std::uint8_t>(random() % 4), static_cast<std::uint32_t>(random() % 8)};
    };
    EXPECT_FALSE((Label{1, 1}.dominates({1, 2})));
    EXPECT_FALSE((Label{1, 2}.dominates({1, 1})));
    for (int i = 0; i < 2000; ++i) {
        const Label a = any(), b = any(), c = any();
        EXPECT_TRUE(a.dominates(a) && a.dominates({}));
        EXPECT_EQ(a.dominates(b) && b.dominates(a), a == b);
        EXPECT_TRUE(!a.dominates(b) || !b.dominates(c) || a.dominates(c));
        const Label join{std::max(a.level, b.level), a.compartments | b.compartments};
        EXPECT_TRUE(join.dominates(a) && join.dominates(b));
        EXPECT_TRUE(!c.dominates(a) || !c.dominates(b) || c.dominates(join));
    }
}

TEST_F(Powers, a_label_goes_down_only_by_declassification) {
    decide("raiseLabel(address,uint8,uint32)", {kContract, 2, 3});
    next_block();
    EXPECT_FALSE(may_call(kStranger, kContract));
    for (const auto& lower : std::vector<AbiValue::List>{{kContract, 1, 3}, {kContract, 2, 1}, {kContract, 3, 1}})
        propose(kSecurity, "raiseLabel(address,uint8,uint32)", lower).expect_revert("FieldInvalid(string)", {"label"});
    propose(kSecurity, "declassify(address,uint8,uint32)", {kContract, 3, 3})
        .expect_revert("FieldInvalid(string)", {"label"});
    for (const auto& sender : {kAlpha, kSystem, kAudit, kRegulator, kStranger})
        propose(sender, "declassify(address,uint8,uint32)", {kContract, 0, 0})
            .expect_revert("NotAuthorised(address)", {sender});
    decide("raiseLabel(address,uint8,uint32)", {kStranger, 2, 3});
    next_block();
    EXPECT_TRUE(may_call(kStranger, kContract));
    EXPECT_FALSE(may_call(kDeployer, kContract));
    EXPECT_FALSE(may_call(kStranger, kDeployer)) << "what it knows would flow down";
    decide("declassify(address,uint8,uint32)", {kContract, 0, 0});
    next_block();
    EXPECT_TRUE(may_call(kDeployer, kContract));
}

TEST_F(Powers, who_has_a_label_writes_only_where_it_is_dominated_and_reads_below) {
    decide("raiseLabel(address,uint8,uint32)", {kStranger, 2, 1});
    next_block();
    const auto act = [](const Address& target, bool writes) {
        return Act{.origin = kStranger, .actor = kStranger, .creates = false, .writes = writes, .target = target};
    };
    const auto refusal = [&](const Act& one) {
        ViewSlots slots{chain.state(), kRolesAddress};
        return judge(slots, chain.block().number, one);
    };
    ASSERT_TRUE(refusal(act(kContract, true)));
    EXPECT_EQ(refusal(act(kContract, true))->rule, "writing down");
    EXPECT_FALSE(refusal(act(kContract, false)));
    // The consortium's own contracts, and what has the label itself.
    EXPECT_FALSE(refusal(act(kKeysAddress, true)));
    decide("raiseLabel(address,uint8,uint32)", {kContract, 2, 1});
    next_block();
    EXPECT_FALSE(refusal(act(kContract, true)));
    // A document goes on record under its label only.
    const auto record = [&](std::uint8_t digest) {
        return chain.send(kRecordsAddress, kStranger, "record(bytes32,string)", {filled<Hash256>(digest), ""})
            .result.ok();
    };
    EXPECT_FALSE(record(1));
    decide("raiseRecordLabel(bytes32,uint8,uint32)", {filled<Hash256>(1), 2, 1});
    next_block();
    EXPECT_TRUE(record(1));
    // What is declassified may be written by all, and no longer by who knows more.
    decide("declassify(address,uint8,uint32)", {kContract, 0, 0});
    next_block();
    EXPECT_TRUE(refusal(act(kContract, true)));
}

// Dormancy.

TEST_F(Powers, an_administrator_who_does_nothing_loses_the_use_of_the_role_until_it_is_confirmed) {
    const auto set = [&](std::uint64_t blocks) {
        decide_by_organisations(kProposalsAddress, "setDormancy(uint256)", {blocks});
    };
    chain.propose(kAlpha, kProposalsAddress, "setDormancy(uint256)", {5})
        .expect_revert("FieldInvalid(string)", {"blocks"});
    set(1000);
    EXPECT_EQ(vote(kStranger, "dormancy()", {}).value("(uint256)"), AbiValue{1000});
    const auto last = [&](const Address& account) {
        return vote(kStranger, "lastUse(address)", {account}).value("(uint256)");
    };
    // An act by the role keeps it; so does showing up.
    chain.block().number = 900;
    decide("grant(address,uint8)", {kStranger, number_of_role(Role::deployer)});
    EXPECT_EQ(last(kSecurity), AbiValue{900});
    vote(kStranger, "stay()", {}).expect_revert("NotAuthorised(address)", {kStranger});
    EXPECT_TRUE(vote(kAudit, "stay()", {}).result.ok());
    chain.block().number = 1500;
    EXPECT_TRUE(propose(kSecurity, "freeze(address,uint256,string)", {kStranger, 9000, "x"}).result.ok());
    propose(kRegulator, "freeze(address,uint256,string)", {kStranger, 9000, "x"})
        .expect_revert("NotAuthorised(address)", {kRegulator});
    // Two thousand blocks without a word: nobody has a say but the organisations.
    chain.block().number = 3000;
    propose(kSecurity, "grant(address,uint8)", {kSuspect, number_of_role(Role::deployer)})
        .expect_revert("NotAuthorised(address)", {kSecurity});
    vote(kSecurity, "stay()", {}).expect_revert("Dormant(address)", {kSecurity});
    EXPECT_TRUE(holds(kSecurity, Role::security_administrator)) << "it has the role, and no use of it";
    chain.propose(kSecurity, kProposalsAddress, "confirm(address)", {kSecurity})
        .expect_revert("NotAuthorised(address)", {kSecurity});
    decide_by_organisations(kProposalsAddress, "confirm(address)", {kSecurity});
    EXPECT_TRUE(propose(kSecurity, "grant(address,uint8)", {kSuspect, number_of_role(Role::deployer)}).result.ok());
    // A new holder begins afresh, however old the chain.
    decide_by_organisations(kRolesAddress, "grantAdministrator(address,uint8)",
                            {filled<Address>(0x70), number_of_role(Role::security_administrator)});
    next_block();
    EXPECT_TRUE(propose(filled<Address>(0x70), "setPolicy(address,address,bytes4,uint8,uint8)",
                        {kStranger, kContract, Bytes{1, 2, 3, 4}, 7, 2})
                    .result.ok());
    set(0);
    chain.block().number += 1'000'000;
    EXPECT_TRUE(propose(kSecurity, "raiseLabel(address,uint8,uint32)", {kContract, 3, 1}).result.ok());
}

// The matrix: every role and every operation. Operations that need more than the one account are judged by whether it may make
// its part: propose, vote, object.

struct Row {
    std::string_view operation;
    std::string_view expected; // one letter for each of kColumns: y or -
    std::function<bool(TestChain&, const Address&)> attempt;
};

const std::vector<std::pair<std::string_view, Address>> kColumns{{"stranger", kStranger},
                                                                 {"organisation", kGamma},
                                                                 {"system", kSystem},
                                                                 {"security", kSecurity},
                                                                 {"audit", kAudit},
                                                                 {"validator", filled<Address>(0xd3)},
                                                                 {"deployer", filled<Address>(0xd4)},
                                                                 {"provider", filled<Address>(0xd5)},
                                                                 {"regulator", kRegulator},
                                                                 {"auditor", filled<Address>(0xd7)}};

std::vector<Row> matrix() {
    const auto proposing = [](std::size_t index) {
        return [index](TestChain& world, const Address& account) {
            const auto action = actions()[index];
            return world.propose(account, action.target, action.signature, action.arguments).result.ok();
        };
    };
    const auto voting = [](std::size_t index, std::string_view how) {
        return [index, how](TestChain& world, const Address& account) {
            const auto action = actions()[index];
            const auto id =
                world.propose(action.proposer, action.target, action.signature, action.arguments).value("(uint256)");
            // The proposer has voted already: that he may is what the test of thresholds shows.
            AbiValue::List arguments{id};
            if (how.starts_with("object")) arguments.push_back("no");
            const auto answer = world.send(kProposalsAddress, account, how, arguments);
            const auto again = ledger::selector_of("AlreadyApproved(uint256)");
            return answer.result.ok() || (answer.result.output.size() >= 4 &&
                                          std::equal(again.begin(), again.end(), answer.result.output.begin()));
        };
    };
    const auto creating = [](TestChain& world, const Address& account) {
        evm::Message message = TestChain::message({}, account, {});
        message.kind = evm::CallKind::create;
        message.depth = 1; // the nonce is not bumped before
        return world.run(message).result.ok();
    };
    const auto calling = [](const Address& target, Bytes data) {
        return [target, data](TestChain& world, const Address& account) {
            return world.run(TestChain::message(target, account, data)).result.ok();
        };
    };
    const auto direct = [](std::size_t index) {
        return [index](TestChain& world, const Address& account) {
            const auto action = actions()[index];
            return world.send(action.target, account, action.signature, action.arguments).result.ok();
        };
    };
    std::vector<Row> rows{
        {"call a contract", "yyyyyyyyyy", calling(kContract, {1, 2, 3, 4})},
        {"record a document", "yyyyyyyyyy",
         [](TestChain& world, const Address& account) {
             return world.send(kRecordsAddress, account, "record(bytes32,string)", {filled<Hash256>(7), ""})
                 .result.ok();
         }},
        {"deploy a contract", "------y---", creating},
        {"upgrade a proxy", "------y---", calling(kContract, {0x36, 0x59, 0xcf, 0xe6})},
        {"set own validator's address", "-y--------",
         [](TestChain& world, const Address& account) {
             return world.send(kMembersAddress, account, "setNetworkAddress(string,string)", {"Gamma-1", "h.example:1"})
                 .result.ok();
         }},
        {"set another's validator's address", "----------",
         [](TestChain& world, const Address& account) {
             return world.send(kMembersAddress, account, "setNetworkAddress(string,string)", {"Alpha-1", "h.example:1"})
                 .result.ok();
         }},
        {"propose membership", "-y--------", proposing(0)},
        {"propose parameters", "-yy-------", proposing(2)},
        {"propose voting rules", "-y--------", proposing(3)},
        {"propose administrators", "-y-y------", proposing(4)},
        {"propose rights", "---y------", proposing(6)},
        {"propose policy", "---y------", proposing(8)},
        {"propose freeze", "---y----y-", proposing(9)},
        {"propose unfreeze", "---y----y-", proposing(10)},
        {"propose labels", "---y------", proposing(13)},
        {"propose declassification", "---y------", proposing(15)},
        {"propose retirement", "---y------", proposing(17)},
        {"propose dormancy", "-y--------", proposing(18)},
        {"propose a confirmation", "-y-y------", proposing(19)},
        {"propose a key's state", "-y--------", proposing(20)},
        {"propose an account's new key", "-y--------", proposing(21)},
        {"propose to release an account", "-y--------", proposing(22)},
        {"propose whose a key is", "-y--------", proposing(23)},
        {"approve a key's state", "-y--------", voting(20, "approve(uint256)")},
        {"approve an account's new key", "-y--------", voting(21, "approve(uint256)")},
        {"approve membership", "-y--------", voting(0, "approve(uint256)")},
        {"approve parameters", "-y--------", voting(2, "approve(uint256)")},
        {"approve administrators", "-y--------", voting(4, "approve(uint256)")},
        {"approve rights", "-y-y------", voting(6, "approve(uint256)")},
        {"approve policy", "-y-y------", voting(8, "approve(uint256)")},
        {"approve freeze", "-y-y------", voting(9, "approve(uint256)")},
        {"approve declassification", "-y-y------", voting(15, "approve(uint256)")},
        {"approve retirement", "-y--------", voting(17, "approve(uint256)")},
        {"object", "-y--------", voting(0, "object(uint256,string)")},
    };
    for (std::size_t i = 0; i < actions().size(); ++i)
        rows.push_back({actions()[i].signature, "----------", direct(i)});
    return rows;
}

TEST_F(Powers, matrix_of_roles_and_operations_is_as_specified_in_every_cell) {
    std::string printed = "operation                                            ";
    for (const auto& [name, account] : kColumns) printed += " " + std::string(name);
    std::size_t cells = 0;
    for (const auto& row : matrix()) {
        std::string line{row.operation.substr(0, row.operation.find('('))};
        if (row.operation.find('(') != std::string_view::npos) line += " directly";
        line.resize(53, ' ');
        ASSERT_EQ(row.expected.size(), kColumns.size());
        for (std::size_t i = 0; i < kColumns.size(); ++i) {
            auto world = prepared();
            const bool done = row.attempt(*world, kColumns[i].second);
            EXPECT_EQ(done, row.expected[i] == 'y') << row.operation << " by " << kColumns[i].first;
            line += " " + std::string(kColumns[i].first.size() - 1, ' ') + (done ? "y" : "-");
            ++cells;
        }
        printed += "\n" + line;
    }
    std::printf("%s\n%zu cells\n", printed.c_str(), cells);
}

} // namespace
} // namespace cairn::system
