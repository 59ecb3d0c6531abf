// X.509 certificates of organisations and their nodes, and private keys in PEM files (OpenSSL).
//
// An organisation's CA (P-256 or Ed25519, self-signed, path length 0) vouches for the TLS certificates of its nodes. A node's
// certificate (either) binds its TLS key to its consensus key by exactly one subject alternative name of type URI:
// "cairn:node:" and the 64 lower-case hex digits of the Ed25519 public key.
//
// Times are seconds since 1970-01-01 UTC and come from the caller. All functions are thread-safe. Secrets stay out of
// error texts.
#pragma once

#include "base/clock.hpp"
#include "base/result.hpp"
#include "crypto/certificate_key.hpp"
#include "crypto/voting_key.hpp"

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>

namespace cairn::crypto {

/// Text that is wiped when it goes: private keys in PEM form.
class SecretText {
public:
    SecretText() = default;
    explicit SecretText(std::string text) : text_(std::move(text)) {}
    SecretText(SecretText&& other) noexcept;
    SecretText& operator=(SecretText&& other) noexcept;
    ~SecretText();
    std::string_view view() const { return text_; }

private:
    std::string text_;
};

struct Validity {
    std::int64_t not_before = 0;
    std::int64_t not_after = 0;
};

/// A certificate and the private key of its subject.
struct CertifiedKey {
    std::string certificate_pem;
    SecretText key_pem; // PKCS#8
};

struct NodeIdentity {
    std::string organisation;
    std::string node;
    VotingKey consensus_key;
};

/// KeyInvalid if OpenSSL cannot make a key; CertificateInvalid for an empty or overlong name (64 bytes) or a validity that
/// ends before it begins. `random` gives the serial number; keys come from OpenSSL's own generator.
Result<CertifiedKey> create_ca(std::string_view organisation, const Validity& validity, Random& random,
                               CertificateKey kind = CertificateKey::p256);
/// The certificate ends with its CA's at the latest: a longer validity is CertificateInvalid.
Result<CertifiedKey> issue_node_certificate(const CertifiedKey& ca, const NodeIdentity& identity,
                                            const Validity& validity, Random& random,
                                            CertificateKey kind = CertificateKey::p256);

/// People and applications, as their certificates name them: "cairn:person:" or "cairn:app:" and the account's address.
enum class ClientKind : std::uint8_t { person, application };
struct ClientIdentity {
    ClientKind kind = ClientKind::person;
    Address account;
    bool operator==(const ClientIdentity&) const = default;
};

/// What a certificate says; nothing of it is verified.
struct CertificateInfo {
    std::string subject; // "CN=alpha-1, O=Alpha"
    std::string organisation;
    std::string common_name;
    std::string issuer;
    std::string serial; // hex digits
    Validity validity;
    bool is_ca = false;
    std::optional<CertificateKey> key;      // if it is one of these
    Hash256 fingerprint;                    // SHA-256 of the certificate
    Hash256 key_id;                         // SHA-256 of the subject's public key (SubjectPublicKeyInfo, DER)
    std::optional<VotingKey> consensus_key; // if there is exactly one well-formed node URI
    std::optional<ClientIdentity> client;   // if there is exactly one well-formed person or app URI
};
/// The first certificate of the text.
Result<CertificateInfo> inspect_certificate(std::string_view pem);
/// DER of the first certificate of the text.
Result<Bytes> certificate_der(std::string_view pem);

/// A CA as create_ca makes it: P-256 or Ed25519, signed by itself, CA with path length 0, may sign certificates, valid at `now`.
Status verify_ca_certificate(std::string_view ca_pem, std::int64_t now);
/// DER of one certificate in PEM form.
std::string certificate_pem_of(BytesView der);
/// What a certificate in DER says; nothing of it is verified. CertificateTooLarge, CertificateInvalid.
Result<CertificateInfo> inspect_certificate_der(BytesView der);

/// A certificate for TLS clients alone; `label` is its common name: a pseudonym, not the real name.
Result<CertifiedKey> issue_client_certificate(const CertifiedKey& ca, std::string_view organisation,
                                              std::string_view label, const ClientIdentity& identity,
                                              const Validity& validity, Random& random,
                                              CertificateKey kind = CertificateKey::p256);
/// Errors as for nodes below; `cas` are the organisation's trusted CA certificates in DER.
Result<ClientIdentity> verify_client_certificate(BytesView leaf_der, std::span<const Bytes> cas, std::int64_t now);

/// Same subject, name, use and key as `old_pem`, a new serial number and validity: renewal without touching the private key.
Result<std::string> reissue_certificate(const CertifiedKey& ca, std::string_view old_pem, const Validity& validity,
                                        Random& random);

/// The consensus key that the certificate names, if one of these CAs (DER) issued it; otherwise as below.
Result<VotingKey> verify_node_certificate(BytesView leaf_der, std::span<const Bytes> cas, std::int64_t now);
/// The consensus key that the certificate names, if it was issued by exactly this CA, is valid at `now` (as is the CA),
/// has a key of the two algorithms, is no CA, and may serve as TLS client and server. CertificateForeign if another CA issued it,
/// CertificateTooLarge, CertificateInvalid (malformed), CertificateUsageWrong, CertificateNameWrong, CertificateExpired,
/// CertificateNotYetValid: each with the reason.
Result<VotingKey> verify_node_certificate(BytesView leaf_der, std::string_view ca_pem, std::int64_t now);
/// The consensus key that a certificate claims; nothing is verified. CertificateInvalid without exactly one node URI.
Result<VotingKey> claimed_consensus_key(BytesView leaf_der);
/// KeyInvalid unless the private key belongs to the certificate.
Status verify_key_pair(std::string_view certificate_pem, std::string_view key_pem);

inline constexpr std::size_t kPemBytesMax = 64 * 1024;

/// Creates the file with mode 0600, synced; KeyFileRefused if it exists: keys are never overwritten.
Status write_secret_file(const std::string& path, std::string_view text);
/// KeyFileRefused if it cannot be read, is longer than kPemBytesMax, or others than its owner may read it.
Result<SecretText> read_secret_file(const std::string& path);
/// Ed25519 private keys (validators, signing keys of organisations) as PKCS#8 PEM.
Status write_ed25519_key(const std::string& path, const ValidatorSeed& seed);
Result<ValidatorSeed> read_ed25519_key(const std::string& path);

} // namespace cairn::crypto
