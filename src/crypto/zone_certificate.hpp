// Certificates for the zones of a node and for the persons who may enter them, and signatures with their keys (P-256).
//
// The subject alternative name of type URI says what a certificate is for, and for nothing else:
//     cairn:client:NODE   cairn:management:NODE   cairn:regulation:NODE   a node's listeners (also with its host names)
//     cairn:system-administrator:NAME   cairn:security-administrator:NAME   cairn:audit-administrator:NAME
//     cairn:regulator:NAME                                                                  persons
#pragma once

#include "crypto/certificate.hpp"

#include <string>
#include <vector>

namespace cairn::crypto {

enum class ZoneRole : std::uint8_t {
    client,
    management,
    regulation,
    system_administrator,
    security_administrator,
    audit_administrator,
    regulator
};
inline constexpr ZoneRole kAdministrators[] = {ZoneRole::system_administrator, ZoneRole::security_administrator,
                                               ZoneRole::audit_administrator};
std::string_view name_of(ZoneRole role);

struct ZoneIdentity {
    ZoneRole role = ZoneRole::regulator;
    std::string organisation;
    std::string name;               // letters, digits, '-', '_', '.'; at most 64
    std::vector<std::string> hosts; // of a listener: DNS names or numeric addresses
};

/// KeyInvalid, CertificateInvalid. The validity has to lie within the CA's.
Result<CertifiedKey> issue_zone_certificate(const CertifiedKey& ca, const ZoneIdentity& identity,
                                            const Validity& validity, Random& random);
/// Same holder, purpose, hosts and key as `old_pem`, a new serial number and validity. Errors as above.
Result<std::string> reissue_zone_certificate(const CertifiedKey& ca, std::string_view old_pem, const Validity& validity,
                                             Random& random);
/// What a certificate claims, hosts too; who issued it was checked by TLS. CertificateInvalid without exactly one such URI.
Result<ZoneIdentity> zone_identity_of(BytesView der);

/// Whether the signature of a certificate is of this CA's key; looks at nothing else.
bool is_signed_by(BytesView certificate_der, BytesView ca_der);

/// ECDSA with SHA-256, in DER. KeyInvalid.
Result<Bytes> sign_p256(std::string_view key_pem, BytesView message);
bool verify_p256(BytesView certificate_der, BytesView message, BytesView signature);

} // namespace cairn::crypto
