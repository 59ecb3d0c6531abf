// A prime field in Montgomery form: x is kept as x * 2^(64 n) mod p, so that products need no division.
// P. L. Montgomery, "Modular multiplication without trial division", 1985; word-wise as in Koc et al., 1996 (CIOS).
//
// Not for secrets: inversion and comparison are not constant-time.
#pragma once

#include "base/assert.hpp"
#include "base/bytes.hpp"
#include "base/u256.hpp"

#include <array>
#include <gmp.h>

namespace cairn::evm {

/// `Parameters` has kModulus, an array of 64-bit limbs, least significant first, whose top bit is clear.
template <class Parameters>
class MontgomeryField {
public:
    static constexpr auto kModulus = Parameters::kModulus;
    static constexpr std::size_t kLimbs = kModulus.size();
    using Limbs = std::array<std::uint64_t, kLimbs>;
    static_assert(kModulus[kLimbs - 1] < (std::uint64_t{1} << 63) - 1, "the product below drops a carry");

    constexpr MontgomeryField() = default;
    static constexpr MontgomeryField one() { return MontgomeryField{kPowers[0]}; }
    static constexpr MontgomeryField from(std::uint64_t small) { return from_plain(Limbs{small}); }
    /// `plain` must be below the modulus.
    static constexpr MontgomeryField from_plain(const Limbs& plain) {
        return MontgomeryField{multiply(plain, kPowers[1])};
    }
    /// Big-endian, 8 bytes a limb; nothing unless below the modulus.
    static std::optional<MontgomeryField> from_bytes(BytesView bytes) {
        CRN_ASSERT(bytes.size() == 8 * kLimbs);
        Limbs plain{};
        for (std::size_t i = 0; i < kLimbs; ++i) {
            std::uint64_t limb = 0;
            std::memcpy(&limb, bytes.data() + 8 * (kLimbs - 1 - i), 8);
            plain[i] = __builtin_bswap64(limb);
        }
        if (!less(plain, kModulus)) return std::nullopt;
        return from_plain(plain);
    }
    constexpr Limbs plain() const { return multiply(limbs_, Limbs{1}); }
    void to_bytes(std::uint8_t* out) const {
        const auto value = plain();
        for (std::size_t i = 0; i < kLimbs; ++i) {
            const auto limb = __builtin_bswap64(value[kLimbs - 1 - i]);
            std::memcpy(out + 8 * i, &limb, 8);
        }
    }

    constexpr bool operator==(const MontgomeryField&) const = default;
    constexpr bool is_zero() const { return *this == MontgomeryField{}; }

    friend constexpr MontgomeryField operator+(const MontgomeryField& a, const MontgomeryField& b) {
        Limbs sum{};
        std::uint8_t carry = 0;
#pragma GCC unroll 8
        for (std::size_t i = 0; i < kLimbs; ++i) sum[i] = add_carry(a.limbs_[i], b.limbs_[i], carry);
        return MontgomeryField{reduce_once(sum)};
    }
    friend constexpr MontgomeryField operator-(const MontgomeryField& a, const MontgomeryField& b) {
        Limbs difference{};
        const auto below_zero = std::uint64_t{0} - subtract(difference, a.limbs_, b.limbs_);
        std::uint8_t carry = 0;
#pragma GCC unroll 8
        for (std::size_t i = 0; i < kLimbs; ++i)
            difference[i] = add_carry(difference[i], kModulus[i] & below_zero, carry);
        return MontgomeryField{difference};
    }
    friend constexpr MontgomeryField operator-(const MontgomeryField& a) { return MontgomeryField{} - a; }
    friend constexpr MontgomeryField operator*(const MontgomeryField& a, const MontgomeryField& b) {
        return MontgomeryField{multiply(a.limbs_, b.limbs_)};
    }
    constexpr MontgomeryField doubled() const { return *this + *this; }
    constexpr MontgomeryField squared() const { return *this * *this; }

