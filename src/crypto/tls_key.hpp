// The TLS key of a node, and the one thing that it signs. ECDSA over P-256 with SHA-256 in DER, or Ed25519 (OpenSSL).
#pragma once

#include "base/bytes.hpp"
#include "base/result.hpp"
#include "crypto/certificate_key.hpp"

#include <memory>

struct evp_pkey_st; // OpenSSL's EVP_PKEY

namespace cairn::crypto {

/// An uncompressed point of P-256 (0x04, x, y), or the 32 bytes of an Ed25519 key: the length says which.
using TlsPublicKey = Bytes;
inline constexpr std::size_t kTlsPublicKeyBytesMax = 65;
/// Nothing for what can be neither.
std::optional<CertificateKey> algorithm_of(const TlsPublicKey& key);

enum class TlsSide : std::uint8_t { server, client };
/// What a TLS 1.3 CertificateVerify signs (RFC 8446, 4.4.3): 64 spaces, a text for each side, a zero, the hash of the handshake.
Bytes certificate_verify(TlsSide side, BytesView transcript_hash);
/// Whether it is that, over a hash of 32 or 48 bytes. Nothing else that is ever signed begins with a space.
bool is_certificate_verify(BytesView message);
inline constexpr std::size_t kCertificateVerifyBytesMax = 64 + 33 + 1 + 48;

/// Signs for the handshakes of a node. Thread-safe.
class HandshakeSigner {
public:
    virtual ~HandshakeSigner() = default;
    /// The whole message, not its hash, so that whoever has the key can see what it is. Any error refuses the handshake.
    virtual Result<Bytes> sign_handshake(BytesView message) = 0;
    virtual TlsPublicKey handshake_public_key() const = 0;
};

/// A private key in this process. One thread at a time.
class TlsKey {
public:
    static constexpr std::size_t kSecretBytes = 32;
    /// A scalar of P-256 or a seed of Ed25519. KeyInvalid: not 32 bytes; a scalar that is zero or not below the order.
    static Result<TlsKey> from_secret(CertificateKey algorithm, BytesView secret);
    /// PKCS#8 PEM. KeyInvalid.
    static Result<TlsKey> from_pem(std::string_view pem);

    CertificateKey algorithm() const { return algorithm_; }
    const TlsPublicKey& public_key() const { return public_key_; }
    /// 32 bytes; the caller wipes them.
    Bytes secret() const;
    Result<Bytes> sign(BytesView message) const;
    evp_pkey_st* get() const { return key_.get(); }

private:
    CertificateKey algorithm_ = CertificateKey::p256;
    std::shared_ptr<evp_pkey_st> key_;
    TlsPublicKey public_key_;
};

bool verify_tls(const TlsPublicKey& key, BytesView message, BytesView signature);
/// Of the certificate's subject. CertificateInvalid, also for a key of another algorithm.
Result<TlsPublicKey> certificate_tls_key(std::string_view certificate_pem);

/// Keeps a key file's key in this process: for tools and tests, never for a node.
Result<std::shared_ptr<HandshakeSigner>> local_handshake_signer(std::string_view key_pem);

} // namespace cairn::crypto
