// Unsigned 256-bit integers with the wrap-around arithmetic of the Ethereum yellow paper.
#pragma once

#include "base/bytes.hpp"

#include <bit>
#include <type_traits>

namespace cairn {

/// Four 64-bit limbs, least significant first. All arithmetic is modulo 2^256.
struct U256 {
    std::array<std::uint64_t, 4> limb{};

    constexpr U256() = default;
    constexpr U256(std::uint64_t low) : limb{low, 0, 0, 0} {}
    constexpr U256(std::uint64_t l0, std::uint64_t l1, std::uint64_t l2, std::uint64_t l3) : limb{l0, l1, l2, l3} {}

    constexpr bool operator==(const U256& other) const {
        return ((limb[0] ^ other.limb[0]) | (limb[1] ^ other.limb[1]) | (limb[2] ^ other.limb[2]) |
                (limb[3] ^ other.limb[3])) == 0;
    }
    constexpr std::strong_ordering operator<=>(const U256& other) const {
        for (int i = 3; i >= 0; --i)
            if (limb[i] != other.limb[i]) return limb[i] <=> other.limb[i];
        return std::strong_ordering::equal;
    }
    constexpr explicit operator bool() const { return (limb[0] | limb[1] | limb[2] | limb[3]) != 0; }
    /// True if the value is below 2^64.
    constexpr bool fits_u64() const { return (limb[1] | limb[2] | limb[3]) == 0; }
    constexpr std::uint64_t low() const { return limb[0]; }
    /// Number of significant bits; 0 for zero.
    constexpr unsigned bit_length() const {
        for (int i = 3; i >= 0; --i)
            if (limb[i] != 0) return static_cast<unsigned>(i * 64 + 64 - std::countl_zero(limb[i]));
        return 0;
    }
    constexpr unsigned byte_length() const { return (bit_length() + 7) / 8; }
};

/// x + y + carry, and the new carry in its place. The compilers see a chain of these as the processor's add-with-carry.
constexpr std::uint64_t add_carry(std::uint64_t x, std::uint64_t y, std::uint8_t& carry) {
#if defined(__x86_64__)
    if (!std::is_constant_evaluated()) {
        unsigned long long sum = 0;
        carry = __builtin_ia32_addcarryx_u64(carry, x, y, &sum);
        return sum;
    }
#endif
    const auto wide = static_cast<unsigned __int128>(x) + y + carry;
    carry = static_cast<std::uint8_t>(wide >> 64);
    return static_cast<std::uint64_t>(wide);
}
/// x - y - borrow, and the new borrow in its place.
constexpr std::uint64_t subtract_borrow(std::uint64_t x, std::uint64_t y, std::uint8_t& borrow) {
#if defined(__x86_64__)
    if (!std::is_constant_evaluated()) {
        unsigned long long difference = 0;
#if defined(__clang__)
        borrow = __builtin_ia32_subborrow_u64(borrow, x, y, &difference);
#else
        borrow = __builtin_ia32_sbb_u64(borrow, x, y, &difference);
#endif
        return difference;
    }
#endif
    const auto wide = static_cast<unsigned __int128>(x) - y - borrow;
    borrow = static_cast<std::uint8_t>(wide >> 64) & 1;
    return static_cast<std::uint64_t>(wide);
}

// Written out limb by limb: GCC 12 keeps loops over four limbs, and then the result in memory.
constexpr U256 operator+(const U256& a, const U256& b) {
    std::uint8_t carry = 0;
    const auto l0 = add_carry(a.limb[0], b.limb[0], carry);
    const auto l1 = add_carry(a.limb[1], b.limb[1], carry);
    const auto l2 = add_carry(a.limb[2], b.limb[2], carry);
    const auto l3 = add_carry(a.limb[3], b.limb[3], carry);
    return {l0, l1, l2, l3};
}
constexpr U256 operator-(const U256& a, const U256& b) {
    std::uint8_t borrow = 0;
    const auto l0 = subtract_borrow(a.limb[0], b.limb[0], borrow);
    const auto l1 = subtract_borrow(a.limb[1], b.limb[1], borrow);
    const auto l2 = subtract_borrow(a.limb[2], b.limb[2], borrow);
    const auto l3 = subtract_borrow(a.limb[3], b.limb[3], borrow);
    return {l0, l1, l2, l3};
}
constexpr bool operator<(const U256& a, const U256& b) {
    std::uint8_t borrow = 0;
    subtract_borrow(a.limb[0], b.limb[0], borrow);
    subtract_borrow(a.limb[1], b.limb[1], borrow);
    subtract_borrow(a.limb[2], b.limb[2], borrow);
    subtract_borrow(a.limb[3], b.limb[3], borrow);
    return borrow != 0;
}
constexpr bool operator>(const U256& a, const U256& b) { return b < a; }
constexpr bool operator<=(const U256& a, const U256& b) { return !(b < a); }
constexpr bool operator>=(const U256& a, const U256& b) { return !(a < b); }
constexpr U256 operator~(const U256& a) { return {~a.limb[0], ~a.limb[1], ~a.limb[2], ~a.limb[3]}; }
constexpr U256 operator-(const U256& a) { return U256{} - a; }
constexpr U256 operator&(const U256& a, const U256& b) {
    return {a.limb[0] & b.limb[0], a.limb[1] & b.limb[1], a.limb[2] & b.limb[2], a.limb[3] & b.limb[3]};
}
constexpr U256 operator|(const U256& a, const U256& b) {
    return {a.limb[0] | b.limb[0], a.limb[1] | b.limb[1], a.limb[2] | b.limb[2], a.limb[3] | b.limb[3]};
}
constexpr U256 operator^(const U256& a, const U256& b) {
    return {a.limb[0] ^ b.limb[0], a.limb[1] ^ b.limb[1], a.limb[2] ^ b.limb[2], a.limb[3] ^ b.limb[3]};
}
constexpr U256 operator*(const U256& a, const U256& b) {
    using Wide = unsigned __int128;
    const auto low = [](Wide wide) { return static_cast<std::uint64_t>(wide); };
    const auto p00 = Wide{a.limb[0]} * b.limb[0];
    const auto p01 = Wide{a.limb[0]} * b.limb[1];
    const auto p10 = Wide{a.limb[1]} * b.limb[0];
    const auto second = (p00 >> 64) + low(p01) + low(p10);
    // The upper half, modulo 2^128.
    auto upper = (second >> 64) + (p01 >> 64) + (p10 >> 64);
    upper += Wide{a.limb[0]} * b.limb[2] + Wide{a.limb[1]} * b.limb[1] + Wide{a.limb[2]} * b.limb[0];
    const auto top = a.limb[0] * b.limb[3] + a.limb[1] * b.limb[2] + a.limb[2] * b.limb[1] + a.limb[3] * b.limb[0];
    upper += Wide{top} << 64;
    return {low(p00), low(second), low(upper), low(upper >> 64)};
}
/// Shifts by 256 or more give zero.
constexpr U256 operator<<(const U256& a, unsigned shift) {
    const unsigned bits = shift % 64;
    const unsigned rest = 63 - bits; // what is shifted out of a limb: first by one, so that 64 never occurs
    const auto l0 = a.limb[0] << bits;
    const auto l1 = a.limb[1] << bits | a.limb[0] >> 1 >> rest;
    if (shift >= 128) {
        if (shift >= 256) return {};
        return shift < 192 ? U256{0, 0, l0, l1} : U256{0, 0, 0, l0};
    }
    const auto l2 = a.limb[2] << bits | a.limb[1] >> 1 >> rest;
    if (shift >= 64) return {0, l0, l1, l2};
    return {l0, l1, l2, a.limb[3] << bits | a.limb[2] >> 1 >> rest};
}
constexpr U256 operator>>(const U256& a, unsigned shift) {
    const unsigned bits = shift % 64;
    const unsigned rest = 63 - bits;
    const auto l3 = a.limb[3] >> bits;
    const auto l2 = a.limb[2] >> bits | a.limb[3] << 1 << rest;
    if (shift >= 128) {
        if (shift >= 256) return {};
        return shift < 192 ? U256{l2, l3, 0, 0} : U256{l3, 0, 0, 0};
    }
    const auto l1 = a.limb[1] >> bits | a.limb[2] << 1 << rest;
    if (shift >= 64) return {l1, l2, l3, 0};
    return {a.limb[0] >> bits | a.limb[1] << 1 << rest, l1, l2, l3};
}
constexpr U256& operator+=(U256& a, const U256& b) { return a = a + b; }
constexpr U256& operator-=(U256& a, const U256& b) { return a = a - b; }

struct U256Division {
    U256 quotient;
    U256 remainder;
};
/// Quotient and remainder; both zero for a zero divisor, as the EVM defines it.
U256Division divide(const U256& dividend, const U256& divisor);
inline U256 operator/(const U256& a, const U256& b) { return divide(a, b).quotient; }
inline U256 operator%(const U256& a, const U256& b) { return divide(a, b).remainder; }
/// (a + b) mod m and (a * b) mod m without wrapping; zero for m = 0.
U256 add_mod(const U256& a, const U256& b, const U256& m);
U256 mul_mod(const U256& a, const U256& b, const U256& m);
U256 power(const U256& base, const U256& exponent);

/// 32 bytes, most significant first.
constexpr Hash256 to_big_endian(const U256& value) {
    Hash256 out;
    for (unsigned i = 0; i < 32; ++i) out.bytes[31 - i] = static_cast<std::uint8_t>(value.limb[i / 8] >> (8 * (i % 8)));
    return out;
}
/// Without leading zero bytes; empty for zero.
Bytes to_minimal_big_endian(const U256& value);
/// At most 32 bytes, most significant first; longer input is a caller's bug and keeps the last 32 bytes.
constexpr U256 from_big_endian(BytesView bytes) {
    U256 out;
    std::size_t position = 0;
    for (std::size_t i = bytes.size(); i > 0 && position < 32; --i, ++position)
        out.limb[position / 8] |= static_cast<std::uint64_t>(bytes[i - 1]) << (8 * (position % 8));
    return out;
}

/// JSON-RPC quantity: "0x0", "0x1f"; no leading zeros.
std::string to_quantity(const U256& value);
std::string to_quantity(std::uint64_t value);
/// Accepts a quantity of 1 to 64 hex digits after "0x" (leading zeros allowed); nothing for anything else.
std::optional<U256> from_quantity(std::string_view text);
std::string to_decimal(const U256& value);
/// Digits only, below 2^256.
std::optional<U256> from_decimal(std::string_view text);

} // namespace cairn