    /// Zero for zero.
    MontgomeryField inverse() const {
        if (is_zero()) return {};
        static_assert(sizeof(mp_limb_t) == 8);
        mpz_t modulus;
        mpz_t value;
        mpz_t result;
        mpz_roinit_n(modulus, reinterpret_cast<const mp_limb_t*>(kModulus.data()), kLimbs);
        mpz_roinit_n(value, reinterpret_cast<const mp_limb_t*>(limbs_.data()), kLimbs);
        mpz_init2(result, 64 * kLimbs);
        CRN_ASSERT(mpz_invert(result, value, modulus) != 0);
        Limbs out{};
        for (std::size_t i = 0; i < mpz_size(result); ++i) out[i] = mpz_getlimbn(result, static_cast<mp_size_t>(i));
        mpz_clear(result);
        return MontgomeryField{multiply(out, kPowers[2])};
    }

private:
    explicit constexpr MontgomeryField(const Limbs& limbs) : limbs_(limbs) {}

    static constexpr bool less(const Limbs& a, const Limbs& b) {
        for (std::size_t i = kLimbs; i-- > 0;)
            if (a[i] != b[i]) return a[i] < b[i];
        return false;
    }
    static constexpr std::uint64_t subtract(Limbs& out, const Limbs& a, const Limbs& b) {
        std::uint8_t borrow = 0;
#pragma GCC unroll 8
        for (std::size_t i = 0; i < kLimbs; ++i) out[i] = subtract_borrow(a[i], b[i], borrow);
        return borrow;
    }
    /// `value` is below twice the modulus.
    static constexpr Limbs reduce_once(const Limbs& value) {
        Limbs reduced{};
        const auto keep = std::uint64_t{0} - subtract(reduced, value, kModulus);
#pragma GCC unroll 8
        for (std::size_t i = 0; i < kLimbs; ++i) reduced[i] ^= (reduced[i] ^ value[i]) & keep;
        return reduced;
    }

    /// -1 / modulus mod 2^64, by Newton's iteration: each step doubles the number of right bits.
    static constexpr std::uint64_t kFactor = [] {
        std::uint64_t inverse = 1;
        for (int i = 0; i < 6; ++i) inverse *= 2 - kModulus[0] * inverse;
        return 0 - inverse;
    }();

    static constexpr Limbs multiply(const Limbs& a, const Limbs& b) {
        using Wide = unsigned __int128;
        Limbs t{};
#pragma GCC unroll 8
        for (std::size_t i = 0; i < kLimbs; ++i) {
            Wide product = static_cast<Wide>(a[0]) * b[i] + t[0];
            const auto factor = static_cast<std::uint64_t>(product) * kFactor;
            Wide reduction = static_cast<Wide>(factor) * kModulus[0] + static_cast<std::uint64_t>(product);
#pragma GCC unroll 8
            for (std::size_t j = 1; j < kLimbs; ++j) {
                product = static_cast<Wide>(a[j]) * b[i] + t[j] + static_cast<std::uint64_t>(product >> 64);
                reduction = static_cast<Wide>(factor) * kModulus[j] + static_cast<std::uint64_t>(product) +
                            static_cast<std::uint64_t>(reduction >> 64);
                t[j - 1] = static_cast<std::uint64_t>(reduction);
            }
            t[kLimbs - 1] = static_cast<std::uint64_t>(reduction >> 64) + static_cast<std::uint64_t>(product >> 64);
        }
        return reduce_once(t);
    }

    /// R, R^2 and R^3 mod p for R = 2^(64 n): one, and the factors into Montgomery form and out of an inversion.
    static constexpr std::array<Limbs, 3> kPowers = [] {
        std::array<Limbs, 3> out{};
        Limbs value{1};
        for (auto& power : out) {
            for (std::size_t i = 0; i < 64 * kLimbs; ++i) {
                Limbs twice{};
                std::uint64_t carry = 0;
                for (std::size_t j = 0; j < kLimbs; ++j) {
                    twice[j] = value[j] << 1 | carry;
                    carry = value[j] >> 63;
                }
                value = reduce_once(twice);
            }
            power = value;
        }
        return out;
    }();

    Limbs limbs_{};
};

/// Square and multiply; `exponent` little-endian limbs.
template <class Element>
Element power(const Element& base, std::span<const std::uint64_t> exponent) {
    auto out = Element::one();
    for (std::size_t i = 64 * exponent.size(); i-- > 0;) {
        out = out.squared();
        if ((exponent[i / 64] >> (i % 64) & 1) != 0) out = out * base;
    }
    return out;
}

} // namespace cairn::evm
