#include "crypto/voting_key.hpp"

#include "base/errors/crypto.hpp"

#include <gtest/gtest.h>

namespace cairn::crypto {
namespace {

// GB/T 32918.5-2017, annex A.2: the point of this key has an odd y.
const Bytes kStandardKey = *from_hex("0x3945208f7b2144b13f36e38ac6d39f95889393692860b51a42fb81ef4df7c5b8");
constexpr std::string_view kStandardX = "0x09f9df311e5421a150dd7d161e4bc5c672179fad1833fc076bb08ff356f35020";

VotingSecret secret(VotingAlgorithm algorithm, std::uint8_t fill) {
    return VotingSecret::from(algorithm, Bytes(32, fill)).value();
}

Sm2Signature parts_of(const Signature& signature) {
    return {from_big_endian(BytesView{signature}.first(32)), from_big_endian(BytesView{signature}.subspan(32))};
}

TEST(VotingKey, of_sm2_is_the_x_of_the_point_with_even_y) {
    const auto voter = VotingSecret::from(VotingAlgorithm::sm2, kStandardKey).value();
    EXPECT_EQ(to_hex(voter.public_key().bytes), kStandardX);
    const auto point = sm2_point_of(voter.public_key());
    ASSERT_TRUE(point);
    EXPECT_EQ((*point)[63] & 1, 0);
    // The negated key signs, so that anybody's SM2 accepts it with that point, the standard's Z and the stated identity.
    const auto signature = voter.sign(as_bytes("a vote")).value();
    EXPECT_TRUE(sm2_verify(*point, as_bytes("a vote"), parts_of(signature), "1234567812345678"));
    EXPECT_FALSE(sm2_verify(*point, as_bytes("a vote"), parts_of(signature), "another identity"));
    const auto odd = sm2_public_key(*Sm2Key::from(kStandardKey)).value();
    EXPECT_EQ(odd[63] & 1, 1);
    EXPECT_FALSE(sm2_verify(odd, as_bytes("a vote"), parts_of(signature)));
}

TEST(VotingKey, both_algorithms_sign_and_refuse_every_flipped_bit) {
    for (const auto algorithm : {VotingAlgorithm::ed25519, VotingAlgorithm::sm2})
        for (std::uint8_t fill = 1; fill < 6; ++fill) {
            const auto voter = secret(algorithm, fill);
            const Bytes message(fill * 40u, fill);
            const auto signature = voter.sign(message).value();
            EXPECT_TRUE(verify(voter.public_key(), message, signature));
            EXPECT_FALSE(verify(secret(algorithm, 9).public_key(), message, signature));
            auto renamed = voter.public_key();
            renamed.algorithm = algorithm == VotingAlgorithm::sm2 ? VotingAlgorithm::ed25519 : VotingAlgorithm::sm2;
            EXPECT_FALSE(verify(renamed, message, signature));
            for (std::size_t i = 0; i < 64; ++i) {
                auto bent = signature;
                bent[i] ^= 0x10;
                EXPECT_FALSE(verify(voter.public_key(), message, bent)) << i;
            }
            EXPECT_FALSE(verify(voter.public_key(), message, Signature{}));
        }
}

TEST(VotingKey, of_sm2_must_be_on_the_curve_and_secrets_in_range) {
    VotingKey outside{VotingAlgorithm::sm2, {}};
    outside.bytes.bytes.fill(0xff); // above the prime
    EXPECT_FALSE(sm2_point_of(outside));
    EXPECT_FALSE(verify(outside, as_bytes("m"), Signature{}));
    int on_curve = 0;
    for (std::uint8_t i = 0; i < 100; ++i) {
        outside.bytes.bytes.fill(i);
        on_curve += sm2_point_of(outside) ? 1 : 0;
    }
    EXPECT_GT(on_curve, 20);
    EXPECT_LT(on_curve, 80);
    EXPECT_EQ(VotingSecret::from(VotingAlgorithm::sm2, Bytes(32)).error().code, error::KeyInvalid);
    EXPECT_EQ(VotingSecret::from(VotingAlgorithm::sm2, Bytes(32, 0xff)).error().code, error::KeyInvalid);
    EXPECT_EQ(VotingSecret::from(VotingAlgorithm::sm2, Bytes(31, 1)).error().code, error::KeyInvalid);
    EXPECT_EQ(VotingSecret::from(VotingAlgorithm::ed25519, Bytes(33, 1)).error().code, error::KeyInvalid);
    for (const auto& edge : {U256{1}, kSm2Order - U256{2}}) {
        const auto voter = VotingSecret::from(VotingAlgorithm::sm2, to_big_endian(edge)).value();
        EXPECT_TRUE(verify(voter.public_key(), as_bytes("m"), voter.sign(as_bytes("m")).value()));
    }
}

TEST(VotingKey, has_one_text) {
    const auto sm2 = secret(VotingAlgorithm::sm2, 7).public_key();
    const auto ed25519 = secret(VotingAlgorithm::ed25519, 7).public_key();
    EXPECT_TRUE(text_of(sm2).starts_with("sm2:0x"));
    EXPECT_TRUE(text_of(ed25519).starts_with("0x"));
    for (const auto& key : {sm2, ed25519}) {
        EXPECT_EQ(voting_key_from_text(text_of(key)), key);
        auto upper = text_of(key);
        upper.back() = 'A';
        EXPECT_FALSE(voting_key_from_text(upper));
        EXPECT_FALSE(voting_key_from_text(text_of(key) + "0"));
        EXPECT_FALSE(voting_key_from_text("sm9:" + text_of(key)));
    }
    EXPECT_FALSE(voting_key_from_text("sm2:"));
}

} // namespace
} // namespace cairn::crypto
