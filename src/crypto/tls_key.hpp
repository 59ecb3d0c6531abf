// ECDSA over P-256 with SHA-256, the signature of TLS handshakes (OpenSSL), and TLS keys that live in another process.
#pragma once

#include "base/bytes.hpp"
#include "base/result.hpp"

#include <memory>

struct evp_pkey_st; // OpenSSL's EVP_PKEY

namespace cairn::crypto {

/// Signs the digests of TLS handshakes. Thread-safe.
class HandshakeSigner {
public:
    virtual ~HandshakeSigner() = default;
    /// ECDSA-P256 over the digest, DER. Any error refuses the handshake.
    virtual Result<Bytes> sign_handshake(const Hash256& digest) = 0;
    /// Uncompressed point: 0x04, x, y.
    virtual Bytes handshake_public_key() const = 0;
};

/// A private key in this process. One thread at a time.
class P256Key {
public:
    /// KeyInvalid unless 32 bytes, not zero and below the order.
    static Result<P256Key> from_scalar(BytesView scalar);
    /// PKCS#8 PEM. KeyInvalid.
    static Result<P256Key> from_pem(std::string_view pem);

    const Bytes& public_point() const { return point_; }
    /// 32 bytes; the caller wipes them.
    Bytes scalar() const;
    Result<Bytes> sign(const Hash256& digest) const;
    evp_pkey_st* get() const { return key_.get(); }

private:
    std::shared_ptr<evp_pkey_st> key_;
    Bytes point_;
};

bool verify_p256(BytesView public_point, const Hash256& digest, BytesView der_signature);
/// The subject's public key as an uncompressed point. CertificateInvalid, also for a key that is not P-256.
Result<Bytes> certificate_point(std::string_view certificate_pem);

/// Keeps a key file's key in this process: for tools and tests, never for a node.
Result<std::shared_ptr<HandshakeSigner>> local_handshake_signer(std::string_view key_pem);
/// A key for OpenSSL whose every signature is made by `signer`, which must outlive it. KeyInvalid.
Result<std::shared_ptr<evp_pkey_st>> remote_key(std::shared_ptr<HandshakeSigner> signer);

} // namespace cairn::crypto
