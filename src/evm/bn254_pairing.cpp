#include "evm/bn254_pairing.hpp"

#include <bit>

namespace cairn::evm::bn254 {
namespace {

// The curve's parameter u: p = 36 u^4 + 36 u^3 + 24 u^2 + 6 u + 1, order r = 36 u^4 + 36 u^3 + 18 u^2 + 6 u + 1.
constexpr std::uint64_t kU = 0x44e992b44a6909f1;
// 6 u + 2 without its leading bit, 2^64.
constexpr std::uint64_t kLoopTail = 0x9d797039be763ba8;

/// A point of the twist in homogeneous coordinates (x = X/Z, y = Y/Z) on its way through the loop.
struct Walker {
    Fp2 x, y, z;
};

// The untwist (x, y) -> (x w^2, y w^3) gives a line of slope s on the twist the value at P = (xp, yp) of
// yp - s xp w + (s xt - yt) w^3, here multiplied by the denominator of s, which the final exponentiation removes.

/// f times the tangent at t; doubles t.
void double_step(Fp12& f, Walker& t, const G1& p) {
    static const Fp2 kTripleB = twist_b().doubled() + twist_b();
    static const Fp kHalf = Fp::from(2).inverse();
    const auto xy = t.x * t.y * kHalf;
    const auto yy = t.y.squared();
    const auto zz = t.z.squared();
    const auto e = kTripleB * zz;
    const auto three_e = e.doubled() + e;
    const auto g = (yy + three_e) * kHalf;
    const auto h = (t.y + t.z).squared() - yy - zz; // 2 Y Z
    const auto xx = t.x.squared();
    const auto ee = e.squared();
    f = f.times_line(h * p.y, -((xx.doubled() + xx) * p.x), yy - e);
    t = {xy * (yy - three_e), g.squared() - (ee.doubled() + ee), yy * h};
}

/// f times the line through t and q; adds q to t.
void add_step(Fp12& f, Walker& t, const G2& q, const G1& p) {
    const auto theta = t.y - q.y * t.z;
    const auto d = t.x - q.x * t.z;
    f = f.times_line(d * p.y, -(theta * p.x), theta * q.x - d * q.y);
    const auto dd = d.squared();
    const auto e = d * dd;
    const auto g = t.x * dd;
    const auto h = e + t.z * theta.squared() - g.doubled();
    t = {d * h, theta * (g - h) - e * t.y, t.z * e};
}

/// The p-th power of the untwisted point, twisted again.
G2 frobenius(const G2& q) {
    const auto& factor = frobenius_factors();
    return {q.x.conjugate() * factor[2], q.y.conjugate() * factor[3], q.is_infinity};
}

Fp12 miller_loop(const std::vector<Pair>& pairs) {
    std::vector<Walker> walkers;
    walkers.reserve(pairs.size());
    for (const auto& pair : pairs) walkers.push_back({pair.q.x, pair.q.y, Fp2::one()});
    auto f = Fp12::one();
    for (int bit = 63; bit >= 0; --bit) {
        f = f.squared();
        for (std::size_t i = 0; i < pairs.size(); ++i) {
            double_step(f, walkers[i], pairs[i].p);
            if ((kLoopTail >> bit & 1) != 0) add_step(f, walkers[i], pairs[i].q, pairs[i].p);
        }
    }
    for (std::size_t i = 0; i < pairs.size(); ++i) {
        const auto q1 = frobenius(pairs[i].q);
        add_step(f, walkers[i], q1, pairs[i].p);
        add_step(f, walkers[i], -frobenius(q1), pairs[i].p);
    }
    return f;
}

Fp12 power_u(const Fp12& f) {
    auto out = f;
    for (int bit = 63 - std::countl_zero(kU) - 1; bit >= 0; --bit) {
        out = out.cyclotomic_squared();
        if ((kU >> bit & 1) != 0) out = out * f;
    }
    return out;
}

/// f^((p^12 - 1) / r). The hard part after Scott, Benger, Charlemagne, Dominguez Perez, Kachisa, "On the final
/// exponentiation for calculating pairings on ordinary elliptic curves": (p^4 - p^2 + 1) / r as a polynomial in u and p.
Fp12 final_exponentiation(const Fp12& in) {
    auto f = in.conjugate() * in.inverse();
    f = f.frobenius().frobenius() * f;

    const auto fu = power_u(f);
    const auto fu2 = power_u(fu);
    const auto fu3 = power_u(fu2);
    const auto fp = f.frobenius();
    const auto fp2 = fp.frobenius();
    const auto y0 = fp * fp2 * fp2.frobenius();
    const auto y1 = f.conjugate();
    const auto y2 = fu2.frobenius().frobenius();
    const auto y3 = fu.frobenius().conjugate();
    const auto y4 = (fu * fu2.frobenius()).conjugate();
    const auto y5 = fu2.conjugate();
    const auto y6 = (fu3 * fu3.frobenius()).conjugate();

    // y0 y1^2 y2^6 y3^12 y4^18 y5^30 y6^36
    auto a = y6.cyclotomic_squared() * y4 * y5;
    auto b = y3 * y5 * a;
    a = a * y2;
    b = (b.cyclotomic_squared() * a).cyclotomic_squared();
    a = (b * y1).cyclotomic_squared();
    return a * (b * y0);
}

} // namespace

Fp curve_b() { return Fp::from(3); }

Fp2 twist_b() {
    static const Fp2 instance = Fp2{Fp::from(9), Fp::one()}.inverse() * Fp::from(3);
    return instance;
}

// The endomorphism psi of the twist (the Frobenius above) satisfies psi^2 - t psi + p = 0 with t = 6 u^2 + 1. If
// psi(Q) = 6 u^2 Q, then (36 u^4 - t 6 u^2 + p) Q = (p - 6 u^2) Q = r Q is zero; and in the subgroup psi acts as p = 6 u^2.
bool is_in_subgroup(const G2& point) {
    if (point.is_infinity) return true;
    const auto times_u2 = multiply(multiply(JacobianPoint<Fp2>{point}, kU), kU);
    const auto twice = times_u2.doubled();
    return (twice.doubled() + twice).equals(JacobianPoint<Fp2>{frobenius(point)});
}

Fp12 pairing_product(const std::vector<Pair>& pairs) {
    std::vector<Pair> finite;
    finite.reserve(pairs.size());
    for (const auto& pair : pairs)
        if (!pair.p.is_infinity && !pair.q.is_infinity) finite.push_back(pair);
    return finite.empty() ? Fp12::one() : final_exponentiation(miller_loop(finite));
}

} // namespace cairn::evm::bn254
