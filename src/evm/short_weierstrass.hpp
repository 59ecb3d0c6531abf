// Points of y^2 = x^3 + b over any field, in affine and in Jacobian coordinates (x = X/Z^2, y = Y/Z^3).
// Formulas: dbl-2009-l and add-2007-bl of the Explicit-Formulas Database. Not constant-time.
#pragma once

#include "base/u256.hpp"

#include <array>

namespace cairn::evm {

/// The point at infinity is marked, not encoded.
template <class Field>
struct AffinePoint {
    Field x;
    Field y;
    bool is_infinity = false;

    static AffinePoint infinity() { return {{}, {}, true}; }
    bool operator==(const AffinePoint&) const = default;
    AffinePoint operator-() const { return {x, -y, is_infinity}; }
    bool is_on_curve(const Field& b) const { return is_infinity || y.squared() == x.squared() * x + b; }
};

template <class Field>
struct JacobianPoint {
    Field x = Field::one();
    Field y = Field::one();
    Field z; // zero: infinity

    JacobianPoint() = default;
    JacobianPoint(const Field& x_, const Field& y_, const Field& z_) : x(x_), y(y_), z(z_) {}
    explicit JacobianPoint(const AffinePoint<Field>& point) {
        if (!point.is_infinity) *this = {point.x, point.y, Field::one()};
    }
    bool is_infinity() const { return z.is_zero(); }
    JacobianPoint operator-() const { return {x, -y, z}; }

    AffinePoint<Field> affine() const {
        if (is_infinity()) return AffinePoint<Field>::infinity();
        const auto inverse = z.inverse();
        const auto square = inverse.squared();
        return {x * square, y * square * inverse, false};
    }
    JacobianPoint doubled() const {
        if (is_infinity()) return *this;
        const auto a = x.squared();
        const auto b = y.squared();
        const auto c = b.squared();
        const auto d = ((x + b).squared() - a - c).doubled();
        const auto e = a.doubled() + a;
        const auto x3 = e.squared() - d.doubled();
        return {x3, e * (d - x3) - c.doubled().doubled().doubled(), (y * z).doubled()};
    }
    friend JacobianPoint operator+(const JacobianPoint& p, const JacobianPoint& q) {
        if (p.is_infinity()) return q;
        if (q.is_infinity()) return p;
        const auto zz1 = p.z.squared();
        const auto zz2 = q.z.squared();
        const auto u1 = p.x * zz2;
        const auto s1 = p.y * q.z * zz2;
        const auto h = q.x * zz1 - u1;
        const auto difference = q.y * p.z * zz1 - s1;
        if (h.is_zero()) return difference.is_zero() ? p.doubled() : JacobianPoint{};
        const auto r = difference.doubled();
        const auto i = h.doubled().squared();
        const auto j = h * i;
        const auto v = u1 * i;
        const auto x3 = r.squared() - j - v.doubled();
        return {x3, r * (v - x3) - (s1 * j).doubled(), ((p.z + q.z).squared() - zz1 - zz2) * h};
    }
    bool equals(const JacobianPoint& other) const {
        if (is_infinity() || other.is_infinity()) return is_infinity() && other.is_infinity();
        const auto zz1 = z.squared();
        const auto zz2 = other.z.squared();
        return x * zz2 == other.x * zz1 && y * zz2 * other.z == other.y * zz1 * z;
    }
};

/// scalar * point, with a window of four bits.
template <class Field>
JacobianPoint<Field> multiply(const JacobianPoint<Field>& point, const U256& scalar) {
    std::array<JacobianPoint<Field>, 16> multiples; // the first is infinity
    multiples[1] = point;
    for (std::size_t i = 2; i < 16; ++i)
        multiples[i] = i % 2 == 0 ? multiples[i / 2].doubled() : multiples[i - 1] + point;
    JacobianPoint<Field> out;
    for (unsigned digit = (scalar.bit_length() + 3) / 4; digit-- > 0;) {
        for (int i = 0; i < 4; ++i) out = out.doubled();
        out = out + multiples[scalar.limb[digit / 16] >> (4 * (digit % 16)) & 15];
    }
    return out;
}

} // namespace cairn::evm
