// HTTPS with certificates on both sides, for the management and regulator zones: nobody without a certificate of the
// organisation's CA gets as far as the HTTP parser.
#pragma once

#include "base/bytes.hpp"
#include "base/result.hpp"
#include "crypto/zone_certificate.hpp"

#include <functional>
#include <memory>
#include <string>

namespace cairn::zone {

struct TlsServerConfig {
    std::string name; // of the zone, for the log
    std::string address = "127.0.0.1";
    std::uint16_t port = 0;                 // 0: the system chooses
    std::string certificate_file, key_file; // PEM
    std::string client_ca_file;             // PEM; who may connect
    unsigned idle_seconds = 5; // a connection without a request for so long is ended; each takes one request
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

struct TlsHandler {
    /// By one of a few threads.
    std::function<TlsAnswer(const TlsRequest&)> on_request;
    /// TLS ended before any request: no certificate, a foreign or expired one, plaintext.
    std::function<void(const std::string& remote, const std::string& reason)> on_refused;
};

class TlsServer {
public:
    virtual ~TlsServer() = default;
    virtual std::uint16_t port() const = 0;
    /// Reads certificate and key again; connections from now on get them. ZoneFileInvalid, and the old ones stay.
    virtual Status reload() = 0;
};

/// PortInUse, ZoneFileInvalid.
Result<std::unique_ptr<TlsServer>> start_tls_server(const TlsServerConfig& config, TlsHandler handler);

} // namespace cairn::zone
