#include "zone/door.hpp"

#include "base/errors/crypto.hpp"
#include "base/errors/network.hpp"
#include "crypto/certificate.hpp"
#include "crypto/x509_der.hpp"

#include <openssl/x509.h>
#include <openssl/x509_vfy.h>

#include <algorithm>

namespace cairn::zone {
namespace {

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

Status judge_handshake(X509_STORE_CTX* store, const ListenerFiles& files, const CertificateTrust* trust,
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
    const auto issuer = crypto::der_of(sk_X509_value(chain, sk_X509_num(chain) - 1));
    const auto found = std::ranges::find(authorities, issuer, &ListenerFiles::Authority::der);
    // What the chain keeps as a CA may be anything: unless it is as ours are, it vouches for nobody.
    const bool on_chain =
        found != authorities.end() && trust != nullptr && trust->cas_of(found->organisation).has_value();
    if (found == authorities.end() ||
        (on_chain &&
         !crypto::verify_ca_certificate(crypto::certificate_pem_of(issuer), system_clock().wall().count() / 1000)))
        return refuse(X509_V_ERR_INVALID_CA, {error::CertificateForeign, "its issuer is no CA that counts"});
    admitted = {.certificate = crypto::der_of(X509_STORE_CTX_get0_cert(store)), .authority = *found};
    auto status = check_holder(admitted, trust);
    if (!status)
        return refuse(status.error().code == error::CertificateRevoked ? X509_V_ERR_CERT_REVOKED
                                                                       : X509_V_ERR_CERT_REJECTED,
                      std::move(status).error());
    return {};
}

Status judge_again(const Admitted& admitted, const ListenerFiles& files, const CertificateTrust* trust,
                   std::int64_t now) {
    const auto authorities = files.authorities(trust);
    if (std::ranges::find(authorities, admitted.authority.der, &ListenerFiles::Authority::der) == authorities.end())
        return fail(error::CertificateForeign, "its CA does not count any more");
    CRN_TRY(info, crypto::inspect_certificate_der(admitted.certificate));
    if (now > info.validity.not_after) return fail(error::CertificateExpired, info.subject);
    return check_holder(admitted, trust);
}

} // namespace cairn::zone
