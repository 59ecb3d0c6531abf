#include "crypto/certificate.hpp"

#include "base/errors/crypto.hpp"
#include "base/errors/network.hpp"
#include "crypto/certificate_issue.hpp"
#include "crypto/hash.hpp"
#include "crypto/openssl_handle.hpp"

#include <openssl/ec.h>
#include <openssl/obj_mac.h>
#include <openssl/pem.h>

#include <algorithm>
#include <ctime>
#include <optional>

namespace cairn::crypto {
namespace {

constexpr std::size_t kDerBytesMax = 8 * 1024;
/// 9999-12-31: the last instant that GeneralizedTime can express.
constexpr std::int64_t kTimeMax = 253'402'300'799;

std::unexpected<Error> invalid(std::string why) { return fail(error::CertificateInvalid, std::move(why)); }

Certificate parse_pem(std::string_view pem) {
    if (pem.size() > kPemBytesMax) return {};
    const Bio bio(BIO_new_mem_buf(pem.data(), static_cast<int>(pem.size())));
    if (!bio) return {};
    return Certificate(PEM_read_bio_X509(bio.get(), nullptr, no_password, nullptr));
}

Certificate parse_der(BytesView der) {
    if (der.size() > kDerBytesMax) return {};
    const auto* at = der.data();
    Certificate out(d2i_X509(nullptr, &at, static_cast<long>(der.size())));
    if (out && at != der.data() + der.size()) return {};
    return out;
}

std::string bio_text(BIO* bio) {
    const char* data = nullptr;
    const auto length = BIO_get_mem_data(bio, &data);
    return {data, static_cast<std::size_t>(length)};
}

std::string name_text(const X509_NAME* name) {
    const Bio bio(BIO_new(BIO_s_mem()));
    const unsigned long flags =
        (XN_FLAG_RFC2253 & ~static_cast<unsigned long>(XN_FLAG_SEP_MASK)) | XN_FLAG_SEP_CPLUS_SPC;
    if (!bio || X509_NAME_print_ex(bio.get(), name, 0, flags) < 0) return {};
    return bio_text(bio.get());
}

std::optional<std::int64_t> seconds_of(const ASN1_TIME* time) {
    std::tm fields{};
    if (ASN1_TIME_to_tm(time, &fields) != 1) return std::nullopt;
    return timegm(&fields);
}

std::optional<std::string> only_uri(const X509* certificate) {
    const std::unique_ptr<GENERAL_NAMES, Freer<GENERAL_NAMES_free>> names(
        static_cast<GENERAL_NAMES*>(X509_get_ext_d2i(certificate, NID_subject_alt_name, nullptr, nullptr)));
    return names ? crypto::only_uri(names.get()) : std::nullopt;
}

std::optional<VotingKey> consensus_key_of(const X509* certificate) {
    const auto uri = only_uri(certificate);
    return uri ? node_from_uri(*uri) : std::nullopt;
}

std::optional<ClientIdentity> client_of(const X509* certificate) {
    const auto uri = only_uri(certificate);
    return uri ? client_from_uri(*uri) : std::nullopt;
}

/// Signature, time, issuer and the constraints of RFC 5280, with `ca` as the only trust and no intermediates.
Status verify_against(X509* certificate, X509* ca, std::int64_t now) {
    const Store store(X509_STORE_new());
    const StoreContext context(X509_STORE_CTX_new());
    if (!store || !context || X509_STORE_add_cert(store.get(), ca) != 1 ||
        X509_STORE_CTX_init(context.get(), store.get(), certificate, nullptr) != 1)
        return invalid("cannot be checked");
    auto* parameters = X509_STORE_CTX_get0_param(context.get());
    X509_VERIFY_PARAM_set_time(parameters, static_cast<std::time_t>(now));
    X509_VERIFY_PARAM_set_depth(parameters, 0);
    X509_VERIFY_PARAM_set_flags(parameters, X509_V_FLAG_X509_STRICT | X509_V_FLAG_CHECK_SS_SIGNATURE);
    if (X509_verify_cert(context.get()) == 1) return {};
    const int reason = X509_STORE_CTX_get_error(context.get());
    const bool foreign = reason == X509_V_ERR_UNABLE_TO_GET_ISSUER_CERT_LOCALLY ||
                         reason == X509_V_ERR_UNABLE_TO_VERIFY_LEAF_SIGNATURE ||
                         reason == X509_V_ERR_CERT_SIGNATURE_FAILURE;
    const std::string whose = X509_STORE_CTX_get_error_depth(context.get()) > 0 ? "its CA: " : "";
    const auto code = foreign                                   ? error::CertificateForeign
                      : reason == X509_V_ERR_CERT_HAS_EXPIRED   ? error::CertificateExpired
                      : reason == X509_V_ERR_CERT_NOT_YET_VALID ? error::CertificateNotYetValid
                                                                : error::CertificateInvalid;
    return fail(code, whose + X509_verify_cert_error_string(reason));
}

Status check_ca_shape(X509* ca) {
    if (!kind_of(X509_get0_pubkey(ca))) return invalid("the CA's key is neither P-256 nor Ed25519");
    // Values above 1 are OpenSSL's concessions to certificates without basicConstraints.
    if (X509_check_ca(ca) != 1) return invalid("the issuer is no CA");
    if (X509_get_pathlen(ca) != 0) return invalid("the CA's path length is not 0");
    if ((X509_get_key_usage(ca) & KU_KEY_CERT_SIGN) == 0) return invalid("the CA may not sign certificates");
    return {};
}

constexpr std::uint32_t kNodeUsage = XKU_SSL_SERVER | XKU_SSL_CLIENT;
constexpr std::uint32_t kClientUsage = XKU_SSL_CLIENT;

Status check_leaf_shape(X509* leaf, std::uint32_t usage) {
    const auto wrong = [](const char* why) { return fail(error::CertificateUsageWrong, why); };
    const auto flags = X509_get_extension_flags(leaf);
    if ((flags & EXFLAG_INVALID) != 0) return invalid("an extension is malformed or there twice");
    if ((flags & EXFLAG_CA) != 0 || X509_check_ca(leaf) != 0) return wrong("a CA certificate cannot be a node's");
    if (!kind_of(X509_get0_pubkey(leaf))) return wrong("the key is neither P-256 nor Ed25519");
    if ((flags & EXFLAG_KUSAGE) == 0 || X509_get_key_usage(leaf) != KU_DIGITAL_SIGNATURE)
        return wrong("the key usage is not digital signature alone");
    if ((flags & EXFLAG_XKUSAGE) == 0 || X509_get_extended_key_usage(leaf) != usage)
        return wrong(usage == kNodeUsage ? "the extended key usage is not TLS server and client"
                                         : "the extended key usage is not TLS client alone");
    return {};
}

std::unexpected<Error> too_large() { return fail(error::CertificateTooLarge, "longer than 8 KiB"); }
std::unexpected<Error> no_name(std::string_view kind) {
    return fail(error::CertificateNameWrong,
                "the subject alternative name is not one cairn:" + std::string(kind) + " URI");
}

/// Checks the leaf against each CA that is sound. If none issued it, it is foreign; what a CA that did issue it says against it
/// goes before that.
Status verify_against_any(X509* leaf, std::span<const Bytes> cas, std::int64_t now) {
    Status best = fail(error::CertificateForeign, "no CA of the organisation is trusted");
    for (const auto& der : cas) {
        const auto ca = parse_der(der);
        if (!ca || !check_ca_shape(ca.get()))
            continue; // what the chain keeps may be anything: it then vouches for nobody
        auto status = verify_against(leaf, ca.get(), now);
        if (status) return status;
        if (best.error().code == error::CertificateForeign) best = std::move(status);
    }
    return best;
}

/// Collects the steps of building a certificate; the first failure sticks.
class Builder {
public:
    Builder() : certificate_(X509_new()) {
        require(certificate_ && X509_set_version(certificate_.get(), X509_VERSION_3));
    }

