#include "base/fair_queue.hpp"

#include <gtest/gtest.h>

#include <random>

namespace cairn {
namespace {

TEST(FairQueue, serves_in_proportion_to_weights) {
    FairQueue queue({1, 10, 10'000});
    std::vector<std::uint64_t> served(3);
    for (int i = 0; i < 100'110; ++i) {
        const auto next = queue.next([](std::size_t) { return true; });
        ASSERT_TRUE(next);
        queue.charge(*next, 1'000);
        ++served[*next];
    }
    EXPECT_NEAR(static_cast<double>(served[0]), 10, 1);
    EXPECT_NEAR(static_cast<double>(served[1]), 100, 1);
}

TEST(FairQueue, serves_nobody_when_nobody_waits) {
    FairQueue queue({1});
    EXPECT_FALSE(queue.next([](std::size_t) { return false; }));
}

TEST(FairQueue, who_was_away_has_saved_nothing) {
    FairQueue queue({1, 1});
    for (int i = 0; i < 1'000; ++i) {
        const auto next = queue.next([](std::size_t j) { return j == 0; });
        queue.charge(*next, 5);
    }
    int second = 0;
    for (int i = 0; i < 100; ++i) {
        const auto next = queue.next([](std::size_t) { return true; });
        queue.charge(*next, 5);
        second += *next == 1 ? 1 : 0;
    }
    EXPECT_NEAR(second, 50, 1);
}

/// No class that waits falls behind another by more than one piece of each, whatever the pieces are.
TEST(FairQueue, random_costs_never_leave_a_waiting_class_behind) {
    for (std::uint64_t seed = 1; seed <= 50; ++seed) {
        std::mt19937_64 random(seed);
        const std::vector<std::uint64_t> weights{1 + random() % 100, 1 + random() % 100, 1 + random() % 100};
        FairQueue queue(weights);
        constexpr double kCostMax = 1'000'000;
        std::vector<double> served(3);
        for (int i = 0; i < 5'000; ++i) {
            const auto next = *queue.next([](std::size_t) { return true; });
            const auto cost = 1 + random() % static_cast<std::uint64_t>(kCostMax);
            queue.charge(next, cost);
            served[next] += static_cast<double>(cost) / static_cast<double>(weights[next]);
            const auto [least, most] = std::ranges::minmax(served);
            ASSERT_LE(most - least, 2 * kCostMax) << "seed " << seed;
        }
    }
}

TEST(FairQueue, goes_on_through_its_own_overflow) {
    FairQueue queue({1, 1});
    std::vector<int> served(2);
    for (int i = 0; i < 10'000; ++i) {
        const auto next = *queue.next([](std::size_t) { return true; });
        queue.charge(next, ~std::uint64_t{0});
        ++served[next];
    }
    EXPECT_EQ(served[0], served[1]);
}

} // namespace
} // namespace cairn
