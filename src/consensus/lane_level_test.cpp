#include "consensus/lane_level.hpp"

#include <gtest/gtest.h>

namespace cairn::consensus {
namespace {

constexpr std::uint64_t kWork = 100'000'000;
constexpr Microseconds kTarget{150'000};

/// Blocks of four lanes; one every 50 ms.
class Lanes {
public:
    /// One lane has much waiting and gives `most`, another has little; the result comes `delay` later.
    void block(std::uint64_t most, Microseconds delay) {
        block_of({kLittle, most, 0, 0}, {kLittle, std::max(most, kLittle * 1000), 0, 0});
        level.certified(Height{height_}, now_ + delay, kTarget);
    }
    void blocks(int count, std::uint64_t most, Microseconds delay) {
        for (int i = 0; i < count; ++i) block(most, delay);
    }
    /// One without a result.
    void block_of(const std::vector<std::uint64_t>& gave, const std::vector<std::uint64_t>& wanted) {
        now_ += Microseconds{50'000};
        level.ordered(Height{++height_}, gave, wanted, now_);
    }
    void block_of(const std::vector<std::uint64_t>& gave) { block_of(gave, gave); }

    static constexpr std::uint64_t kLittle = 100'000;
    LaneLevel level{4};

private:
    std::uint64_t height_ = 0;
    Microseconds now_{};
};

TEST(LaneLevel, begins_with_a_batch_and_rises_while_results_are_soon) {
    Lanes lanes;
    lanes.block(1, kTarget);
    EXPECT_EQ(lanes.level.value(), LaneLevel::kStart);
    int blocks = 0;
    for (; lanes.level.value() < 10 * LaneLevel::kStart && blocks < 1000; ++blocks)
        lanes.block(lanes.level.value(), Microseconds{0});
    EXPECT_LT(blocks, 50) << "ten times as much in two or three seconds";
}

TEST(LaneLevel, stays_until_results_are_late) {
    Lanes lanes;
    constexpr auto kUsed = LaneLevel::kStart / 2;
    lanes.blocks(100, kUsed, kTarget);
    EXPECT_EQ(lanes.level.value(), LaneLevel::kStart) << "limit";
    lanes.block(kUsed, kTarget + Microseconds{40});
    EXPECT_EQ(lanes.level.value(), kUsed / 4 * 3) << "beyond: less than what was too much";
}

TEST(LaneLevel, binds_only_while_lanes_want_to_give_unevenly) {
    Lanes lanes;
    lanes.blocks(20, LaneLevel::kMin, 2 * kTarget);
    auto& level = lanes.level;
    ASSERT_EQ(level.value(), LaneLevel::kMin);
    EXPECT_EQ(level.batch_transactions(), LaneLevel::kBatchMin);
    for (int i = 0; i < 300; ++i) lanes.block_of({kWork / 2 + 100, 0, kWork, 0});
    EXPECT_EQ(level.value(), LaneLevel::kMax) << "half as much as another is enough";
    EXPECT_EQ(level.batch_transactions(), 2 * LaneLevel::kBatchMax) << "two lanes give";
    for (int i = 0; i < 100; ++i) lanes.block_of({kWork / 2 - 100, 0, kWork, 0});
    EXPECT_EQ(level.value(), LaneLevel::kMin) << "less is not";
}

TEST(LaneLevel, counts_the_lanes_that_give_something) {
    Lanes lanes;
    EXPECT_EQ(lanes.level.giving(), 1u) << "at first";
    const auto giving = [&](const std::vector<std::uint64_t>& work) {
        for (int i = 0; i < 300; ++i) lanes.block_of(work);
        EXPECT_EQ(lanes.level.batch_transactions(), lanes.level.giving() * LaneLevel::kBatchMax);
        return lanes.level.giving();
    };
    EXPECT_EQ(giving({kWork, 0, 0, 0}), 1u);
    EXPECT_EQ(giving({kWork, kWork, kWork, 0}), 3u);
    EXPECT_EQ(giving({kWork, kWork, kWork, kWork}), 4u);
    EXPECT_EQ(giving({0, 0, 0, 0}), 1u);
}

TEST(LaneLevel, binds_on_while_what_it_holds_back_waits) {
    Lanes lanes;
    lanes.blocks(20, LaneLevel::kMin, 2 * kTarget);
    for (int i = 0; i < 300; ++i)
        lanes.block_of({LaneLevel::kMin, LaneLevel::kMin, 0, 0}, {LaneLevel::kMin, kWork, 0, 0});
    EXPECT_EQ(lanes.level.value(), LaneLevel::kMin) << "both give the same, one would give more";
}

TEST(LaneLevel, of_a_lane_alone_has_no_bound_some_blocks_after_the_last_data_of_others) {
    Lanes lanes;
    lanes.blocks(20, LaneLevel::kMin, 2 * kTarget);
    int blocks = 0;
    for (; lanes.level.value() == LaneLevel::kMin && blocks < 1000; ++blocks) lanes.block_of({0, kWork, 0, 0});
    EXPECT_GT(blocks, 5);
    EXPECT_LT(blocks, 50);
}

TEST(LaneLevel, a_single_transaction_now_and_then_is_no_lane_to_wait_for) {
    Lanes lanes;
    lanes.blocks(20, LaneLevel::kMin, 2 * kTarget);
    for (int i = 0; i < 50; ++i) lanes.block_of({0, kWork, 0, 0});
    for (int i = 0; i < 10; ++i) {
        lanes.block_of({kTransactionGas, kWork, 0, 0});
        for (int j = 0; j < 30; ++j) {
            lanes.block_of({0, kWork, 0, 0});
            EXPECT_EQ(lanes.level.value(), LaneLevel::kMax) << i << ' ' << j;
        }
    }
}

TEST(LaneLevel, is_cut_once_for_each_way_to_a_certificate) {
    LaneLevel level{2};
    constexpr auto kUsed = LaneLevel::kStart;
    const std::vector<std::uint64_t> gave{1'000'000, kUsed};
    const Microseconds start{1'000'000}, late = start + 10 * kTarget;
    for (std::uint64_t h = 1; h <= 4; ++h) level.ordered(Height{h}, gave, gave, start);
    for (std::uint64_t h = 1; h <= 4; ++h) level.certified(Height{h}, late, kTarget);
    const auto once = level.value();
    EXPECT_EQ(once, kUsed / 4 * 3) << "four were on their way together";
    level.ordered(Height{5}, gave, gave, late);
    level.certified(Height{5}, late + 10 * kTarget, kTarget);
    EXPECT_EQ(level.value(), once / 4 * 3);
}

TEST(LaneLevel, forgets_one_late_result) {
    Lanes lanes;
    lanes.blocks(20, LaneLevel::kStart / 2, kTarget / 2);
    lanes.block(LaneLevel::kStart / 2, kTarget * 2);
    EXPECT_EQ(lanes.level.value(), LaneLevel::kStart);
    lanes.blocks(2, LaneLevel::kStart / 2, kTarget * 2);
    EXPECT_LT(lanes.level.value(), LaneLevel::kStart / 2) << "three are not chance";
}

TEST(LaneLevel, grows_only_while_it_is_reached_and_never_falls_below_a_batch) {
    Lanes lanes;
    lanes.blocks(100, 1, 10 * kTarget);
    EXPECT_EQ(lanes.level.value(), LaneLevel::kMin);
    lanes.blocks(100, LaneLevel::kMin / 4 * 3 - 1, Microseconds{0});
    EXPECT_EQ(lanes.level.value(), LaneLevel::kMin) << "not reached";
    lanes.block(LaneLevel::kMin / 4 * 3, Microseconds{0});
    EXPECT_EQ(lanes.level.value(), LaneLevel::kMin + LaneLevel::kMin / 16);
}

TEST(LaneLevel, remembers_a_bounded_number_of_blocks_without_results) {
    LaneLevel level{2};
    const std::vector<std::uint64_t> gave{1'000'000, LaneLevel::kStart};
    for (std::uint64_t h = 1; h <= LaneLevel::kWaitingMax + 1; ++h)
        level.ordered(Height{h}, gave, gave, Microseconds{1'000'000});
    level.certified(Height{1}, 100 * kTarget, kTarget);
    EXPECT_EQ(level.value(), LaneLevel::kStart) << "the first is forgotten";
    level.certified(Height{2}, 100 * kTarget, kTarget);
    EXPECT_LT(level.value(), LaneLevel::kStart) << "the second is not";
}

TEST(LaneLevel, weights_count_against_their_mean_and_nothing_wraps) {
    EXPECT_EQ(of_mean_weight(0, 1, 4, 4), 0u);
    EXPECT_EQ(of_mean_weight(90, 1, 4, 4), 90u) << "all alike";
    EXPECT_EQ(of_mean_weight(90, 3, 6, 4), 45u) << "twice the mean";
    EXPECT_EQ(of_mean_weight(90, 1, 8, 4), 180u) << "half of it";
    EXPECT_EQ(of_mean_weight(1ull << 60, 1, 1'000'000, 128), 1ull << 56);
    EXPECT_EQ(of_mean_weight(~0ull, 1, ~0ull, 1), 1ull << 56);
}

TEST(LaneLevel, work_is_what_the_owner_declared_but_at_least_what_so_many_transactions_cost) {
    ledger::BatchHeader header;
    header.transaction_count = 10;
    header.gas_limit_sum = 5;
    EXPECT_EQ(work_of(header), 210'000u);
    header.gas_limit_sum = 300'000;
    EXPECT_EQ(work_of(header), 300'000u);
}

} // namespace
} // namespace cairn::consensus
