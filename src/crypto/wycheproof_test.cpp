// Project Wycheproof's vectors for the algorithms that this floor offers: valid must be accepted, invalid refused.
#include "base/test_vectors.hpp"
#include "crypto/aead.hpp"
#include "crypto/ed25519.hpp"
#include "crypto/hash.hpp"
#include "crypto/openssl_handle.hpp"
#include "crypto/tls_key.hpp"
#include "crypto/secp256k1.hpp"
#include "crypto/sm3.hpp"
#include "crypto/sm4.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <nlohmann/json.hpp>
#include <openssl/ec.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <openssl/kdf.h>
#include <sodium.h>

#include <functional>

namespace cairn::crypto {
namespace {

using Json = nlohmann::json;

Bytes bytes(const Json& hex_digits) { return from_hex("0x" + hex_digits.get<std::string>()).value(); }

struct Score {
    int accepted = 0;
    int refused = 0;
    std::vector<std::string> wrong;
};

/// `accepts` answers for one test of one group; "acceptable" ones may go either way.
Score run(const std::string& file, const std::function<bool(const Json& group, const Json& test)>& accepts) {
    const auto path = test::vectors(CAIRN_SOURCE_DIR) / "wycheproof/testvectors_v1" / file;
    const auto vectors = Json::parse(test::read_text(path));
    Score score;
    int seen = 0;
    for (const auto& group : vectors.at("testGroups"))
        for (const auto& test : group.at("tests")) {
            ++seen;
            const bool accepted = accepts(group, test);
            ++(accepted ? score.accepted : score.refused);
            const auto result = test.at("result").get<std::string>();
            if ((result == "valid" && !accepted) || (result == "invalid" && accepted))
                score.wrong.push_back(std::to_string(test.at("tcId").get<int>()) + " " + result + ": " +
                                      test.at("comment").get<std::string>());
        }
    EXPECT_EQ(seen, vectors.at("numberOfTests").get<int>());
    return score;
}

/// False for results that are too long.
bool hkdf_by_openssl(BytesView secret, BytesView salt, BytesView info, std::span<std::uint8_t> out) {
    const KeyContext context{EVP_PKEY_CTX_new_id(EVP_PKEY_HKDF, nullptr)};
    auto length = out.size();
    EXPECT_EQ(EVP_PKEY_derive_init(context.get()), 1);
    EXPECT_EQ(EVP_PKEY_CTX_set_hkdf_md(context.get(), EVP_sha256()), 1);
    EXPECT_EQ(EVP_PKEY_CTX_set1_hkdf_key(context.get(), secret.data(), static_cast<int>(secret.size())), 1);
    // OpenSSL takes no empty ones; without a salt it takes zeros, as RFC 5869 says.
    if (!salt.empty()) {
        EXPECT_EQ(EVP_PKEY_CTX_set1_hkdf_salt(context.get(), salt.data(), static_cast<int>(salt.size())), 1);
    }
    if (!info.empty()) {
        EXPECT_EQ(EVP_PKEY_CTX_add1_hkdf_info(context.get(), info.data(), static_cast<int>(info.size())), 1);
    }
    const ErrorScope errors;
    return EVP_PKEY_derive(context.get(), out.data(), &length) == 1;
}

Hash256 digest(const std::string& name, BytesView message) {
    std::array<std::uint8_t, 64> out{};
    unsigned length = 0;
    EXPECT_EQ(
        EVP_Digest(message.data(), message.size(), out.data(), &length, EVP_get_digestbyname(name.c_str()), nullptr),
        1);
    return *Hash256::from(BytesView{out}.first(32)); // longer digests are cut (SEC 1, section 4.1.3)
}

/// Our signatures carry no key: a key signed if it is what one of the two parities recovers.
bool signed_by(BytesView uncompressed, const Hash256& hash, const U256& r, const U256& s) {
    for (const auto parity : {std::uint8_t{0}, std::uint8_t{1}})
        if (const auto key = recover(hash, {r, s, parity}); key && std::ranges::equal(*key, uncompressed.subspan(1)))
            return true;
    return false;
}

bool fixed_form(const Json& group, const Json& test) {
    const auto signature = bytes(test.at("sig"));
    if (signature.size() != 64) return false;
    const BytesView view{signature};
    return signed_by(bytes(group.at("publicKey").at("uncompressed")),
                     digest(group.at("sha").get<std::string>(), bytes(test.at("msg"))), from_big_endian(view.first(32)),
                     from_big_endian(view.subspan(32)));
}

/// Transactions carry r and s as numbers; DER is read here, and only in its one canonical form.
bool der_form(const Json& group, const Json& test, bool low_s) {
    const auto signature = bytes(test.at("sig"));
    const auto* start = signature.data();
    const std::unique_ptr<ECDSA_SIG, void (*)(ECDSA_SIG*)> parsed{
        d2i_ECDSA_SIG(nullptr, &start, static_cast<long>(signature.size())), ECDSA_SIG_free};
    if (parsed == nullptr) return false;
    Bytes canonical(static_cast<std::size_t>(i2d_ECDSA_SIG(parsed.get(), nullptr)));
    auto* end = canonical.data();
    i2d_ECDSA_SIG(parsed.get(), &end);
    if (canonical != signature) return false;
    Bytes r(32), s(32);
    if (BN_is_negative(ECDSA_SIG_get0_r(parsed.get())) || BN_is_negative(ECDSA_SIG_get0_s(parsed.get())) ||
        BN_bn2binpad(ECDSA_SIG_get0_r(parsed.get()), r.data(), 32) != 32 ||
        BN_bn2binpad(ECDSA_SIG_get0_s(parsed.get()), s.data(), 32) != 32)
        return false;
    if (low_s && from_big_endian(s) > kSecp256k1HalfOrder) return false;
    return signed_by(bytes(group.at("publicKey").at("uncompressed")),
                     digest(group.at("sha").get<std::string>(), bytes(test.at("msg"))), from_big_endian(r),
                     from_big_endian(s));
}

/// A nonce point whose x is not below the order needs a recovery id of 2 or 3, which Ethereum does not have (EIP-2): such
/// signatures are valid ECDSA but no valid transaction, and nobody meets one in 2^127 tries.
bool is_large_r(const std::string& wrong) {
    return wrong.ends_with("valid: k*G has a large x-coordinate") ||
           wrong.ends_with("valid: r = 2, x = n + 2 is the smallest possible x with a reduction");
}

TEST(Wycheproof, secp256k1_with_r_and_s_of_fixed_length) {
    for (const auto* file : {"ecdsa_secp256k1_sha256_p1363_test.json", "ecdsa_secp256k1_sha512_p1363_test.json"}) {
        auto score = run(file, fixed_form);
        std::erase_if(score.wrong, is_large_r);
        EXPECT_THAT(score.wrong, testing::IsEmpty()) << file;
        EXPECT_GT(score.accepted, 50) << file;
    }
}

TEST(Wycheproof, secp256k1_with_der) {
    for (const auto* file : {"ecdsa_secp256k1_sha256_test.json", "ecdsa_secp256k1_sha3_256_test.json",
                             "ecdsa_secp256k1_sha512_test.json"}) {
        auto score = run(file, [](const Json& group, const Json& test) { return der_form(group, test, false); });
        std::erase_if(score.wrong, is_large_r);
        EXPECT_THAT(score.wrong, testing::IsEmpty()) << file;
        EXPECT_GT(score.accepted, 50) << file;
    }
}

TEST(Wycheproof, secp256k1_with_low_s_alone) {
    auto score = run("ecdsa_secp256k1_sha256_bitcoin_test.json",
                     [](const Json& group, const Json& test) { return der_form(group, test, true); });
    std::erase_if(score.wrong, is_large_r);
    EXPECT_THAT(score.wrong, testing::IsEmpty());
    EXPECT_GT(score.accepted, 50);
}

TEST(Wycheproof, ed25519) {
    const auto score = run("ed25519_test.json", [](const Json& group, const Json& test) {
        const auto key = ValidatorPublicKey::from(bytes(group.at("publicKey").at("pk")));
        const auto signature = Signature::from(bytes(test.at("sig")));
        return key && signature && verify(*key, bytes(test.at("msg")), *signature);
    });
    EXPECT_THAT(score.wrong, testing::IsEmpty());
    EXPECT_GT(score.accepted, 50);
}

TEST(Wycheproof, hmac_sm3) {
    const auto score = run("hmac_sm3_test.json", [](const Json& group, const Json& test) {
        const auto tag = bytes(test.at("tag"));
        const auto computed = hmac_sm3(bytes(test.at("key")), bytes(test.at("msg")));
        EXPECT_EQ(tag.size(), group.at("tagSize").get<std::size_t>() / 8);
        return std::ranges::equal(tag, BytesView{computed}.first(tag.size()));
    });
    EXPECT_THAT(score.wrong, testing::IsEmpty());
    EXPECT_GT(score.accepted, 50);
}

TEST(Wycheproof, aes_256_gcm) {
    int others = 0;
    const auto score = run("aes_gcm_test.json", [&](const Json&, const Json& test) {
        const auto key = SecretKey::from(bytes(test.at("key")));
        const auto nonce = AeadNonce::from(bytes(test.at("iv")));
        if (!key || !nonce) {
            // Keys and nonces of other lengths are not offered; those that the file calls valid are left out by this count alone.
            others += test.at("result") == "valid";
            return false;
        }
        const auto associated = bytes(test.at("aad"));
        const auto text = bytes(test.at("msg"));
        auto sealed = bytes(test.at("ct"));
        std::ranges::copy(bytes(test.at("tag")), std::back_inserter(sealed));
        Bytes opened(sealed.size() - kAeadTagBytes);
        if (!aead_open(*key, *nonce, associated, sealed, opened)) return false;
        EXPECT_EQ(opened, text);
        Bytes again(sealed.size());
        aead_seal(*key, *nonce, associated, text, again);
        return again == sealed;
    });
    EXPECT_EQ(static_cast<int>(score.wrong.size()), others);
    EXPECT_EQ(score.accepted, 39);
}

TEST(Wycheproof, sm4_gcm) {
    int other_nonces = 0;
    auto score = run("sm4_gcm_test.json", [&](const Json&, const Json& test) {
        const auto nonce = Sm4Nonce::from(bytes(test.at("iv")));
        const auto tag = Sm4Tag::from(bytes(test.at("tag")));
        if (!nonce || !tag) {
            // Nonces of other lengths are not offered; those that the file calls valid are left out by this count alone.
            other_nonces += test.at("result") == "valid";
            return false;
        }
        const auto key = Sm4Key::from(bytes(test.at("key"))).value();
        const auto associated = bytes(test.at("aad"));
        auto text = bytes(test.at("ct"));
        if (!sm4_gcm_open(key, *nonce, associated, text, *tag)) return false;
        EXPECT_EQ(text, bytes(test.at("msg")));
        EXPECT_EQ(sm4_gcm_seal(key, *nonce, associated, text), *tag);
        return text == bytes(test.at("ct"));
    });
    EXPECT_EQ(static_cast<int>(score.wrong.size()), other_nonces);
    EXPECT_EQ(score.accepted, 38);
}

// The calls below are those that our code makes of the libraries: sealed keys and wrapped keys (libsodium), derived keys, file
// headers and foreign key files (OpenSSL), key agreement in TLS (OpenSSL).

TEST(Wycheproof, xchacha20_poly1305) {
    ASSERT_GE(sodium_init(), 0);
    const auto score = run("xchacha20_poly1305_test.json", [](const Json&, const Json& test) {
        const auto key = bytes(test.at("key"));
        const auto nonce = bytes(test.at("iv"));
        if (nonce.size() != crypto_aead_xchacha20poly1305_ietf_NPUBBYTES) return false; // all of those are invalid
        const auto associated = bytes(test.at("aad"));
        const auto text = bytes(test.at("msg"));
        auto sealed = bytes(test.at("ct"));
        append(sealed, bytes(test.at("tag")));
        Bytes opened(sealed.size() - crypto_aead_xchacha20poly1305_ietf_ABYTES);
        unsigned long long length = 0;
        if (::crypto_aead_xchacha20poly1305_ietf_decrypt(opened.data(), &length, nullptr, sealed.data(), sealed.size(),
                                                         associated.data(), associated.size(), nonce.data(),
                                                         key.data()) != 0)
            return false;
        EXPECT_EQ(opened, text);
        Bytes again(sealed.size());
        ::crypto_aead_xchacha20poly1305_ietf_encrypt(again.data(), &length, text.data(), text.size(), associated.data(),
                                                     associated.size(), nullptr, nonce.data(), key.data());
        return again == sealed;
    });
    EXPECT_THAT(score.wrong, testing::IsEmpty());
    EXPECT_EQ(score.accepted, 246);
}

TEST(Wycheproof, hmac_sha256) {
    const auto score = run("hmac_sha256_test.json", [](const Json& group, const Json& test) {
        const auto key = bytes(test.at("key"));
        const auto message = bytes(test.at("msg"));
        const auto tag = bytes(test.at("tag"));
        std::array<std::uint8_t, 32> computed{};
        unsigned length = 0;
        EXPECT_NE(HMAC(EVP_sha256(), key.data(), static_cast<int>(key.size()), message.data(), message.size(),
                       computed.data(), &length),
                  nullptr);
        EXPECT_EQ(tag.size(), group.at("tagSize").get<std::size_t>() / 8);
        return std::ranges::equal(tag, BytesView{computed}.first(tag.size()));
    });
    EXPECT_THAT(score.wrong, testing::IsEmpty());
    EXPECT_EQ(score.accepted, 66);
}

TEST(Wycheproof, hkdf_sha256) {
    int ours = 0;
    const auto score = run("hkdf_sha256_test.json", [&](const Json&, const Json& test) {
        const auto secret = bytes(test.at("ikm"));
        const auto salt = bytes(test.at("salt"));
        const auto info = bytes(test.at("info"));
        const auto expected = bytes(test.at("okm"));
        Bytes out(test.at("size").get<std::size_t>());
        if (!hkdf_by_openssl(secret, salt, info, out)) return false;
        // What we derive has no salt, and secret and result are 32 bytes.
        if (const auto key = SecretKey::from(secret); key && salt.empty() && out.size() == SecretKey::kBytes) {
            EXPECT_TRUE(std::ranges::equal(key->derive(as_text(info)).view(), expected));
            ++ours;
        }
        return out == expected;
    });
    EXPECT_THAT(score.wrong, testing::IsEmpty());
    EXPECT_EQ(score.accepted, 83);
    EXPECT_EQ(ours, 1);
    // Only one of the vectors has our lengths, so derived keys are also compared with the code that passed all of them.
    for (std::uint8_t i = 0; i < 100; ++i) {
        const Bytes secret(32, i);
        const std::string info(i, 'x');
        Bytes expected(32);
        ASSERT_TRUE(hkdf_by_openssl(secret, {}, as_bytes(info), expected));
        EXPECT_TRUE(std::ranges::equal(SecretKey::from(secret)->derive(info).view(), expected));
    }
}

TEST(Wycheproof, pbkdf2_hmac_sha256) {
    const auto score = run("pbkdf2_hmacsha256_test.json", [](const Json&, const Json& test) {
        const auto password = bytes(test.at("password"));
        const auto salt = bytes(test.at("salt"));
        Bytes out(test.at("dkLen").get<std::size_t>());
        EXPECT_EQ(PKCS5_PBKDF2_HMAC(reinterpret_cast<const char*>(password.data()), static_cast<int>(password.size()),
                                    salt.data(), static_cast<int>(salt.size()), test.at("iterationCount").get<int>(),
                                    EVP_sha256(), static_cast<int>(out.size()), out.data()),
                  1);
        return out == bytes(test.at("dk"));
    });
    EXPECT_THAT(score.wrong, testing::IsEmpty());
    EXPECT_EQ(score.accepted, 60);
}

TEST(Wycheproof, p256_of_handshakes_and_administrators) {
    const auto score = run("ecdsa_secp256r1_sha256_test.json", [](const Json& group, const Json& test) {
        return verify_tls(bytes(group.at("publicKey").at("uncompressed")), bytes(test.at("msg")),
                          bytes(test.at("sig")));
    });
    EXPECT_THAT(score.wrong, testing::IsEmpty());
    EXPECT_EQ(score.accepted, 174);
}

TEST(Wycheproof, x25519_of_tls) {
    const auto score = run("x25519_test.json", [](const Json&, const Json& test) {
        const auto secret = bytes(test.at("private"));
        const auto point = bytes(test.at("public"));
        const Key own{EVP_PKEY_new_raw_private_key(EVP_PKEY_X25519, nullptr, secret.data(), secret.size())};
        const Key peer{EVP_PKEY_new_raw_public_key(EVP_PKEY_X25519, nullptr, point.data(), point.size())};
        if (!own || !peer) return false;
        const KeyContext context{EVP_PKEY_CTX_new(own.get(), nullptr)};
        std::array<std::uint8_t, 32> shared{};
        auto length = shared.size();
        if (EVP_PKEY_derive_init(context.get()) != 1 || EVP_PKEY_derive_set_peer(context.get(), peer.get()) != 1 ||
            EVP_PKEY_derive(context.get(), shared.data(), &length) != 1)
            return false;
        EXPECT_TRUE(std::ranges::equal(shared, bytes(test.at("shared"))));
        return true;
    });
    EXPECT_THAT(score.wrong, testing::IsEmpty());
    EXPECT_GE(score.accepted, 264);
}

} // namespace
} // namespace cairn::crypto
