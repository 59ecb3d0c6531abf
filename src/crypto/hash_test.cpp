#include "crypto/hash.hpp"
#include "crypto/secp256k1.hpp"

#include <gtest/gtest.h>

namespace cairn::crypto {

TEST(Keccak, of_nothing_is_the_known_digest) { EXPECT_EQ(keccak256({}), kEmptyKeccak); }

TEST(Keccak, of_abc_is_the_known_digest) {
    EXPECT_EQ(to_hex(keccak256(as_bytes("abc"))), "0x4e03657aea45a94fc7d47ba826c8d667c0d1e6e33a64a036ec44f58fa12d6c45");
}

TEST(Keccak, of_many_messages_equals_one_after_another) {
    // Lengths around the block of 136 bytes, mixed so that lanes end at different times.
    for (const std::size_t count : {0u, 1u, 3u, 4u, 7u, 8u, 9u, 31u, 200u}) {
        std::vector<Bytes> messages;
        for (std::size_t i = 0; i < count; ++i) {
            const std::size_t lengths[] = {0, 1, 32, 135, 136, 137, 271, 272, 1'000};
            messages.emplace_back(lengths[i * 7 % 9] + i / 9, static_cast<std::uint8_t>(i));
        }
        const std::vector<BytesView> views(messages.begin(), messages.end());
        std::vector<Hash256> digests(count);
        keccak256_many(views, digests);
        for (std::size_t i = 0; i < count; ++i) EXPECT_EQ(digests[i], keccak256(messages[i])) << count << " " << i;
    }
}

TEST(Secp256k1, recovers_the_signer_of_what_it_signed) {
    const auto key = *AccountKey::from(keccak256(as_bytes("key")));
    const auto digest = keccak256(as_bytes("message"));
    const auto signature = sign(digest, key);
    ASSERT_TRUE(signature);
    EXPECT_EQ(*recover(digest, *signature), *public_key(key));
}

} // namespace cairn::crypto
