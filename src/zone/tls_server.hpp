// HTTPS with certificates on both sides, for the management and regulator zones: nobody without a certificate of a CA that
// counts, or with a revoked one, gets as far as the HTTP parser.
#pragma once

#include "base/bytes.hpp"
#include "base/result.hpp"
#include "zone/listener_config.hpp"

#include <functional>
#include <memory>
#include <string>

namespace cairn::zone {

struct TlsServerConfig {
    std::string address = "127.0.0.1";
    std::uint16_t port = 0; // 0: the system chooses
    ListenerFilesConfig files;
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
    /// As WatchedFiles::reload; connections from now on get the new ones.
    virtual Status reload() = 0;
    /// Ends the connections whose certificate does not count any more: to be called when the trust has changed.
    virtual void judge_again() = 0;
};

/// PortInUse, ZoneFileInvalid.
Result<std::unique_ptr<TlsServer>> start_tls_server(const TlsServerConfig& config, TlsHandler handler);

} // namespace cairn::zone
