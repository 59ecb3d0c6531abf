#include "base/u256.hpp"

namespace cairn {
namespace {

using Wide = unsigned __int128;

std::uint64_t low(Wide value) { return static_cast<std::uint64_t>(value); }
std::uint64_t high(Wide value) { return static_cast<std::uint64_t>(value >> 64); }
Wide join(std::uint64_t upper, std::uint64_t lower) { return static_cast<Wide>(upper) << 64 | lower; }

// Division by multiplication with a reciprocal: N. Moeller, T. Granlund, "Improved division by invariant integers", 2011.
// Divisors are normalized: their top bit is set.

/// floor((2^128 - 1) / divisor) - 2^64. (Algorithm 2 computes it without a division; one hardware division is as good.)
std::uint64_t reciprocal(std::uint64_t divisor) {
#if defined(__x86_64__)
    std::uint64_t quotient = 0;
    std::uint64_t rest = 0;
    // The quotient fits: the upper word, ~divisor, is below a normalized divisor.
    __asm__("divq %[divisor]"
            : "=a"(quotient), "=d"(rest)
            : [divisor] "r"(divisor), "a"(~std::uint64_t{0}), "d"(~divisor)
            : "cc");
    return quotient;
#else
    return low(join(~divisor, ~std::uint64_t{0}) / divisor);
#endif
}

/// The same for a divisor of two limbs: floor((2^192 - 1) / (d1, d0)) - 2^64 (algorithm 6).
std::uint64_t reciprocal(std::uint64_t d1, std::uint64_t d0) {
    auto v = reciprocal(d1);
    auto p = d1 * v + d0;
    if (p < d0) {
        --v;
        if (p >= d1) {
            --v;
            p -= d1;
        }
        p -= d1;
    }
    const auto t = static_cast<Wide>(v) * d0;
    p += high(t);
    if (p < high(t)) {
        --v;
        if (join(p, low(t)) >= join(d1, d0)) --v;
    }
    return v;
}

/// Divides (u1, u0) with u1 < d; `u1` becomes the remainder (algorithm 4).
std::uint64_t divide_2_by_1(std::uint64_t& u1, std::uint64_t u0, std::uint64_t d, std::uint64_t v) {
    const auto q = static_cast<Wide>(v) * u1 + join(u1, u0);
    auto quotient = high(q) + 1;
    auto rest = u0 - quotient * d;
    if (rest > low(q)) {
        --quotient;
        rest += d;
    }
    if (rest >= d) [[unlikely]] {
        ++quotient;
        rest -= d;
    }
    u1 = rest;
    return quotient;
}

/// Divides (u2, u1, u0) with (u2, u1) < d; gives the remainder in `rest` (algorithm 5).
std::uint64_t divide_3_by_2(Wide& rest, std::uint64_t u2, std::uint64_t u1, std::uint64_t u0, Wide d, std::uint64_t v) {
    const auto q = static_cast<Wide>(v) * u2 + join(u2, u1);
    auto quotient = high(q);
    const auto upper = u1 - quotient * high(d);
    auto r = join(upper, u0) - static_cast<Wide>(quotient) * low(d) - d;
    ++quotient;
    if (high(r) >= low(q)) {
        --quotient;
        r += d;
    }
    if (r >= d) [[unlikely]] {
        ++quotient;
        r -= d;
    }
    rest = r;
    return quotient;
}

template <std::size_t N>
struct LongDivision {
    std::array<std::uint64_t, N> quotient{};
    U256 remainder;
};

/// An N-limb number divided by a U256: Knuth, TAOCP vol. 2, 4.3.1, algorithm D. Both zero for a zero divisor.
template <std::size_t N>
LongDivision<N> divide_limbs(const std::array<std::uint64_t, N>& dividend, const U256& divisor) {
    LongDivision<N> out;
    std::size_t m = N;
    while (m > 0 && dividend[m - 1] == 0) --m;
    std::size_t n = 4;
    while (n > 0 && divisor.limb[n - 1] == 0) --n;
    if (n == 0) return out;
    if (m < n) {
        for (std::size_t i = 0; i < m; ++i) out.remainder.limb[i] = dividend[i];
        return out;
    }

    // Normalized: v has its top bit set, u one limb more.
    const auto shift = static_cast<unsigned>(std::countl_zero(divisor.limb[n - 1]));
    const auto rest = 63 - shift;
    std::array<std::uint64_t, 4> v{};
    std::array<std::uint64_t, N + 1> u{};
    for (std::size_t i = n; i-- > 0;) v[i] = divisor.limb[i] << shift | (i > 0 ? divisor.limb[i - 1] >> 1 >> rest : 0);
    u[m] = dividend[m - 1] >> 1 >> rest;
    for (std::size_t i = m; i-- > 0;) u[i] = dividend[i] << shift | (i > 0 ? dividend[i - 1] >> 1 >> rest : 0);

    if (n == 1) {
        const auto inverse = reciprocal(v[0]);
        auto remainder = u[m];
        for (std::size_t i = m; i-- > 0;) out.quotient[i] = divide_2_by_1(remainder, u[i], v[0], inverse);
        out.remainder.limb[0] = remainder >> shift;
        return out;
    }

    const auto top = join(v[n - 1], v[n - 2]);
    const auto inverse = reciprocal(v[n - 1], v[n - 2]);
    for (std::size_t j = m - n + 1; j-- > 0;) {
        const auto lead = join(u[j + n], u[j + n - 1]);
        auto digit = ~std::uint64_t{0};
        Wide remainder = 0;
        std::size_t exact = 0; // limbs of the divisor that the estimate has accounted for
        if (lead != top) [[likely]] {
            digit = divide_3_by_2(remainder, u[j + n], u[j + n - 1], u[j + n - 2], top, inverse);
            exact = 2;
        }
        std::uint64_t carry = 0;
        for (std::size_t i = 0; i < n - exact; ++i) {
            const auto product = static_cast<Wide>(digit) * v[i] + carry;
            carry = high(product) + (u[i + j] < low(product) ? 1 : 0);
            u[i + j] -= low(product);
        }
        bool is_negative = false;
        if (exact == 2) {
            is_negative = remainder < carry;
            remainder -= carry;
            u[j + n - 2] = low(remainder);
            u[j + n - 1] = high(remainder);
        } else {
            is_negative = u[j + n] < carry;
        }
        u[j + n] = 0;
        if (is_negative) [[unlikely]] {
            --digit;
            std::uint8_t back = 0;
            for (std::size_t i = 0; i < n; ++i) u[i + j] = add_carry(u[i + j], v[i], back);
        }
        out.quotient[j] = digit;
    }
    for (std::size_t i = 0; i < n; ++i) out.remainder.limb[i] = u[i] >> shift | (i + 1 < n ? u[i + 1] << 1 << rest : 0);
    return out;
}

} // namespace

U256Division divide(const U256& dividend, const U256& divisor) {
    if (dividend.fits_u64() && divisor.fits_u64()) {
        if (!divisor) return {};
        return {dividend.low() / divisor.low(), dividend.low() % divisor.low()};
    }
    const auto result = divide_limbs(dividend.limb, divisor);
    return {{result.quotient[0], result.quotient[1], result.quotient[2], result.quotient[3]}, result.remainder};
}

U256 add_mod(const U256& a, const U256& b, const U256& m) {
    std::uint8_t carry = 0;
    std::array<std::uint64_t, 5> sum{};
    for (std::size_t i = 0; i < 4; ++i) sum[i] = add_carry(a.limb[i], b.limb[i], carry);
    sum[4] = carry;
    // The common case, arguments below a modulus of 256 bits, needs one subtraction at most.
    if (m.limb[3] != 0 && a < m && b < m) {
        const U256 wrapped{sum[0], sum[1], sum[2], sum[3]};
        return carry != 0 || wrapped >= m ? wrapped - m : wrapped;
    }
    return divide_limbs(sum, m).remainder;
}

U256 mul_mod(const U256& a, const U256& b, const U256& m) {
    std::array<std::uint64_t, 8> product{};
    for (std::size_t i = 0; i < 4; ++i) {
        std::uint64_t carry = 0;
#pragma GCC unroll 4
        for (std::size_t j = 0; j < 4; ++j) {
            const auto wide = static_cast<Wide>(a.limb[i]) * b.limb[j] + product[i + j] + carry;
            product[i + j] = low(wide);
            carry = high(wide);
        }
        product[i + 4] = carry;
    }
    return divide_limbs(product, m).remainder;
}

U256 power(const U256& base, const U256& exponent) {
    U256 result = 1;
    for (unsigned i = exponent.bit_length(); i-- > 0;) {
        result = result * result;
        if ((exponent.limb[i / 64] >> (i % 64) & 1) != 0) result = result * base;
    }
    return result;
}

Bytes to_minimal_big_endian(const U256& value) {
    const auto full = to_big_endian(value);
    return {full.begin() + (32 - value.byte_length()), full.end()};
}

std::string to_quantity(const U256& value) {
    const auto digits = to_hex_digits(to_minimal_big_endian(value));
    if (digits.empty()) return "0x0";
    return "0x" + (digits[0] == '0' ? digits.substr(1) : digits);
}

std::string to_quantity(std::uint64_t value) { return to_quantity(U256{value}); }

std::optional<U256> from_quantity(std::string_view text) {
    if (text.size() < 3 || text.size() > 66 || text[0] != '0' || (text[1] != 'x' && text[1] != 'X'))
        return std::nullopt;
    std::string padded = "0x";
    padded.append(66 - text.size(), '0').append(text.substr(2));
    const auto bytes = from_hex(padded);
    if (!bytes) return std::nullopt;
    return from_big_endian(*bytes);
}

std::string to_decimal(const U256& value) {
    if (!value) return "0";
    std::string out;
    U256 rest = value;
    while (rest) {
        const auto step = divide(rest, 10);
        out.push_back(static_cast<char>('0' + step.remainder.low()));
        rest = step.quotient;
    }
    std::reverse(out.begin(), out.end());
    return out;
}

std::optional<U256> from_decimal(std::string_view text) {
    if (text.empty() || text.size() > 78) return std::nullopt;
    static const U256 kLimit = ~U256{} / 10;
    U256 out;
    for (const char c : text) {
        if (c < '0' || c > '9') return std::nullopt;
        if (out > kLimit) return std::nullopt;
        const U256 tenfold = out * 10;
        out = tenfold + static_cast<std::uint64_t>(c - '0');
        if (out < tenfold) return std::nullopt;
    }
    return out;
}

} // namespace cairn
