#include "network/admission.hpp"

#include <gtest/gtest.h>

namespace cairn::network {
namespace {

using std::chrono::seconds;

SourceKey source(std::uint8_t number) { return {4, 0, 0, 0, 127, 0, 0, number}; }

class AdmissionTest : public testing::Test {
protected:
    AdmissionTest() {
        tuning.handshakes_per_source = {10, 20};
        tuning.half_open_per_source_max = 1'000;
        tuning.sources_max = 3;
        tuning.ban = Milliseconds{60'000};
    }
    std::size_t begin(Sources& sources, std::uint8_t number, std::size_t count, Microseconds now = {}) {
        std::size_t begun = 0;
        for (; count > 0; --count)
            if (const auto counted = sources.begin(source(number), std::to_string(number), now)) {
                ++begun;
                sources.done(*counted);
            }
        return begun;
    }
    NetworkTuning tuning;
};

TEST_F(AdmissionTest, ten_thousand_handshakes_of_one_source_leave_the_others_alone) {
    Sources sources(tuning);
    EXPECT_EQ(begin(sources, 66, 10'000), 20u);
    EXPECT_EQ(begin(sources, 1, 9), 9u);
    ASSERT_EQ(sources.throttled().size(), 1u);
    EXPECT_EQ(sources.throttled()[0].address, "66");
    EXPECT_EQ(sources.throttled()[0].refused, 9'980u);
}

TEST_F(AdmissionTest, source_may_begin_its_burst_and_then_its_rate) {
    Sources sources(tuning);
    EXPECT_EQ(begin(sources, 1, 19), 19u);
    EXPECT_EQ(begin(sources, 1, 1), 1u) << "limit";
    EXPECT_EQ(begin(sources, 1, 1), 0u) << "limit + 1";
    EXPECT_EQ(begin(sources, 1, 100, seconds{1}), 10u);
}

TEST_F(AdmissionTest, half_open_connections_of_one_source_are_few) {
    tuning.half_open_per_source_max = 2;
    Sources sources(tuning);
    const auto first = sources.begin(source(1), "1", {});
    ASSERT_TRUE(first);
    EXPECT_TRUE(sources.begin(source(1), "1", {}));
    EXPECT_FALSE(sources.begin(source(1), "1", {}));
    sources.done(*first);
    EXPECT_TRUE(sources.begin(source(1), "1", {}));
}

TEST_F(AdmissionTest, half_open_connection_ends_where_it_was_counted) {
    tuning.half_open_per_source_max = 1;
    Sources sources(tuning);
    for (std::uint8_t i = 0; i < 3; ++i) begin(sources, i, 1);
    const auto shared = sources.begin(source(9), "9", {});
    ASSERT_TRUE(shared);
    EXPECT_FALSE(sources.begin(source(10), "10", {})) << "with all that share the budget";
    const auto own = sources.begin(source(9), "9", seconds{100});
    ASSERT_TRUE(own) << "the others were quiet: it has a budget of its own now";
    sources.done(*shared);
    EXPECT_FALSE(sources.begin(source(9), "9", seconds{100})) << "its own is still open";
    sources.done(*own);
    EXPECT_EQ(begin(sources, 9, 1, seconds{100}), 1u);
    for (std::uint8_t i = 20; i < 22; ++i) begin(sources, i, 1, seconds{100});
    EXPECT_EQ(sources.size(), 3u);
    EXPECT_EQ(begin(sources, 30, 1, seconds{100}), 1u) << "none of those that share is open";
}

TEST_F(AdmissionTest, table_of_sources_is_bounded) {
    Sources sources(tuning);
    for (std::uint8_t i = 0; i < 200; ++i) begin(sources, i, 1);
    EXPECT_EQ(sources.size(), 3u);
    EXPECT_EQ(begin(sources, 201, 100), 0u) << "the many share one budget, which 197 of them have used up";
    EXPECT_EQ(begin(sources, 0, 5), 5u) << "a known source keeps its own";
    EXPECT_EQ(begin(sources, 202, 5, seconds{100}), 5u) << "and who is quiet makes room";
}

TEST_F(AdmissionTest, tenth_proven_violation_bans) {
    Bans bans(4, tuning);
    for (int i = 0; i < 9; ++i) EXPECT_FALSE(bans.note({2}, "10.0.0.2", "signature", {}));
    EXPECT_FALSE(bans.is_banned({2}, {}));
    EXPECT_EQ(bans.score({2}, {}), 90u);
    EXPECT_TRUE(bans.note({2}, "", "signature", {}));
    EXPECT_TRUE(bans.is_banned({2}, {}));
    EXPECT_FALSE(bans.is_banned({1}, {}));
    const auto list = bans.list(seconds{1});
    ASSERT_EQ(list.size(), 1u);
    EXPECT_EQ(list[0].address, "10.0.0.2");
    EXPECT_EQ(list[0].seconds_left, 59u);
    EXPECT_FALSE(bans.is_banned({2}, seconds{60}));
}

TEST_F(AdmissionTest, tenth_violation_bans_although_some_seconds_have_passed) {
    Bans bans(1, tuning);
    for (int i = 0; i < 9; ++i) EXPECT_FALSE(bans.note({0}, "", "frame", seconds{2 * i}));
    EXPECT_TRUE(bans.note({0}, "", "frame", seconds{18}));
}

TEST_F(AdmissionTest, violations_are_forgotten_with_time) {
    Bans bans(4, tuning);
    for (int i = 0; i < 100; ++i) EXPECT_FALSE(bans.note({1}, "", "frame", seconds{61 * i}));
}

TEST_F(AdmissionTest, each_ban_lasts_longer_up_to_a_limit) {
    Bans bans(1, tuning);
    Microseconds now{};
    std::vector<std::uint64_t> lengths;
    for (int ban = 0; ban < 9; ++ban) {
        while (!bans.note({0}, "", "frame", now)) {
        }
        lengths.push_back(bans.list(now)[0].seconds_left);
        now += seconds{lengths.back()};
    }
    EXPECT_EQ(lengths, (std::vector<std::uint64_t>{60, 120, 240, 480, 960, 1920, 3840, 3840, 3840}));
}

TEST_F(AdmissionTest, bans_and_points_stay_with_who_has_them_when_indices_change) {
    Bans bans(3, tuning);
    for (int i = 0; i < 10; ++i) (void)bans.note({2}, "10.0.0.2", "signature", {});
    (void)bans.note({1}, "10.0.0.1", "signature", {});
    bans.seat({1, 2, std::nullopt});
    EXPECT_TRUE(bans.is_banned({1}, {}));
    EXPECT_FALSE(bans.is_banned({2}, {}));
    EXPECT_EQ(bans.score({0}, {}), 10u);
    EXPECT_EQ(bans.score({2}, {}), 0u);
}

TEST_F(AdmissionTest, nobody_beyond_the_set_is_banned) {
    Bans bans(2, tuning);
    for (int i = 0; i < 50; ++i) EXPECT_FALSE(bans.note({2}, "", "frame", {}));
    EXPECT_TRUE(bans.list({}).empty());
}

} // namespace
} // namespace cairn::network
