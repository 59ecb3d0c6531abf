// Project Wycheproof's vectors for the algorithms that this floor offers: valid must be accepted, invalid refused.
#include "base/test_vectors.hpp"
#include "crypto/aead.hpp"
#include "crypto/ed25519.hpp"
#include "crypto/hash.hpp"
#include "crypto/secp256k1.hpp"
#include "crypto/sm3.hpp"
#include "crypto/sm4.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <nlohmann/json.hpp>
#include <openssl/ec.h>
#include <openssl/evp.h>

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

} // namespace
} // namespace cairn::crypto
