#include "crypto/sm2.hpp"

#include "base/assert.hpp"
#include "base/errors/crypto.hpp"
#include "crypto/openssl_handle.hpp"
#include "crypto/sm3.hpp"

#include <openssl/bn.h>
#include <openssl/core_names.h>
#include <openssl/ec.h>
#include <openssl/obj_mac.h>
#include <openssl/param_build.h>

namespace cairn::crypto {
namespace {

using Group = std::unique_ptr<EC_GROUP, Freer<EC_GROUP_free>>;
using Point = std::unique_ptr<EC_POINT, Freer<EC_POINT_free>>;
using Number = std::unique_ptr<BIGNUM, Freer<BN_free>>;
using SecretNumber = std::unique_ptr<BIGNUM, Freer<BN_clear_free>>;
using Workspace = std::unique_ptr<BN_CTX, Freer<BN_CTX_free>>;
using ParameterBuilder = std::unique_ptr<OSSL_PARAM_BLD, Freer<OSSL_PARAM_BLD_free>>;
using Parameters = std::unique_ptr<OSSL_PARAM, Freer<OSSL_PARAM_free>>;
using SigningContext = std::unique_ptr<EVP_MD_CTX, Freer<EVP_MD_CTX_free>>;
using DerSignature = std::unique_ptr<ECDSA_SIG, Freer<ECDSA_SIG_free>>;

constexpr std::size_t kIdentityBytesMax = 8191; // its length in bits has two bytes

// Before the public key in Z: a, b, and the base point.
constexpr std::string_view kCurveHex = "0xfffffffeffffffffffffffffffffffffffffffff00000000fffffffffffffffc"
                                       "28e9fa9e9d9f5e344d5a9e4bcf6509a7f39789f515ab8f92ddbcbd414d940e93"
                                       "32c4ae2c1f1981195f9904466a39c9948fe30bbff2660be1715a4589334c74c7"
                                       "bc3736a2f4f6779c59bdcee36b692153d0a9877cc62a474002df32e52139f0a0";

const EC_GROUP* group() {
    static const Group instance{EC_GROUP_new_by_curve_name(NID_sm2)};
    CRN_ASSERT(instance != nullptr);
    return instance.get();
}

const Bytes& curve_bytes() {
    static const Bytes bytes = *from_hex(kCurveHex);
    return bytes;
}

Number number(BytesView big_endian) {
    Number out{BN_bin2bn(big_endian.data(), static_cast<int>(big_endian.size()), nullptr)};
    CRN_ASSERT(out != nullptr);
    return out;
}

/// The point of a key, or null if it is not on the curve.
Point point_of(const Sm2PublicKey& key, BN_CTX* workspace) {
    const ErrorScope errors;
    Point point{EC_POINT_new(group())};
    CRN_ASSERT(point != nullptr);
    const auto x = number(BytesView{key}.first(32));
    const auto y = number(BytesView{key}.subspan(32));
    // Takes coordinates at or above the prime as well, reduced: a second name for a point must not be a second key.
    if (BN_cmp(x.get(), EC_GROUP_get0_field(group())) >= 0 || BN_cmp(y.get(), EC_GROUP_get0_field(group())) >= 0)
        return nullptr;
    if (EC_POINT_set_affine_coordinates(group(), point.get(), x.get(), y.get(), workspace) != 1) return nullptr;
    return point;
}

U256 value_of(const BIGNUM* value) {
    std::array<std::uint8_t, 32> bytes{};
    CRN_ASSERT(BN_bn2binpad(value, bytes.data(), 32) == 32);
    return from_big_endian(bytes);
}

Result<Key> private_key(const Sm2Key& key, const Sm2PublicKey& point) {
    std::array<std::uint8_t, 65> encoded{0x04};
    std::copy(point.begin(), point.end(), encoded.begin() + 1);
    const SecretNumber secret{BN_bin2bn(key.data(), static_cast<int>(key.size()), nullptr)};
    const ParameterBuilder builder{OSSL_PARAM_BLD_new()};
    CRN_ASSERT(secret != nullptr && builder != nullptr);
    BN_set_flags(secret.get(), BN_FLG_CONSTTIME);
    CRN_ASSERT(OSSL_PARAM_BLD_push_utf8_string(builder.get(), OSSL_PKEY_PARAM_GROUP_NAME, "SM2", 0) == 1);
    CRN_ASSERT(
        OSSL_PARAM_BLD_push_octet_string(builder.get(), OSSL_PKEY_PARAM_PUB_KEY, encoded.data(), encoded.size()) == 1);
    CRN_ASSERT(OSSL_PARAM_BLD_push_BN(builder.get(), OSSL_PKEY_PARAM_PRIV_KEY, secret.get()) == 1);
    const Parameters parameters{OSSL_PARAM_BLD_to_param(builder.get())};
    const KeyContext context{EVP_PKEY_CTX_new_from_name(nullptr, "SM2", nullptr)};
    EVP_PKEY* out = nullptr;
    if (parameters == nullptr || context == nullptr || EVP_PKEY_fromdata_init(context.get()) != 1 ||
        EVP_PKEY_fromdata(context.get(), &out, EVP_PKEY_KEYPAIR, parameters.get()) != 1)
        return fail(error::KeyInvalid, "SM2");
    return Key{out};
}

} // namespace

Result<Sm2PublicKey> sm2_public_key(const Sm2Key& key) {
    const auto value = from_big_endian(key);
    if (!value || value >= kSm2Order - U256{1}) return fail(error::KeyInvalid, "SM2: out of range");
    const SecretNumber secret{BN_bin2bn(key.data(), static_cast<int>(key.size()), nullptr)};
    const Workspace workspace{BN_CTX_secure_new()};
    const Point point{EC_POINT_new(group())};
    const Number x{BN_new()}, y{BN_new()};
    CRN_ASSERT(secret && workspace && point && x && y);
    BN_set_flags(secret.get(), BN_FLG_CONSTTIME);
    CRN_ASSERT(EC_POINT_mul(group(), point.get(), secret.get(), nullptr, nullptr, workspace.get()) == 1);
    CRN_ASSERT(EC_POINT_get_affine_coordinates(group(), point.get(), x.get(), y.get(), workspace.get()) == 1);
    Sm2PublicKey out;
    CRN_ASSERT(BN_bn2binpad(x.get(), out.data(), 32) == 32 && BN_bn2binpad(y.get(), out.data() + 32, 32) == 32);
    return out;
}

bool sm2_key_is_valid(const Sm2PublicKey& key) {
    const Workspace workspace{BN_CTX_new()};
    CRN_ASSERT(workspace != nullptr);
    return point_of(key, workspace.get()) != nullptr;
}

Hash256 sm2_digest(const Sm2PublicKey& key, BytesView message, std::string_view identity) {
    CRN_ASSERT(identity.size() <= kIdentityBytesMax);
    const auto bits = identity.size() * 8;
    const std::array<std::uint8_t, 2> length{static_cast<std::uint8_t>(bits >> 8), static_cast<std::uint8_t>(bits)};
    const auto z = sm3({length, as_bytes(identity), curve_bytes(), key});
    return sm3({z, message});
}

std::optional<Sm2PublicKey> sm2_even_point(BytesView x) {
    const ErrorScope errors;
    const Workspace workspace{BN_CTX_new()};
    const Point point{EC_POINT_new(group())};
    const auto x_number = number(x);
    const Number y{BN_new()};
    CRN_ASSERT(workspace && point && y);
    if (x.size() != 32 || BN_cmp(x_number.get(), EC_GROUP_get0_field(group())) >= 0 ||
        EC_POINT_set_compressed_coordinates(group(), point.get(), x_number.get(), 0, workspace.get()) != 1)
        return std::nullopt;
    CRN_ASSERT(EC_POINT_get_affine_coordinates(group(), point.get(), nullptr, y.get(), workspace.get()) == 1);
    Sm2PublicKey out;
    std::copy(x.begin(), x.end(), out.bytes.begin());
    CRN_ASSERT(BN_bn2binpad(y.get(), out.data() + 32, 32) == 32);
    return out;
}

Result<Sm2Signer> Sm2Signer::from(const Sm2Key& key) {
    const ErrorScope errors;
    CRN_TRY(point, sm2_public_key(key));
    CRN_TRY(pair, private_key(key, point));
    return Sm2Signer{std::shared_ptr<EVP_PKEY>(pair.release(), EVP_PKEY_free), point};
}

Result<Sm2Signature> Sm2Signer::sign(BytesView message, std::string_view identity) const {
    const ErrorScope errors;
    const SigningContext context{EVP_MD_CTX_new()};
    const KeyContext options{EVP_PKEY_CTX_new(key_.get(), nullptr)};
    CRN_ASSERT(context != nullptr && options != nullptr);
    CRN_ASSERT(EVP_PKEY_CTX_set1_id(options.get(), identity.data(), static_cast<int>(identity.size())) == 1);
    EVP_MD_CTX_set_pkey_ctx(context.get(), options.get());
    std::array<std::uint8_t, 80> der{};
    auto length = der.size();
    if (EVP_DigestSignInit(context.get(), nullptr, EVP_sm3(), nullptr, key_.get()) != 1 ||
        EVP_DigestSign(context.get(), der.data(), &length, message.data(), message.size()) != 1)
        return fail(error::KeyInvalid, "SM2: cannot sign");
    const auto* start = der.data();
    const DerSignature parsed{d2i_ECDSA_SIG(nullptr, &start, static_cast<long>(length))};
    CRN_ASSERT(parsed != nullptr);
    const Sm2Signature signature{value_of(ECDSA_SIG_get0_r(parsed.get())), value_of(ECDSA_SIG_get0_s(parsed.get()))};
    if (!sm2_verify(public_key_, message, signature, identity))
        return fail(error::SignatureInvalid, "SM2: faulty signature");
    return signature;
}

Result<Sm2Signature> sm2_sign(const Sm2Key& key, BytesView message, std::string_view identity) {
    CRN_TRY(signer, Sm2Signer::from(key));
    return signer.sign(message, identity);
}

bool sm2_verify(const Sm2PublicKey& key, BytesView message, const Sm2Signature& signature, std::string_view identity) {
    if (identity.size() > kIdentityBytesMax) return false;
    return sm2_verify_digest(key, sm2_digest(key, message, identity), signature);
}

// GB/T 32918.2, section 7.1: with t = r + s, the point is sG + tP, and r must be e + x of it, all modulo the order.
bool sm2_verify_digest(const Sm2PublicKey& key, const Hash256& digest, const Sm2Signature& signature) {
    const auto& [r, s] = signature;
    if (!r || !s || r >= kSm2Order || s >= kSm2Order) return false;
    const Workspace workspace{BN_CTX_new()};
    const Point sum{EC_POINT_new(group())};
    const Number x{BN_new()};
    CRN_ASSERT(workspace && sum && x);
    const auto point = point_of(key, workspace.get());
    if (point == nullptr) return false;

    const auto* order = EC_GROUP_get0_order(group());
    const auto r_number = number(to_big_endian(r));
    const auto s_number = number(to_big_endian(s));
    const auto t = number(to_big_endian(r));
    CRN_ASSERT(BN_mod_add(t.get(), t.get(), s_number.get(), order, workspace.get()) == 1);
    if (BN_is_zero(t.get())) return false;
    CRN_ASSERT(EC_POINT_mul(group(), sum.get(), s_number.get(), point.get(), t.get(), workspace.get()) == 1);
    if (EC_POINT_is_at_infinity(group(), sum.get()) == 1) return false;
    CRN_ASSERT(EC_POINT_get_affine_coordinates(group(), sum.get(), x.get(), nullptr, workspace.get()) == 1);
    const auto e = number(digest);
    CRN_ASSERT(BN_mod_add(x.get(), x.get(), e.get(), order, workspace.get()) == 1);
    return BN_cmp(x.get(), r_number.get()) == 0;
}

Address sm2_address(const Sm2PublicKey& key) {
    const auto hash = sm3(key);
    return *Address::from(BytesView{hash}.subspan(12));
}

} // namespace cairn::crypto
