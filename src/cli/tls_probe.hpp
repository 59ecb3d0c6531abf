// What a stranger sees at a port: does it speak anything but TLS 1.3, and does it serve one who shows no certificate.
#pragma once

#include "base/clock.hpp"

#include <cstdint>
#include <string>

namespace cairn::cli {

struct TlsProbe {
    bool reachable = false;
    bool answers_plaintext = false;          // bytes came back for an HTTP request without TLS
    bool accepts_tls_1_2 = false;            // a handshake of TLS 1.2 or older succeeded
    bool speaks_tls_1_3 = false;             // its server hello was of TLS 1.3
    bool serves_without_certificate = false; // application data came back for one who showed no certificate
};

/// `limit` bounds each connection. Sends nothing secret.
TlsProbe probe_tls(const std::string& host, std::uint16_t port, Milliseconds limit);

} // namespace cairn::cli
