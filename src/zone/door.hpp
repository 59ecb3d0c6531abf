// Who gets through a zone's TLS: the files of a listener and the judgement of a client's certificate. For this folder's .cpp
// files only: includes OpenSSL.
#pragma once

#include "base/result.hpp"
#include "zone/tls_server.hpp"

#include <openssl/ssl.h>

#include <memory>
#include <string>
#include <vector>

namespace cairn::zone {

/// Certificate, key and admitted CAs of a listener as they stood in their files at one time. Does not change.
class DoorFiles {
public:
    /// ZoneFileInvalid.
    static Result<std::shared_ptr<const DoorFiles>> read(const TlsServerConfig& config);
    /// CertificateExpired, CertificateNotYetValid: no client would take the listener's certificate.
    Status check_time(std::int64_t now) const;
    /// Gives a connection the certificate and key.
    bool serve(SSL* connection) const;
    const Hash256& fingerprint() const { return fingerprint_; }
    std::int64_t not_after() const { return validity_.not_after; }

    struct Authority {
        std::string organisation; // of its subject
        Bytes der;
    };
    /// The CAs that count today. The file says whose certificates enter; of an organisation that is on chain, the chain says
    /// which of its CAs count, and one that it has removed does not count although it stands in the file.
    std::vector<Authority> authorities(const CertificateTrust* trust) const;

private:
    std::unique_ptr<SSL_CTX, decltype(&SSL_CTX_free)> holder_{nullptr, SSL_CTX_free}; // of the certificate and key
    crypto::Validity validity_;
    Hash256 fingerprint_;
    std::vector<Authority> authorities_; // of the file
};

/// A certificate that came through, and who vouched for it.
struct Admitted {
    Bytes certificate; // DER
    DoorFiles::Authority authority;
};
/// During a handshake: signature, time and purpose by OpenSSL against the authorities alone, then the name and the
/// revocations. CertificateForeign, CertificateExpired, CertificateNotYetValid, CertificateNameWrong, CertificateRevoked,
/// CertificateInvalid; sets the error of `store`, which becomes the alert. What is known of the certificate stays in
/// `admitted` with an error too, once an authority has vouched for it.
Status judge_handshake(X509_STORE_CTX* store, const DoorFiles& files, const CertificateTrust* trust,
                       Admitted& admitted);
/// The same for a connection that stands already, by today's trust and time.
Status judge_again(const Admitted& admitted, const DoorFiles& files, const CertificateTrust* trust, std::int64_t now);

} // namespace cairn::zone
