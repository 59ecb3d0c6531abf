#include "zone/door.hpp"

#include "base/errors/crypto.hpp"
#include "base/errors/network.hpp"
#include "base/errors/zone.hpp"
#include "crypto/certificate.hpp"

#include <openssl/err.h>
#include <openssl/x509.h>
#include <openssl/x509_vfy.h>

#include <algorithm>
#include <fstream>

namespace cairn::zone {
namespace {

constexpr std::string_view kEnd = "-----END CERTIFICATE-----";

std::string read_text(const std::string& path) {
    std::ifstream in(path, std::ios::binary);
    std::string text(crypto::kPemBytesMax + 1, '\0');
    in.read(text.data(), static_cast<std::streamsize>(text.size()));
    text.resize(static_cast<std::size_t>(in.gcount()));
    return text.size() > crypto::kPemBytesMax ? std::string{} : text;
}

Bytes der_of(X509* certificate) {
    unsigned char* der = nullptr;
    const auto length = i2d_X509(certificate, &der);
    if (length <= 0) return {};
    Bytes out(der, der + length);
    OPENSSL_free(der);
    return out;
}

struct FreeStack {
    void operator()(STACK_OF(X509) * stack) const { sk_X509_pop_free(stack, X509_free); }
};
using Stack = std::unique_ptr<STACK_OF(X509), FreeStack>;

Stack stack_of(const std::vector<DoorFiles::Authority>& authorities) {
    Stack out(sk_X509_new_null());
    for (const auto& authority : authorities) {
        const auto* at = authority.der.data();
        auto* certificate = d2i_X509(nullptr, &at, static_cast<long>(authority.der.size()));
        if (certificate != nullptr && sk_X509_push(out.get(), certificate) <= 0) X509_free(certificate);
    }
    return out;
}

ErrorCode code_of(int reason) {
    switch (reason) {
    case X509_V_ERR_CERT_HAS_EXPIRED: return error::CertificateExpired;
    case X509_V_ERR_CERT_NOT_YET_VALID: return error::CertificateNotYetValid;
    case X509_V_ERR_INVALID_PURPOSE: return error::CertificateUsageWrong;
    case X509_V_ERR_UNABLE_TO_GET_ISSUER_CERT:
    case X509_V_ERR_UNABLE_TO_GET_ISSUER_CERT_LOCALLY:
    case X509_V_ERR_UNABLE_TO_VERIFY_LEAF_SIGNATURE:
    case X509_V_ERR_SELF_SIGNED_CERT_IN_CHAIN:
    case X509_V_ERR_DEPTH_ZERO_SELF_SIGNED_CERT:
    case X509_V_ERR_CERT_SIGNATURE_FAILURE: return error::CertificateForeign;
    default: return error::CertificateInvalid;
    }
}

/// By name and revocation, once an authority has vouched for it.
Status check_holder(const Admitted& admitted, const CertificateTrust* trust) {
    CRN_TRY(info, crypto::inspect_certificate_der(admitted.certificate));
    const auto& organisation = admitted.authority.organisation;
    if (trust == nullptr || !trust->cas_of(organisation)) return {};
    if (info.organisation != organisation)
        return fail(error::CertificateNameWrong, "the CA of " + organisation + " vouches for " + info.organisation);
    for (const auto& id : {info.fingerprint, info.key_id})
        if (trust->is_revoked(organisation, id))
            return fail(error::CertificateRevoked, to_hex(id) + ", by " + organisation);
    return {};
}

} // namespace

Result<std::shared_ptr<const DoorFiles>> DoorFiles::read(const TlsServerConfig& config) {
    auto out = std::make_shared<DoorFiles>();
    const auto refused = [](const std::string& path, const std::string& why) {
        ERR_clear_error();
        return fail(error::ZoneFileInvalid, path + ": " + why);
    };
    out->holder_.reset(SSL_CTX_new(TLS_server_method()));
    auto* holder = out->holder_.get();
    if (holder == nullptr || SSL_CTX_use_certificate_chain_file(holder, config.certificate_file.c_str()) != 1)
        return refused(config.certificate_file, "no certificate in PEM form");
    if (SSL_CTX_use_PrivateKey_file(holder, config.key_file.c_str(), SSL_FILETYPE_PEM) != 1 ||
        SSL_CTX_check_private_key(holder) != 1)
        return refused(config.key_file, "not the key of " + config.certificate_file);
    const auto info = crypto::inspect_certificate_der(der_of(SSL_CTX_get0_certificate(holder)));
    if (!info) return refused(config.certificate_file, info.error().detail);
    out->validity_ = info->validity;
    out->fingerprint_ = info->fingerprint;

    const auto text = read_text(config.client_ca_file);
    std::string_view rest = text;
    for (auto end = rest.find(kEnd); end != std::string_view::npos; end = rest.find(kEnd)) {
        const auto one = rest.substr(0, end + kEnd.size());
        rest.remove_prefix(one.size());
        const auto ca = crypto::inspect_certificate(one);
        auto der = crypto::certificate_der(one);
        if (!ca || !der || !ca->is_ca) return refused(config.client_ca_file, "one of its certificates is no CA's");
        out->authorities_.push_back({ca->organisation, *std::move(der)});
    }
    if (out->authorities_.empty()) return refused(config.client_ca_file, "no certificate in PEM form");
    // A listener shows its CA's certificate too, which its file may leave out.
    STACK_OF(X509)* chain = nullptr;
    SSL_CTX_get0_chain_certs(holder, &chain);
    for (const auto& authority : out->authorities_) {
        if (chain != nullptr && sk_X509_num(chain) > 0) break;
        if (!crypto::is_signed_by(der_of(SSL_CTX_get0_certificate(holder)), authority.der)) continue;
        const auto issuer = stack_of({authority});
        if (SSL_CTX_add1_chain_cert(holder, sk_X509_value(issuer.get(), 0)) != 1)
            return refused(config.client_ca_file, "OpenSSL refuses the CA's certificate");
        break;
    }
    return out;
}

Status DoorFiles::check_time(std::int64_t now) const {
    if (now > validity_.not_after) return fail(error::CertificateExpired, "of the listener");
    if (now < validity_.not_before) return fail(error::CertificateNotYetValid, "of the listener");
    return {};
}

bool DoorFiles::serve(SSL* connection) const {
    STACK_OF(X509)* chain = nullptr;
    SSL_CTX_get0_chain_certs(holder_.get(), &chain);
    return SSL_use_cert_and_key(connection, SSL_CTX_get0_certificate(holder_.get()),
                                SSL_CTX_get0_privatekey(holder_.get()), chain, 1) == 1;
}

std::vector<DoorFiles::Authority> DoorFiles::authorities(const CertificateTrust* trust) const {
    if (trust == nullptr) return authorities_;
    std::vector<Authority> out;
    for (const auto& authority : authorities_) {
        auto on_chain = trust->cas_of(authority.organisation);
        if (!on_chain) {
            out.push_back(authority);
            continue;
        }
        if (std::ranges::find(out, authority.organisation, &Authority::organisation) != out.end()) continue;
        for (auto& der : *on_chain) out.push_back({authority.organisation, std::move(der)});
    }
    return out;
}

Status judge_handshake(X509_STORE_CTX* store, const DoorFiles& files, const CertificateTrust* trust,
                       Admitted& admitted) {
    const auto authorities = files.authorities(trust);
    const auto anchors = stack_of(authorities);
    X509_STORE_CTX_set0_trusted_stack(store, anchors.get());
    if (X509_verify_cert(store) != 1) {
        const int reason = X509_STORE_CTX_get_error(store);
        return fail(code_of(reason), X509_verify_cert_error_string(reason));
    }
    const auto* chain = X509_STORE_CTX_get0_chain(store);
    const auto refuse = [&](int reason, Error error) -> Status {
        X509_STORE_CTX_set_error(store, reason);
        return std::unexpected(std::move(error));
    };
    const auto issuer = der_of(sk_X509_value(chain, sk_X509_num(chain) - 1));
    const auto found = std::ranges::find(authorities, issuer, &DoorFiles::Authority::der);
    // What the chain keeps as a CA may be anything: unless it is as ours are, it vouches for nobody.
    const bool on_chain =
        found != authorities.end() && trust != nullptr && trust->cas_of(found->organisation).has_value();
    if (found == authorities.end() ||
        (on_chain &&
         !crypto::verify_ca_certificate(crypto::certificate_pem_of(issuer), system_clock().wall().count() / 1000)))
        return refuse(X509_V_ERR_INVALID_CA, {error::CertificateForeign, "its issuer is no CA that counts"});
    admitted = {.certificate = der_of(X509_STORE_CTX_get0_cert(store)), .authority = *found};
    auto status = check_holder(admitted, trust);
    if (!status)
        return refuse(status.error().code == error::CertificateRevoked ? X509_V_ERR_CERT_REVOKED
                                                                       : X509_V_ERR_CERT_REJECTED,
                      std::move(status).error());
    return {};
}

Status judge_again(const Admitted& admitted, const DoorFiles& files, const CertificateTrust* trust, std::int64_t now) {
    const auto authorities = files.authorities(trust);
    if (std::ranges::find(authorities, admitted.authority.der, &DoorFiles::Authority::der) == authorities.end())
        return fail(error::CertificateForeign, "its CA does not count any more");
    CRN_TRY(info, crypto::inspect_certificate_der(admitted.certificate));
    if (now > info.validity.not_after) return fail(error::CertificateExpired, info.subject);
    return check_holder(admitted, trust);
}

} // namespace cairn::zone
