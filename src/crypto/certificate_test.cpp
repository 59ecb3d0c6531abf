#include "base/errors/crypto.hpp"
#include "base/errors/network.hpp"
#include "crypto/certificate.hpp"

#include "crypto/openssl_handle.hpp"

#include <gtest/gtest.h>
#include <openssl/pem.h>

#include <filesystem>
#include <fstream>
#include <functional>
#include <sys/stat.h>
#include <unistd.h>

namespace cairn::crypto {
namespace {

constexpr std::int64_t kDay = 86'400;
constexpr std::int64_t kNow = 1'790'000'000;
constexpr Validity kCaValidity{kNow - 10 * kDay, kNow + 3650 * kDay};
constexpr Validity kNodeValidity{kNow - kDay, kNow + 90 * kDay};

class CountingRandom final : public Random {
public:
    void fill(std::span<std::uint8_t> out) override {
        for (auto& byte : out) byte = next_++;
    }

private:
    std::uint8_t next_ = 0;
};

template <class T>
T must(Result<T> result) {
    if (!result) throw std::runtime_error(result.error().text());
    return std::move(*result);
}

ValidatorPublicKey consensus_key(std::uint8_t i) {
    ValidatorSeed seed;
    seed.bytes.fill(i);
    return ValidatorKey::from_seed(seed).public_key();
}

CertifiedKey make_ca(std::string_view organisation = "Alpha") {
    return must(create_ca(organisation, kCaValidity, system_random()));
}
CertifiedKey make_node(const CertifiedKey& ca, std::uint8_t key = 1) {
    return must(issue_node_certificate(ca, {"Alpha", "alpha-1", consensus_key(key)}, kNodeValidity, system_random()));
}
Result<VotingKey> verify_node(const CertifiedKey& node, const CertifiedKey& ca, std::int64_t now = kNow) {
    return verify_node_certificate(must(certificate_der(node.certificate_pem)), ca.certificate_pem, now);
}

X509* read_x509(const std::string& pem) {
    const Bio bio(BIO_new_mem_buf(pem.data(), static_cast<int>(pem.size())));
    return PEM_read_bio_X509(bio.get(), nullptr, nullptr, nullptr);
}

Bytes der_of(X509* certificate) {
    unsigned char* der = nullptr;
    const auto length = i2d_X509(certificate, &der);
    Bytes out(der, der + length);
    OPENSSL_free(der);
    return out;
}

void remove_extension(X509* certificate, int nid) {
    X509_EXTENSION_free(X509_delete_ext(certificate, X509_get_ext_by_NID(certificate, nid, -1)));
}
void add_extension(X509* certificate, int nid, const std::string& value) {
    X509V3_CTX context;
    X509V3_set_ctx_nodb(&context);
    X509V3_set_ctx(&context, certificate, certificate, nullptr, nullptr, 0);
    X509_EXTENSION* extension = X509V3_EXT_conf_nid(nullptr, &context, nid, value.c_str());
    ASSERT_NE(extension, nullptr);
    X509_add_ext(certificate, extension, -1);
    X509_EXTENSION_free(extension);
}
void replace_extension(X509* certificate, int nid, const std::string& value) {
    remove_extension(certificate, nid);
    add_extension(certificate, nid, value);
}

/// A good node certificate, changed and then signed by the CA again: what a careless CA could issue.
Bytes reissued(const CertifiedKey& ca, const std::function<void(X509*)>& change) {
    const Certificate certificate(read_x509(make_node(ca).certificate_pem));
    change(certificate.get());
    const auto key = parse_private_key(ca.key_pem.view());
    EXPECT_GT(X509_sign(certificate.get(), key.get(), EVP_sha256()), 0);
    return der_of(certificate.get());
}

std::string uri_of(std::uint8_t key) { return "URI:cairn:node:" + to_hex_digits(consensus_key(key)); }

TEST(Certificate, node_certificate_names_its_consensus_key) {
    const auto ca = make_ca();
    const auto key = verify_node(make_node(ca, 7), ca);
    ASSERT_TRUE(key) << key.error().text();
    EXPECT_EQ(*key, consensus_key(7));
    EXPECT_NE(*key, consensus_key(8));
}

TEST(Certificate, node_certificate_names_the_algorithm_of_its_voting_key) {
    const auto ca = make_ca();
    const auto key = VotingSecret::from(VotingAlgorithm::sm2, Bytes(32, 5)).value().public_key();
    const auto node = must(issue_node_certificate(ca, {"Alpha", "alpha-1", key}, kNodeValidity, system_random()));
    EXPECT_EQ(verify_node(node, ca).value(), key);
    EXPECT_EQ(claimed_consensus_key(must(certificate_der(node.certificate_pem))).value(), key);
    EXPECT_EQ(inspect_certificate(node.certificate_pem)->consensus_key, key);
    auto renamed = key;
    renamed.algorithm = VotingAlgorithm::ed25519;
    EXPECT_NE(verify_node(node, ca).value(), renamed);
    const auto other = must(issue_node_certificate(ca, {"Alpha", "alpha-1", renamed}, kNodeValidity, system_random()));
    EXPECT_EQ(verify_node(other, ca).value(), renamed);
}

TEST(Certificate, organisation_ca_passes_its_own_check) {
    const auto ca = make_ca();
    EXPECT_TRUE(verify_ca_certificate(ca.certificate_pem, kNow));
    EXPECT_FALSE(verify_ca_certificate(ca.certificate_pem, kCaValidity.not_after + 1));
    EXPECT_FALSE(verify_ca_certificate(ca.certificate_pem, kCaValidity.not_before - 1));
    EXPECT_FALSE(verify_ca_certificate(make_node(ca).certificate_pem, kNow));
    EXPECT_FALSE(verify_ca_certificate("", kNow));
}

TEST(Certificate, inspection_shows_names_validity_and_key) {
    const auto ca = make_ca();
    CountingRandom random;
    const auto node = must(issue_node_certificate(ca, {"Alpha", "alpha-1", consensus_key(3)}, kNodeValidity, random));
    const auto info = must(inspect_certificate(node.certificate_pem));
    EXPECT_EQ(info.subject, "CN=alpha-1, O=Alpha");
    EXPECT_EQ(info.issuer, "CN=Cairn CA, O=Alpha");
    EXPECT_EQ(info.serial, "400102030405060708090a0b0c0d0e0f");
    EXPECT_EQ(info.validity.not_before, kNodeValidity.not_before);
    EXPECT_EQ(info.validity.not_after, kNodeValidity.not_after);
    EXPECT_FALSE(info.is_ca);
    EXPECT_EQ(info.consensus_key, consensus_key(3));

    const auto authority = must(inspect_certificate(ca.certificate_pem));
    EXPECT_TRUE(authority.is_ca);
    EXPECT_EQ(authority.consensus_key, std::nullopt);
    EXPECT_NE(authority.key_id, info.key_id);
    EXPECT_FALSE(inspect_certificate("-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n"));
}

TEST(Certificate, private_key_belongs_to_its_certificate) {
    const auto ca = make_ca();
    const auto one = make_node(ca);
    const auto two = make_node(ca);
    EXPECT_TRUE(verify_key_pair(one.certificate_pem, one.key_pem.view()));
    EXPECT_FALSE(verify_key_pair(one.certificate_pem, two.key_pem.view()));
    EXPECT_FALSE(verify_key_pair(one.certificate_pem, "no key"));
}

TEST(CertificateZoo, expired_and_not_yet_valid_are_refused) {
    const auto ca = make_ca();
    const auto node = make_node(ca);
    EXPECT_TRUE(verify_node(node, ca, kNodeValidity.not_before));
    EXPECT_TRUE(verify_node(node, ca, kNodeValidity.not_after - 1));
    const auto early = verify_node(node, ca, kNodeValidity.not_before - 1);
    const auto late = verify_node(node, ca, kNodeValidity.not_after + 1);
    ASSERT_FALSE(early);
    ASSERT_FALSE(late);
    EXPECT_EQ(early.error().detail, "certificate is not yet valid");
    EXPECT_EQ(late.error().detail, "certificate has expired");
}

TEST(CertificateZoo, foreign_ca_with_the_same_name_is_refused) {
    const auto ours = make_ca();
    const auto foreign = make_ca();
    const auto refused = verify_node(make_node(foreign), ours);
    ASSERT_FALSE(refused);
    EXPECT_EQ(refused.error().code, error::CertificateForeign);
}

TEST(CertificateZoo, ca_cannot_serve_as_node) {
    const auto ca = make_ca();
    const auto refused = verify_node(ca, ca);
    ASSERT_FALSE(refused);
    EXPECT_EQ(refused.error().detail, "a CA certificate cannot be a node's");
}

TEST(CertificateZoo, node_cannot_serve_as_ca) {
    const auto ca = make_ca();
    const auto node = make_node(ca);
    EXPECT_FALSE(issue_node_certificate(node, {"Alpha", "evil", consensus_key(1)}, kNodeValidity, system_random()));
    // Signed by the node's key all the same.
    const Certificate forged(read_x509(make_node(ca).certificate_pem));
    const Certificate issuer(read_x509(node.certificate_pem));
    X509_set_issuer_name(forged.get(), X509_get_subject_name(issuer.get()));
    X509_sign(forged.get(), parse_private_key(node.key_pem.view()).get(), EVP_sha256());
    EXPECT_FALSE(verify_node_certificate(der_of(forged.get()), node.certificate_pem, kNow));
    EXPECT_FALSE(verify_node_certificate(der_of(forged.get()), ca.certificate_pem, kNow));
}

TEST(CertificateZoo, certificate_that_a_careless_ca_issued_is_refused_for_its_own_reason) {
    struct Case {
        std::string reason;
        std::function<void(X509*)> change;
    };
    const std::string name_reason = "the subject alternative name is not one cairn:node URI";
    const std::string usage_reason = "the extended key usage is not TLS server and client";
    const std::string san_two = uri_of(1) + "," + uri_of(2);
    const auto san = [](const std::string& value) {
        return [value](X509* c) { replace_extension(c, NID_subject_alt_name, value); };
    };
    auto upper = uri_of(1);
    std::ranges::transform(upper.begin() + 15, upper.end(), upper.begin() + 15,
                           [](char c) { return c >= 'a' ? c - 32 : c; });
    const std::vector<Case> cases{
        {name_reason, [](X509* c) { remove_extension(c, NID_subject_alt_name); }},
        {name_reason, san(san_two)},
        {name_reason, san(uri_of(1) + ",DNS:alpha.example")},
        {name_reason, san("DNS:cairn.example")},
        {name_reason, san("URI:cairn:nodes:" + to_hex_digits(consensus_key(1)))},
        {name_reason, san(uri_of(1) + "00")},
        {name_reason, san(uri_of(1).substr(0, 60))},
        {name_reason, san(upper)},
        {"an extension is malformed or there twice",
         [](X509* c) { add_extension(c, NID_subject_alt_name, uri_of(2)); }},
        {"a CA certificate cannot be a node's",
         [](X509* c) { replace_extension(c, NID_basic_constraints, "critical,CA:TRUE,pathlen:0"); }},
        {usage_reason, [](X509* c) { replace_extension(c, NID_ext_key_usage, "serverAuth"); }},
        {usage_reason, [](X509* c) { replace_extension(c, NID_ext_key_usage, "clientAuth"); }},
        {usage_reason, [](X509* c) { replace_extension(c, NID_ext_key_usage, "serverAuth,clientAuth,codeSigning"); }},
        {usage_reason, [](X509* c) { remove_extension(c, NID_ext_key_usage); }},
        {"the key usage is not digital signature alone",
         [](X509* c) { replace_extension(c, NID_key_usage, "critical,digitalSignature,keyCertSign"); }},
        {"the key usage is not digital signature alone", [](X509* c) { remove_extension(c, NID_key_usage); }},
        {"the key is neither P-256 nor Ed25519", [](X509* c) { X509_set_pubkey(c, Key(EVP_EC_gen("P-384")).get()); }},
        {"the key is neither P-256 nor Ed25519", [](X509* c) { X509_set_pubkey(c, Key(EVP_RSA_gen(2048)).get()); }},
        {"unhandled critical extension",
         [](X509* c) { add_extension(c, NID_sinfo_access, "critical,caRepository;URI:x"); }},
    };
    const auto ca = make_ca();
    ASSERT_TRUE(verify_node_certificate(reissued(ca, [](X509*) {}), ca.certificate_pem, kNow));
    for (std::size_t i = 0; i < cases.size(); ++i) {
        const auto refused = verify_node_certificate(reissued(ca, cases[i].change), ca.certificate_pem, kNow);
        ASSERT_FALSE(refused) << i << " " << cases[i].reason;
        const std::string reason = cases[i].reason;
        const auto expected = reason.contains("usage") || reason.contains("P-256") || reason.contains("CA certificate")
                                  ? error::CertificateUsageWrong
                              : reason.contains("alternative name") ? error::CertificateNameWrong
                                                                    : error::CertificateInvalid;
        EXPECT_EQ(error_info(refused.error().code).id, error_info(expected).id) << reason;
        EXPECT_EQ(refused.error().detail, reason) << i;
    }
}

TEST(CertificateZoo, certificate_of_a_middle_authority_is_refused) {
    // The middle CA is signed by ours although our path length forbids it; its node must not pass.
    const auto root = make_ca();
    const auto middle = make_ca("Middle");
    const Certificate root_x509(read_x509(root.certificate_pem));
    const Certificate middle_x509(read_x509(middle.certificate_pem));
    X509_set_issuer_name(middle_x509.get(), X509_get_subject_name(root_x509.get()));
    remove_extension(middle_x509.get(), NID_authority_key_identifier);
    X509_sign(middle_x509.get(), parse_private_key(root.key_pem.view()).get(), EVP_sha256());
    EXPECT_FALSE(verify_node(make_node(middle), root));
    const Bio bio(BIO_new(BIO_s_mem()));
    PEM_write_bio_X509(bio.get(), middle_x509.get());
    char* text = nullptr;
    const auto length = BIO_get_mem_data(bio.get(), &text);
    const std::string middle_pem(text, static_cast<std::size_t>(length));
    EXPECT_FALSE(verify_ca_certificate(middle_pem, kNow));
    // Nor does a middle CA pass as the trusted one: it is not signed by itself.
    EXPECT_FALSE(verify_node_certificate(must(certificate_der(make_node(middle).certificate_pem)), middle_pem, kNow));
}

TEST(CertificateZoo, no_flipped_bit_is_accepted) {
    const auto ca = make_ca();
    const auto der = must(certificate_der(make_node(ca).certificate_pem));
    ASSERT_TRUE(verify_node_certificate(der, ca.certificate_pem, kNow));
    for (std::size_t bit = 0; bit < der.size() * 8; bit += 3) {
        auto changed = der;
        changed[bit / 8] = static_cast<std::uint8_t>(changed[bit / 8] ^ (1u << (bit % 8)));
        EXPECT_FALSE(verify_node_certificate(changed, ca.certificate_pem, kNow)) << bit;
    }
}

TEST(CertificateZoo, trailing_bytes_and_giants_are_refused) {
    const auto ca = make_ca();
    auto der = must(certificate_der(make_node(ca).certificate_pem));
    der.push_back(0);
    EXPECT_FALSE(verify_node_certificate(der, ca.certificate_pem, kNow));
    EXPECT_FALSE(verify_node_certificate(Bytes(1 << 20, 0x30), ca.certificate_pem, kNow));
    EXPECT_FALSE(inspect_certificate(std::string(kPemBytesMax + 1, '-')));
}

TEST(CertificateZoo, unreasonable_requests_are_refused) {
    EXPECT_FALSE(create_ca("", kCaValidity, system_random()));
    EXPECT_FALSE(create_ca(std::string(65, 'x'), kCaValidity, system_random()));
    EXPECT_FALSE(create_ca("A\nB", kCaValidity, system_random()));
    EXPECT_FALSE(create_ca("A", Validity{kNow, kNow}, system_random()));
    const auto ca = make_ca();
    const Validity longer{kNow, kCaValidity.not_after + 1};
    EXPECT_FALSE(issue_node_certificate(ca, {"Alpha", "a", consensus_key(1)}, longer, system_random()));
}

TEST(Certificate, checks_leave_no_error_behind_for_tls_connections_of_the_thread) {
    ERR_clear_error();
    const auto ca = make_ca();
    (void)verify_node(make_node(make_ca()), ca);
    (void)inspect_certificate("nonsense");
    (void)verify_key_pair(ca.certificate_pem, "nonsense");
    EXPECT_EQ(ERR_peek_error(), 0u);
}

class KeyFile : public testing::Test {
protected:
    void SetUp() override {
        char name[] = "/tmp/cairn-key-XXXXXX";
        directory_ = ::mkdtemp(name);
    }
    void TearDown() override { std::filesystem::remove_all(directory_); }
    std::string path(const std::string& name) const { return directory_ + "/" + name; }

private:
    std::string directory_;
};

TEST_F(KeyFile, ed25519_key_is_read_back_and_belongs_to_its_owner_alone) {
    ValidatorSeed seed;
    system_random().fill(seed.bytes);
    ASSERT_TRUE(write_ed25519_key(path("key.pem"), seed));
    struct stat status{};
    ASSERT_EQ(::stat(path("key.pem").c_str(), &status), 0);
    EXPECT_EQ(status.st_mode & 0777, 0600u);
    EXPECT_EQ(must(read_ed25519_key(path("key.pem"))), seed);
    std::ifstream in(path("key.pem"));
    std::string first;
    std::getline(in, first);
    EXPECT_EQ(first, "-----BEGIN PRIVATE KEY-----");
}

TEST_F(KeyFile, existing_key_is_never_overwritten) {
    ASSERT_TRUE(write_ed25519_key(path("key.pem"), ValidatorSeed{}));
    const auto again = write_ed25519_key(path("key.pem"), ValidatorSeed{});
    ASSERT_FALSE(again);
    EXPECT_EQ(again.error().code, error::KeyFileRefused);
    ASSERT_EQ(::symlink("/nonexistent/target", path("link").c_str()), 0);
    EXPECT_FALSE(write_secret_file(path("link"), "x"));
}

TEST_F(KeyFile, file_that_others_may_read_is_refused) {
    ASSERT_TRUE(write_ed25519_key(path("key.pem"), ValidatorSeed{}));
    for (const auto mode : {0640u, 0604u, 0660u, 0601u}) {
        ::chmod(path("key.pem").c_str(), mode);
        const auto refused = read_ed25519_key(path("key.pem"));
        ASSERT_FALSE(refused) << mode;
        EXPECT_EQ(refused.error().code, error::KeyFileRefused);
    }
}

TEST_F(KeyFile, wrong_content_is_refused) {
    const auto ca = make_ca();
    ASSERT_TRUE(write_secret_file(path("p256.pem"), ca.key_pem.view()));
    EXPECT_EQ(read_ed25519_key(path("p256.pem")).error().code, error::KeyInvalid);
    ASSERT_TRUE(write_secret_file(path("text"), "no key"));
    EXPECT_EQ(read_ed25519_key(path("text")).error().code, error::KeyInvalid);
    ASSERT_TRUE(write_secret_file(path("empty"), ""));
    EXPECT_EQ(read_ed25519_key(path("empty")).error().code, error::KeyInvalid);
    ASSERT_TRUE(write_secret_file(path("limit"), std::string(kPemBytesMax, 'x')));
    EXPECT_TRUE(read_secret_file(path("limit")));
    ASSERT_TRUE(write_secret_file(path("giant"), std::string(kPemBytesMax + 1, 'x')));
    EXPECT_EQ(read_secret_file(path("giant")).error().code, error::KeyFileRefused);
    EXPECT_EQ(read_secret_file(path("absent")).error().code, error::KeyFileRefused);
    EXPECT_EQ(read_secret_file("/dev/null").error().code, error::KeyFileRefused);
}

TEST_F(KeyFile, encrypted_key_is_refused_instead_of_asking_for_a_password) {
    const auto ca = make_ca();
    const auto key = parse_private_key(ca.key_pem.view());
    const Bio bio(BIO_new(BIO_s_mem()));
    char password[] = "secret";
    ASSERT_EQ(PEM_write_bio_PKCS8PrivateKey(bio.get(), key.get(), EVP_aes_256_cbc(), password, 6, nullptr, nullptr), 1);
    char* text = nullptr;
    const auto length = BIO_get_mem_data(bio.get(), &text);
    EXPECT_EQ(parse_private_key({text, static_cast<std::size_t>(length)}), nullptr);
}

TEST(SecretText, moving_wipes_the_source) {
    SecretText one(std::string("short"));
    SecretText two(std::move(one));
    EXPECT_EQ(two.view(), "short");
    EXPECT_TRUE(one.view().empty()); // NOLINT(bugprone-use-after-move): what is tested
    SecretText three(std::string(100, 'x'));
    two = std::move(three);
    EXPECT_EQ(two.view(), std::string(100, 'x'));
    EXPECT_TRUE(three.view().empty()); // NOLINT(bugprone-use-after-move): what is tested
}

} // namespace
} // namespace cairn::crypto
