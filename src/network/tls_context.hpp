// The TLS settings that every connection of a node shares. For this folder's .cpp files only: includes Asio.
#pragma once

#include "crypto/certificate.hpp"
#include "network/network.hpp"

#include <boost/asio/ssl/context.hpp>

#include <optional>

namespace cairn::network {

/// What the certificate check found out during one handshake. Certificates are public: until the handshake is done, nothing says that
/// the other side is who its certificate names.
struct PeerVerdict {
    std::optional<ValidatorIndex> peer;
    Bytes certificate; // of the peer, to be judged again when trust changes or time passes
    std::optional<Error> refusal;
    /// Inside OpenSSL: the other side has sent a TLS message after its handshake, one that no read of ours returns.
    std::function<void()> on_control;
};

/// TLS 1.3 alone, certificates from both sides, no session resumption. Every certificate is judged by identify_peer.
class TlsContext {
public:
    /// KeyInvalid, KeyFileRefused, CertificateInvalid. Whether the others would take the certificate is not judged yet. `seating` must outlive the result, which always judges by what is in it: it may be changed, on the network's thread.
    /// The result must outlive the connections made with it.
    static Result<std::shared_ptr<TlsContext>> open(const NetworkConfig& config, const Seating& seating,
                                                    std::shared_ptr<const PeerTrust> trust);

    boost::asio::ssl::context& asio() { return context_; }
    /// The verdict of this connection's handshake goes to `verdict`, which must live as long as the connection.
    static void attach(SSL* connection, PeerVerdict* verdict);
    /// Identifies the holder of a certificate by today's trust and time.
    Result<ValidatorIndex> identify(BytesView certificate_der) const { return identify(certificate_der, seating_); }
    Result<ValidatorIndex> identify(BytesView certificate_der, const Seating& seating) const;
    /// The errors of identify_peer if the others would refuse the own certificate, by what is known here; CertificateForeign if it is not that
    /// of the own seat. Who has no seat is not judged by it: its organisation may
    /// be unknown here.
    Status check_own(const Seating& seating) const;
    /// The same by the CA that the certificate's file names, if that is of the node's organisation: others may trust it already.
    Status check_by_own_ca(const Seating& seating) const;
    /// As check_own, but a revocation, and a CA of its organisation that does not count here, is only logged: this node may have been away
    /// when a stop was lifted or a CA replaced, and learns that from its peers alone, who decide.
    Status check_seat(const Seating& seating) const;
    /// Of the own certificate.
    const std::string& name() const { return name_; }
    const crypto::Validity& validity() const { return validity_; }
    const Hash256& fingerprint() const { return fingerprint_; }

private:
    TlsContext(const Seating& seating, std::shared_ptr<const PeerTrust> trust);
    static int judge(X509_STORE_CTX* store, void* self);
    static void watch(int write, int version, int kind, const void* bytes, std::size_t size, SSL* connection, void*);

    const Seating& seating_;
    const std::shared_ptr<const PeerTrust> trust_;
    std::string file_, name_;
    Bytes own_;    // certificate
    Bytes own_ca_; // that follows it in the file; empty if none does
    crypto::Validity validity_;
    Hash256 fingerprint_;
    boost::asio::ssl::context context_;
};

} // namespace cairn::network
