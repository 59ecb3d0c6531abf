// What issuing certificates and judging requests have in common, for this folder's .cpp files only.
#pragma once

#include "crypto/certificate.hpp"
#include "crypto/openssl_handle.hpp"
#include "crypto/tls_key.hpp"
#include "crypto/zone_certificate.hpp"

#include <string>

namespace cairn::crypto {

inline constexpr std::size_t kCertificateNameMax = 64;

/// Null on failure.
Key generate_key(CertificateKey kind);
/// Nothing for any other key.
std::optional<CertificateKey> kind_of(const EVP_PKEY* key);
/// Empty if it is of neither algorithm. For keys in providers, as those of certificates and files are.
TlsPublicKey public_key_of(const EVP_PKEY* key);
/// Null if there is no such key.
Key openssl_key_of(const TlsPublicKey& key);
/// What a signature with this key hashes with; null for Ed25519, which hashes by itself.
const EVP_MD* digest_of(const EVP_PKEY* key);
/// Of the SubjectPublicKeyInfo in DER: key_id of CertificateInfo.
Hash256 key_id_of(const X509_PUBKEY* key);

/// The content of the URI in the subject alternative name.
std::string uri_of(const VotingKey& consensus_key);
std::string uri_of(const ClientIdentity& client);
std::optional<VotingKey> node_from_uri(std::string_view uri);
std::optional<ClientIdentity> client_from_uri(std::string_view uri);
/// The subject alternative name, if it is one URI and nothing else.
std::optional<std::string> only_uri(const GENERAL_NAMES* names);
/// A field of a name; longer ones than kCertificateNameMax are cut one byte above.
std::string name_entry(const X509_NAME* name, int nid);

struct LeafPlan {
    std::string organisation;
    std::string common_name;
    std::string uri;
    bool is_node = false;
};
/// For a key that the subject has. CertificateInvalid, KeyInvalid.
Result<std::string> certify_key(const CertifiedKey& ca, const LeafPlan& plan, const Validity& validity, Random& random,
                                EVP_PKEY* public_key);

std::string uri_of(const ZoneIdentity& identity);
/// Role and name; nothing for a URI that is for no zone, or has no sound name.
std::optional<ZoneIdentity> zone_from_uri(std::string_view uri);
/// As issue_zone_certificate, for a key that the holder has.
Result<std::string> certify_zone_key(const CertifiedKey& ca, const ZoneIdentity& identity, const Validity& validity,
                                     Random& random, EVP_PKEY* public_key);

} // namespace cairn::crypto
