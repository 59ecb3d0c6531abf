#include "crypto/tls_key.hpp"

#include "base/errors/crypto.hpp"
#include "crypto/ed25519.hpp"
#include "crypto/hash.hpp"
#include "crypto/remote_key.hpp"

#include <gtest/gtest.h>
#include <openssl/ui.h>

namespace cairn::crypto {
namespace {

constexpr CertificateKey kAlgorithms[] = {CertificateKey::p256, CertificateKey::ed25519};

TEST(TlsKey, signs_whole_messages_and_only_its_own_key_verifies_them) {
    for (const auto algorithm : kAlgorithms) {
        const auto key = TlsKey::from_secret(algorithm, Bytes(32, 7));
        ASSERT_TRUE(key) << key.error().text();
        EXPECT_EQ(algorithm_of(key->public_key()), algorithm);
        EXPECT_EQ(key->secret(), Bytes(32, 7));
        const auto message = certificate_verify(TlsSide::client, sha256({}));
        const auto signature = key->sign(message);
        ASSERT_TRUE(signature) << signature.error().text();
        EXPECT_TRUE(verify_tls(key->public_key(), message, *signature));
        EXPECT_FALSE(verify_tls(key->public_key(), certificate_verify(TlsSide::server, sha256({})), *signature));
        for (const auto other : kAlgorithms)
            EXPECT_FALSE(verify_tls(TlsKey::from_secret(other, Bytes(32, 8))->public_key(), message, *signature));
        EXPECT_FALSE(verify_tls(key->public_key(), message, {}));
        EXPECT_FALSE(verify_tls({}, message, *signature));
    }
    // The same seed is the same key for libsodium.
    EXPECT_EQ(TlsKey::from_secret(CertificateKey::ed25519, Bytes(32, 7))->public_key(),
              to_bytes(ValidatorKey::from_seed(*ValidatorSeed::from(Bytes(32, 7))).public_key()));
}

TEST(TlsKey, of_a_wrong_length_or_range_is_refused) {
    for (const auto algorithm : kAlgorithms)
        for (const std::size_t length : {0, 31, 33})
            EXPECT_EQ(TlsKey::from_secret(algorithm, Bytes(length, 7)).error().code, error::KeyInvalid);
    EXPECT_EQ(TlsKey::from_secret(CertificateKey::p256, Bytes(32, 0)).error().code, error::KeyInvalid);
    EXPECT_EQ(TlsKey::from_secret(CertificateKey::p256, Bytes(32, 0xff)).error().code, error::KeyInvalid);
    EXPECT_EQ(TlsKey::from_pem("words").error().code, error::KeyInvalid);
}

TEST(TlsKey, message_is_a_certificate_verify_or_nothing) {
    for (const auto side : {TlsSide::server, TlsSide::client})
        for (const std::size_t hash : {32, 48}) {
            const auto message = certificate_verify(side, Bytes(hash, 0xa5));
            EXPECT_TRUE(is_certificate_verify(message));
            EXPECT_LE(message.size(), kCertificateVerifyBytesMax);
            EXPECT_EQ(message.size(), 98 + hash);
            for (std::size_t i = 0; i < 98; ++i) {
                auto changed = message;
                changed[i] ^= 1;
                EXPECT_FALSE(is_certificate_verify(changed)) << i;
            }
            for (const std::size_t length : {std::size_t{0}, std::size_t{64}, std::size_t{98}, message.size() - 1})
                EXPECT_FALSE(is_certificate_verify(BytesView{message}.first(length))) << length;
            auto longer = message;
            longer.push_back(0);
            EXPECT_FALSE(is_certificate_verify(longer));
        }
    for (const std::size_t hash : {0, 20, 28, 33, 47, 64})
        EXPECT_FALSE(is_certificate_verify(certificate_verify(TlsSide::server, Bytes(hash, 1)))) << hash;
}

TEST(TlsKey, of_an_encrypted_certificate_is_refused_and_nobody_is_asked_at_the_terminal) {
    static bool asked = false;
    auto* terminal = UI_create_method("test");
    UI_method_set_opener(terminal, [](UI*) {
        asked = true;
        return 0;
    });
    UI_set_default_method(terminal);
    const auto key = certificate_tls_key("-----BEGIN CERTIFICATE-----\n"
                                         "Proc-Type: 4,ENCRYPTED\n"
                                         "DEK-Info: AES-256-CBC,000102030405060708090A0B0C0D0E0F\n\n"
                                         "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=\n"
                                         "-----END CERTIFICATE-----\n");
    UI_set_default_method(UI_OpenSSL());
    UI_destroy_method(terminal);
    EXPECT_FALSE(asked);
    ASSERT_FALSE(key);
    EXPECT_EQ(key.error().code, error::CertificateInvalid);
}

TEST(RemoteKey, is_refused_if_it_is_of_no_known_algorithm) {
    class Odd final : public HandshakeSigner {
        Result<Bytes> sign_handshake(BytesView) override { return Bytes{}; }
        TlsPublicKey handshake_public_key() const override { return Bytes(33, 2); }
    };
    EXPECT_EQ(remote_key(std::make_shared<Odd>()).error().code, error::KeyInvalid);
}

} // namespace
} // namespace cairn::crypto
