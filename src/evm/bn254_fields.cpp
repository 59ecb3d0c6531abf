#include "evm/bn254_fields.hpp"

namespace cairn::evm::bn254 {

Fp6 operator*(const Fp6& a, const Fp6& b) {
    const auto t0 = a.c0 * b.c0;
    const auto t1 = a.c1 * b.c1;
    const auto t2 = a.c2 * b.c2;
    return {((a.c1 + a.c2) * (b.c1 + b.c2) - t1 - t2).times_xi() + t0,
            (a.c0 + a.c1) * (b.c0 + b.c1) - t0 - t1 + t2.times_xi(), (a.c0 + a.c2) * (b.c0 + b.c2) - t0 - t2 + t1};
}

Fp6 Fp6::times_sparse(const Fp2& b0, const Fp2& b1) const {
    const auto t0 = c0 * b0;
    const auto t1 = c1 * b1;
    return {(c2 * b1).times_xi() + t0, (c0 + c1) * (b0 + b1) - t0 - t1, c2 * b0 + t1};
}

Fp6 Fp6::inverse() const {
    const auto a = c0.squared() - (c1 * c2).times_xi();
    const auto b = c2.squared().times_xi() - c0 * c1;
    const auto c = c1.squared() - c0 * c2;
    const auto scale = (c0 * a + (c2 * b + c1 * c).times_xi()).inverse();
    return {a * scale, b * scale, c * scale};
}

Fp12 operator*(const Fp12& a, const Fp12& b) {
    const auto t0 = a.c0 * b.c0;
    const auto t1 = a.c1 * b.c1;
    return {t0 + t1.times_v(), (a.c0 + a.c1) * (b.c0 + b.c1) - t0 - t1};
}

Fp12 Fp12::times_line(const Fp2& a, const Fp2& b, const Fp2& c) const {
    const auto t0 = c0.times(a);
    const auto t1 = c1.times_sparse(b, c);
    return {t0 + t1.times_v(), (c0 + c1).times_sparse(a + b, c) - t0 - t1};
}

Fp12 Fp12::squared() const {
    const auto t = c0 * c1;
    return {(c0 + c1) * (c0 + c1.times_v()) - t - t.times_v(), t + t};
}

Fp12 Fp12::cyclotomic_squared() const {
    // Fp12 as three copies of Fp4 = Fp2[s]/(s^2 - xi) with s = w^3; each pair is squared there.
    struct Pair {
        Fp2 low, high;
    };
    const auto square = [](const Fp2& a, const Fp2& b) {
        const auto aa = a.squared();
        const auto bb = b.squared();
        return Pair{bb.times_xi() + aa, (a + b).squared() - aa - bb};
    };
    const auto x = square(c0.c0, c1.c1);
    const auto y = square(c1.c0, c0.c2);
    const auto z = square(c0.c1, c1.c2);
    const auto minus = [](const Fp2& t, const Fp2& g) { return (t - g).doubled() + t; }; // 3 t - 2 g
    const auto plus = [](const Fp2& t, const Fp2& g) { return (t + g).doubled() + t; };  // 3 t + 2 g
    return {{minus(x.low, c0.c0), minus(y.low, c0.c1), minus(z.low, c0.c2)},
            {plus(z.high.times_xi(), c1.c0), plus(x.high, c1.c1), plus(y.high, c1.c2)}};
}

Fp12 Fp12::inverse() const {
    const auto scale = (c0 * c0 - (c1 * c1).times_v()).inverse();
    return {c0 * scale, -(c1 * scale)};
}

const std::array<Fp2, 6>& frobenius_factors() {
    static const std::array<Fp2, 6> instance = [] {
        // (p - 1) / 6
        constexpr std::array<std::uint64_t, 4> kExponent{0x34b017592414d4e1, 0xee9591c2e6bda1c2, 0xf40d60f3c0403964,
                                                         0x0810b7bdd032f006};
        const Fp2 xi{Fp::from(9), Fp::one()};
        std::array<Fp2, 6> out;
        out[0] = Fp2::one();
        out[1] = power(xi, kExponent);
        for (std::size_t k = 2; k < 6; ++k) out[k] = out[k - 1] * out[1];
        return out;
    }();
    return instance;
}

Fp12 Fp12::frobenius() const {
    const auto& factor = frobenius_factors();
    return {{c0.c0.conjugate(), c0.c1.conjugate() * factor[2], c0.c2.conjugate() * factor[4]},
            {c1.c0.conjugate() * factor[1], c1.c1.conjugate() * factor[3], c1.c2.conjugate() * factor[5]}};
}

} // namespace cairn::evm::bn254