    void set_serial(Random& random) {
        std::array<std::uint8_t, 16> bytes{};
        random.fill(bytes);
        bytes[0] = static_cast<std::uint8_t>((bytes[0] & 0x7f) | 0x40); // positive, always 16 bytes
        BIGNUM* number = BN_bin2bn(bytes.data(), static_cast<int>(bytes.size()), nullptr);
        require(number != nullptr && BN_to_ASN1_INTEGER(number, X509_get_serialNumber(certificate_.get())) != nullptr);
        BN_free(number);
    }
    void set_validity(const Validity& validity) {
        require(ASN1_TIME_set(X509_getm_notBefore(certificate_.get()), validity.not_before) != nullptr);
        require(ASN1_TIME_set(X509_getm_notAfter(certificate_.get()), validity.not_after) != nullptr);
    }
    void set_subject(std::string_view organisation, std::string_view common_name) {
        auto* name = X509_get_subject_name(certificate_.get());
        add_name(name, NID_organizationName, organisation);
        add_name(name, NID_commonName, common_name);
    }
    void set_issuer(const X509* issuer) {
        require(X509_set_issuer_name(certificate_.get(), X509_get_subject_name(issuer)));
    }
    void set_key(EVP_PKEY* key) { require(X509_set_pubkey(certificate_.get(), key)); }
    void add_extension(X509* issuer, int nid, const std::string& value) {
        X509V3_CTX context;
        X509V3_set_ctx_nodb(&context);
        X509V3_set_ctx(&context, issuer, certificate_.get(), nullptr, nullptr, 0);
        X509_EXTENSION* extension = X509V3_EXT_conf_nid(nullptr, &context, nid, value.c_str());
        require(extension != nullptr && X509_add_ext(certificate_.get(), extension, -1));
        X509_EXTENSION_free(extension);
    }
    X509* get() { return certificate_.get(); }
    bool sign(EVP_PKEY* key) {
        require(X509_sign(certificate_.get(), key, digest_of(key)) > 0);
        return good_;
    }

private:
    void require(int success) { good_ = good_ && success == 1; }
    void require(bool success) { good_ = good_ && success; }
    void add_name(X509_NAME* name, int nid, std::string_view text) {
        require(X509_NAME_add_entry_by_NID(name, nid, MBSTRING_UTF8,
                                           reinterpret_cast<const unsigned char*>(text.data()),
                                           static_cast<int>(text.size()), -1, 0));
    }

