#include "system/identities.hpp"

#include "crypto/hash.hpp"
#include "ledger/slot_layout.hpp"
#include "system/chain_test.hpp"

#include <gtest/gtest.h>

#include <map>
#include <random>
#include <set>

namespace cairn::system {
namespace {

using codec::AbiValue;
using ledger::Standing;

const Address kPerson = filled<Address>(0x51);
const Hash256 kCommitment = filled<Hash256>(0x77);
constexpr std::string_view kBind = "bind(address,uint8,bytes32,uint64)";

class IdentitiesTest : public testing::Test {
protected:
    Answer send(const Address& sender, std::string_view signature, const AbiValue::List& arguments) {
        return chain.send(kIdentitiesAddress, sender, signature, arguments);
    }
    Answer bind(const Address& sender, const Address& account, std::uint64_t expires = 0) {
        return send(sender, kBind, {account, 1, kCommitment, expires});
    }
    Standing standing(const Address& account) {
        const auto now = chain.block().timestamp;
        const auto on_chain =
            static_cast<Standing>(send(kStranger, "standing(address)", {account}).value("(uint8)").number().low());
        EXPECT_EQ(on_chain, standing_of(chain.state(), account, now));
        return on_chain;
    }
    TestChain chain;
};

TEST_F(IdentitiesTest, only_the_registrar_of_an_organisation_binds) {
    bind(kStranger, kPerson).expect_revert("NotRegistrar(address)", {kStranger});
    EXPECT_EQ(standing(kPerson), Standing::unbound);
    EXPECT_TRUE(bind(kBeta, kPerson).result.ok());
    EXPECT_EQ(standing(kPerson), Standing::good);
    const auto identity = identity_of(chain.state(), kPerson);
    ASSERT_TRUE(identity);
    EXPECT_EQ(identity->organisation, 1u);
    EXPECT_EQ(identity->bound_at, 7u);
    // A bound person is no registrar.
    bind(kPerson, kStranger).expect_revert("NotRegistrar(address)", {kPerson});
}

TEST_F(IdentitiesTest, an_appointed_registrar_binds_until_it_is_dismissed_suspended_or_expired) {
    ASSERT_TRUE(bind(kBeta, kPerson, chain.block().timestamp + 100).result.ok());
    send(kAlpha, "setRegistrar(address,bool)", {kPerson, U256{1}}).expect_revert("NotBoundHere(address)", {kPerson});
    send(kPerson, "setRegistrar(address,bool)", {kPerson, U256{1}})
        .expect_revert("NotAdministrator(address)", {kPerson});
    ASSERT_TRUE(send(kBeta, "setRegistrar(address,bool)", {kPerson, U256{1}}).result.ok());
    EXPECT_TRUE(bind(kPerson, kStranger).result.ok());
    EXPECT_EQ(identity_of(chain.state(), kStranger)->organisation, 1u);

    ASSERT_TRUE(send(kBeta, "setSuspended(address,bool)", {kPerson, U256{1}}).result.ok());
    EXPECT_EQ(standing(kPerson), Standing::suspended);
    bind(kPerson, filled<Address>(0x52)).expect_revert("NotRegistrar(address)", {kPerson});
    ASSERT_TRUE(send(kBeta, "setSuspended(address,bool)", {kPerson, U256{}}).result.ok());
    chain.block().timestamp += 100;
    EXPECT_EQ(standing(kPerson), Standing::expired);
    bind(kPerson, filled<Address>(0x52)).expect_revert("NotRegistrar(address)", {kPerson});
    chain.block().timestamp -= 100;
    ASSERT_TRUE(send(kBeta, "setRegistrar(address,bool)", {kPerson, U256{}}).result.ok());
    bind(kPerson, filled<Address>(0x52)).expect_revert("NotRegistrar(address)", {kPerson});
}

TEST_F(IdentitiesTest, a_registrar_cannot_end_another_registrar) {
    for (const auto& account : {kPerson, kStranger}) {
        ASSERT_TRUE(bind(kBeta, account).result.ok());
        ASSERT_TRUE(send(kBeta, "setRegistrar(address,bool)", {account, U256{1}}).result.ok());
    }
    send(kPerson, "unbind(address)", {kStranger}).expect_revert("NotAdministrator(address)", {kPerson});
    send(kPerson, "setSuspended(address,bool)", {kStranger, U256{1}})
        .expect_revert("NotAdministrator(address)", {kPerson});
    EXPECT_TRUE(send(kBeta, "unbind(address)", {kStranger}).result.ok());
    EXPECT_EQ(standing(kStranger), Standing::unbound);
}

TEST_F(IdentitiesTest, malformed_bindings_are_refused_by_field) {
    const auto now = chain.block().timestamp;
    const auto refused = [&](const AbiValue::List& arguments, std::string_view field) {
        send(kAlpha, kBind, arguments).expect_revert("FieldInvalid(string)", {field});
    };
    refused({Address{}, 1, kCommitment, 0}, "account");
    refused({kPerson, 0, kCommitment, 0}, "kind");
    refused({kPerson, 4, kCommitment, 0}, "kind");
    refused({kPerson, 1, Hash256{}, 0}, "commitment");
    refused({kPerson, 1, kCommitment, now}, "expires");
    EXPECT_TRUE(send(kAlpha, kBind, {kPerson, 3, kCommitment, now + 1}).result.ok());
}

TEST_F(IdentitiesTest, an_account_has_one_organisation_at_a_time) {
    ASSERT_TRUE(bind(kBeta, kPerson).result.ok());
    bind(kAlpha, kPerson).expect_revert("AlreadyBound(address,uint256)", {kPerson, 1});
    bind(kBeta, kPerson).expect_revert("AlreadyBound(address,uint256)", {kPerson, 1});
    bind(kAlpha, kDelta).expect_revert("AlreadyBound(address,uint256)", {kDelta, 2});
    send(kAlpha, "unbind(address)", {kPerson}).expect_revert("NotBoundHere(address)", {kPerson});
    ASSERT_TRUE(send(kBeta, "unbind(address)", {kPerson}).result.ok());
    EXPECT_TRUE(bind(kAlpha, kPerson).result.ok());
}

TEST_F(IdentitiesTest, the_organisations_together_release_an_account_that_the_wrong_one_bound) {
    ASSERT_TRUE(bind(kDelta, kPerson).result.ok());
    send(kBeta, "release(address)", {kPerson}).expect_revert("NotAuthorised(address)", {kBeta});
    chain.propose(kBeta, kIdentitiesAddress, "release(address)", {kStranger})
        .expect_revert("NotBoundHere(address)", {kStranger});
    chain.carry_out(chain.propose(kBeta, kIdentitiesAddress, "release(address)", {kPerson}),
                    {kAlpha, filled<Address>(0xa3)});
    EXPECT_EQ(standing(kPerson), Standing::unbound);
    EXPECT_TRUE(bind(kBeta, kPerson).result.ok());
    EXPECT_EQ(standing(kPerson), Standing::good);
}

TEST_F(IdentitiesTest, accounts_of_an_organisation_that_left_cannot_send_and_may_go_elsewhere) {
    ASSERT_TRUE(bind(kDelta, kPerson).result.ok());
    chain.carry_out(chain.propose(kAlpha, kMembersAddress, "removeOrganisation(string)", {"Delta"}),
                    {kBeta, filled<Address>(0xa3)});
    EXPECT_EQ(standing(kPerson), Standing::organisation_left);
    EXPECT_EQ(standing(kDelta), Standing::unbound); // its administrator
    EXPECT_TRUE(bind(kAlpha, kPerson).result.ok());
    EXPECT_EQ(standing(kPerson), Standing::good);
}

TEST_F(IdentitiesTest, many_accounts_are_bound_together_or_not_at_all) {
    AbiValue::List accounts, commitments;
    for (std::size_t i = 0; i < kBindingsPerCallMax; ++i) {
        Address account = kPerson;
        account.bytes[0] = static_cast<std::uint8_t>(i);
        accounts.emplace_back(account);
        commitments.emplace_back(kCommitment);
    }
    constexpr std::string_view kMany = "bindMany(address[],uint8,bytes32[],uint64)";
    const auto answer = send(kAlpha, kMany, {AbiValue{accounts}, 2, AbiValue{commitments}, 0});
    EXPECT_TRUE(answer.result.ok());
    EXPECT_LT(answer.gas_used, 16'000'000); // fits under the cap of one transaction
    EXPECT_EQ(answer.logs.size(), kBindingsPerCallMax);
    EXPECT_EQ(standing(accounts.back().as_address()), Standing::good);

    AbiValue::List second{kStranger, accounts.front()}, both{kCommitment, kCommitment};
    send(kAlpha, kMany, {AbiValue{second}, 2, AbiValue{both}, 0})
        .expect_revert("AlreadyBound(address,uint256)", {accounts.front(), 0});
    EXPECT_EQ(standing(kStranger), Standing::unbound);
    accounts.emplace_back(kStranger);
    commitments.emplace_back(kCommitment);
    send(kAlpha, kMany, {AbiValue{accounts}, 2, AbiValue{commitments}, 0})
        .expect_revert("FieldInvalid(string)", {"accounts"});
}

TEST_F(IdentitiesTest, genesis_binds_its_accounts) {
    auto genesis = four_organisations();
    genesis.accounts[kPerson].balance = 1;
    genesis.accounts[kPerson].organisation = "Gamma";
    genesis.accounts[kPerson].is_registrar = true;
    genesis.accounts[kStranger].balance = 1;
    chain = TestChain{genesis};
    EXPECT_EQ(standing(kPerson), Standing::good);
    EXPECT_EQ(standing(kStranger), Standing::unbound);
    EXPECT_EQ(standing(kAlpha), Standing::good) << "an administrator needs no binding";
    EXPECT_TRUE(bind(kPerson, kStranger).result.ok());
    EXPECT_EQ(identity_of(chain.state(), kStranger)->organisation, 3u);
}

// CA certificates and revocations.

TEST_F(IdentitiesTest, a_ca_rolls_over_in_stages) {
    const Bytes der(700, 0x30);
    const auto print = crypto::sha256(der);
    EXPECT_TRUE(trusts_founding_ca(chain.state(), "Beta"));
    send(kBeta, "removeCa(bytes32)", {Hash256{}}).expect_revert("LastCa()", {});
    send(kStranger, "trustCa(bytes)", {der}).expect_revert("NotAdministrator(address)", {kStranger});
    EXPECT_EQ(send(kBeta, "trustCa(bytes)", {der}).value("(bytes32)").as_hash(), print);
    EXPECT_EQ(trust_version_of(chain.state()), 1u);
    const auto added = added_cas_of(chain.state(), "Beta");
    ASSERT_EQ(added.size(), 1u);
    EXPECT_EQ(added[0].der, der);
    EXPECT_EQ(added[0].fingerprint, print);
    EXPECT_EQ(added[0].since, Height{7});
    EXPECT_TRUE(added_cas_of(chain.state(), "Alpha").empty());
    send(kBeta, "trustCa(bytes)", {der}).expect_revert("CaKnown(bytes32)", {print});

    ASSERT_TRUE(send(kBeta, "removeCa(bytes32)", {Hash256{}}).result.ok());
    EXPECT_FALSE(trusts_founding_ca(chain.state(), "Beta"));
    EXPECT_TRUE(trusts_founding_ca(chain.state(), "Alpha"));
    EXPECT_EQ(trust_version_of(chain.state()), 2u);
    send(kBeta, "removeCa(bytes32)", {print}).expect_revert("LastCa()", {});
    send(kBeta, "removeCa(bytes32)", {Hash256{}}).expect_revert("CaUnknown(bytes32)", {Hash256{}});
}

TEST_F(IdentitiesTest, trusted_cas_are_few_and_their_places_are_used_again) {
    const auto der = [](std::uint8_t i) { return Bytes(40, i); };
    for (std::uint8_t i = 0; i < kTrustedCasMax; ++i) ASSERT_TRUE(send(kAlpha, "trustCa(bytes)", {der(i)}).result.ok());
    send(kAlpha, "trustCa(bytes)", {der(9)}).expect_revert("TooManyCas(uint256)", {kTrustedCasMax});
    ASSERT_TRUE(send(kAlpha, "removeCa(bytes32)", {crypto::sha256(der(1))}).result.ok());
    ASSERT_TRUE(send(kAlpha, "trustCa(bytes)", {der(9)}).result.ok());
    EXPECT_EQ(added_cas_of(chain.state(), "Alpha")[1].der, der(9));
    send(kAlpha, "trustCa(bytes)", {Bytes{}}).expect_revert("FieldInvalid(string)", {"certificate"});
    send(kAlpha, "trustCa(bytes)", {Bytes(kCaDerBytesMax + 1, 1)})
        .expect_revert("FieldInvalid(string)", {"certificate"});
    const auto values = send(kStranger, "caCertificates(uint256)", {0}).values("(bool,(bytes32,uint64,bytes)[])");
    EXPECT_TRUE(values[0].as_bool());
    EXPECT_EQ(values[1].list().size(), kTrustedCasMax);
}

TEST_F(IdentitiesTest, a_revocation_is_for_ever_and_for_one_organisation) {
    const auto id = filled<Hash256>(0x31);
    send(kStranger, "revoke(bytes32,uint8)", {id, 1}).expect_revert("NotRegistrar(address)", {kStranger});
    send(kBeta, "revoke(bytes32,uint8)", {id, 6}).expect_revert("FieldInvalid(string)", {"reason"});
    ASSERT_TRUE(send(kBeta, "revoke(bytes32,uint8)", {id, 1}).result.ok());
    send(kBeta, "revoke(bytes32,uint8)", {id, 4}).expect_revert("AlreadyRevoked(bytes32,uint64)", {id, 7});
    const auto found = revocation_of(chain.state(), "Beta", id);
    ASSERT_TRUE(found);
    EXPECT_EQ(found->reason, 1);
    EXPECT_EQ(found->height, Height{7});
    EXPECT_FALSE(revocation_of(chain.state(), "Alpha", id)) << "nobody revokes certificates of others";
    EXPECT_EQ(trust_version_of(chain.state()), 1u);
}

// A long random history against a plain model of the rules.

class Reference {
public:
    struct Entry {
        std::uint64_t organisation = 0;
        bool suspended = false, registrar = false;
        std::uint64_t expires = 0;
    };
    std::map<Address, Entry> entries;
    std::map<Address, std::uint64_t> administrators;
    std::set<std::uint64_t> active;
    std::uint64_t now = 0;

