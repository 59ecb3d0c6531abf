#include "consensus/block_budget.hpp"

#include <gtest/gtest.h>

namespace cairn::consensus {
namespace {

constexpr std::uint64_t kWork = 100'000'000;
constexpr Microseconds kTarget{150'000};

/// Blocks of two lanes, one every 50 ms, each with its result `delay` later.
class TwoLanes {
public:
    void block(std::uint64_t work, Microseconds delay) {
        now_ += Microseconds{50'000};
        budget.has_data_of(height_ % 2, now_);
        budget.ordered(Height{++height_}, work, now_);
        budget.certified(Height{height_}, now_ + delay, kTarget);
    }
    void blocks(int count, std::uint64_t work, Microseconds delay) {
        for (int i = 0; i < count; ++i) block(work, delay);
    }
    std::uint64_t value() const { return budget.value(now_); }

    BlockBudget budget;

private:
    std::uint64_t height_ = 0;
    Microseconds now_{};
};

TEST(BlockBudget, is_without_bound_until_results_are_late) {
    TwoLanes lanes;
    lanes.blocks(100, kWork, kTarget);
    EXPECT_EQ(lanes.value(), BlockBudget::kMax) << "limit";
    lanes.block(kWork, kTarget + Microseconds{40});
    EXPECT_EQ(lanes.value(), kWork / 4 * 3) << "beyond: less than what was too much";
}

TEST(BlockBudget, of_a_lane_alone_has_no_bound_whatever_results_take) {
    TwoLanes lanes;
    lanes.blocks(20, BlockBudget::kMin, 2 * kTarget);
    ASSERT_EQ(lanes.value(), BlockBudget::kMin);
    auto& budget = lanes.budget;
    const Microseconds last{20 * 50'000};
    EXPECT_EQ(budget.batch_transactions(4, last), BlockBudget::kBatchMin);
    EXPECT_LT(budget.value(last + BlockBudget::kAlone - Microseconds{1}), kWork) << "limit";
    EXPECT_EQ(budget.value(last + BlockBudget::kAlone), BlockBudget::kMax);
    EXPECT_EQ(budget.batch_transactions(4, last + BlockBudget::kAlone), BlockBudget::kBatchAlone);
    budget.has_data_of(1, 2 * last);
    EXPECT_EQ(budget.value(2 * last), BlockBudget::kMax) << "still the lane that was last";
    budget.has_data_of(0, 2 * last);
    EXPECT_LT(budget.value(2 * last), kWork) << "not alone any more";
}

TEST(BlockBudget, is_cut_once_for_each_way_to_a_certificate) {
    BlockBudget budget;
    const Microseconds start{1'000'000}, late = start + 10 * kTarget;
    for (std::uint64_t lane : {0, 1}) budget.has_data_of(lane, late);
    for (std::uint64_t h = 1; h <= 4; ++h) budget.ordered(Height{h}, kWork, start);
    for (std::uint64_t h = 1; h <= 4; ++h) budget.certified(Height{h}, late, kTarget);
    const auto once = budget.value(late);
    EXPECT_EQ(once, kWork / 4 * 3) << "four were on their way together";
    budget.ordered(Height{5}, once, late);
    budget.certified(Height{5}, late + 10 * kTarget, kTarget);
    EXPECT_EQ(budget.value(late), once / 4 * 3);
}

TEST(BlockBudget, forgets_one_late_result) {
    TwoLanes lanes;
    lanes.blocks(20, kWork, kTarget / 2);
    lanes.block(kWork, kTarget * 2);
    EXPECT_EQ(lanes.value(), BlockBudget::kMax);
    lanes.blocks(2, kWork, kTarget * 2);
    EXPECT_LT(lanes.value(), kWork) << "three are not chance";
}

TEST(BlockBudget, grows_only_while_it_is_used_and_never_falls_below_its_least) {
    TwoLanes lanes;
    lanes.blocks(100, 1, 10 * kTarget);
    EXPECT_EQ(lanes.value(), BlockBudget::kMin);
    lanes.blocks(100, BlockBudget::kMin / 2 - 1, Microseconds{0});
    EXPECT_EQ(lanes.value(), BlockBudget::kMin) << "not used";
    lanes.block(BlockBudget::kMin / 2, Microseconds{0});
    EXPECT_EQ(lanes.value(), BlockBudget::kMin + BlockBudget::kMin / 8);
}

TEST(BlockBudget, has_slack_while_no_block_waits_long_for_its_result) {
    BlockBudget budget;
    budget.ordered(Height{1}, kWork, Microseconds{0});
    EXPECT_TRUE(budget.has_slack(kTarget, kTarget)) << "limit";
    EXPECT_FALSE(budget.has_slack(kTarget + Microseconds{1}, kTarget)) << "limit + 1";
    budget.certified(Height{1}, kTarget, kTarget);
    EXPECT_TRUE(budget.has_slack(kTarget + Microseconds{1}, kTarget)) << "it has its result";
}

TEST(BlockBudget, remembers_a_bounded_number_of_blocks_without_results) {
    BlockBudget budget;
    budget.ordered(Height{1}, kWork, Microseconds{0});
    for (std::uint64_t h = 2; h <= BlockBudget::kWaitingMax + 1; ++h) budget.ordered(Height{h}, kWork, kTarget);
    EXPECT_TRUE(budget.has_slack(kTarget, Microseconds{0})) << "the first is forgotten";
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
