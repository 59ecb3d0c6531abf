#include "evm/precompiles.hpp"

#include "base/assert.hpp"

#include <openssl/bn.h>
#include <openssl/ec.h>
#include <openssl/obj_mac.h>

namespace cairn::evm {
namespace {

template <auto kFree>
struct Deleter {
    template <class T>
    void operator()(T* object) const {
        kFree(object);
    }
};
using Group = std::unique_ptr<EC_GROUP, Deleter<EC_GROUP_free>>;
using Point = std::unique_ptr<EC_POINT, Deleter<EC_POINT_free>>;
using Number = std::unique_ptr<BIGNUM, Deleter<BN_free>>;
using Workspace = std::unique_ptr<BN_CTX, Deleter<BN_CTX_free>>;

constexpr U256 kOrder{0xf3b9cac2fc632551, 0xbce6faada7179e84, 0xffffffffffffffff, 0xffffffff00000000};
constexpr U256 kPrime{0xffffffffffffffff, 0x00000000ffffffff, 0, 0xffffffff00000001};

Number number(BytesView big_endian) {
    Number out{BN_bin2bn(big_endian.data(), static_cast<int>(big_endian.size()), nullptr)};
    CRN_ASSERT(out != nullptr);
    return out;
}

const EC_GROUP* group() {
    static const Group instance{EC_GROUP_new_by_curve_name(NID_X9_62_prime256v1)};
    return instance.get();
}

} // namespace

// SEC 1, section 4.1.4, with the range checks of the EIP first: the point is u1 G + u2 Q with u1 = h/s, u2 = r/s, and the
// signature is valid if its x, reduced by the order, is r.
Bytes p256_verify(BytesView input) {
    if (input.size() != 160) return {};
    const auto hash = input.subspan(0, 32);
    const auto r = from_big_endian(input.subspan(32, 32));
    const auto s = from_big_endian(input.subspan(64, 32));
    const auto x = from_big_endian(input.subspan(96, 32));
    const auto y = from_big_endian(input.subspan(128, 32));
    if (!r || !s || r >= kOrder || s >= kOrder || x >= kPrime || y >= kPrime || (!x && !y)) return {};

    const Workspace workspace{BN_CTX_new()};
    const Point key{EC_POINT_new(group())};
    const Point sum{EC_POINT_new(group())};
    const auto order = number(to_big_endian(kOrder));
    CRN_ASSERT(workspace && key && sum);
    const auto key_x = number(input.subspan(96, 32));
    const auto key_y = number(input.subspan(128, 32));
    // Refuses points that are not on the curve.
    if (EC_POINT_set_affine_coordinates(group(), key.get(), key_x.get(), key_y.get(), workspace.get()) != 1) return {};

    const auto inverse = number(input.subspan(64, 32));
    const auto u1 = number(hash);
    const auto u2 = number(input.subspan(32, 32));
    const Number sum_x{BN_new()};
    CRN_ASSERT(sum_x != nullptr);
    CRN_ASSERT(BN_mod_inverse(inverse.get(), inverse.get(), order.get(), workspace.get()) != nullptr);
    CRN_ASSERT(BN_mod_mul(u1.get(), u1.get(), inverse.get(), order.get(), workspace.get()) == 1);
    CRN_ASSERT(BN_mod_mul(u2.get(), u2.get(), inverse.get(), order.get(), workspace.get()) == 1);
    CRN_ASSERT(EC_POINT_mul(group(), sum.get(), u1.get(), key.get(), u2.get(), workspace.get()) == 1);
    if (EC_POINT_is_at_infinity(group(), sum.get()) == 1) return {};
    CRN_ASSERT(EC_POINT_get_affine_coordinates(group(), sum.get(), sum_x.get(), nullptr, workspace.get()) == 1);
    CRN_ASSERT(BN_nnmod(sum_x.get(), sum_x.get(), order.get(), workspace.get()) == 1);
    const auto expected = number(input.subspan(32, 32));
    if (BN_cmp(sum_x.get(), expected.get()) != 0) return {};
    Bytes out(32);
    out[31] = 1;
    return out;
}

} // namespace cairn::evm
