#include "crypto/certificate_request.hpp"

#include "base/errors/crypto.hpp"
#include "crypto/openssl_handle.hpp"

#include <gtest/gtest.h>
#include <openssl/pem.h>

namespace cairn::crypto {
namespace {

constexpr std::int64_t kDay = 86'400;
constexpr std::int64_t kNow = 1'790'000'000;
constexpr Validity kCaValidity{kNow - 10 * kDay, kNow + 3650 * kDay};
constexpr Validity kValidity{kNow - kDay, kNow + 90 * kDay};
using Request = std::unique_ptr<X509_REQ, Freer<X509_REQ_free>>;

ClientIdentity bob() {
    ClientIdentity out{ClientKind::application, {}};
    out.account.bytes.fill(0xb0);
    return out;
}
NodeIdentity alpha_1() {
    ValidatorSeed seed;
    seed.bytes.fill(3);
    return {"Alpha", "alpha-1", ValidatorKey::from_seed(seed).public_key()};
}
TlsKey tls_key(CertificateKey kind) { return *TlsKey::from_secret(kind, Bytes(32, 7)); }

Status refusal(std::string_view pem) {
    const auto inspected = inspect_request(pem);
    if (!inspected) return std::unexpected(inspected.error());
    return {};
}

std::string pem_of(X509_REQ* request) {
    const Bio bio(BIO_new(BIO_s_mem()));
    PEM_write_bio_X509_REQ(bio.get(), request);
    const char* data = nullptr;
    const auto length = BIO_get_mem_data(bio.get(), &data);
    return {data, static_cast<std::size_t>(length)};
}

/// A request as somebody else's tool may make it.
struct Odd {
    Key key{EVP_EC_gen("P-256")};
    std::vector<std::pair<const char*, std::string>> subject = {{"O", "Alpha"}, {"CN", "bob"}};
    std::vector<std::pair<int, std::string>> extensions = {
        {NID_subject_alt_name, "URI:cairn:app:0xb0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0"}};
    bool challenge = false;

