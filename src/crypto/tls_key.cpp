#define OPENSSL_SUPPRESS_DEPRECATED // EC_KEY: a scalar in it is not copied between providers
#include "crypto/tls_key.hpp"

#include "base/errors/crypto.hpp"
#include "crypto/certificate_issue.hpp"
#include "crypto/ed25519.hpp"
#include "crypto/hash.hpp"

#include <openssl/core_names.h>
#include <openssl/ec.h>
#include <openssl/ecdsa.h>
#include <openssl/pem.h>

#include <mutex>

namespace cairn::crypto {
namespace {

constexpr std::size_t kPointBytes = 65;

using Number = std::unique_ptr<BIGNUM, Freer<BN_clear_free>>;
using Point = std::unique_ptr<EC_POINT, Freer<EC_POINT_free>>;
using EcKey = std::unique_ptr<EC_KEY, Freer<EC_KEY_free>>;
using DigestContext = std::unique_ptr<EVP_MD_CTX, Freer<EVP_MD_CTX_free>>;

std::unexpected<Error> invalid(const char* why) { return fail(error::KeyInvalid, why); }

/// As an EVP_PKEY.
Key wrap(EcKey key) {
    Key out(EVP_PKEY_new());
    if (!out || !key || EVP_PKEY_assign_EC_KEY(out.get(), key.get()) != 1) return {};
    static_cast<void>(key.release());
    return out;
}

EcKey key_of_scalar(BytesView scalar) {
    EcKey key(EC_KEY_new_by_curve_name(NID_X9_62_prime256v1));
    const Number number(BN_bin2bn(scalar.data(), static_cast<int>(scalar.size()), nullptr));
    if (!key || !number) return {};
    const auto* group = EC_KEY_get0_group(key.get());
    const Point point(EC_POINT_new(group));
    if (BN_is_zero(number.get()) || BN_cmp(number.get(), EC_GROUP_get0_order(group)) >= 0 || !point ||
        EC_POINT_mul(group, point.get(), number.get(), nullptr, nullptr, nullptr) != 1 ||
        EC_KEY_set_private_key(key.get(), number.get()) != 1 || EC_KEY_set_public_key(key.get(), point.get()) != 1)
        return {};
    return key;
}

class LocalSigner final : public HandshakeSigner {
public:
    explicit LocalSigner(TlsKey key) : key_(std::move(key)) {}
    Result<Bytes> sign_handshake(BytesView message) override {
        const std::lock_guard lock(mutex_);
        return key_.sign(message);
    }
    TlsPublicKey handshake_public_key() const override { return key_.public_key(); }

private:
    std::mutex mutex_;
    TlsKey key_;
};

EcKey key_of_point(const TlsPublicKey& point) {
    EcKey key(EC_KEY_new_by_curve_name(NID_X9_62_prime256v1));
    if (!key || point.size() != kPointBytes || EC_KEY_oct2key(key.get(), point.data(), point.size(), nullptr) != 1)
        return {};
    return key;
}

} // namespace

TlsPublicKey public_key_of(const EVP_PKEY* key) {
    TlsPublicKey out(kTlsPublicKeyBytesMax);
    std::size_t length = 0;
    if (!kind_of(key) ||
        EVP_PKEY_get_octet_string_param(key, OSSL_PKEY_PARAM_PUB_KEY, out.data(), out.size(), &length) != 1)
        return {};
    out.resize(length);
    return algorithm_of(out) == kind_of(key) ? out : TlsPublicKey{};
}

Key openssl_key_of(const TlsPublicKey& key) {
    if (algorithm_of(key) == CertificateKey::ed25519)
        return Key(EVP_PKEY_new_raw_public_key(EVP_PKEY_ED25519, nullptr, key.data(), key.size()));
    return wrap(key_of_point(key));
}

std::optional<CertificateKey> algorithm_of(const TlsPublicKey& key) {
    if (key.size() == kPointBytes) return CertificateKey::p256;
    if (key.size() == ValidatorPublicKey{}.size()) return CertificateKey::ed25519;
    return std::nullopt;
}

Bytes certificate_verify(TlsSide side, BytesView transcript_hash) {
    Bytes out(64, ' ');
    const auto* text =
        side == TlsSide::server ? "TLS 1.3, server CertificateVerify" : "TLS 1.3, client CertificateVerify";
    append(out, as_bytes(std::string_view{text}));
    out.push_back(0);
    append(out, transcript_hash);
    return out;
}

bool is_certificate_verify(BytesView message) {
    for (const std::size_t hash : {32, 48})
        for (const auto side : {TlsSide::server, TlsSide::client})
            if (message.size() == kCertificateVerifyBytesMax - 48 + hash &&
                std::ranges::equal(certificate_verify(side, message.last(hash)), message))
                return true;
    return false;
}

Result<TlsKey> TlsKey::from_secret(CertificateKey algorithm, BytesView secret) {
    const ErrorScope errors;
    if (secret.size() != kSecretBytes) return invalid("a TLS key has 32 bytes");
    TlsKey out;
    out.algorithm_ = algorithm;
    if (algorithm == CertificateKey::ed25519) {
        out.key_ = Key(EVP_PKEY_new_raw_private_key(EVP_PKEY_ED25519, nullptr, secret.data(), secret.size()));
        out.public_key_ = public_key_of(out.key_.get());
    } else {
        auto key = key_of_scalar(secret);
        if (!key) return invalid("not a P-256 scalar");
        out.public_key_.resize(kPointBytes);
        EC_POINT_point2oct(EC_KEY_get0_group(key.get()), EC_KEY_get0_public_key(key.get()),
                           POINT_CONVERSION_UNCOMPRESSED, out.public_key_.data(), kPointBytes, nullptr);
        out.key_ = wrap(std::move(key));
    }
    if (!out.key_ || out.public_key_.empty()) return invalid("OpenSSL refused it");
    return out;
}

Result<TlsKey> TlsKey::from_pem(std::string_view pem) {
    const ErrorScope errors;
    const auto parsed = parse_private_key(pem);
    if (!parsed) return invalid("not a private key in PEM form");
    const auto algorithm = kind_of(parsed.get());
    if (!algorithm) return invalid("neither a P-256 key nor an Ed25519 key");
    Bytes secret(kSecretBytes);
    bool good = false;
    if (*algorithm == CertificateKey::ed25519) {
        auto length = secret.size();
        good = EVP_PKEY_get_raw_private_key(parsed.get(), secret.data(), &length) == 1 && length == secret.size();
    } else {
        BIGNUM* raw = nullptr;
        good = EVP_PKEY_get_bn_param(parsed.get(), OSSL_PKEY_PARAM_PRIV_KEY, &raw) == 1;
        const Number number(raw);
        good = good && BN_bn2binpad(number.get(), secret.data(), static_cast<int>(secret.size())) > 0;
    }
    auto out = good ? from_secret(*algorithm, secret) : Result<TlsKey>{invalid("it has no private part")};
    OPENSSL_cleanse(secret.data(), secret.size());
    return out;
}

Bytes TlsKey::secret() const {
    Bytes out(kSecretBytes);
    auto length = out.size();
    if (algorithm_ == CertificateKey::ed25519)
        EVP_PKEY_get_raw_private_key(key_.get(), out.data(), &length);
    else
        BN_bn2binpad(EC_KEY_get0_private_key(EVP_PKEY_get0_EC_KEY(key_.get())), out.data(), static_cast<int>(length));
    return out;
}

Result<Bytes> TlsKey::sign(BytesView message) const {
    const ErrorScope errors;
    const auto failed = [] { return invalid("OpenSSL cannot sign with it"); };
    if (algorithm_ == CertificateKey::ed25519) {
        Bytes out(Signature{}.size());
        auto length = out.size();
        const DigestContext context(EVP_MD_CTX_new());
        if (!context || EVP_DigestSignInit(context.get(), nullptr, nullptr, nullptr, key_.get()) != 1 ||
            EVP_DigestSign(context.get(), out.data(), &length, message.data(), message.size()) != 1)
            return failed();
        return out;
    }
    auto* key = const_cast<EC_KEY*>(EVP_PKEY_get0_EC_KEY(key_.get())); // NOLINT: OpenSSL signs with a non-const key
    const auto digest = sha256(message);
    Bytes out(static_cast<std::size_t>(ECDSA_size(key)));
    unsigned int length = 0;
    if (ECDSA_sign(0, digest.data(), static_cast<int>(digest.size()), out.data(), &length, key) != 1) return failed();
    out.resize(length);
    return out;
}

bool verify_tls(const TlsPublicKey& public_key, BytesView message, BytesView signature) {
    const ErrorScope errors;
    if (algorithm_of(public_key) == CertificateKey::ed25519) {
        const auto one = Signature::from(signature);
        return one && verify(*ValidatorPublicKey::from(public_key), message, *one);
    }
    const auto key = key_of_point(public_key);
    const auto digest = sha256(message);
    return key && ECDSA_verify(0, digest.data(), static_cast<int>(digest.size()), signature.data(),
                        static_cast<int>(signature.size()), key.get()) == 1;
}

Result<TlsPublicKey> certificate_tls_key(std::string_view certificate_pem) {
    const ErrorScope errors;
    const Bio bio(BIO_new_mem_buf(certificate_pem.data(), static_cast<int>(certificate_pem.size())));
    const Certificate certificate(bio ? PEM_read_bio_X509(bio.get(), nullptr, no_password, nullptr) : nullptr);
    auto out = public_key_of(certificate ? X509_get0_pubkey(certificate.get()) : nullptr);
    if (out.empty()) return fail(error::CertificateInvalid, "its key is neither P-256 nor Ed25519");
    return out;
}

Result<std::shared_ptr<HandshakeSigner>> local_handshake_signer(std::string_view key_pem) {
    CRN_TRY(key, TlsKey::from_pem(key_pem));
    return std::make_shared<LocalSigner>(std::move(key));
}

} // namespace cairn::crypto
