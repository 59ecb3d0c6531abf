#include "crypto/certificate_request.hpp"

#include "base/errors/crypto.hpp"
#include "crypto/certificate_issue.hpp"
#include "crypto/remote_key.hpp"

#include <openssl/pem.h>

#include <algorithm>

namespace cairn::crypto {
namespace {

constexpr std::size_t kDerBytesMax = 8 * 1024;
using Request = std::unique_ptr<X509_REQ, Freer<X509_REQ_free>>;
using Names = std::unique_ptr<GENERAL_NAMES, Freer<GENERAL_NAMES_free>>;

void free_extensions(STACK_OF(X509_EXTENSION) * list) { sk_X509_EXTENSION_pop_free(list, X509_EXTENSION_free); }
using Extensions = std::unique_ptr<STACK_OF(X509_EXTENSION), Freer<free_extensions>>;

std::unexpected<Error> invalid(std::string why) { return fail(error::CertificateRequestInvalid, std::move(why)); }

bool is_of_person(ZoneRole role) {
    return role == ZoneRole::regulator || std::ranges::find(kAdministrators, role) != std::end(kAdministrators);
}

bool is_name(std::string_view name) {
    const auto printable = [](char c) { return static_cast<unsigned char>(c) >= ' ' && c != 0x7f; };
    return !name.empty() && name.size() <= kCertificateNameMax && std::ranges::all_of(name, printable);
}

/// `public_key`: of the subject; `key` signs, and may be one that only signs.
Result<std::string> make_request(const LeafPlan& plan, const EVP_PKEY* public_key, EVP_PKEY* key) {
    if (!is_name(plan.organisation) || !is_name(plan.common_name))
        return invalid("a name must be 1 to 64 printable characters");
    const Request request(X509_REQ_new());
    const Names names(GENERAL_NAMES_new());
    const Extensions extensions(sk_X509_EXTENSION_new_null());
    const std::unique_ptr<ASN1_IA5STRING, Freer<ASN1_IA5STRING_free>> uri(ASN1_IA5STRING_new());
    if (!request || !names || !extensions || !uri) return fail(error::KeyInvalid, "no memory");
    auto* subject = X509_REQ_get_subject_name(request.get());
    const auto add = [&](int nid, const std::string& text) {
        return X509_NAME_add_entry_by_NID(subject, nid, MBSTRING_UTF8,
                                          reinterpret_cast<const unsigned char*>(text.data()),
                                          static_cast<int>(text.size()), -1, 0) == 1;
    };
    bool good = ASN1_STRING_set(uri.get(), plan.uri.data(), static_cast<int>(plan.uri.size())) == 1;
    std::unique_ptr<X509_EXTENSION, Freer<X509_EXTENSION_free>> extension;
    if (good) {
        auto* entry = GENERAL_NAME_new();
        GENERAL_NAME_set0_value(entry, GEN_URI, ASN1_STRING_dup(uri.get()));
        good = sk_GENERAL_NAME_push(names.get(), entry) == 1;
        extension.reset(X509V3_EXT_i2d(NID_subject_alt_name, 0, names.get()));
    }
    if (good && extension) {
        good = sk_X509_EXTENSION_push(extensions.get(), extension.get()) == 1;
        if (good) static_cast<void>(extension.release()); // the list has it
    } else {
        good = false;
    }
    good = good && X509_REQ_set_version(request.get(), X509_REQ_VERSION_1) == 1 &&
           add(NID_organizationName, plan.organisation) && add(NID_commonName, plan.common_name) &&
           X509_REQ_set_pubkey(request.get(), const_cast<EVP_PKEY*>(public_key)) == 1 &&
           X509_REQ_add_extensions(request.get(), extensions.get()) == 1 &&
           X509_REQ_sign(request.get(), key, digest_of(public_key)) > 0;
    const Bio bio(BIO_new(BIO_s_mem()));
    if (!good || !bio || PEM_write_bio_X509_REQ(bio.get(), request.get()) != 1)
        return fail(error::KeyInvalid, "OpenSSL cannot make the request");
    const char* data = nullptr;
    const auto length = BIO_get_mem_data(bio.get(), &data);
    return std::string(data, static_cast<std::size_t>(length));
}

Result<RequestedKey> request_fresh_key(const LeafPlan& plan, CertificateKey kind) {
    const auto key = generate_key(kind);
    if (!key) return fail(error::KeyInvalid, "OpenSSL cannot generate a key");
    CRN_TRY(request, make_request(plan, key.get(), key.get()));
    RequestedKey out{std::move(request), SecretText(private_key_pem(key.get()))};
    if (out.key_pem.view().empty()) return fail(error::KeyInvalid, "OpenSSL cannot write the key");
    return out;
}

/// What was asked for, and the request itself.
struct Judged {
    CertificateRequest content;
    LeafPlan plan;
    Request request;
};

Result<Judged> judge(std::string_view pem) {
    if (pem.size() > kRequestPemBytesMax) return invalid("longer than 16 KiB");
    const Bio bio(BIO_new_mem_buf(pem.data(), static_cast<int>(pem.size())));
    Judged out;
    out.request.reset(bio ? PEM_read_bio_X509_REQ(bio.get(), nullptr, no_password, nullptr) : nullptr);
    auto* const request = out.request.get();
    if (request == nullptr) return invalid("not a certificate request in PEM form");
    if (i2d_X509_REQ(request, nullptr) > static_cast<int>(kDerBytesMax)) return invalid("longer than 8 KiB");
    if (X509_REQ_get_version(request) != X509_REQ_VERSION_1) return invalid("of an unknown version");

    // The kind of key first: checking a signature of an absurd one could take for ever.
    auto* const key = X509_REQ_get0_pubkey(request);
    const auto kind = kind_of(key);
    if (!kind) return invalid("the key is neither P-256 nor Ed25519");
    if (X509_REQ_verify(request, key) != 1) return invalid("it is not signed by the key that it is for");

    const auto* subject = X509_REQ_get_subject_name(request);
    auto& [content, plan, ignored] = out;
    content.key = *kind;
    content.key_id = key_id_of(X509_REQ_get_X509_PUBKEY(request));
    plan.organisation = content.organisation = name_entry(subject, NID_organizationName);
    plan.common_name = content.common_name = name_entry(subject, NID_commonName);
    if (X509_NAME_entry_count(subject) != 2 || !is_name(content.organisation) || !is_name(content.common_name))
        return invalid("the subject is not an organisation and a common name of 1 to 64 printable characters");

    if (X509_REQ_get_attr_count(request) != 1) return invalid("it has other attributes than one list of extensions");
    const Extensions extensions(X509_REQ_get_extensions(request));
    if (!extensions || sk_X509_EXTENSION_num(extensions.get()) != 1)
        return invalid("it asks for other extensions than the subject alternative name");
    auto* const extension = sk_X509_EXTENSION_value(extensions.get(), 0);
    if (OBJ_obj2nid(X509_EXTENSION_get_object(extension)) != NID_subject_alt_name)
        return invalid("it asks for other extensions than the subject alternative name");
    const Names names(static_cast<GENERAL_NAMES*>(X509V3_EXT_d2i(extension)));
    const auto uri = names ? only_uri(names.get()) : std::nullopt;
    content.consensus_key = uri ? node_from_uri(*uri) : std::nullopt;
    content.client = uri ? client_from_uri(*uri) : std::nullopt;
    content.person = uri ? zone_from_uri(*uri) : std::nullopt;
    if (!content.consensus_key && !content.client && !content.person)
        return invalid("the subject alternative name is not one cairn: URI of a node, a person or an application");
    if (content.consensus_key && public_key_of(key) == to_bytes(content.consensus_key->bytes))
        return invalid("the TLS key of a node is not its voting key");
    if (content.person) {
        if (content.key != CertificateKey::p256) return invalid("the key of an administrator or a regulator is P-256");
        if (!is_of_person(content.person->role)) return invalid("certificates of listeners are not asked for");
        if (content.person->name != content.common_name) return invalid("it has two names");
        content.person->organisation = content.organisation;
    }
    plan.uri = *uri;
    plan.is_node = content.consensus_key.has_value();
    return out;
}

} // namespace

Result<RequestedKey> request_client_certificate(std::string_view organisation, std::string_view label,
                                                const ClientIdentity& identity, CertificateKey kind) {
    const ErrorScope errors;
    return request_fresh_key({std::string(organisation), std::string(label), uri_of(identity), false}, kind);
}

Result<RequestedKey> request_person_certificate(const ZoneIdentity& identity) {
    const ErrorScope errors;
    const auto uri = uri_of(identity);
    if (!is_of_person(identity.role) || !zone_from_uri(uri))
        return invalid(
            "it is for administrators and regulators, whose name is 1 to 64 letters, digits, '-', '_' or '.'");
    return request_fresh_key({identity.organisation, identity.name, uri, false}, CertificateKey::p256);
}

Result<std::string> request_node_certificate(const NodeIdentity& identity, const TlsKey& tls_key) {
    const ErrorScope errors;
    return make_request({identity.organisation, identity.node, uri_of(identity.consensus_key), true}, tls_key.get(),
                        tls_key.get());
}

Result<std::string> request_node_certificate(const NodeIdentity& identity, std::shared_ptr<HandshakeSigner> tls_key) {
    const ErrorScope errors;
    const auto public_key = openssl_key_of(tls_key->handshake_public_key());
    if (!public_key) return fail(error::KeyInvalid, "the signer's TLS key is no key");
    CRN_TRY(key, remote_key(std::move(tls_key)));
    return make_request({identity.organisation, identity.node, uri_of(identity.consensus_key), true}, public_key.get(),
                        key.get());
}

Result<CertificateRequest> inspect_request(std::string_view pem) {
    const ErrorScope errors;
    CRN_TRY(judged, judge(pem));
    return std::move(judged.content);
}

Result<std::string> issue_from_request(const CertifiedKey& ca, std::string_view request_pem, const Validity& validity,
                                       Random& random) {
    const ErrorScope errors;
    CRN_TRY(judged, judge(request_pem));
    CRN_TRY(ca_info, inspect_certificate(ca.certificate_pem));
    if (judged.content.organisation != ca_info.organisation)
        return fail(error::CertificateRequestForeign,
                    "of " + judged.content.organisation + ", the CA is that of " + ca_info.organisation);
    auto* const key = X509_REQ_get0_pubkey(judged.request.get());
    if (judged.content.person) return certify_zone_key(ca, *judged.content.person, validity, random, key);
    return certify_key(ca, judged.plan, validity, random, key);
}

} // namespace cairn::crypto
