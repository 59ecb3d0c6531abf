// A full lane takes no more than its share of a block's gas as long as others have something.
#include "execution/lane_shares.hpp"
#include "execution/test_chain.hpp"

#include <gtest/gtest.h>

#include <map>

namespace cairn::execution {
namespace {

/// Unsigned: the order looks at gas limits alone.
Candidates some(std::size_t count, std::uint64_t gas) {
    static std::uint64_t number = 0;
    Candidates out;
    for (std::size_t i = 0; i < count; ++i) {
        ledger::SignedTransaction transaction;
        transaction.body.gas_limit = gas;
        transaction.body.nonce = ++number;
        out.push_back(std::make_shared<const ledger::SignedTransaction>(std::move(transaction)));
    }
    return out;
}

/// Gas of each lane's transactions among those that fit into the block, tried in that order.
std::vector<std::uint64_t> gas_in_block(const std::vector<LaneCandidates>& lanes, std::uint64_t limit) {
    std::map<std::uint64_t, std::size_t> lane_of;
    for (std::size_t i = 0; i < lanes.size(); ++i)
        for (const auto& transaction : lanes[i].transactions) lane_of[transaction->body.nonce] = i;
    std::vector<std::uint64_t> out(lanes.size());
    for (const auto& transaction : in_shares(lanes, limit)) {
        const auto gas = transaction->body.gas_limit;
        if (gas > limit) continue;
        limit -= gas;
        out[lane_of.at(transaction->body.nonce)] += gas;
    }
    return out;
}

TEST(LaneShares, order_stays_while_everything_fits) {
    const auto a = some(3, 21'000), b = some(2, 50'000);
    Candidates expected = a;
    expected.insert(expected.end(), b.begin(), b.end());
    EXPECT_EQ(in_shares({{100, a}, {100, b}}, 163'000), expected) << "limit";
    EXPECT_NE(in_shares({{100, a}, {100, b}}, 162'999), expected) << "limit - 1";
    EXPECT_EQ(in_shares({}, 0), Candidates{});
    EXPECT_EQ(in_shares({{100, {}}, {1, {}}}, 0), Candidates{});
}

TEST(LaneShares, full_lane_cannot_starve_the_others) {
    // The first lane alone would fill the block ten times over.
    const auto gas = gas_in_block({{100, some(1000, 1'000'000)},
                                   {100, some(25, 1'000'000)},
                                   {100, some(25, 1'000'000)},
                                   {100, some(25, 1'000'000)}},
                                  100'000'000);
    EXPECT_EQ(gas, (std::vector<std::uint64_t>{25'000'000, 25'000'000, 25'000'000, 25'000'000}));
}

TEST(LaneShares, small_transactions_weigh_as_little_as_they_are) {
    const auto gas = gas_in_block({{100, some(100, 16'000'000)}, {100, some(3000, 21'000)}}, 100'000'000);
    EXPECT_GE(gas[1], 50'000'000u - 16'000'000u);
    EXPECT_EQ(gas_in_block({{100, some(100, 16'000'000)}, {100, some(100, 21'000)}}, 100'000'000)[1], 2'100'000u)
        << "below its share: all of it";
}

TEST(LaneShares, unused_share_goes_to_who_has_more) {
    const auto gas = gas_in_block({{100, some(200, 1'000'000)}, {100, some(10, 1'000'000)}, {100, {}}}, 100'000'000);
    EXPECT_EQ(gas, (std::vector<std::uint64_t>{90'000'000, 10'000'000, 0}));
}

TEST(LaneShares, votes_of_the_organisations_weigh) {
    const auto gas = gas_in_block({{300, some(200, 1'000'000)}, {100, some(200, 1'000'000)}}, 100'000'000);
    EXPECT_EQ(gas[0], 75'000'000u);
    EXPECT_EQ(gas[1], 25'000'000u);
}

TEST(LaneShares, each_lane_keeps_its_own_order) {
    const auto a = some(50, 1'000'000), b = some(50, 500'000);
    Candidates of_a;
    for (const auto& transaction : in_shares({{7, a}, {13, b}}, 10'000'000))
        if (transaction->body.gas_limit == 1'000'000) of_a.push_back(transaction);
    EXPECT_EQ(of_a, a);
}

} // namespace
} // namespace cairn::execution
