#include "consensus/block_budget.hpp"

#include <gtest/gtest.h>

namespace cairn::consensus {
namespace {

constexpr std::uint64_t kWork = 100'000'000;
constexpr Microseconds kTarget{150'000};

/// Blocks of four lanes, of which one gives all and another next to nothing; one every 50 ms, each with its result `delay` later.
class UnevenLanes {
public:
    void block(std::uint64_t work, Microseconds delay) {
        now_ += Microseconds{50'000};
        budget.ordered(Height{++height_}, std::vector{kLittle, kLittle * 1000, std::uint64_t{0}, std::uint64_t{0}},
                       work, now_);
        budget.certified(Height{height_}, now_ + delay, kTarget);
    }
    void blocks(int count, std::uint64_t work, Microseconds delay) {
        for (int i = 0; i < count; ++i) block(work, delay);
    }
    /// One without a result.
    void block_of(const std::vector<std::uint64_t>& lanes) {
        now_ += Microseconds{50'000};
        budget.ordered(Height{++height_}, lanes, 0, now_);
    }

    static constexpr std::uint64_t kLittle = 100'000;
    BlockBudget budget{4};

private:
    std::uint64_t height_ = 0;
    Microseconds now_{};
};

TEST(BlockBudget, is_without_bound_until_results_are_late) {
    UnevenLanes lanes;
    lanes.blocks(100, kWork, kTarget);
    EXPECT_EQ(lanes.budget.value(), BlockBudget::kMax) << "limit";
    lanes.block(kWork, kTarget + Microseconds{40});
    EXPECT_EQ(lanes.budget.value(), kWork / 4 * 3) << "beyond: less than what was too much";
}

TEST(BlockBudget, binds_only_while_lanes_give_unevenly) {
    UnevenLanes lanes;
    lanes.blocks(20, BlockBudget::kMin, 2 * kTarget);
    auto& budget = lanes.budget;
    ASSERT_EQ(budget.value(), BlockBudget::kMin);
    EXPECT_EQ(budget.batch_transactions(), BlockBudget::kBatchMin);
    for (int i = 0; i < 300; ++i) lanes.block_of({kWork / 2 + 100, 0, kWork, 0});
    EXPECT_EQ(budget.value(), BlockBudget::kMax) << "half as much as another is enough";
    EXPECT_EQ(budget.batch_transactions(), BlockBudget::kBatchEven);
    for (int i = 0; i < 100; ++i) lanes.block_of({kWork / 2 - 100, 0, kWork, 0});
    EXPECT_EQ(budget.value(), BlockBudget::kMin) << "less is not";
}

TEST(BlockBudget, of_a_lane_alone_has_no_bound_some_blocks_after_the_last_data_of_others) {
    UnevenLanes lanes;
    lanes.blocks(20, BlockBudget::kMin, 2 * kTarget);
    int blocks = 0;
    for (; lanes.budget.value() == BlockBudget::kMin && blocks < 1000; ++blocks) lanes.block_of({0, kWork, 0, 0});
    EXPECT_GT(blocks, 20);
    EXPECT_LT(blocks, 200);
}

TEST(BlockBudget, is_cut_once_for_each_way_to_a_certificate) {
    BlockBudget budget{2};
    const std::vector<std::uint64_t> by_lane{1'000'000, 100'000'000};
    const Microseconds start{1'000'000}, late = start + 10 * kTarget;
    for (std::uint64_t h = 1; h <= 4; ++h) budget.ordered(Height{h}, by_lane, kWork, start);
    for (std::uint64_t h = 1; h <= 4; ++h) budget.certified(Height{h}, late, kTarget);
    const auto once = budget.value();
    EXPECT_EQ(once, kWork / 4 * 3) << "four were on their way together";
    budget.ordered(Height{5}, by_lane, once, late);
    budget.certified(Height{5}, late + 10 * kTarget, kTarget);
    EXPECT_EQ(budget.value(), once / 4 * 3);
}

TEST(BlockBudget, forgets_one_late_result) {
    UnevenLanes lanes;
    lanes.blocks(20, kWork, kTarget / 2);
    lanes.block(kWork, kTarget * 2);
    EXPECT_EQ(lanes.budget.value(), BlockBudget::kMax);
    lanes.blocks(2, kWork, kTarget * 2);
    EXPECT_LT(lanes.budget.value(), kWork) << "three are not chance";
}

TEST(BlockBudget, grows_only_while_it_is_used_and_never_falls_below_its_least) {
    UnevenLanes lanes;
    lanes.blocks(100, 1, 10 * kTarget);
    EXPECT_EQ(lanes.budget.value(), BlockBudget::kMin);
    lanes.blocks(100, BlockBudget::kMin / 4 * 3 - 1, Microseconds{0});
    EXPECT_EQ(lanes.budget.value(), BlockBudget::kMin) << "not used";
    lanes.block(BlockBudget::kMin / 4 * 3, Microseconds{0});
    EXPECT_EQ(lanes.budget.value(), BlockBudget::kMin + BlockBudget::kMin / 16);
}

TEST(BlockBudget, has_slack_while_no_block_waits_long_for_its_result) {
    BlockBudget budget{1};
    const std::vector<std::uint64_t> by_lane{kWork};
    budget.ordered(Height{1}, by_lane, kWork, Microseconds{0});
    EXPECT_TRUE(budget.has_slack(kTarget, kTarget)) << "limit";
    EXPECT_FALSE(budget.has_slack(kTarget + Microseconds{1}, kTarget)) << "limit + 1";
    budget.certified(Height{1}, kTarget, kTarget);
    EXPECT_TRUE(budget.has_slack(kTarget + Microseconds{1}, kTarget)) << "it has its result";
}

TEST(BlockBudget, remembers_a_bounded_number_of_blocks_without_results) {
    BlockBudget budget{1};
    const std::vector<std::uint64_t> by_lane{kWork};
    budget.ordered(Height{1}, by_lane, kWork, Microseconds{0});
    for (std::uint64_t h = 2; h <= BlockBudget::kWaitingMax + 1; ++h)
        budget.ordered(Height{h}, by_lane, kWork, kTarget);
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
