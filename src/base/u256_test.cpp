#include "base/u256.hpp"

#include <gtest/gtest.h>
#include <random>

namespace cairn {

TEST(U256, quotient_times_divisor_plus_remainder_is_the_dividend) {
    std::mt19937_64 random{7};
    const auto any = [&] { return U256{random(), random(), random(), random()} >> static_cast<unsigned>(random() % 256); };
    for (int i = 0; i < 20000; ++i) {
        const auto a = any();
        const auto b = any();
        if (!b) continue;
        const auto [quotient, remainder] = divide(a, b);
        EXPECT_LT(remainder, b);
        EXPECT_EQ(quotient * b + remainder, a);
    }
}

TEST(U256, modular_product_agrees_with_repeated_doubling) {
    std::mt19937_64 random{8};
    for (int i = 0; i < 2000; ++i) {
        const U256 m{random(), random(), random(), random()};
        const U256 a{random(), random(), random(), random()};
        const U256 b{random(), random(), random(), random() >> (random() % 64)};
        U256 expected;
        for (unsigned bit = b.bit_length(); bit-- > 0;) {
            expected = add_mod(expected, expected, m);
            if ((b.limb[bit / 64] >> (bit % 64) & 1) != 0) expected = add_mod(expected, a, m);
        }
        EXPECT_EQ(mul_mod(a, b, m), expected);
    }
}

TEST(U256, shifts_move_across_limbs_and_end_in_zero) {
    const U256 one = 1;
    for (unsigned i = 0; i < 256; ++i) {
        EXPECT_EQ((one << i).bit_length(), i + 1);
        EXPECT_EQ((one << i) >> i, one);
    }
    EXPECT_EQ(one << 256, U256{});
    EXPECT_EQ(~U256{} >> 255, one);
}

TEST(U256, text_forms_round_trip_and_refuse_what_is_not_a_number) {
    EXPECT_EQ(to_quantity(0), "0x0");
    EXPECT_EQ(to_quantity(0x1f), "0x1f");
    EXPECT_EQ(to_decimal(~U256{}), "115792089237316195423570985008687907853269984665640564039457584007913129639935");
    EXPECT_EQ(from_decimal("115792089237316195423570985008687907853269984665640564039457584007913129639935"), ~U256{});
    EXPECT_FALSE(from_decimal("115792089237316195423570985008687907853269984665640564039457584007913129639936"));
    EXPECT_FALSE(from_decimal(""));
    EXPECT_FALSE(from_quantity("0x"));
    EXPECT_FALSE(from_quantity("12"));
    EXPECT_EQ(from_quantity("0xfF"), U256{255});
}

} // namespace cairn
