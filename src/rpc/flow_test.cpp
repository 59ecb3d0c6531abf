// Budgets of clients and the order in which an overloaded server gives things up.
#include "rpc/flow.hpp"

#include <gtest/gtest.h>

namespace cairn::rpc {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;

class FlowTest : public ::testing::Test {
protected:
    FlowTest() {
        for (auto& rate : limits.requests) rate = {10, 20};
        limits.body_bytes = {1'000, 2'000};
        limits.clients_max = 3;
        limits.delay_target = milliseconds{50};
        limits.delay_interval = milliseconds{500};
    }
    /// Jobs that waited so long, over so many intervals.
    void wait(Flow& flow, Microseconds delay, int intervals) {
        for (int i = 0; i < intervals; ++i) {
            now += limits.delay_interval;
            flow.waited(delay, now);
        }
        now += limits.delay_interval;
    }
    bool admits(Flow& flow, MethodClass kind) { return !flow.admit("client", kind, 1, now); }

    FlowLimits limits;
    Microseconds now{};
};

TEST_F(FlowTest, every_method_has_a_class) {
    EXPECT_EQ(class_of("eth_sendRawTransaction"), MethodClass::transaction);
    EXPECT_EQ(class_of("eth_sendRawTransactionSync"), MethodClass::transaction);
    EXPECT_EQ(class_of("eth_getTransactionReceipt"), MethodClass::status);
    EXPECT_EQ(class_of("cairn_nodeStatus"), MethodClass::status);
    EXPECT_EQ(class_of("eth_call"), MethodClass::run);
    EXPECT_EQ(class_of("eth_getLogs"), MethodClass::history);
    EXPECT_EQ(class_of("debug_traceBlockByHash"), MethodClass::trace);
    EXPECT_EQ(class_of("eth_subscribe"), MethodClass::subscription);
    EXPECT_EQ(class_of("eth_getBalance"), MethodClass::query);
}

TEST_F(FlowTest, client_gets_its_burst_then_its_rate_and_is_told_when_to_come_back) {
    Flow flow(limits);
    EXPECT_FALSE(flow.admit("a", MethodClass::query, 19, now));
    EXPECT_FALSE(flow.admit("a", MethodClass::query, 1, now)) << "limit";
    const auto throttle = flow.admit("a", MethodClass::query, 1, now);
    ASSERT_TRUE(throttle) << "limit + 1";
    EXPECT_EQ(throttle->why, Throttle::Why::client);
    EXPECT_EQ(throttle->retry_after, milliseconds{101});
    EXPECT_FALSE(flow.admit("a", MethodClass::query, 1, now + throttle->retry_after));
}

TEST_F(FlowTest, client_takes_nothing_from_another_nor_one_class_from_another) {
    Flow flow(limits);
    while (!flow.admit("a", MethodClass::trace, 1, now)) {
    }
    EXPECT_FALSE(flow.admit("a", MethodClass::transaction, 1, now));
    EXPECT_FALSE(flow.admit("b", MethodClass::trace, 1, now));
    EXPECT_EQ(flow.counters(now).throttled[static_cast<std::size_t>(MethodClass::trace)], 1u);
}

TEST_F(FlowTest, bodies_are_counted_before_they_are_parsed) {
    Flow flow(limits);
    EXPECT_FALSE(flow.admit_body("a", 1'999, now));
    EXPECT_FALSE(flow.admit_body("a", 1, now));
    EXPECT_TRUE(flow.admit_body("a", 1, now));
    EXPECT_FALSE(flow.admit_body("a", 1'000, now + seconds{1}));
}

TEST_F(FlowTest, who_goes_on_sending_to_a_full_pool_is_refused_before_the_work) {
    Flow flow(limits);
    EXPECT_FALSE(flow.admit("a", MethodClass::transaction, 1, now));
    flow.charge("a", MethodClass::transaction, 25, now);
    EXPECT_TRUE(flow.admit("a", MethodClass::transaction, 1, now));
    EXPECT_FALSE(flow.admit("a", MethodClass::query, 1, now));
    for (int i = 0; i < 1'000; ++i) flow.charge("a", MethodClass::transaction, 25, now);
    EXPECT_FALSE(flow.admit("a", MethodClass::transaction, 1, now + seconds{3})) << "the debt is bounded";
}

TEST_F(FlowTest, table_of_clients_is_bounded) {
    Flow flow(limits);
    for (int i = 0; i < 100; ++i) (void)flow.admit(std::to_string(i), MethodClass::query, 1, now);
    EXPECT_EQ(flow.counters(now).clients, 3u);
    EXPECT_TRUE(flow.admit("another", MethodClass::query, 1, now)) << "97 have used up the common budget";
    EXPECT_FALSE(flow.admit("0", MethodClass::query, 1, now));
    EXPECT_FALSE(flow.admit("later", MethodClass::query, 1, now + seconds{100}));
}

TEST_F(FlowTest, overload_gives_up_subscriptions_first_and_transactions_never) {
    for (auto& rate : limits.requests) rate = {1'000'000, 1'000'000};
    Flow flow(limits);
    const std::vector<MethodClass> order{MethodClass::subscription, MethodClass::trace, MethodClass::history,
                                         MethodClass::run, MethodClass::query};
    flow.waited({}, now);
    for (std::size_t given_up = 1; given_up <= order.size(); ++given_up) {
        now += limits.delay_interval;
        flow.waited(milliseconds{80}, now);
        now += limits.delay_interval;
        flow.waited(milliseconds{80}, now); // closes the interval before
        EXPECT_GE(flow.counters(now).overload_level, given_up);
        for (std::size_t i = 0; i < given_up; ++i) EXPECT_FALSE(admits(flow, order[i])) << given_up;
        EXPECT_TRUE(admits(flow, MethodClass::transaction));
        EXPECT_TRUE(admits(flow, MethodClass::status));
    }
    const auto throttle = flow.admit("a", MethodClass::trace, 1, now);
    ASSERT_TRUE(throttle);
    EXPECT_EQ(throttle->why, Throttle::Why::overload);
    EXPECT_GT(throttle->retry_after, milliseconds{0});
}

TEST_F(FlowTest, overload_ends_when_the_queue_drains) {
    Flow flow(limits);
    wait(flow, milliseconds{500}, 12);
    EXPECT_FALSE(admits(flow, MethodClass::query));
    for (int i = 0; i < 12; ++i) {
        now += limits.delay_interval;
        (void)flow.counters(now);
    }
    EXPECT_EQ(flow.counters(now).overload_level, 0u);
    EXPECT_TRUE(admits(flow, MethodClass::subscription));
}

TEST_F(FlowTest, one_job_that_did_not_wait_shows_that_a_burst_has_drained) {
    Flow flow(limits);
    flow.waited({}, now);
    for (int i = 0; i < 20; ++i) {
        now += limits.delay_interval / 2;
        flow.waited(i % 2 == 0 ? milliseconds{400} : milliseconds{1}, now);
    }
    EXPECT_LE(flow.counters(now).overload_level, 1u);
}

TEST_F(FlowTest, delay_at_the_target_is_no_overload) {
    Flow flow(limits);
    wait(flow, limits.delay_target, 10);
    EXPECT_EQ(flow.counters(now).overload_level, 0u);
    wait(flow, limits.delay_target + Microseconds{1}, 10);
    EXPECT_GT(flow.counters(now).overload_level, 0u);
}

} // namespace
} // namespace cairn::rpc
