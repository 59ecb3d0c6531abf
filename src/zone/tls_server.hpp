// HTTPS with certificates on both sides, for the management and regulator zones: nobody without a certificate of a CA that
// counts, or with a revoked one, gets as far as the HTTP parser.
#pragma once

#include "base/bytes.hpp"
#include "base/clock.hpp"
#include "base/result.hpp"
#include "crypto/zone_certificate.hpp"
#include "zone/certificate_trust.hpp"

#include <functional>
#include <memory>
#include <string>

namespace cairn::zone {

struct TlsServerConfig {
    std::string name; // of the zone, for the log
    std::string address = "127.0.0.1";
    std::uint16_t port = 0;                 // 0: the system chooses
    std::string certificate_file, key_file; // PEM
    std::string client_ca_file; // PEM; whose certificates enter: of organisations on chain, the chain says by which CAs
    unsigned idle_seconds = 5;  // a connection without a request for so long is ended; each takes one request
    /// What the chain says of CAs and revocations. Null: the CAs of the file are trusted, and nothing is revoked.
    std::shared_ptr<const CertificateTrust> trust;
    Milliseconds file_check{1000}; // how often a change of the three files is looked for
};

struct TlsRequest {
    std::string remote; // numeric address
    Bytes certificate;  // DER of the client's
    std::string path;
    std::string body;
    std::string signature; // header Cairn-Signature
};
struct TlsAnswer {
    int status = 200;
    std::string body; // JSON
};

/// TLS ended before a request was taken: no certificate, a foreign, expired or revoked one, plaintext; or a connection was
/// cut because its certificate does not count any more.
struct TlsRefusal {
    std::string remote; // numeric address
    std::string reason;
    Bytes certificate; // DER, if a CA that counts issued it. Whether the client has its key was not asked yet.
};

struct TlsHandler {
    /// By one of a few threads.
    std::function<TlsAnswer(const TlsRequest&)> on_request;
    std::function<void(const TlsRefusal&)> on_refused;
};

class TlsServer {
public:
    virtual ~TlsServer() = default;
    virtual std::uint16_t port() const = 0;
    /// Reads the files again; connections from now on get them. ZoneFileInvalid, CertificateExpired, CertificateNotYetValid:
    /// the old ones stay. A change of the files is noticed without it.
    virtual Status reload() = 0;
    /// Ends the connections whose certificate does not count any more: to be called when the trust has changed.
    virtual void judge_again() = 0;
};

/// PortInUse, ZoneFileInvalid.
Result<std::unique_ptr<TlsServer>> start_tls_server(const TlsServerConfig& config, TlsHandler handler);

} // namespace cairn::zone
