// The optimal ate pairing on bn254: G1 = E(Fp): y^2 = x^3 + 3, G2 = the subgroup of prime order of the twist
// E'(Fp2): y^2 = x^3 + 3 / xi.
#pragma once

#include "evm/bn254_fields.hpp"
#include "evm/short_weierstrass.hpp"

#include <vector>

namespace cairn::evm::bn254 {

using G1 = AffinePoint<Fp>;
using G2 = AffinePoint<Fp2>;

Fp curve_b();
Fp2 twist_b();

/// True if the point of the twist has the order of G1. The point must be on the curve.
bool is_in_subgroup(const G2& point);

struct Pair {
    G1 p;
    G2 q;
};
/// The product of the pairings of points that are on their curves and in their groups.
Fp12 pairing_product(const std::vector<Pair>& pairs);

} // namespace cairn::evm::bn254
