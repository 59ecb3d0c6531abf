// The fields of the pairing curve bn254 ("alt_bn128"): Fp, and on it Fp2 = Fp[i]/(i^2 + 1),
// Fp6 = Fp2[v]/(v^3 - xi) with xi = 9 + i, Fp12 = Fp6[w]/(w^2 - v). So w^6 = xi.
#pragma once

#include "evm/montgomery.hpp"

namespace cairn::evm::bn254 {

struct BaseParameters {
    static constexpr std::array<std::uint64_t, 4> kModulus{0x3c208c16d87cfd47, 0x97816a916871ca8d, 0xb85045b68181585d,
                                                           0x30644e72e131a029};
};
using Fp = MontgomeryField<BaseParameters>;

struct Fp2 {
    Fp re;
    Fp im;

    static constexpr Fp2 one() { return {Fp::one(), {}}; }
    bool operator==(const Fp2&) const = default;
    bool is_zero() const { return re.is_zero() && im.is_zero(); }

    friend Fp2 operator+(const Fp2& a, const Fp2& b) { return {a.re + b.re, a.im + b.im}; }
    friend Fp2 operator-(const Fp2& a, const Fp2& b) { return {a.re - b.re, a.im - b.im}; }
    friend Fp2 operator-(const Fp2& a) { return {-a.re, -a.im}; }
    friend Fp2 operator*(const Fp2& a, const Fp2& b) {
        const auto real = a.re * b.re;
        const auto imaginary = a.im * b.im;
        return {real - imaginary, (a.re + a.im) * (b.re + b.im) - real - imaginary};
    }
    friend Fp2 operator*(const Fp2& a, const Fp& b) { return {a.re * b, a.im * b}; }
    Fp2 doubled() const { return {re.doubled(), im.doubled()}; }
    Fp2 squared() const {
        const auto product = re * im;
        return {(re + im) * (re - im), product.doubled()};
    }
    Fp2 conjugate() const { return {re, -im}; }
    Fp2 inverse() const {
        const auto scale = (re.squared() + im.squared()).inverse();
        return {re * scale, -im * scale};
    }
    /// Times xi = 9 + i.
    Fp2 times_xi() const {
        const auto real = re.doubled().doubled().doubled() + re;
        const auto imaginary = im.doubled().doubled().doubled() + im;
        return {real - im, imaginary + re};
    }
};

struct Fp6 {
    Fp2 c0, c1, c2;

    static Fp6 one() { return {Fp2::one(), {}, {}}; }
    bool operator==(const Fp6&) const = default;

    friend Fp6 operator+(const Fp6& a, const Fp6& b) { return {a.c0 + b.c0, a.c1 + b.c1, a.c2 + b.c2}; }
    friend Fp6 operator-(const Fp6& a, const Fp6& b) { return {a.c0 - b.c0, a.c1 - b.c1, a.c2 - b.c2}; }
    friend Fp6 operator-(const Fp6& a) { return {-a.c0, -a.c1, -a.c2}; }
    friend Fp6 operator*(const Fp6& a, const Fp6& b); // Karatsuba
    /// Times (b0 + b1 v).
    Fp6 times_sparse(const Fp2& b0, const Fp2& b1) const;
    Fp6 times(const Fp2& b) const { return {c0 * b, c1 * b, c2 * b}; }
    Fp6 times_v() const { return {c2.times_xi(), c0, c1}; }
    Fp6 inverse() const;
};

struct Fp12 {
    Fp6 c0, c1;

    static Fp12 one() { return {Fp6::one(), {}}; }
    bool operator==(const Fp12&) const = default;

    friend Fp12 operator*(const Fp12& a, const Fp12& b);
    /// Times (a + b w + c w^3): the shape of a line through two points of the twist.
    Fp12 times_line(const Fp2& a, const Fp2& b, const Fp2& c) const;
    Fp12 squared() const;
    /// For elements of order dividing p^4 - p^2 + 1 only. Granger, Scott, "Faster squaring in the cyclotomic subgroup".
    Fp12 cyclotomic_squared() const;
    /// The p^6-th power; for elements of the cyclotomic subgroup also the inverse.
    Fp12 conjugate() const { return {c0, -c1}; }
    Fp12 inverse() const;
    /// The p-th power.
    Fp12 frobenius() const;
};

/// xi^(k (p - 1) / 6), k = 0..5: what the p-th power multiplies w^k with.
const std::array<Fp2, 6>& frobenius_factors();

} // namespace cairn::evm::bn254
