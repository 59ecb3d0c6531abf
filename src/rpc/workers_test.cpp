#include "rpc/workers.hpp"

#include <gtest/gtest.h>

#include <atomic>
#include <future>

namespace cairn::rpc {
namespace {

TEST(Workers, keep_one_thread_for_normal_jobs) {
    Workers workers(2, 10);
    std::promise<void> release;
    auto released = release.get_future().share();
    std::atomic<int> slow = 0;
    for (int i = 0; i < 3; ++i)
        ASSERT_TRUE(workers.post(Pace::slow, [&] {
            released.wait();
            ++slow;
        }));
    std::promise<void> ran;
    ASSERT_TRUE(workers.post(Pace::normal, [&] { ran.set_value(); }));
    ran.get_future().wait(); // although three slow jobs came first
    EXPECT_EQ(slow, 0);
    release.set_value();
    workers.stop();
    EXPECT_EQ(slow, 3);
}

TEST(Workers, refuse_what_exceeds_the_queue) {
    Workers workers(2, 2);
    std::promise<void> release;
    auto released = release.get_future().share();
    std::promise<void> started;
    ASSERT_TRUE(workers.post(Pace::slow, [&] {
        started.set_value();
        released.wait();
    }));
    started.get_future().wait();
    ASSERT_TRUE(workers.post(Pace::slow, [] {}));
    ASSERT_TRUE(workers.post(Pace::slow, [] {}));
    EXPECT_FALSE(workers.post(Pace::slow, [] {}));
    EXPECT_TRUE(workers.post(Pace::normal, [] {}));
    release.set_value();
    workers.stop();
    EXPECT_FALSE(workers.post(Pace::normal, [] {}));
}

} // namespace
} // namespace cairn::rpc
