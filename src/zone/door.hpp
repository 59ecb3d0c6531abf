// Who gets through a zone's TLS: the judgement of a client's certificate. For this folder's .cpp files only.
#pragma once

#include "base/result.hpp"
#include "zone/listener_files.hpp"

#include <openssl/ssl.h>

#include <memory>
#include <string>
#include <vector>

namespace cairn::zone {

/// A certificate that came through, and who vouched for it.
struct Admitted {
    Bytes certificate; // DER
    ListenerFiles::Authority authority;
};
/// During a handshake: signature, time and purpose by OpenSSL against the authorities alone, then the name and the
/// revocations. CertificateForeign, CertificateExpired, CertificateNotYetValid, CertificateNameWrong, CertificateRevoked,
/// CertificateInvalid; sets the error of `store`, which becomes the alert. What is known of the certificate stays in
/// `admitted` with an error too, once an authority has vouched for it.
Status judge_handshake(X509_STORE_CTX* store, const ListenerFiles& files, const CertificateTrust* trust,
                       Admitted& admitted);
/// The same for a connection that stands already, by today's trust and time.
Status judge_again(const Admitted& admitted, const ListenerFiles& files, const CertificateTrust* trust,
                   std::int64_t now);

} // namespace cairn::zone
