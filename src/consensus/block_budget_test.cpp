#include "consensus/block_budget.hpp"

#include <gtest/gtest.h>

namespace cairn::consensus {
namespace {

constexpr std::uint64_t kWork = 100'000'000;
constexpr Microseconds kInterval{50'000};

TEST(BlockBudget, is_without_bound_until_execution_lags) {
    BlockBudget budget;
    for (std::uint64_t h = 1; h <= 100; ++h) budget.observe(Height{h}, Height{h - 1}, kWork, h * kInterval);
    EXPECT_EQ(budget.value(), BlockBudget::kMax);
    budget.observe(Height{101}, Height{101 - BlockBudget::kLagMax}, kWork, 101 * kInterval);
    EXPECT_EQ(budget.value(), BlockBudget::kMax) << "limit";
    budget.observe(Height{102}, Height{102 - BlockBudget::kLagMax - 1}, kWork, 102 * kInterval);
    EXPECT_EQ(budget.value(), kWork / 4 * 3) << "limit + 1: less than what was too much";
}

TEST(BlockBudget, is_cut_once_for_each_way_to_a_certificate) {
    BlockBudget budget;
    budget.observe(Height{10}, Height{2}, kWork, kInterval);
    const auto once = budget.value();
    for (std::uint64_t h = 11; h <= 14; ++h) budget.observe(Height{h}, Height{5}, kWork, h * kInterval);
    EXPECT_EQ(budget.value(), once) << "block 10 is not certified yet";
    budget.observe(Height{15}, Height{10}, once, 15 * kInterval);
    EXPECT_EQ(budget.value(), once / 4 * 3);
}

TEST(BlockBudget, grows_only_while_it_is_used_and_never_falls_below_its_least) {
    BlockBudget budget;
    for (std::uint64_t h = 10; h <= 1000; h += 10) budget.observe(Height{h}, Height{h - 9}, 1, h * kInterval);
    EXPECT_EQ(budget.value(), BlockBudget::kMin);
    budget.observe(Height{1001}, Height{1000}, BlockBudget::kMin / 2 - 1, 1001 * kInterval);
    EXPECT_EQ(budget.value(), BlockBudget::kMin);
    budget.observe(Height{1002}, Height{1001}, BlockBudget::kMin / 2, 1002 * kInterval);
    EXPECT_EQ(budget.value(), BlockBudget::kMin + BlockBudget::kMin / 8);
}

TEST(BlockBudget, has_slack_while_no_block_waits_long_for_its_result) {
    BlockBudget budget;
    budget.observe(Height{1}, Height{0}, kWork, Microseconds{0});
    EXPECT_TRUE(budget.has_slack(Height{0}, BlockBudget::kSlack)) << "limit";
    EXPECT_FALSE(budget.has_slack(Height{0}, BlockBudget::kSlack + Microseconds{1})) << "limit + 1";
    EXPECT_TRUE(budget.has_slack(Height{1}, BlockBudget::kSlack + Microseconds{1})) << "it has its result";
}

TEST(BlockBudget, work_is_what_the_owner_declared_but_at_least_what_so_many_transactions_cost) {
    ledger::BatchHeader header;
    header.transaction_count = 10;
    header.gas_limit_sum = 5;
    EXPECT_EQ(work_of(header), 210'000u);
    header.gas_limit_sum = 300'000;
    EXPECT_EQ(work_of(header), 300'000u);
}

} // namespace
} // namespace cairn::consensus
