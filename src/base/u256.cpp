#include "base/u256.hpp"

namespace cairn {
namespace {

// Division of an n-limb number by a U256 after Knuth, TAOCP vol. 2, 4.3.1, algorithm D, with 64-bit limbs.
template <std::size_t N>
struct LongDivision {
    std::array<std::uint64_t, N> quotient{};
    U256 remainder;
};

template <std::size_t N>
LongDivision<N> divide_limbs(const std::array<std::uint64_t, N>& dividend, const U256& divisor) {
    using Wide = unsigned __int128;
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
    if (n == 1) {
        Wide rest = 0;
        for (std::size_t i = m; i-- > 0;) {
            rest = rest << 64 | dividend[i];
            out.quotient[i] = static_cast<std::uint64_t>(rest / divisor.limb[0]);
            rest %= divisor.limb[0];
        }
        out.remainder.limb[0] = static_cast<std::uint64_t>(rest);
        return out;
    }

    const auto shift = static_cast<unsigned>(std::countl_zero(divisor.limb[n - 1]));
    std::array<std::uint64_t, 4> v{};
    std::array<std::uint64_t, N + 1> u{};
    for (std::size_t i = n; i-- > 0;) {
        v[i] = divisor.limb[i] << shift;
        if (shift != 0 && i > 0) v[i] |= divisor.limb[i - 1] >> (64 - shift);
    }
    if (shift != 0) u[m] = dividend[m - 1] >> (64 - shift);
    for (std::size_t i = m; i-- > 0;) {
        u[i] = dividend[i] << shift;
        if (shift != 0 && i > 0) u[i] |= dividend[i - 1] >> (64 - shift);
    }

    for (std::size_t j = m - n + 1; j-- > 0;) {
        const Wide numerator = static_cast<Wide>(u[j + n]) << 64 | u[j + n - 1];
        Wide estimate = u[j + n] >= v[n - 1] ? static_cast<Wide>(~std::uint64_t{0}) : numerator / v[n - 1];
        Wide rest = numerator - estimate * v[n - 1];
        while ((rest >> 64) == 0 && estimate * v[n - 2] > (rest << 64 | u[j + n - 2])) {
            --estimate;
            rest += v[n - 1];
        }
        std::uint64_t borrow = 0;
        std::uint64_t carry = 0;
        for (std::size_t i = 0; i < n; ++i) {
            const Wide product = estimate * v[i] + carry;
            carry = static_cast<std::uint64_t>(product >> 64);
            const Wide difference = static_cast<Wide>(u[i + j]) - static_cast<std::uint64_t>(product) - borrow;
            u[i + j] = static_cast<std::uint64_t>(difference);
            borrow = static_cast<std::uint64_t>(difference >> 64) & 1;
        }
        const Wide difference = static_cast<Wide>(u[j + n]) - carry - borrow;
        u[j + n] = static_cast<std::uint64_t>(difference);
        if ((difference >> 64) != 0) {
            --estimate;
            std::uint64_t back = 0;
            for (std::size_t i = 0; i < n; ++i) {
                const Wide sum = static_cast<Wide>(u[i + j]) + v[i] + back;
                u[i + j] = static_cast<std::uint64_t>(sum);
                back = static_cast<std::uint64_t>(sum >> 64);
            }
            u[j + n] += back;
        }
        out.quotient[j] = static_cast<std::uint64_t>(estimate);
    }
    for (std::size_t i = 0; i < n; ++i) {
        out.remainder.limb[i] = u[i] >> shift;
        if (shift != 0) out.remainder.limb[i] |= u[i + 1] << (64 - shift);
    }
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
    std::array<std::uint64_t, 5> sum{};
    unsigned __int128 carry = 0;
    for (int i = 0; i < 4; ++i) {
        carry += static_cast<unsigned __int128>(a.limb[i]) + b.limb[i];
        sum[i] = static_cast<std::uint64_t>(carry);
        carry >>= 64;
    }
    sum[4] = static_cast<std::uint64_t>(carry);
    return divide_limbs(sum, m).remainder;
}

U256 mul_mod(const U256& a, const U256& b, const U256& m) {
    std::array<std::uint64_t, 8> product{};
    for (int i = 0; i < 4; ++i) {
        std::uint64_t carry = 0;
        for (int j = 0; j < 4; ++j) {
            const auto wide = static_cast<unsigned __int128>(a.limb[i]) * b.limb[j] + product[i + j] + carry;
            product[i + j] = static_cast<std::uint64_t>(wide);
            carry = static_cast<std::uint64_t>(wide >> 64);
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
