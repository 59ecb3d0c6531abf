// Input and output of the three bn254 precompiles (EIP-196, EIP-197).
#include "evm/bn254_pairing.hpp"
#include "evm/precompiles.hpp"

namespace cairn::evm {
namespace {

using bn254::Fp;
using bn254::Fp2;
using bn254::G1;
using bn254::G2;

/// The first `size` bytes; zeros where the input ends.
Bytes first(BytesView input, std::size_t size) {
    Bytes out(size);
    std::copy_n(input.data(), std::min(size, input.size()), out.data());
    return out;
}

/// 64 bytes, x and y; all zero is infinity. Nothing for a coordinate not below p or a point not on the curve.
std::optional<G1> read_g1(BytesView bytes) {
    const auto x = Fp::from_bytes(bytes.subspan(0, 32));
    const auto y = Fp::from_bytes(bytes.subspan(32, 32));
    if (!x || !y) return std::nullopt;
    if (x->is_zero() && y->is_zero()) return G1::infinity();
    const G1 point{*x, *y, false};
    if (!point.is_on_curve(bn254::curve_b())) return std::nullopt;
    return point;
}

/// 32 bytes imaginary part, 32 bytes real part.
std::optional<Fp2> read_fp2(BytesView bytes) {
    const auto imaginary = Fp::from_bytes(bytes.subspan(0, 32));
    const auto real = Fp::from_bytes(bytes.subspan(32, 32));
    if (!imaginary || !real) return std::nullopt;
    return Fp2{*real, *imaginary};
}

std::optional<G2> read_g2(BytesView bytes) {
    const auto x = read_fp2(bytes.subspan(0, 64));
    const auto y = read_fp2(bytes.subspan(64, 64));
    if (!x || !y) return std::nullopt;
    if (x->is_zero() && y->is_zero()) return G2::infinity();
    const G2 point{*x, *y, false};
    if (!point.is_on_curve(bn254::twist_b()) || !bn254::is_in_subgroup(point)) return std::nullopt;
    return point;
}

Bytes write_g1(const G1& point) {
    Bytes out(64);
    if (point.is_infinity) return out;
    point.x.to_bytes(out.data());
    point.y.to_bytes(out.data() + 32);
    return out;
}

} // namespace

PrecompileOutput bn254_add(BytesView input) {
    const auto bytes = first(input, 128);
    const BytesView view{bytes};
    const auto p = read_g1(view.subspan(0, 64));
    const auto q = read_g1(view.subspan(64, 64));
    if (!p || !q) return std::nullopt;
    return write_g1((JacobianPoint<Fp>{*p} + JacobianPoint<Fp>{*q}).affine());
}

PrecompileOutput bn254_multiply(BytesView input) {
    const auto bytes = first(input, 96);
    const BytesView view{bytes};
    const auto p = read_g1(view.subspan(0, 64));
    if (!p) return std::nullopt;
    return write_g1(multiply(JacobianPoint<Fp>{*p}, from_big_endian(view.subspan(64, 32))).affine());
}

PrecompileOutput bn254_pairing(BytesView input) {
    constexpr std::size_t kPairSize = 192;
    if (input.size() % kPairSize != 0) return std::nullopt;
    std::vector<bn254::Pair> pairs;
    pairs.reserve(input.size() / kPairSize);
    for (; !input.empty(); input = input.subspan(kPairSize)) {
        const auto p = read_g1(input.subspan(0, 64));
        const auto q = p ? read_g2(input.subspan(64, 128)) : std::nullopt;
        if (!q) return std::nullopt;
        pairs.push_back({*p, *q});
    }
    Bytes out(32);
    out[31] = bn254::pairing_product(pairs) == bn254::Fp12::one() ? 1 : 0;
    return out;
}

} // namespace cairn::evm
