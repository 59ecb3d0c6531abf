// The lane stays short while the network is busy, and wide enough to keep it busy. Simulated time.
#include "node/lane_pacer.hpp"

#include <gtest/gtest.h>

namespace cairn::node {
namespace {

using std::chrono::milliseconds;

/// A network that executes `rate` transactions per second in blocks every 50 ms, and needs `way` from lane to execution.
struct Network {
    LanePacer pacer;
    double rate;
    Microseconds way;
    Microseconds now{};
    std::deque<std::pair<Microseconds, std::size_t>> lane; // (ready to execute at, transactions)
    std::size_t in_flight = 0;
    std::size_t executed = 0;

    /// One block's time with as much waiting in the pool as anybody could take.
    void step() {
        now += milliseconds{50};
        auto budget = static_cast<std::size_t>(rate / 20);
        std::size_t left = 0;
        while (!lane.empty() && lane.front().first <= now && budget > 0) {
            const auto part = std::min(budget, lane.front().second);
            budget -= part;
            left += part;
            lane.front().second -= part;
            if (lane.front().second == 0) lane.pop_front();
        }
        in_flight -= left;
        executed += left;
        pacer.left(left, now);
        if (const auto room = std::min<std::size_t>(pacer.room(in_flight), 2'000); room > 0) {
            pacer.taken(room, now);
            lane.emplace_back(now + way, room);
            in_flight += room;
        }
    }
};

TEST(LanePacer, keeps_the_queue_of_a_slow_network_short) {
    Network network{.pacer = {}, .rate = 2'000, .way = milliseconds{100}};
    for (int i = 0; i < 400; ++i) network.step();
    EXPECT_LE(network.in_flight, 1'500u)
        << "three quarters of a second; unpaced it would be all that fits into the lane";
    network.executed = 0;
    for (int i = 0; i < 200; ++i) network.step();
    EXPECT_GE(network.executed, 19'000u) << "of 20,000 in ten seconds";
}

TEST(LanePacer, grows_to_what_a_fast_network_can_do) {
    Network network{.pacer = {}, .rate = 30'000, .way = milliseconds{100}};
    for (int i = 0; i < 200; ++i) network.step();
    network.executed = 0;
    for (int i = 0; i < 200; ++i) network.step();
    EXPECT_GE(network.executed, 285'000u) << "of 300,000 in ten seconds";
}

TEST(LanePacer, finds_its_width_again_when_the_way_gets_longer) {
    Network network{.pacer = {}, .rate = 10'000, .way = milliseconds{50}};
    for (int i = 0; i < 200; ++i) network.step();
    network.way = milliseconds{600};
    for (int i = 0; i < 400; ++i) network.step();
    network.executed = 0;
    for (int i = 0; i < 200; ++i) network.step();
    EXPECT_GE(network.executed, 90'000u) << "of 100,000 in ten seconds";
}

TEST(LanePacer, small_flows_are_never_held_back) {
    LanePacer pacer;
    Microseconds now{};
    for (int i = 0; i < 100; ++i) {
        pacer.taken(10, now);
        now += std::chrono::seconds{5}; // others have filled the network
        pacer.left(10, now);
    }
    EXPECT_GE(pacer.room(0), LanePacer::kWindowMin);
    EXPECT_EQ(pacer.room(LanePacer::kWindowMin - 1), 1u) << "limit - 1";
    EXPECT_EQ(pacer.room(LanePacer::kWindowMin), 0u) << "limit";
    EXPECT_EQ(pacer.room(LanePacer::kWindowMin + 1), 0u) << "limit + 1";
}

TEST(LanePacer, counts_no_more_than_was_taken) {
    LanePacer pacer;
    pacer.left(1'000, milliseconds{1});
    pacer.taken(5, milliseconds{2});
    pacer.left(1'000, milliseconds{3});
    pacer.left(1, milliseconds{4});
    EXPECT_GE(pacer.window(), LanePacer::kWindowMin);
    EXPECT_EQ(pacer.waiting_max(), LanePacer::kWaitingWindows * pacer.window());
}

} // namespace
} // namespace cairn::node
