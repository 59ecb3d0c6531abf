#include "crypto/certificate_issue.hpp"

#include "crypto/hash.hpp"

#include <openssl/ec.h>
#include <openssl/obj_mac.h>

namespace cairn::crypto {
namespace {

constexpr std::string_view kNodeUri = "cairn:node:";
constexpr std::string_view kSm2Uri = "sm2:";

std::string_view client_prefix(ClientKind kind) { return kind == ClientKind::person ? "cairn:person:" : "cairn:app:"; }

} // namespace

std::string_view name_of(CertificateKey kind) { return kind == CertificateKey::ed25519 ? "ed25519" : "p256"; }

std::optional<CertificateKey> certificate_key_from(std::string_view name) {
    for (const auto kind : {CertificateKey::p256, CertificateKey::ed25519})
        if (name == name_of(kind)) return kind;
    return std::nullopt;
}

Key generate_key(CertificateKey kind) {
    if (kind == CertificateKey::p256) return Key(EVP_EC_gen(SN_X9_62_prime256v1));
    return Key(EVP_PKEY_Q_keygen(nullptr, nullptr, "ED25519"));
}

std::optional<CertificateKey> kind_of(const EVP_PKEY* key) {
    if (key == nullptr) return std::nullopt;
    if (EVP_PKEY_get_base_id(key) == EVP_PKEY_ED25519) return CertificateKey::ed25519;
    if (EVP_PKEY_get_base_id(key) != EVP_PKEY_EC) return std::nullopt;
    char group[64];
    std::size_t length = 0;
    const bool is_p256 = EVP_PKEY_get_group_name(key, group, sizeof group, &length) == 1 &&
                         std::string_view(group, length) == SN_X9_62_prime256v1;
    return is_p256 ? std::optional{CertificateKey::p256} : std::nullopt;
}

const EVP_MD* digest_of(const EVP_PKEY* key) {
    return EVP_PKEY_get_base_id(key) == EVP_PKEY_ED25519 ? nullptr : EVP_sha256();
}

Hash256 key_id_of(const X509_PUBKEY* key) {
    unsigned char* der = nullptr;
    const auto length = i2d_X509_PUBKEY(key, &der);
    if (length <= 0) return {};
    const auto id = sha256({der, static_cast<std::size_t>(length)});
    OPENSSL_free(der);
    return id;
}

std::string uri_of(const VotingKey& key) {
    return std::string(kNodeUri) + (key.algorithm == VotingAlgorithm::sm2 ? std::string(kSm2Uri) : "") +
           to_hex_digits(key.bytes);
}

std::string uri_of(const ClientIdentity& client) {
    return std::string(client_prefix(client.kind)) + to_hex(client.account);
}

std::optional<VotingKey> node_from_uri(std::string_view uri) {
    if (!uri.starts_with(kNodeUri)) return std::nullopt;
    // Digits without a prefix for Ed25519, "sm2:" and digits for SM2.
    const auto rest = uri.substr(kNodeUri.size());
    const auto digits = rest.substr(rest.starts_with(kSm2Uri) ? kSm2Uri.size() : 0);
    return voting_key_from_text(std::string(rest.substr(0, rest.size() - digits.size())) + "0x" + std::string(digits));
}

std::optional<ClientIdentity> client_from_uri(std::string_view uri) {
    for (const auto kind : {ClientKind::person, ClientKind::application}) {
        const auto prefix = client_prefix(kind);
        if (!uri.starts_with(prefix)) continue;
        const auto account = fixed_from_hex<Address>(uri.substr(prefix.size()));
        // One text for one account: no capitals, no zero address.
        if (!account || account->is_zero() || uri.substr(prefix.size()) != to_hex(*account)) return std::nullopt;
        return ClientIdentity{kind, *account};
    }
    return std::nullopt;
}

std::optional<std::string> only_uri(const GENERAL_NAMES* names) {
    if (sk_GENERAL_NAME_num(names) != 1) return std::nullopt;
    const auto* name = sk_GENERAL_NAME_value(names, 0);
    if (name->type != GEN_URI) return std::nullopt;
    const auto* text = name->d.uniformResourceIdentifier;
    return std::string(reinterpret_cast<const char*>(ASN1_STRING_get0_data(text)),
                       static_cast<std::size_t>(ASN1_STRING_length(text)));
}

std::string name_entry(const X509_NAME* name, int nid) {
    char text[kCertificateNameMax + 2] = {};
    const int length = X509_NAME_get_text_by_NID(const_cast<X509_NAME*>(name), nid, text, sizeof text); // NOLINT: 3.0
    return length <= 0 ? std::string{} : std::string(text, static_cast<std::size_t>(length));
}

} // namespace cairn::crypto
