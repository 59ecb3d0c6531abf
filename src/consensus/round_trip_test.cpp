#include "consensus/round_trip.hpp"

#include <gtest/gtest.h>

namespace cairn::consensus {
namespace {

constexpr ValidatorIndex kSelf{0};

/// A peer that answers after `way` there, `held` and `way` back.
void answer(RoundTrips& trips, std::uint16_t peer, std::uint64_t number, Microseconds sent, Microseconds way,
            Microseconds held) {
    PeerStatus status;
    status.number = number;
    status.echoes.resize(4);
    status.echoes[kSelf.value] = {number, static_cast<std::uint32_t>(held.count())};
    trips.received({peer}, status, kSelf, sent + 2 * way + held);
}

TEST(RoundTrips, are_known_once_a_quorum_has_answered) {
    RoundTrips trips{4};
    const Microseconds start{5'000'000};
    const auto number = trips.sending(start);
    EXPECT_FALSE(trips.within(3));
    answer(trips, 1, number, start, Microseconds{10'000}, Microseconds{300'000});
    EXPECT_FALSE(trips.within(3));
    answer(trips, 2, number, start, Microseconds{40'000}, Microseconds{1'000});
    EXPECT_EQ(trips.within(3), Microseconds{80'000});
    // The slowest does not count: a quorum does without it.
    answer(trips, 3, number, start, Microseconds{3'000'000}, Microseconds{0});
    EXPECT_EQ(trips.within(3), Microseconds{80'000});
    EXPECT_EQ(trips.within(4), Microseconds{6'000'000});
}

TEST(RoundTrips, measure_each_status_once_and_none_that_was_not_sent) {
    RoundTrips trips{4};
    const Microseconds start{1'000'000};
    const auto number = trips.sending(start);
    answer(trips, 1, number + 7, start, Microseconds{1}, Microseconds{0});
    EXPECT_FALSE(trips.within(2));
    answer(trips, 1, number, start, Microseconds{5'000}, Microseconds{0});
    answer(trips, 1, number, start, Microseconds{900'000}, Microseconds{0});
    EXPECT_EQ(trips.within(2), Microseconds{10'000});
    // One that claims to have held it longer than it was away is not believed.
    const auto next = trips.sending(start);
    PeerStatus liar;
    liar.echoes.assign(4, {next, 4'000'000'000});
    trips.received({1}, liar, kSelf, start + Microseconds{1'000});
    EXPECT_EQ(trips.within(2), Microseconds{10'000});
}

TEST(RoundTrips, follow_a_longer_way_at_once_and_a_shorter_one_slowly) {
    RoundTrips trips{2};
    Microseconds now{0};
    const auto sample = [&](Microseconds way) {
        now += Microseconds{1'000'000};
        answer(trips, 1, trips.sending(now), now, way, Microseconds{0});
        return *trips.within(2);
    };
    EXPECT_EQ(sample(Microseconds{4'000}), Microseconds{8'000});
    EXPECT_EQ(sample(Microseconds{400'000}), Microseconds{800'000});
    EXPECT_EQ(sample(Microseconds{4'000}), Microseconds{701'000});
    for (int i = 0; i < 100; ++i) sample(Microseconds{4'000});
    EXPECT_LT(*trips.within(2), Microseconds{8'100});
}

TEST(RoundTrips, least_follow_a_shorter_way_at_once_and_a_longer_one_over_minutes) {
    RoundTrips trips{2};
    Microseconds now{0};
    const auto sample = [&](Microseconds way) {
        now += Microseconds{1'000'000};
        answer(trips, 1, trips.sending(now), now, way, Microseconds{0});
        return *trips.least_within(2);
    };
    EXPECT_FALSE(trips.least_within(2));
    EXPECT_EQ(sample(Microseconds{40'000}), Microseconds{80'000});
    EXPECT_EQ(sample(Microseconds{4'000}), Microseconds{8'000});
    for (int i = 0; i < 10; ++i) sample(Microseconds{40'000});
    EXPECT_LT(*trips.least_within(2), Microseconds{12'000}) << "load for some seconds";
    for (int i = 0; i < 2'000; ++i) sample(Microseconds{40'000});
    EXPECT_GT(*trips.least_within(2), Microseconds{78'000}) << "another way";
}

} // namespace
} // namespace cairn::consensus
