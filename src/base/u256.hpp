// Unsigned 256-bit integers with the wrap-around arithmetic of the Ethereum yellow paper.
#pragma once

#include "base/bytes.hpp"

#include <bit>

namespace cairn {

/// Four 64-bit limbs, least significant first. All arithmetic is modulo 2^256.
struct U256 {
    std::array<std::uint64_t, 4> limb{};

    constexpr U256() = default;
    constexpr U256(std::uint64_t low) : limb{low, 0, 0, 0} {}
    constexpr U256(std::uint64_t l0, std::uint64_t l1, std::uint64_t l2, std::uint64_t l3) : limb{l0, l1, l2, l3} {}

    constexpr bool operator==(const U256&) const = default;
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

constexpr U256 operator+(const U256& a, const U256& b) {
    U256 out;
    unsigned __int128 carry = 0;
    for (int i = 0; i < 4; ++i) {
        carry += static_cast<unsigned __int128>(a.limb[i]) + b.limb[i];
        out.limb[i] = static_cast<std::uint64_t>(carry);
        carry >>= 64;
    }
    return out;
}
constexpr U256 operator-(const U256& a, const U256& b) {
    U256 out;
    std::uint64_t borrow = 0;
    for (int i = 0; i < 4; ++i) {
        const auto wide = static_cast<unsigned __int128>(a.limb[i]) - b.limb[i] - borrow;
        out.limb[i] = static_cast<std::uint64_t>(wide);
        borrow = static_cast<std::uint64_t>(wide >> 64) & 1;
    }
    return out;
}
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
    U256 out;
    for (int i = 0; i < 4; ++i) {
        std::uint64_t carry = 0;
        for (int j = 0; i + j < 4; ++j) {
            const auto wide = static_cast<unsigned __int128>(a.limb[i]) * b.limb[j] + out.limb[i + j] + carry;
            out.limb[i + j] = static_cast<std::uint64_t>(wide);
            carry = static_cast<std::uint64_t>(wide >> 64);
        }
    }
    return out;
}
/// Shifts by 256 or more give zero.
constexpr U256 operator<<(const U256& a, unsigned shift) {
    U256 out;
    if (shift >= 256) return out;
    const unsigned words = shift / 64;
    const unsigned bits = shift % 64;
    for (unsigned i = 3; i + 1 > words; --i) {
        out.limb[i] = a.limb[i - words] << bits;
        if (bits != 0 && i > words) out.limb[i] |= a.limb[i - words - 1] >> (64 - bits);
        if (i == 0) break;
    }
    return out;
}
constexpr U256 operator>>(const U256& a, unsigned shift) {
    U256 out;
    if (shift >= 256) return out;
    const unsigned words = shift / 64;
    const unsigned bits = shift % 64;
    for (unsigned i = 0; i + words < 4; ++i) {
        out.limb[i] = a.limb[i + words] >> bits;
        if (bits != 0 && i + words + 1 < 4) out.limb[i] |= a.limb[i + words + 1] << (64 - bits);
    }
    return out;
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
    for (unsigned i = 0; i < 32; ++i)
        out.bytes[31 - i] = static_cast<std::uint8_t>(value.limb[i / 8] >> (8 * (i % 8)));
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
