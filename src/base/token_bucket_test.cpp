#include "base/token_bucket.hpp"

#include <gtest/gtest.h>

namespace cairn {
namespace {

using std::chrono::seconds;

TEST(TokenBucket, gives_its_burst_and_not_one_more) {
    TokenBucket bucket({10, 5}, {});
    for (int i = 0; i < 5; ++i) EXPECT_TRUE(bucket.take(1, {}));
    EXPECT_FALSE(bucket.take(1, {}));
    EXPECT_EQ(bucket.wait_for(1, {}), Microseconds{100'001});
    EXPECT_FALSE(bucket.take(1, Microseconds{99'000}));
    EXPECT_TRUE(bucket.take(1, Microseconds{101'000}));
}

TEST(TokenBucket, keeps_no_more_than_its_burst) {
    TokenBucket bucket({1'000, 5}, {});
    EXPECT_TRUE(bucket.take(5, seconds{100}));
    EXPECT_FALSE(bucket.take(1, seconds{100}));
}

TEST(TokenBucket, lets_a_large_piece_pass_when_full_and_waits_for_its_debt) {
    TokenBucket bucket({10, 10}, {});
    EXPECT_TRUE(bucket.take(25, {}));
    EXPECT_FALSE(bucket.take(1, seconds{1}));
    EXPECT_TRUE(bucket.take(1, Microseconds{1'700'000}));
}

TEST(TokenBucket, bounds_the_debt) {
    TokenBucket bucket({10, 10}, {});
    for (int i = 0; i < 1'000; ++i) bucket.charge(10, {}, 2);
    EXPECT_LE(bucket.wait_for(1, {}), Microseconds{2'200'000});
    EXPECT_FALSE(bucket.is_full(seconds{2}));
    EXPECT_TRUE(bucket.is_full(seconds{4}));
}

TEST(TokenBucket, takes_no_harm_from_a_clock_that_stands) {
    TokenBucket bucket({10, 1}, seconds{5});
    EXPECT_TRUE(bucket.take(1, seconds{5}));
    EXPECT_FALSE(bucket.take(1, seconds{4}));
    EXPECT_FALSE(bucket.take(1, seconds{5}));
}

TEST(TokenBucket, without_a_rate_never_fills_again) {
    TokenBucket bucket({0, 1}, {});
    EXPECT_TRUE(bucket.take(1, {}));
    EXPECT_FALSE(bucket.take(1, seconds{10'000}));
}

} // namespace
} // namespace cairn
