// Shares of organisations and quotas of contracts: parameters whose names are made from what they are about.
#include "system/parameters.hpp"

#include "system/chain_test.hpp"

#include <gtest/gtest.h>

namespace cairn::system {
namespace {

using codec::AbiValue;

constexpr std::string_view kChange = "change(string,uint256,uint256)";
const Address kContract = filled<Address>(0x77);

class SharesTest : public testing::Test {
protected:
    Answer send(const Address& sender, std::string_view signature, const AbiValue::List& arguments) {
        return chain.send(kParametersAddress, sender, signature, arguments);
    }
    AbiValue get(std::string_view name) { return send(kStranger, "get(string)", {name}).value("(uint256)"); }
    void decide(std::string_view name, const U256& value, std::uint64_t activation) {
        chain.carry_out(propose(kAlpha, name, value, activation), {kBeta, kDelta});
    }
    Answer propose(const Address& sender, std::string_view name, const U256& value, std::uint64_t activation) {
        return chain.propose(sender, kParametersAddress, kChange, {name, value, activation});
    }
    std::vector<std::uint64_t> shares(std::uint64_t height) {
        std::vector<std::uint64_t> out;
        const auto all = Shares::read(chain.state(), Height{height});
        for (const auto& organisation : all.organisations()) out.push_back(organisation.share);
        return out;
    }
    using Values = std::vector<std::uint64_t>;
    TestChain chain; // at block 7
};

TEST_F(SharesTest, are_equal_at_first) {
    EXPECT_EQ(shares(8), (Values{100, 100, 100, 100}));
    EXPECT_EQ(get("share:Alpha"), AbiValue{100});
    const auto all = Shares::read(chain.state(), Height{8});
    const auto& organisations = all.organisations();
    EXPECT_EQ(organisations[0].name, "Alpha");
    EXPECT_EQ(organisations[0].account, filled<Address>(0xa0));
}

TEST_F(SharesTest, follow_a_vote_from_its_height_on) {
    const auto before = Shares::read(chain.state(), Height{8});
    EXPECT_TRUE(before.is_current(chain.state(), Height{1'000'000}));
    decide("share:Beta", 250, 100);
    EXPECT_FALSE(before.is_current(chain.state(), Height{9}));
    const auto after = Shares::read(chain.state(), Height{9});
    EXPECT_TRUE(after.is_current(chain.state(), Height{99}));
    EXPECT_FALSE(after.is_current(chain.state(), Height{100}));
    EXPECT_EQ(shares(99), (Values{100, 100, 100, 100}));
    EXPECT_EQ(shares(100), (Values{100, 250, 100, 100}));
    chain.block().number = 100;
    EXPECT_EQ(get("share:Beta"), AbiValue{250});
}

TEST_F(SharesTest, leave_with_their_organisation) {
    const auto before = Shares::read(chain.state(), Height{8});
    chain.carry_out(chain.propose(kAlpha, kMembersAddress, "removeOrganisation(string)", {"Delta"}),
                    {kBeta, filled<Address>(0xa3)});
    EXPECT_FALSE(before.is_current(chain.state(), Height{8}));
    EXPECT_EQ(shares(8), (Values{100, 100, 100}));
    send(kStranger, "get(string)", {"share:Delta"}).expect_revert("ParameterUnknown(string)", {"share:Delta"});
}

TEST_F(SharesTest, have_limits) {
    constexpr std::uint64_t kFar = 100'000;
    propose(kAlpha, "share:Beta", 0, kFar)
        .expect_revert("ValueRefused(string,uint256,uint256)", {"share:Beta", 1, 10'000});
    propose(kAlpha, "share:Beta", 10'001, kFar)
        .expect_revert("ValueRefused(string,uint256,uint256)", {"share:Beta", 1, 10'000});
    EXPECT_TRUE(propose(kAlpha, "share:Beta", 1, kFar).result.ok());
    EXPECT_TRUE(propose(kAlpha, "share:Beta", 10'000, kFar).result.ok());
    for (const auto* name : {"share:", "share:Nobody", "share:alpha", "share"})
        propose(kAlpha, name, 5, kFar).expect_revert("ParameterUnknown(string)", {name});
    propose(kStranger, "share:Beta", 5, kFar).expect_revert("NotAuthorised(address)", {kStranger});
}

TEST_F(SharesTest, quotas_are_absent_until_one_is_decided) {
    EXPECT_FALSE(has_quotas(chain.state()));
    const auto name = "quota:" + to_hex(kContract) + ":calls";
    EXPECT_EQ(get(name), AbiValue{0});
    decide(name, 50, 100);
    EXPECT_TRUE(has_quotas(chain.state()));
    EXPECT_TRUE(has_quotas(chain.state(), kContract));
    EXPECT_FALSE(has_quotas(chain.state(), kStranger));
    EXPECT_EQ(quota_of(chain.state(), Height{99}, kContract, kQuotaCalls), 0u);
    EXPECT_EQ(quota_of(chain.state(), Height{100}, kContract, kQuotaCalls), 50u);
    EXPECT_EQ(quota_of(chain.state(), Height{100}, kContract, kQuotaSlots), 0u);
}

TEST_F(SharesTest, quota_of_a_method_is_told_apart) {
    decide("quota:" + to_hex(kContract) + ":0xa9059cbb:calls", 7, 100);
    EXPECT_EQ(quota_of(chain.state(), Height{100}, kContract, "0xa9059cbb:calls"), 7u);
    EXPECT_EQ(quota_of(chain.state(), Height{100}, kContract, "calls"), 0u);
}

TEST_F(SharesTest, quota_has_one_name) {
    const auto address = to_hex(kContract);
    auto upper = address;
    upper[5] = 'A';
    for (const auto& name :
         {"quota:" + upper + ":calls", "quota:" + address, "quota:" + address + ":", "quota:" + address + ":gas",
          "quota:" + address + ":0xa9059cbb:slots", "quota:" + address + ":0xa9059c:calls",
          "quota:" + address.substr(2) + ":calls", "quota:" + address + ":calls ", std::string{"quota:"}})
        send(kStranger, "get(string)", {name}).expect_revert("ParameterUnknown(string)", {name});
}

} // namespace
} // namespace cairn::system
