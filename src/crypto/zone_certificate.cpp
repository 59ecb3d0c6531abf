#include "crypto/zone_certificate.hpp"

#include "base/errors/crypto.hpp"
#include "base/errors/network.hpp"
#include "crypto/certificate_issue.hpp"
#include "crypto/openssl_handle.hpp"

#include <openssl/ec.h>
#include <openssl/obj_mac.h>
#include <openssl/pem.h>

#include <algorithm>
#include <arpa/inet.h>
#include <ctime>

namespace cairn::crypto {
namespace {

constexpr std::pair<ZoneRole, std::string_view> kRoles[] = {
    {ZoneRole::client, "client"},
    {ZoneRole::management, "management"},
    {ZoneRole::regulation, "regulation"},
    {ZoneRole::system_administrator, "system-administrator"},
    {ZoneRole::security_administrator, "security-administrator"},
    {ZoneRole::audit_administrator, "audit-administrator"},
    {ZoneRole::regulator, "regulator"}};
constexpr std::string_view kScheme = "cairn:";
constexpr std::size_t kNameMax = 64;
constexpr std::size_t kDerMax = 8 * 1024;

std::unexpected<Error> invalid(std::string why) { return fail(error::CertificateInvalid, std::move(why)); }

bool is_name(std::string_view name) {
    return !name.empty() && name.size() <= kNameMax && std::ranges::all_of(name, [](char c) {
        return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '-' || c == '_' ||
               c == '.';
    });
}

bool is_server(ZoneRole role) {
    return role == ZoneRole::client || role == ZoneRole::management || role == ZoneRole::regulation;
}

Certificate from_pem(std::string_view pem) {
    const Bio bio(BIO_new_mem_buf(pem.data(), static_cast<int>(pem.size())));
    return Certificate(bio ? PEM_read_bio_X509(bio.get(), nullptr, no_password, nullptr) : nullptr);
}
Certificate from_der(BytesView der) {
    if (der.size() > kDerMax) return {};
    const auto* at = der.data();
    return Certificate(d2i_X509(nullptr, &at, static_cast<long>(der.size())));
}

bool add_extension(X509* certificate, X509* issuer, int nid, const std::string& value) {
    X509V3_CTX context;
    X509V3_set_ctx_nodb(&context);
    X509V3_set_ctx(&context, issuer, certificate, nullptr, nullptr, 0);
    const std::unique_ptr<X509_EXTENSION, Freer<X509_EXTENSION_free>> extension(
        X509V3_EXT_conf_nid(nullptr, &context, nid, value.c_str()));
    return extension && X509_add_ext(certificate, extension.get(), -1) == 1;
}

bool add_name(X509_NAME* name, const char* field, const std::string& value) {
    return X509_NAME_add_entry_by_txt(name, field, MBSTRING_UTF8, reinterpret_cast<const unsigned char*>(value.data()),
                                      static_cast<int>(value.size()), -1, 0) == 1;
}

/// Names and addresses that are safe in OpenSSL's configuration syntax.
std::optional<std::string> alternative_names(const ZoneIdentity& identity) {
    std::string out = "URI:" + uri_of(identity);
    for (const auto& host : identity.hosts) {
        const bool numeric =
            host.find_first_not_of("0123456789.") == std::string::npos || host.find(':') != std::string::npos;
        const bool sound = !host.empty() && host.size() <= 253 && std::ranges::all_of(host, [](char c) {
            return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '-' || c == '.' ||
                   c == ':' || c == '_';
        });
        if (!sound) return std::nullopt;
        out += (numeric ? ",IP:" : ",DNS:") + host;
    }
    return out;
}

} // namespace

std::string_view name_of(ZoneRole role) {
    for (const auto& [value, name] : kRoles)
        if (value == role) return name;
    return "unknown";
}

std::string uri_of(const ZoneIdentity& identity) {
    return std::string{kScheme} + std::string{name_of(identity.role)} + ":" + identity.name;
}

std::optional<ZoneIdentity> zone_from_uri(std::string_view uri) {
    for (const auto& [role, role_name] : kRoles) {
        const auto prefix = std::string{kScheme} + std::string{role_name} + ":";
        if (uri.starts_with(prefix) && is_name(uri.substr(prefix.size())))
            return ZoneIdentity{
                .role = role, .organisation = {}, .name = std::string{uri.substr(prefix.size())}, .hosts = {}};
    }
    return std::nullopt;
}

namespace {

/// `public_key`: of the holder; a new pair is made if it is null.
Result<CertifiedKey> issue(const CertifiedKey& ca, const ZoneIdentity& identity, const Validity& validity,
                           Random& random, EVP_PKEY* public_key) {
    if (!is_name(identity.name) || identity.organisation.empty() || identity.organisation.size() > kNameMax)
        return invalid("a name is empty, too long or has characters other than letters, digits, '-', '_' and '.'");
    CRN_TRY(ca_info, inspect_certificate(ca.certificate_pem));
    if (validity.not_before >= validity.not_after || validity.not_before < ca_info.validity.not_before ||
        validity.not_after > ca_info.validity.not_after)
        return invalid("the validity is not within the CA's");
    CRN_CHECK(verify_key_pair(ca.certificate_pem, ca.key_pem.view()));
    const auto issuer = from_pem(ca.certificate_pem);
    const auto issuer_key = parse_private_key(ca.key_pem.view());
    const Key key(public_key == nullptr ? EVP_EC_gen(SN_X9_62_prime256v1) : nullptr);
    const Certificate out(X509_new());
    const auto names = alternative_names(identity);
    if (!issuer || !issuer_key || (!key && public_key == nullptr) || !out)
        return fail(error::KeyInvalid, "OpenSSL cannot make a certificate");
    if (!names) return invalid("a host name is malformed");

    std::uint8_t serial[16];
    random.fill(serial);
    serial[0] &= 0x7f;
    const std::unique_ptr<BIGNUM, Freer<BN_free>> number(BN_bin2bn(serial, sizeof serial, nullptr));
    auto* subject = X509_get_subject_name(out.get());
    const bool made =
        number && X509_set_version(out.get(), X509_VERSION_3) == 1 &&
        BN_to_ASN1_INTEGER(number.get(), X509_get_serialNumber(out.get())) != nullptr &&
        ASN1_TIME_set(X509_getm_notBefore(out.get()), static_cast<time_t>(validity.not_before)) != nullptr &&
        ASN1_TIME_set(X509_getm_notAfter(out.get()), static_cast<time_t>(validity.not_after)) != nullptr &&
        add_name(subject, "O", identity.organisation) && add_name(subject, "CN", identity.name) &&
        X509_set_issuer_name(out.get(), X509_get_subject_name(issuer.get())) == 1 &&
        X509_set_pubkey(out.get(), key ? key.get() : public_key) == 1 &&
        add_extension(out.get(), issuer.get(), NID_basic_constraints, "critical,CA:FALSE") &&
        add_extension(out.get(), issuer.get(), NID_key_usage, "critical,digitalSignature") &&
        add_extension(out.get(), issuer.get(), NID_ext_key_usage,
                      is_server(identity.role) ? "serverAuth" : "clientAuth") &&
        add_extension(out.get(), issuer.get(), NID_subject_alt_name, *names) &&
        add_extension(out.get(), issuer.get(), NID_subject_key_identifier, "hash") &&
        add_extension(out.get(), issuer.get(), NID_authority_key_identifier, "keyid:always") &&
        X509_sign(out.get(), issuer_key.get(), digest_of(issuer_key.get())) > 0;
    if (!made) return fail(error::KeyInvalid, "OpenSSL cannot make the certificate");

    const Bio bio(BIO_new(BIO_s_mem()));
    if (!bio || PEM_write_bio_X509(bio.get(), out.get()) != 1)
        return fail(error::KeyInvalid, "OpenSSL cannot write it");
    const char* data = nullptr;
    const auto length = BIO_get_mem_data(bio.get(), &data);
    CertifiedKey result;
    result.certificate_pem.assign(data, static_cast<std::size_t>(length));
    if (key) result.key_pem = SecretText{private_key_pem(key.get())};
    return result;
}

/// A host name or address of the subject alternative name.
std::optional<std::string> host_of(const GENERAL_NAME* name) {
    if (name->type == GEN_DNS)
        return std::string{reinterpret_cast<const char*>(ASN1_STRING_get0_data(name->d.dNSName)),
                           static_cast<std::size_t>(ASN1_STRING_length(name->d.dNSName))};
    if (name->type != GEN_IPADD) return std::nullopt;
    const int length = ASN1_STRING_length(name->d.iPAddress);
    char text[INET6_ADDRSTRLEN] = {};
    if ((length != 4 && length != 16) ||
        ::inet_ntop(length == 4 ? AF_INET : AF_INET6, ASN1_STRING_get0_data(name->d.iPAddress), text, sizeof text) ==
            nullptr)
        return std::nullopt;
    return text;
}

} // namespace

Result<CertifiedKey> issue_zone_certificate(const CertifiedKey& ca, const ZoneIdentity& identity,
                                            const Validity& validity, Random& random) {
    const ErrorScope errors;
    return issue(ca, identity, validity, random, nullptr);
}

Result<std::string> reissue_zone_certificate(const CertifiedKey& ca, std::string_view old_pem, const Validity& validity,
                                             Random& random) {
    const ErrorScope errors;
    const auto old = from_pem(old_pem);
    if (!old) return invalid("not a certificate in PEM form");
    CRN_TRY(der, certificate_der(old_pem));
    CRN_TRY(identity, zone_identity_of(der));
    auto* key = X509_get0_pubkey(old.get());
    if (key == nullptr || EVP_PKEY_get_base_id(key) != EVP_PKEY_EC) return fail(error::KeyInvalid, "not a P-256 key");
    return certify_zone_key(ca, identity, validity, random, key);
}

Result<std::string> certify_zone_key(const CertifiedKey& ca, const ZoneIdentity& identity, const Validity& validity,
                                     Random& random, EVP_PKEY* public_key) {
    CRN_TRY(made, issue(ca, identity, validity, random, public_key));
    return std::move(made.certificate_pem);
}

Result<ZoneIdentity> zone_identity_of(BytesView der) {
    const ErrorScope errors;
    const auto certificate = from_der(der);
    if (!certificate) return invalid("malformed, or longer than 8 KiB");
    const auto free_names = [](GENERAL_NAMES* names) { GENERAL_NAMES_free(names); };
    const std::unique_ptr<GENERAL_NAMES, decltype(free_names)> names(
        static_cast<GENERAL_NAMES*>(X509_get_ext_d2i(certificate.get(), NID_subject_alt_name, nullptr, nullptr)));
    std::optional<ZoneIdentity> out;
    std::vector<std::string> hosts;
    for (int i = 0; names && i < sk_GENERAL_NAME_num(names.get()); ++i) {
        const auto* name = sk_GENERAL_NAME_value(names.get(), i);
        if (name->type != GEN_URI) {
            if (auto host = host_of(name)) hosts.push_back(*std::move(host));
            continue;
        }
        const auto* text = name->d.uniformResourceIdentifier;
        const std::string_view uri{reinterpret_cast<const char*>(ASN1_STRING_get0_data(text)),
                                   static_cast<std::size_t>(ASN1_STRING_length(text))};
        for (const auto& [role, role_name] : kRoles) {
            const auto prefix = std::string{kScheme} + std::string{role_name} + ":";
            if (!uri.starts_with(prefix)) continue;
            if (out || !is_name(uri.substr(prefix.size()))) return invalid("more than one purpose, or a malformed one");
            out = ZoneIdentity{.role = role, .name = std::string{uri.substr(prefix.size())}};
        }
    }
    if (!out) return invalid("it is for no zone of a node");
    out->hosts = std::move(hosts);
    char organisation[kNameMax + 1] = {};
    if (X509_NAME_get_text_by_NID(X509_get_subject_name(certificate.get()), NID_organizationName, organisation,
                                  sizeof organisation) > 0)
        out->organisation = organisation;
    return *std::move(out);
}

bool is_signed_by(BytesView certificate_der, BytesView ca_der) {
    const ErrorScope errors;
    const auto certificate = from_der(certificate_der);
    const auto ca = from_der(ca_der);
    return certificate && ca && X509_verify(certificate.get(), X509_get0_pubkey(ca.get())) == 1;
}

Result<Bytes> sign_p256(std::string_view key_pem, BytesView message) {
    const ErrorScope errors;
    const auto key = parse_private_key(key_pem);
    const std::unique_ptr<EVP_MD_CTX, Freer<EVP_MD_CTX_free>> context(EVP_MD_CTX_new());
    std::size_t length = 0;
    if (!key || EVP_PKEY_get_base_id(key.get()) != EVP_PKEY_EC || !context ||
        EVP_DigestSignInit(context.get(), nullptr, EVP_sha256(), nullptr, key.get()) != 1 ||
        EVP_DigestSign(context.get(), nullptr, &length, message.data(), message.size()) != 1)
        return fail(error::KeyInvalid, "not a P-256 key in PEM form");
    Bytes out(length);
    if (EVP_DigestSign(context.get(), out.data(), &length, message.data(), message.size()) != 1)
        return fail(error::KeyInvalid, "cannot sign");
    out.resize(length);
    return out;
}

bool verify_p256(BytesView certificate_der, BytesView message, BytesView signature) {
    const ErrorScope errors;
    const auto certificate = from_der(certificate_der);
    if (!certificate) return false;
    auto* key = X509_get0_pubkey(certificate.get());
    const std::unique_ptr<EVP_MD_CTX, Freer<EVP_MD_CTX_free>> context(EVP_MD_CTX_new());
    char group[64] = {};
    std::size_t length = 0;
    return key != nullptr && context && EVP_PKEY_get_base_id(key) == EVP_PKEY_EC &&
           EVP_PKEY_get_group_name(key, group, sizeof group, &length) == 1 &&
           std::string_view(group, length) == SN_X9_62_prime256v1 &&
           EVP_DigestVerifyInit(context.get(), nullptr, EVP_sha256(), nullptr, key) == 1 &&
           EVP_DigestVerify(context.get(), signature.data(), signature.size(), message.data(), message.size()) == 1;
}

} // namespace cairn::crypto
