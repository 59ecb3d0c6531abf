// Certificate signing requests (PKCS#10): a TLS key is made where it is used, and only the request travels to the CA.
//
// A request names what the certificate will: organisation, common name, and exactly one cairn: URI in the subject alternative
// name, its only extension. It is signed with the key that it asks a certificate for.
#pragma once

#include "crypto/certificate.hpp"
#include "crypto/tls_key.hpp"
#include "crypto/zone_certificate.hpp"

namespace cairn::crypto {

inline constexpr std::size_t kRequestPemBytesMax = 16 * 1024;

struct CertificateRequest {
    std::string organisation;
    std::string common_name;
    CertificateKey key = CertificateKey::p256;
    Hash256 key_id;                         // as in CertificateInfo
    std::optional<VotingKey> consensus_key; // of a node
    std::optional<ClientIdentity> client;   // of a person or an application
    std::optional<ZoneIdentity> person;     // an administrator or a regulator; exactly one of the three is there
};

struct RequestedKey {
    std::string request_pem;
    SecretText key_pem; // PKCS#8
};
/// A fresh key and the request for it. CertificateRequestInvalid for a name that is empty or longer than 64 bytes; KeyInvalid.
Result<RequestedKey> request_client_certificate(std::string_view organisation, std::string_view label,
                                                const ClientIdentity& identity, CertificateKey kind);
/// For who enters a zone: a P-256 key, and the name as `identity` has it. CertificateRequestInvalid too for the role of a listener.
Result<RequestedKey> request_person_certificate(const ZoneIdentity& identity);
/// For a node's TLS key, which stays where it is.
Result<std::string> request_node_certificate(const NodeIdentity& identity, const TlsKey& tls_key);
/// The same for a key that another process or a device signs with.
Result<std::string> request_node_certificate(const NodeIdentity& identity, std::shared_ptr<HandshakeSigner> tls_key);

/// CertificateRequestInvalid: too large, malformed, not signed by its own key, a key that is neither P-256 nor Ed25519 (that of who
/// enters a zone: P-256), a node's voting key in the place of its TLS key, names or extensions other than the above.
Result<CertificateRequest> inspect_request(std::string_view pem);
/// The certificate. CertificateRequestForeign if the request is of another organisation than the CA; as inspect_request and
/// issue_node_certificate.
Result<std::string> issue_from_request(const CertifiedKey& ca, std::string_view request_pem, const Validity& validity,
                                       Random& random);

} // namespace cairn::crypto
