#define OPENSSL_SUPPRESS_DEPRECATED // EC_KEY_METHOD is how OpenSSL 3.0 lets a key live elsewhere without a provider
#include "crypto/p256_key.hpp"

#include "base/errors/crypto.hpp"
#include "crypto/openssl_handle.hpp"

#include <openssl/core_names.h>
#include <openssl/ec.h>
#include <openssl/ecdsa.h>
#include <openssl/param_build.h>
#include <openssl/pem.h>

#include <mutex>

namespace cairn::crypto {
namespace {

constexpr std::size_t kPointBytes = 65;
constexpr std::size_t kScalarBytes = 32;

using Number = std::unique_ptr<BIGNUM, Freer<BN_clear_free>>;
using Group = std::unique_ptr<EC_GROUP, Freer<EC_GROUP_free>>;
using Point = std::unique_ptr<EC_POINT, Freer<EC_POINT_free>>;
using EcKey = std::unique_ptr<EC_KEY, Freer<EC_KEY_free>>;
using DigestContext = std::unique_ptr<EVP_PKEY_CTX, Freer<EVP_PKEY_CTX_free>>;

std::unexpected<Error> invalid(const char* why) { return fail(error::KeyInvalid, why); }

/// A private EC_KEY of P-256 as an EVP_PKEY; legacy on purpose: its scalar is not copied between providers.
std::shared_ptr<EVP_PKEY> wrap(EcKey key) {
    std::shared_ptr<EVP_PKEY> out(EVP_PKEY_new(), EVP_PKEY_free);
    if (!out || EVP_PKEY_assign_EC_KEY(out.get(), key.get()) != 1) return {};
    static_cast<void>(key.release());
    return out;
}

EcKey key_of_point(BytesView point) {
    EcKey key(EC_KEY_new_by_curve_name(NID_X9_62_prime256v1));
    if (!key || point.size() != kPointBytes || EC_KEY_oct2key(key.get(), point.data(), point.size(), nullptr) != 1)
        return {};
    return key;
}

Bytes point_of(const EC_KEY* key) {
    const auto* group = EC_KEY_get0_group(key);
    const auto* point = EC_KEY_get0_public_key(key);
    Bytes out(kPointBytes);
    if (group == nullptr || point == nullptr || EC_GROUP_get_curve_name(group) != NID_X9_62_prime256v1 ||
        EC_POINT_point2oct(group, point, POINT_CONVERSION_UNCOMPRESSED, out.data(), out.size(), nullptr) != out.size())
        return {};
    return out;
}

class LocalSigner final : public HandshakeSigner {
public:
    explicit LocalSigner(P256Key key) : key_(std::move(key)) {}
    Result<Bytes> sign_handshake(const Hash256& digest) override {
        const std::lock_guard lock(mutex_);
        return key_.sign(digest);
    }
    Bytes handshake_public_key() const override { return key_.public_point(); }

private:
    std::mutex mutex_;
    P256Key key_;
};

using SignerHolder = std::shared_ptr<HandshakeSigner>;

void free_holder(void*, void* pointer, CRYPTO_EX_DATA*, int, long, void*) {
    delete static_cast<SignerHolder*>(pointer); // NOLINT(cppcoreguidelines-owning-memory)
}
int copy_holder(CRYPTO_EX_DATA*, const CRYPTO_EX_DATA*, void** pointer, int, long, void*) {
    auto& holder = *static_cast<SignerHolder**>(static_cast<void*>(pointer));
    if (holder != nullptr) holder = new SignerHolder(*holder); // NOLINT(cppcoreguidelines-owning-memory)
    return 1;
}
int holder_slot() {
    static const int slot = EC_KEY_get_ex_new_index(0, nullptr, nullptr, copy_holder, free_holder);
    return slot;
}

/// OpenSSL's place for the signature is as long as the largest signature of the curve.
int sign_elsewhere(int, const unsigned char* digest, int length, unsigned char* out, unsigned int* out_length,
                   const BIGNUM*, const BIGNUM*, EC_KEY* key) {
    auto* holder = static_cast<SignerHolder*>(EC_KEY_get_ex_data(key, holder_slot()));
    const auto hash = Hash256::from({digest, static_cast<std::size_t>(length)});
    if (holder == nullptr || !hash) return 0;
    const auto signature = (*holder)->sign_handshake(*hash);
    if (!signature || signature->size() > static_cast<std::size_t>(ECDSA_size(key))) return 0;
    std::ranges::copy(*signature, out);
    *out_length = static_cast<unsigned int>(signature->size());
    return 1;
}

const EC_KEY_METHOD* remote_method() {
    static const EC_KEY_METHOD* const method = [] {
        auto* out = EC_KEY_METHOD_new(EC_KEY_OpenSSL());
        if (out != nullptr) EC_KEY_METHOD_set_sign(out, sign_elsewhere, nullptr, nullptr);
        return out;
    }();
    return method;
}

} // namespace

Result<P256Key> P256Key::from_scalar(BytesView scalar) {
    const ErrorScope errors;
    EcKey key(EC_KEY_new_by_curve_name(NID_X9_62_prime256v1));
    const Number number(BN_bin2bn(scalar.data(), static_cast<int>(scalar.size()), nullptr));
    if (!key || !number || scalar.size() != kScalarBytes) return invalid("not a P-256 scalar");
    const auto* group = EC_KEY_get0_group(key.get());
    const Point point(EC_POINT_new(group));
    if (BN_is_zero(number.get()) || BN_cmp(number.get(), EC_GROUP_get0_order(group)) >= 0 || !point ||
        EC_POINT_mul(group, point.get(), number.get(), nullptr, nullptr, nullptr) != 1 ||
        EC_KEY_set_private_key(key.get(), number.get()) != 1 || EC_KEY_set_public_key(key.get(), point.get()) != 1)
        return invalid("not a P-256 scalar");
    P256Key out;
    out.point_ = point_of(key.get());
    out.key_ = wrap(std::move(key));
    if (!out.key_) return invalid("OpenSSL refused it");
    return out;
}

Result<P256Key> P256Key::from_pem(std::string_view pem) {
    const ErrorScope errors;
    const auto parsed = parse_private_key(pem);
    if (!parsed) return invalid("not a private key in PEM form");
    BIGNUM* raw = nullptr;
    char group[32] = {};
    if (EVP_PKEY_get_utf8_string_param(parsed.get(), OSSL_PKEY_PARAM_GROUP_NAME, group, sizeof group, nullptr) != 1 ||
        std::string_view{group} != "prime256v1" ||
        EVP_PKEY_get_bn_param(parsed.get(), OSSL_PKEY_PARAM_PRIV_KEY, &raw) != 1)
        return invalid("not a P-256 key");
    const Number number(raw);
    Bytes scalar(kScalarBytes);
    BN_bn2binpad(number.get(), scalar.data(), static_cast<int>(scalar.size()));
    auto out = from_scalar(scalar);
    OPENSSL_cleanse(scalar.data(), scalar.size());
    return out;
}

Bytes P256Key::scalar() const {
    Bytes out(kScalarBytes);
    const auto* key = EVP_PKEY_get0_EC_KEY(key_.get());
    BN_bn2binpad(EC_KEY_get0_private_key(key), out.data(), static_cast<int>(out.size()));
    return out;
}

Result<Bytes> P256Key::sign(const Hash256& digest) const {
    const ErrorScope errors;
    auto* key = const_cast<EC_KEY*>(EVP_PKEY_get0_EC_KEY(key_.get())); // NOLINT: OpenSSL signs with a non-const key
    Bytes out(static_cast<std::size_t>(ECDSA_size(key)));
    unsigned int length = 0;
    if (ECDSA_sign(0, digest.data(), static_cast<int>(digest.size()), out.data(), &length, key) != 1)
        return invalid("OpenSSL cannot sign with it");
    out.resize(length);
    return out;
}

bool verify_p256(BytesView public_point, const Hash256& digest, BytesView der_signature) {
    const ErrorScope errors;
    const auto key = key_of_point(public_point);
    return key && ECDSA_verify(0, digest.data(), static_cast<int>(digest.size()), der_signature.data(),
                               static_cast<int>(der_signature.size()), key.get()) == 1;
}

Result<Bytes> certificate_point(std::string_view certificate_pem) {
    const ErrorScope errors;
    const Bio bio(BIO_new_mem_buf(certificate_pem.data(), static_cast<int>(certificate_pem.size())));
    const Certificate certificate(bio ? PEM_read_bio_X509(bio.get(), nullptr, nullptr, nullptr) : nullptr);
    auto* key = certificate ? X509_get0_pubkey(certificate.get()) : nullptr;
    char group[32] = {};
    Bytes point(kPointBytes);
    std::size_t length = 0;
    if (key == nullptr ||
        EVP_PKEY_get_utf8_string_param(key, OSSL_PKEY_PARAM_GROUP_NAME, group, sizeof group, nullptr) != 1 ||
        std::string_view{group} != "prime256v1" ||
        EVP_PKEY_get_octet_string_param(key, OSSL_PKEY_PARAM_PUB_KEY, point.data(), point.size(), &length) != 1 ||
        length != kPointBytes)
        return fail(error::CertificateInvalid, "it has no P-256 key");
    return point;
}

Result<std::shared_ptr<HandshakeSigner>> local_handshake_signer(std::string_view key_pem) {
    CRN_TRY(key, P256Key::from_pem(key_pem));
    return std::make_shared<LocalSigner>(std::move(key));
}

Result<std::shared_ptr<evp_pkey_st>> remote_key(std::shared_ptr<HandshakeSigner> signer) {
    const ErrorScope errors;
    auto key = key_of_point(signer->handshake_public_key());
    if (!key) return invalid("the signer's TLS key is not a point of P-256");
    if (remote_method() == nullptr || EC_KEY_set_method(key.get(), remote_method()) != 1 ||
        EC_KEY_set_ex_data(key.get(), holder_slot(), new SignerHolder(std::move(signer))) != 1)
        return invalid("OpenSSL refused the method");
    auto out = wrap(std::move(key));
    if (!out) return invalid("OpenSSL refused it");
    return out;
}

} // namespace cairn::crypto
