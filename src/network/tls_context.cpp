#include "network/tls_context.hpp"

#include "base/clock.hpp"
#include "base/errors/crypto.hpp"
#include "base/errors/network.hpp"
#include "base/log.hpp"
#include "crypto/certificate.hpp"
#include "crypto/pem_password.hpp"
#include "crypto/remote_key.hpp"
#include "crypto/x509_der.hpp"
#include "network/peer_identity.hpp"

#include <boost/asio/buffer.hpp>
#include <boost/system/system_error.hpp>
#include <openssl/err.h>
#include <openssl/ssl.h>
#include <openssl/x509.h>

#include <fstream>

namespace cairn::network {
namespace {

constexpr long kPeerCertificateBytesMax = 16 * 1024;

int verdict_slot() {
    static const int slot = SSL_get_ex_new_index(0, nullptr, nullptr, nullptr, nullptr);
    return slot;
}

std::int64_t wall_seconds() { return system_clock().wall().count() / 1000; }

Result<std::string> read_text(const std::string& path) {
    std::ifstream in(path, std::ios::binary);
    std::string text(crypto::kPemBytesMax + 1, '\0');
    in.read(text.data(), static_cast<std::streamsize>(text.size()));
    text.resize(static_cast<std::size_t>(in.gcount()));
    if (text.empty()) return fail(error::CertificateInvalid, path + ": cannot be read, or is empty");
    if (text.size() > crypto::kPemBytesMax) return fail(error::CertificateInvalid, path + ": longer than 64 KiB");
    return text;
}

/// The CA that a certificate file names itself, in the place of those that the chain names.
class OwnCa final : public PeerTrust {
public:
    OwnCa(const Bytes& ca, const PeerTrust& trust) : ca_(ca), trust_(trust) {}
    std::vector<Bytes> cas_of(std::string_view organisation) const override {
        const auto info = crypto::inspect_certificate_der(ca_);
        return info && info->organisation == organisation ? std::vector<Bytes>{ca_} : std::vector<Bytes>{};
    }
    bool is_revoked(std::string_view organisation, const Hash256& id) const override {
        return trust_.is_revoked(organisation, id);
    }

private:
    const Bytes& ca_;
    const PeerTrust& trust_;
};

constexpr std::string_view kEnd = "-----END CERTIFICATE-----";

/// DER of the second certificate of the text; empty if there is none.
Bytes second_certificate(std::string_view pem) {
    const auto end = pem.find(kEnd);
    if (end == std::string_view::npos) return {};
    auto der = crypto::certificate_der(pem.substr(end + kEnd.size()));
    return der ? *std::move(der) : Bytes{};
}

} // namespace

TlsContext::TlsContext(const Seating& seating, std::shared_ptr<const PeerTrust> trust)
    : seating_(seating), trust_(std::move(trust)), context_(boost::asio::ssl::context::tls) {
    auto* native = context_.native_handle();
    SSL_CTX_set_min_proto_version(native, TLS1_3_VERSION);
    SSL_CTX_set_ciphersuites(native, "TLS_AES_256_GCM_SHA384:TLS_CHACHA20_POLY1305_SHA256");
    SSL_CTX_set1_groups_list(native, "X25519:P-256");
    SSL_CTX_set_options(native, SSL_OP_NO_TICKET);
    SSL_CTX_set_num_tickets(native, 0);
    SSL_CTX_set_session_cache_mode(native, SSL_SESS_CACHE_OFF);
    SSL_CTX_set_max_cert_list(native, kPeerCertificateBytesMax);
    SSL_CTX_set_verify(native, SSL_VERIFY_PEER | SSL_VERIFY_FAIL_IF_NO_PEER_CERT, nullptr);
    SSL_CTX_set_cert_verify_callback(native, &TlsContext::judge, this);
    SSL_CTX_set_default_passwd_cb(native, crypto::no_password);
    SSL_CTX_set_msg_callback(native, &TlsContext::watch);
}

Result<std::shared_ptr<TlsContext>> TlsContext::open(const NetworkConfig& config, const Seating& seating,
                                                     std::shared_ptr<const PeerTrust> trust) {
    CRN_TRY(certificate, read_text(config.certificate_file));
    CRN_TRY(certified, crypto::certificate_tls_key(certificate));
    if (!config.handshake_signer || config.handshake_signer->handshake_public_key() != certified)
        return fail(error::KeyInvalid, config.certificate_file + ": certifies another TLS key than the signer has");
    CRN_TRY(key, crypto::remote_key(config.handshake_signer));
    CRN_TRY(der, crypto::certificate_der(certificate));
    CRN_TRY(info, crypto::inspect_certificate_der(der));
    try {
        auto out = std::shared_ptr<TlsContext>(new TlsContext(seating, std::move(trust)));
        out->file_ = config.certificate_file;
        out->own_ = std::move(der);
        out->own_ca_ = second_certificate(certificate);
        out->name_ = info.common_name;
        out->validity_ = info.validity;
        out->fingerprint_ = info.fingerprint;
        auto& context = out->context_;
        context.use_certificate_chain(boost::asio::buffer(certificate));
        if (SSL_CTX_use_PrivateKey(context.native_handle(), key.get()) != 1)
            return fail(error::KeyInvalid, config.certificate_file + ": OpenSSL refuses the key of the signer");
        return out;
    } catch (const boost::system::system_error& error) {
        return fail(error::CertificateInvalid, config.certificate_file + ": " + error.what());
    }
}

void TlsContext::attach(SSL* connection, PeerVerdict* verdict) { SSL_set_ex_data(connection, verdict_slot(), verdict); }

Result<ValidatorIndex> TlsContext::identify(BytesView certificate_der, const Seating& seating) const {
    auto seat = identify_peer(certificate_der, seating.validators, *trust_, wall_seconds());
    if (seat || seat.error().code != error::CertificateForeign || seating.former.empty()) return seat;
    const auto former = identify_peer(certificate_der, {.epoch = {}, .members = seating.former}, *trust_,
                                      wall_seconds(), Whose::former);
    if (!former) return former.error().code == error::CertificateForeign ? std::move(seat) : former;
    return ValidatorIndex{static_cast<std::uint16_t>(seating.validators.size() + former->value)};
}

Status TlsContext::check_own(const Seating& seating) const {
    const auto& set = seating.validators;
    if (seating.self.value >= set.size()) return {};
    CRN_TRY(index, identify_peer(own_, set, *trust_, wall_seconds(), Whose::own));
    if (index == seating.self) return {};
    return fail(error::CertificateForeign, file_ + ": is the certificate of " + set.members[index.value].name);
}

Status TlsContext::check_by_own_ca(const Seating& seating) const {
    const auto& set = seating.validators;
    if (seating.self.value >= set.size() || own_ca_.empty()) return fail(error::CertificateForeign, file_ + ": no CA");
    const OwnCa trust{own_ca_, *trust_};
    CRN_TRY(index, identify_peer(own_, set, trust, wall_seconds(), Whose::own));
    if (index == seating.self) return {};
    return fail(error::CertificateForeign, file_ + ": is the certificate of " + set.members[index.value].name);
}

Status TlsContext::check_seat(const Seating& seating) const {
    auto status = check_own(seating);
    if (status) return status;
    if (status.error().code == error::CertificateRevoked)
        log(LogLevel::error, "network", "the node's own certificate is revoked or its key stopped, as far as it knows",
            {{"error", status.error().text()}, {"next", "cairn key show, cairn signer renew-tls-key"}});
    else if (check_by_own_ca(seating))
        log(LogLevel::error, "network", "the CA of the node's own certificate does not count, as far as it knows",
            {{"error", status.error().text()}, {"next", "cairn org rotate-ca, if the others refuse it too"}});
    else
        return status;
    return {};
}

/// OpenSSL 3.0 takes any number of these in one read, and no bytes come out.
void TlsContext::watch(int write, int, int kind, const void* bytes, std::size_t size, SSL* connection, void*) {
    if (write != 0 || kind != SSL3_RT_HANDSHAKE || size == 0) return;
    const auto type = *static_cast<const std::uint8_t*>(bytes);
    if (type != SSL3_MT_KEY_UPDATE && type != SSL3_MT_NEWSESSION_TICKET) return;
    const auto* verdict = static_cast<const PeerVerdict*>(SSL_get_ex_data(connection, verdict_slot()));
    if (verdict != nullptr && verdict->on_control) verdict->on_control();
}

int TlsContext::judge(X509_STORE_CTX* store, void* self) {
    const auto* connection = static_cast<SSL*>(X509_STORE_CTX_get_ex_data(store, SSL_get_ex_data_X509_STORE_CTX_idx()));
    auto* verdict = static_cast<PeerVerdict*>(SSL_get_ex_data(connection, verdict_slot()));
    auto* leaf = X509_STORE_CTX_get0_cert(store);
    const auto refuse = [&](Error error) {
        if (verdict != nullptr) verdict->refusal = std::move(error);
        X509_STORE_CTX_set_error(store, X509_V_ERR_CERT_REJECTED);
        return 0;
    };
    if (verdict == nullptr || leaf == nullptr) return refuse({error::CertificateInvalid, "no certificate"});
    // The node's own and its CA's; what is trusted comes from genesis, so there is nothing to search a path in.
    if (sk_X509_num(X509_STORE_CTX_get0_untrusted(store)) > 2)
        return refuse({error::CertificateTooLarge, "a chain of more than two certificates"});
    auto der = crypto::der_of(leaf);
    auto peer = static_cast<TlsContext*>(self)->identify(der);
    if (!peer) return refuse(std::move(peer).error());
    verdict->peer = *peer;
    verdict->certificate = std::move(der);
    X509_STORE_CTX_set_error(store, X509_V_OK);
    return 1;
}

} // namespace cairn::network