    bool may_send(const Address& account) const {
        if (administrators.contains(account)) return true;
        const auto found = entries.find(account);
        return found != entries.end() && !found->second.suspended && active.contains(found->second.organisation) &&
               (found->second.expires == 0 || found->second.expires > now);
    }
    std::optional<std::uint64_t> registers(const Address& caller) const {
        if (const auto found = administrators.find(caller); found != administrators.end()) return found->second;
        const auto found = entries.find(caller);
        if (found == entries.end() || !found->second.registrar || !may_send(caller)) return std::nullopt;
        return found->second.organisation;
    }
    bool bind(const Address& caller, const Address& account, std::uint64_t expires) {
        const auto organisation = registers(caller);
        const auto old = entries.find(account);
        if (!organisation || administrators.contains(account) || (expires != 0 && expires <= now)) return false;
        if (old != entries.end() && active.contains(old->second.organisation)) return false;
        entries[account] = {.organisation = *organisation, .expires = expires};
        return true;
    }
    Entry* own(const Address& caller, const Address& account, bool administrator_only) {
        const auto organisation = registers(caller);
        const auto found = entries.find(account);
        if (!organisation || found == entries.end() || found->second.organisation != *organisation) return nullptr;
        if ((administrator_only || found->second.registrar) && !administrators.contains(caller)) return nullptr;
        return &found->second;
    }
};

TEST_F(IdentitiesTest, random_histories_equal_a_plain_reference) {
    for (std::uint64_t seed = 1; seed <= 6; ++seed) {
        SCOPED_TRACE("seed " + std::to_string(seed));
        chain = TestChain{};
        std::mt19937_64 random{seed};
        Reference reference;
        for (std::uint8_t i = 0; i < 4; ++i) {
            reference.administrators[filled<Address>(static_cast<std::uint8_t>(0xa0 + i))] = i;
            reference.active.insert(i);
        }
        std::vector<Address> people;
        for (std::uint8_t i = 0; i < 10; ++i) people.push_back(filled<Address>(static_cast<std::uint8_t>(0x40 + i)));
        for (std::uint8_t i = 0; i < 4; ++i) people.push_back(filled<Address>(static_cast<std::uint8_t>(0xa0 + i)));
        for (int step = 0; step < 700; ++step) {
            chain.block().timestamp += random() % 20;
            ++chain.block().number;
            reference.now = chain.block().timestamp;
            const auto caller = people[random() % people.size()];
            const auto account = people[random() % people.size()];
            const bool flag = random() % 2 == 0;
            bool done = false, expected = false;
            switch (random() % 5) {
            case 0:
            case 1: {
                const std::uint64_t expires = flag ? 0 : reference.now + random() % 400;
                done = bind(caller, account, expires).result.ok();
                expected = reference.bind(caller, account, expires);
                break;
            }
            case 2: {
                done = send(caller, "unbind(address)", {account}).result.ok();
                expected = reference.own(caller, account, false) != nullptr;
                if (expected) reference.entries.erase(account);
                break;
            }
            case 3: {
                done = send(caller, "setSuspended(address,bool)", {account, U256{flag ? 1u : 0u}}).result.ok();
                auto* entry = reference.own(caller, account, false);
                expected = entry != nullptr;
                if (expected) entry->suspended = flag;
                break;
            }
            default: {
                done = send(caller, "setRegistrar(address,bool)", {account, U256{flag ? 1u : 0u}}).result.ok();
                auto* entry =
                    reference.administrators.contains(caller) ? reference.own(caller, account, true) : nullptr;
                expected = entry != nullptr;
                if (expected) entry->registrar = flag;
            }
            }
            ASSERT_EQ(done, expected) << "step " << step;
            if (step == 400) { // Gamma leaves
                chain.carry_out(chain.propose(kAlpha, kMembersAddress, "removeOrganisation(string)", {"Gamma"}),
                                {kBeta, kDelta});
                reference.active.erase(3);
                reference.administrators.erase(filled<Address>(0xa3));
            }
            for (const auto& one : people)
                ASSERT_EQ(standing_of(chain.state(), one, reference.now) == Standing::good, reference.may_send(one))
                    << "step " << step << " " << to_hex(one);
        }
    }
}

TEST(AccountIdentity, packs_and_unpacks_and_refuses_other_words) {
    std::mt19937_64 random{5};
    for (int i = 0; i < 1000; ++i) {
        const ledger::AccountIdentity identity{.organisation = static_cast<std::uint32_t>(random()),
                                               .kind = static_cast<ledger::IdentityKind>(1 + random() % 3),
                                               .is_suspended = random() % 2 == 0,
                                               .is_registrar = random() % 2 == 0,
                                               .bound_at = random(),
                                               .expires = random()};
        auto word = ledger::pack_identity(identity);
        EXPECT_EQ(ledger::unpack_identity(word), identity);
        word.limb[0] |= std::uint64_t{1} << (42 + random() % 22);
        EXPECT_FALSE(ledger::unpack_identity(word));
    }
    EXPECT_FALSE(ledger::unpack_identity({}));
    EXPECT_FALSE(ledger::unpack_identity(U256{0, 0, 0, 1})); // no kind
}

} // namespace
} // namespace cairn::system