    Certificate certificate_;
    bool good_ = true;
};

std::string certificate_pem(X509* certificate) {
    const Bio bio(BIO_new(BIO_s_mem()));
    if (!bio || PEM_write_bio_X509(bio.get(), certificate) != 1) return {};
    return bio_text(bio.get());
}

Status check_request(std::string_view name, const Validity& validity) {
    const auto printable = [](char c) { return static_cast<unsigned char>(c) >= ' ' && c != 0x7f; };
    if (name.empty() || name.size() > kCertificateNameMax || !std::ranges::all_of(name, printable))
        return invalid("a name must be 1 to 64 printable characters");
    if (validity.not_before < 0 || validity.not_after <= validity.not_before || validity.not_after > kTimeMax)
        return invalid("the validity must end after it begins and before the year 10000");
    return {};
}

Result<CertifiedKey> finish(Builder& builder, EVP_PKEY* key, EVP_PKEY* issuer_key) {
    if (!builder.sign(issuer_key)) return invalid("OpenSSL refused to build it");
    CertifiedKey out{certificate_pem(builder.get()), SecretText(private_key_pem(key))};
    if (out.certificate_pem.empty() || out.key_pem.view().empty()) return invalid("OpenSSL refused to encode it");
    return out;
}

} // namespace

Result<CertifiedKey> create_ca(std::string_view organisation, const Validity& validity, Random& random,
                               CertificateKey kind) {
    const ErrorScope errors;
    CRN_CHECK(check_request(organisation, validity));
    const auto key = generate_key(kind);
    if (!key) return fail(error::KeyInvalid, "OpenSSL cannot generate a key");

    Builder builder;
    builder.set_serial(random);
    builder.set_validity(validity);
    builder.set_subject(organisation, "Cairn CA");
    builder.set_issuer(builder.get());
    builder.set_key(key.get());
    builder.add_extension(builder.get(), NID_basic_constraints, "critical,CA:TRUE,pathlen:0");
    builder.add_extension(builder.get(), NID_key_usage, "critical,keyCertSign,cRLSign");
    builder.add_extension(builder.get(), NID_subject_key_identifier, "hash");
    builder.add_extension(builder.get(), NID_authority_key_identifier, "keyid:always");
    return finish(builder, key.get(), key.get());
}

namespace {

constexpr const char* kNodeUsageText = "serverAuth,clientAuth";
constexpr const char* kClientUsageText = "clientAuth";

/// `public_key`: of the subject; a new pair is made if it is null.
Result<CertifiedKey> issue_leaf(const CertifiedKey& ca, const LeafPlan& plan, const Validity& validity, Random& random,
                                EVP_PKEY* public_key, CertificateKey kind = CertificateKey::p256) {
    CRN_CHECK(check_request(plan.organisation, validity));
    CRN_CHECK(check_request(plan.common_name, validity));
    const auto ca_certificate = parse_pem(ca.certificate_pem);
    if (!ca_certificate) return invalid("the CA's certificate is malformed");
    CRN_CHECK(check_ca_shape(ca_certificate.get()));
    CRN_CHECK(verify_key_pair(ca.certificate_pem, ca.key_pem.view()));
    const auto ca_key = parse_private_key(ca.key_pem.view());
    const auto ca_end = seconds_of(X509_get0_notAfter(ca_certificate.get()));
    const auto ca_begin = seconds_of(X509_get0_notBefore(ca_certificate.get()));
    if (!ca_end || !ca_begin || validity.not_after > *ca_end || validity.not_before < *ca_begin)
        return invalid("the validity is not within the CA's");
    const auto key = public_key == nullptr ? generate_key(kind) : Key{};
    if (public_key == nullptr && !key) return fail(error::KeyInvalid, "OpenSSL cannot generate a key");

    Builder builder;
    builder.set_serial(random);
    builder.set_validity(validity);
    builder.set_subject(plan.organisation, plan.common_name);
    builder.set_issuer(ca_certificate.get());
    builder.set_key(key ? key.get() : public_key);
    auto* issuer = ca_certificate.get();
    builder.add_extension(issuer, NID_basic_constraints, "critical,CA:FALSE");
    builder.add_extension(issuer, NID_key_usage, "critical,digitalSignature");
    builder.add_extension(issuer, NID_ext_key_usage, plan.is_node ? kNodeUsageText : kClientUsageText);
    builder.add_extension(issuer, NID_subject_alt_name, "URI:" + plan.uri);
    builder.add_extension(issuer, NID_subject_key_identifier, "hash");
    builder.add_extension(issuer, NID_authority_key_identifier, "keyid:always");
    if (key) return finish(builder, key.get(), ca_key.get());
    if (!builder.sign(ca_key.get())) return invalid("OpenSSL refused to build it");
    return CertifiedKey{certificate_pem(builder.get()), SecretText{}};
}

std::string first_name_entry(const X509* certificate, int nid) {
    return name_entry(X509_get_subject_name(certificate), nid);
}

Result<CertificateInfo> inspect(X509* certificate);

} // namespace

Result<CertifiedKey> issue_node_certificate(const CertifiedKey& ca, const NodeIdentity& identity,
                                            const Validity& validity, Random& random, CertificateKey kind) {
    const ErrorScope errors;
    return issue_leaf(ca, {identity.organisation, identity.node, uri_of(identity.consensus_key), true}, validity,
                      random, nullptr, kind);
}

Result<CertifiedKey> issue_client_certificate(const CertifiedKey& ca, std::string_view organisation,
                                              std::string_view label, const ClientIdentity& identity,
                                              const Validity& validity, Random& random, CertificateKey kind) {
    const ErrorScope errors;
    return issue_leaf(ca, {std::string(organisation), std::string(label), uri_of(identity), false}, validity, random,
                      nullptr, kind);
}

Result<std::string> certify_key(const CertifiedKey& ca, const LeafPlan& plan, const Validity& validity, Random& random,
                                EVP_PKEY* public_key) {
    CRN_TRY(made, issue_leaf(ca, plan, validity, random, public_key));
    return std::move(made.certificate_pem);
}

Result<std::string> reissue_certificate(const CertifiedKey& ca, std::string_view old_pem, const Validity& validity,
                                        Random& random) {
    const ErrorScope errors;
    const auto old = parse_pem(old_pem);
    if (!old) return invalid("not a certificate in PEM form");
    const bool is_node = consensus_key_of(old.get()).has_value();
    if (!is_node && !client_of(old.get())) return no_name("node, cairn:person or cairn:app");
    CRN_CHECK(check_leaf_shape(old.get(), is_node ? kNodeUsage : kClientUsage));
    const LeafPlan plan{first_name_entry(old.get(), NID_organizationName), first_name_entry(old.get(), NID_commonName),
                        *only_uri(old.get()), is_node};
    CRN_TRY(made, issue_leaf(ca, plan, validity, random, X509_get0_pubkey(old.get())));
    return made.certificate_pem;
}

Result<CertificateInfo> inspect_certificate(std::string_view pem) {
    const ErrorScope errors;
    const auto certificate = parse_pem(pem);
    if (!certificate) return invalid("not a certificate in PEM form");
    return inspect(certificate.get());
}

Result<CertificateInfo> inspect_certificate_der(BytesView der) {
    const ErrorScope errors;
    if (der.size() > kDerBytesMax) return too_large();
    const auto certificate = parse_der(der);
    if (!certificate) return invalid("malformed");
    return inspect(certificate.get());
}

namespace {

Result<CertificateInfo> inspect(X509* certificate) {
    const auto not_before = seconds_of(X509_get0_notBefore(certificate));
    const auto not_after = seconds_of(X509_get0_notAfter(certificate));
    if (!not_before || !not_after) return invalid("its validity is malformed");

    CertificateInfo out;
    out.subject = name_text(X509_get_subject_name(certificate));
    out.organisation = first_name_entry(certificate, NID_organizationName);
    out.common_name = first_name_entry(certificate, NID_commonName);
    out.issuer = name_text(X509_get_issuer_name(certificate));
    const auto* serial = X509_get0_serialNumber(certificate);
    out.serial = to_hex_digits({ASN1_STRING_get0_data(serial), static_cast<std::size_t>(ASN1_STRING_length(serial))});
    out.validity = {*not_before, *not_after};
    out.is_ca = X509_check_ca(certificate) == 1;
    out.key = kind_of(X509_get0_pubkey(certificate));
    out.key_id = key_id_of(X509_get_X509_PUBKEY(certificate));
    unsigned char* der = nullptr;
    if (const auto length = i2d_X509(certificate, &der); length > 0) {
        out.fingerprint = sha256({der, static_cast<std::size_t>(length)});
        OPENSSL_free(der);
    }
    out.consensus_key = consensus_key_of(certificate);
    out.client = client_of(certificate);
    return out;
}

} // namespace

Result<Bytes> certificate_der(std::string_view pem) {
    const ErrorScope errors;
    const auto certificate = parse_pem(pem);
    unsigned char* der = nullptr;
    const auto length = certificate ? i2d_X509(certificate.get(), &der) : 0;
    if (length <= 0) return invalid("not a certificate in PEM form");
    Bytes out(der, der + length);
    OPENSSL_free(der);
    return out;
}

Status verify_ca_certificate(std::string_view ca_pem, std::int64_t now) {
    const ErrorScope errors;
    const auto ca = parse_pem(ca_pem);
    if (!ca) return invalid("not a certificate in PEM form");
    CRN_CHECK(check_ca_shape(ca.get()));
    return verify_against(ca.get(), ca.get(), now);
}

Result<VotingKey> verify_node_certificate(BytesView leaf_der, std::string_view ca_pem, std::int64_t now) {
    const ErrorScope errors;
    const auto ca = parse_pem(ca_pem);
    if (!ca) return invalid("the CA's certificate is malformed");
    CRN_CHECK(check_ca_shape(ca.get()));
    CRN_TRY(der, certificate_der(ca_pem));
    return verify_node_certificate(leaf_der, std::span{&der, 1}, now);
}

Result<VotingKey> verify_node_certificate(BytesView leaf_der, std::span<const Bytes> cas, std::int64_t now) {
    const ErrorScope errors;
    if (leaf_der.size() > kDerBytesMax) return too_large();
    const auto leaf = parse_der(leaf_der);
    if (!leaf) return invalid("malformed");
    CRN_CHECK(check_leaf_shape(leaf.get(), kNodeUsage));
    const auto key = consensus_key_of(leaf.get());
    if (!key) return no_name("node");
    CRN_CHECK(verify_against_any(leaf.get(), cas, now));
    return *key;
}

Result<ClientIdentity> verify_client_certificate(BytesView leaf_der, std::span<const Bytes> cas, std::int64_t now) {
    const ErrorScope errors;
    if (leaf_der.size() > kDerBytesMax) return too_large();
    const auto leaf = parse_der(leaf_der);
    if (!leaf) return invalid("malformed");
    CRN_CHECK(check_leaf_shape(leaf.get(), kClientUsage));
    const auto client = client_of(leaf.get());
    if (!client) return no_name("person or cairn:app");
    CRN_CHECK(verify_against_any(leaf.get(), cas, now));
    return *client;
}

std::string certificate_pem_of(BytesView der) {
    const ErrorScope errors;
    const auto certificate = parse_der(der);
    return certificate ? certificate_pem(certificate.get()) : std::string{};
}

Result<VotingKey> claimed_consensus_key(BytesView leaf_der) {
    const ErrorScope errors;
    if (leaf_der.size() > kDerBytesMax) return too_large();
    const auto leaf = parse_der(leaf_der);
    if (!leaf) return invalid("malformed");
    const auto key = consensus_key_of(leaf.get());
    if (!key) return no_name("node");
    return *key;
}

Status verify_key_pair(std::string_view certificate_pem, std::string_view key_pem) {
    const ErrorScope errors;
    const auto certificate = parse_pem(certificate_pem);
    const auto key = parse_private_key(key_pem);
    if (!certificate) return invalid("not a certificate in PEM form");
    if (!key) return fail(error::KeyInvalid, "not a private key in PEM form");
    if (X509_check_private_key(certificate.get(), key.get()) != 1)
        return fail(error::KeyInvalid, "the private key does not belong to the certificate");
    return {};
}

} // namespace cairn::crypto
