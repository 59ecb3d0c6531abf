// The TLS settings that every connection of a node shares. For this folder's .cpp files only: includes Asio.
#pragma once

#include "network/network.hpp"

#include <boost/asio/ssl/context.hpp>

#include <optional>

namespace cairn::network {

/// What the certificate check found out during one handshake.
struct PeerVerdict {
    std::optional<ValidatorIndex> peer;
    std::optional<Error> refusal;
};

/// TLS 1.3 alone, certificates from both sides, no session resumption. Every certificate is judged by identify_peer.
class TlsContext {
public:
    /// KeyInvalid, KeyFileRefused, CertificateInvalid, CertificateForeign: also if the own certificate would be refused by
    /// the others. `genesis` must outlive the result.
    static Result<std::unique_ptr<TlsContext>> open(const NetworkConfig& config, const ledger::Genesis& genesis);

    boost::asio::ssl::context& asio() { return context_; }
    /// The verdict of this connection's handshake goes to `verdict`, which must live as long as the connection.
    static void attach(SSL* connection, PeerVerdict* verdict);

private:
    explicit TlsContext(const ledger::Genesis& genesis);
    static int judge(X509_STORE_CTX* store, void* self);

    const ledger::Genesis& genesis_;
    boost::asio::ssl::context context_;
};

} // namespace cairn::network