    std::string pem() const {
        const Request request(X509_REQ_new());
        auto* name = X509_REQ_get_subject_name(request.get());
        for (const auto& [field, text] : subject)
            X509_NAME_add_entry_by_txt(name, field, MBSTRING_UTF8, reinterpret_cast<const unsigned char*>(text.data()),
                                       static_cast<int>(text.size()), -1, 0);
        auto* list = sk_X509_EXTENSION_new_null();
        for (const auto& [nid, value] : extensions)
            sk_X509_EXTENSION_push(list, X509V3_EXT_conf_nid(nullptr, nullptr, nid, value.c_str()));
        if (!extensions.empty()) X509_REQ_add_extensions(request.get(), list);
        sk_X509_EXTENSION_pop_free(list, X509_EXTENSION_free);
        if (challenge)
            X509_REQ_add1_attr_by_txt(request.get(), "challengePassword", MBSTRING_ASC,
                                      reinterpret_cast<const unsigned char*>("secret"), 6);
        X509_REQ_set_pubkey(request.get(), key.get());
        X509_REQ_sign(request.get(), key.get(),
                      EVP_PKEY_get_base_id(key.get()) == EVP_PKEY_ED25519 ? nullptr : EVP_sha256());
        return pem_of(request.get());
    }
};

TEST(CertificateRequest, of_a_client_becomes_a_certificate_of_its_key_by_a_ca_of_either_kind) {
    for (const auto ca_kind : {CertificateKey::p256, CertificateKey::ed25519})
        for (const auto kind : {CertificateKey::p256, CertificateKey::ed25519}) {
            const auto ca = create_ca("Alpha", kCaValidity, system_random(), ca_kind);
            ASSERT_TRUE(ca) << ca.error().text();
            EXPECT_TRUE(verify_ca_certificate(ca->certificate_pem, kNow));
            EXPECT_EQ(inspect_certificate(ca->certificate_pem)->key, ca_kind);
            const auto made = request_client_certificate("Alpha", "bob", bob(), kind);
            ASSERT_TRUE(made) << made.error().text();
            const auto asked = inspect_request(made->request_pem);
            ASSERT_TRUE(asked) << asked.error().text();
            EXPECT_EQ(asked->organisation, "Alpha");
            EXPECT_EQ(asked->common_name, "bob");
            EXPECT_EQ(asked->client, bob());
            EXPECT_EQ(asked->key, kind);
            const auto issued = issue_from_request(*ca, made->request_pem, kValidity, system_random());
            ASSERT_TRUE(issued) << issued.error().text();
            EXPECT_TRUE(verify_key_pair(*issued, made->key_pem.view()));
            const auto info = inspect_certificate(*issued);
            EXPECT_EQ(info->key_id, asked->key_id);
            EXPECT_EQ(info->key, kind);
            const std::vector<Bytes> cas{*certificate_der(ca->certificate_pem)};
            const auto client = verify_client_certificate(*certificate_der(*issued), cas, kNow);
            ASSERT_TRUE(client) << client.error().text();
            EXPECT_EQ(*client, bob());
            EXPECT_TRUE(reissue_certificate(*ca, *issued, kValidity, system_random()));
            const auto other = *create_ca("Alpha", kCaValidity, system_random(), ca_kind);
            const std::vector<Bytes> others{*certificate_der(other.certificate_pem)};
            EXPECT_FALSE(verify_client_certificate(*certificate_der(*issued), others, kNow));
        }
}

TEST(CertificateRequest, of_a_node_keeps_its_tls_key_where_it_is) {
    for (const auto ca_kind : {CertificateKey::p256, CertificateKey::ed25519})
        for (const auto kind : {CertificateKey::p256, CertificateKey::ed25519}) {
            const auto ca = *create_ca("Alpha", kCaValidity, system_random(), ca_kind);
            const auto request = request_node_certificate(alpha_1(), tls_key(kind));
            ASSERT_TRUE(request) << request.error().text();
            const auto issued = issue_from_request(ca, *request, kValidity, system_random());
            ASSERT_TRUE(issued) << issued.error().text();
            EXPECT_EQ(*certificate_tls_key(*issued), tls_key(kind).public_key());
            const auto key = verify_node_certificate(*certificate_der(*issued), ca.certificate_pem, kNow);
            ASSERT_TRUE(key) << key.error().text();
            EXPECT_EQ(*key, alpha_1().consensus_key);
            const auto again = reissue_certificate(ca, *issued, kValidity, system_random());
            ASSERT_TRUE(again) << again.error().text();
            EXPECT_EQ(*certificate_tls_key(*again), tls_key(kind).public_key()) << "renewal keeps the key";
        }
}

TEST(CertificateRequest, of_who_enters_a_zone_keeps_the_role_and_no_more) {
    for (const auto ca_kind : {CertificateKey::p256, CertificateKey::ed25519}) {
        const auto ca = *create_ca("Alpha", kCaValidity, system_random(), ca_kind);
        for (const auto role : {ZoneRole::system_administrator, ZoneRole::security_administrator,
                                ZoneRole::audit_administrator, ZoneRole::regulator}) {
            const auto made =
                request_person_certificate({.role = role, .organisation = "Alpha", .name = "carol", .hosts = {}});
            ASSERT_TRUE(made) << made.error().text();
            const auto asked = inspect_request(made->request_pem);
            ASSERT_TRUE(asked && asked->person) << asked.error().text();
            EXPECT_FALSE(asked->client || asked->consensus_key);
            EXPECT_EQ(asked->person->role, role);
            const auto issued = issue_from_request(ca, made->request_pem, kValidity, system_random());
            ASSERT_TRUE(issued) << issued.error().text();
            EXPECT_TRUE(verify_key_pair(*issued, made->key_pem.view()));
            const auto der = *certificate_der(*issued);
            EXPECT_TRUE(is_signed_by(der, *certificate_der(ca.certificate_pem)));
            const auto identity = zone_identity_of(der);
            ASSERT_TRUE(identity);
            EXPECT_EQ(identity->role, role);
            EXPECT_EQ(identity->name, "carol");
            EXPECT_EQ(identity->organisation, "Alpha");
            EXPECT_TRUE(identity->hosts.empty());
            EXPECT_EQ(inspect_certificate(*issued)->key_id, asked->key_id);
        }
    }
    for (const auto role : {ZoneRole::client, ZoneRole::management, ZoneRole::regulation})
        EXPECT_FALSE(request_person_certificate({.role = role, .organisation = "Alpha", .name = "carol", .hosts = {}}));
    for (const auto* name : {"", "two words", "a/b"})
        EXPECT_FALSE(request_person_certificate(
            {.role = ZoneRole::regulator, .organisation = "Alpha", .name = name, .hosts = {}}));
}

TEST(CertificateRequest, for_a_zone_is_refused_for_a_listener_two_names_or_another_key) {
    const auto refused = [](Odd odd) { return refusal(odd.pem()).error().code == error::CertificateRequestInvalid; };
    Odd odd;
    odd.extensions = {{NID_subject_alt_name, "URI:cairn:regulator:bob"}};
    ASSERT_TRUE(refusal(odd.pem()));
    for (const auto* uri :
         {"URI:cairn:management:bob", "URI:cairn:client:bob", "URI:cairn:regulation:bob", "URI:cairn:regulator:eve",
          "URI:cairn:regulator:", "URI:cairn:regulator:bob,DNS:bob.example",
          "URI:cairn:regulator:bob,URI:cairn:system-administrator:bob"}) {
        odd.extensions = {{NID_subject_alt_name, uri}};
        EXPECT_TRUE(refused(std::move(odd))) << uri;
        odd = {};
    }
    odd.extensions = {{NID_subject_alt_name, "URI:cairn:regulator:bob"}};
    odd.key.reset(EVP_PKEY_Q_keygen(nullptr, nullptr, "ED25519"));
    EXPECT_TRUE(refused(std::move(odd)));
}

TEST(CertificateRequest, of_a_key_in_another_place_is_signed_there) {
    for (const auto kind : {CertificateKey::p256, CertificateKey::ed25519}) {
        const auto key = create_ca("Anybody", kCaValidity, system_random(), kind); // for its key
        const auto signer = local_handshake_signer(key->key_pem.view());
        ASSERT_TRUE(signer);
        const auto request = request_node_certificate(alpha_1(), *signer);
        ASSERT_TRUE(request) << request.error().text();
        const auto asked = inspect_request(*request);
        ASSERT_TRUE(asked) << asked.error().text();
        EXPECT_EQ(asked->key, kind);
        EXPECT_EQ(asked->consensus_key, alpha_1().consensus_key);
        EXPECT_EQ(asked->key_id, inspect_certificate(key->certificate_pem)->key_id);
    }
}

TEST(CertificateRequest, of_another_organisation_is_foreign) {
    const auto ca = *create_ca("Beta", kCaValidity, system_random());
    const auto made = *request_client_certificate("Alpha", "bob", bob(), CertificateKey::p256);
    EXPECT_EQ(issue_from_request(ca, made.request_pem, kValidity, system_random()).error().code,
              error::CertificateRequestForeign);
}

TEST(CertificateRequest, that_is_changed_anywhere_is_refused) {
    for (const auto kind : {CertificateKey::p256, CertificateKey::ed25519}) {
        const auto made = *request_client_certificate("Alpha", "bob", bob(), kind);
        const auto original = *inspect_request(made.request_pem);
        const Bio in(BIO_new_mem_buf(made.request_pem.data(), static_cast<int>(made.request_pem.size())));
        const Request request(PEM_read_bio_X509_REQ(in.get(), nullptr, nullptr, nullptr));
        unsigned char* der = nullptr;
        const auto length = static_cast<std::size_t>(i2d_X509_REQ(request.get(), &der));
        const Bytes bytes(der, der + length);
        OPENSSL_free(der);
        for (std::size_t i = 0; i < bytes.size(); ++i) {
            auto changed = bytes;
            changed[i] ^= 0x01;
            const auto* at = changed.data();
            const Request parsed(d2i_X509_REQ(nullptr, &at, static_cast<long>(changed.size())));
            if (!parsed) continue;
            // What still passes must be the same request: DER has room for a second reading nowhere.
            const auto inspected = inspect_request(pem_of(parsed.get()));
            if (!inspected) {
                EXPECT_EQ(inspected.error().code, error::CertificateRequestInvalid);
                continue;
            }
            EXPECT_EQ(inspected->key_id, original.key_id) << i;
            EXPECT_EQ(inspected->common_name, original.common_name) << i;
            EXPECT_EQ(inspected->client, original.client) << i;
        }
    }
}

TEST(CertificateRequest, that_asks_for_more_than_a_name_is_refused) {
    const auto code = [](const Odd& odd) {
        const auto status = refusal(odd.pem());
        return status ? ErrorCode{} : status.error().code;
    };
    ASSERT_EQ(code({}), ErrorCode{}) << refusal(Odd{}.pem()).error().text();
    const auto refused = error::CertificateRequestInvalid;
    Odd odd;
    odd.extensions.emplace_back(NID_basic_constraints, "critical,CA:TRUE");
    EXPECT_EQ(code(odd), refused) << "to be a CA";
    odd = {};
    odd.extensions = {{NID_basic_constraints, "critical,CA:TRUE"}};
    EXPECT_EQ(code(odd), refused);
    odd.extensions = {};
    EXPECT_EQ(code(odd), refused) << "no name at all";
    odd.extensions = {
        {NID_subject_alt_name, "URI:cairn:app:0xb0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0,DNS:bank.example"}};
    EXPECT_EQ(code(odd), refused) << "a host name";
    odd.extensions = {{NID_subject_alt_name, "URI:cairn:administrator:root"}};
    EXPECT_EQ(code(odd), refused) << "an entrance to a zone";
    odd = {};
    odd.subject.emplace_back("OU", "Registrars");
    EXPECT_EQ(code(odd), refused) << "another field";
    odd.subject = {{"O", "Alpha"}, {"CN", std::string(65, 'x')}};
    EXPECT_EQ(code(odd), refused) << "a name that is too long";
    odd.subject = {{"O", "Alpha"}, {"CN", "bob\nalice"}};
    EXPECT_EQ(code(odd), refused) << "a line break";
    odd = {};
    odd.challenge = true;
    EXPECT_EQ(code(odd), refused) << "another attribute";
}

TEST(CertificateRequest, of_a_wrong_kind_of_key_is_refused) {
    Odd odd;
    odd.key.reset(EVP_PKEY_Q_keygen(nullptr, nullptr, "RSA", std::size_t{2048}));
    EXPECT_EQ(refusal(odd.pem()).error().code, error::CertificateRequestInvalid);
    odd.key.reset(EVP_EC_gen("P-384"));
    EXPECT_EQ(refusal(odd.pem()).error().code, error::CertificateRequestInvalid);
    odd.key.reset(EVP_PKEY_Q_keygen(nullptr, nullptr, "ED25519"));
    EXPECT_TRUE(refusal(odd.pem())) << "a client's may be";
    odd.extensions = {{NID_subject_alt_name, "URI:cairn:node:" + to_hex_digits(alpha_1().consensus_key.bytes)}};
    EXPECT_TRUE(refusal(odd.pem())) << "a node's too";
}

TEST(CertificateRequest, of_a_voting_key_for_handshakes_is_refused) {
    const auto voting = *TlsKey::from_secret(CertificateKey::ed25519, Bytes(32, 3)); // the seed of alpha_1
    ASSERT_EQ(voting.public_key(), to_bytes(alpha_1().consensus_key.bytes));
    const auto request = request_node_certificate(alpha_1(), voting);
    ASSERT_TRUE(request) << request.error().text();
    EXPECT_EQ(refusal(*request).error().code, error::CertificateRequestInvalid);
}

TEST(CertificateRequest, that_is_too_large_or_no_request_is_refused_before_it_is_read) {
    const auto made = *request_client_certificate("Alpha", "bob", bob(), CertificateKey::p256);
    for (const auto& text :
         {std::string{}, std::string{"words"}, made.request_pem.substr(0, 200),
          std::string(kRequestPemBytesMax + 1, '\n') + made.request_pem, std::string{made.key_pem.view()}})
        EXPECT_EQ(refusal(text).error().code, error::CertificateRequestInvalid);
    Odd odd;
    std::string hosts = "URI:cairn:app:0xb0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0";
    for (int i = 0; i < 500; ++i) hosts += ",DNS:host-" + std::to_string(i) + ".example";
    odd.extensions = {{NID_subject_alt_name, hosts}};
    EXPECT_EQ(refusal(odd.pem()).error().detail, "longer than 8 KiB");
    for (const auto& [organisation, label] : {std::pair{"", "bob"}, std::pair{"Alpha", ""}})
        EXPECT_EQ(request_client_certificate(organisation, label, bob(), CertificateKey::p256).error().code,
                  error::CertificateRequestInvalid);
}

} // namespace
} // namespace cairn::crypto
