#include "base/u256.hpp"

#include <gtest/gtest.h>
#include <random>

namespace cairn {

TEST(U256, quotient_times_divisor_plus_remainder_is_the_dividend) {
    std::mt19937_64 random{7};
    const auto any = [&] {
        return U256{random(), random(), random(), random()} >> static_cast<unsigned>(random() % 256);
    };
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

// Limbs of all ones, zeros and single bits are where estimates of quotient digits go wrong.
TEST(U256, division_is_right_at_the_edges_of_limbs) {
    std::mt19937_64 random{9};
    const auto limb = [&]() -> std::uint64_t {
        switch (random() % 6) {
        case 0: return 0;
        case 1: return ~std::uint64_t{0};
        case 2: return std::uint64_t{1} << 63;
        case 3: return 1;
        case 4: return ~std::uint64_t{0} - random() % 3;
        default: return random();
        }
    };
    const auto any = [&] { return U256{limb(), limb(), limb(), limb()} >> static_cast<unsigned>(random() % 4 * 64); };
    for (int i = 0; i < 200'000; ++i) {
        const auto a = any();
        const auto b = any();
        const auto m = any();
        if (!m) continue;
        const auto [quotient, remainder] = divide(a, m);
        ASSERT_LT(remainder, m);
        ASSERT_EQ(quotient * m + remainder, a);
        // a b = (a mod m)(b mod m); and (a + 1) b = a b + b, modulo m.
        const auto product = mul_mod(a, b, m);
        ASSERT_LT(product, m);
        ASSERT_EQ(product, mul_mod(a % m, b % m, m));
        ASSERT_EQ(add_mod(product, b, m), mul_mod(add_mod(a, 1, m), b, m));
        const auto sum = add_mod(a, b, m);
        ASSERT_EQ(sum, add_mod(a % m, b % m, m));
        ASSERT_EQ(add_mod(sum, m - b % m, m), a % m);
    }
    EXPECT_EQ(mul_mod(5, 6, 0), U256{});
    EXPECT_EQ(add_mod(5, 6, 0), U256{});
}

TEST(U256, order_agrees_with_the_sign_of_the_difference) {
    std::mt19937_64 random{10};
    for (int i = 0; i < 20'000; ++i) {
        const U256 a{random() % 3, random() % 3, random() % 3, random() % 3};
        const U256 b{random() % 3, random() % 3, random() % 3, random() % 3};
        const bool is_less = (a <=> b) == std::strong_ordering::less;
        ASSERT_EQ(a < b, is_less);
        ASSERT_EQ(b > a, is_less);
        ASSERT_EQ(a >= b, !is_less);
        ASSERT_EQ(a == b, (a <=> b) == std::strong_ordering::equal);
        ASSERT_EQ((a - b) + b, a);
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
