#include "crypto/hash.hpp"
#include "crypto/secp256k1.hpp"

#include <gtest/gtest.h>

namespace cairn::crypto {

TEST(Keccak, of_nothing_is_the_known_digest) { EXPECT_EQ(keccak256({}), kEmptyKeccak); }

TEST(Keccak, of_abc_is_the_known_digest) {
    EXPECT_EQ(to_hex(keccak256(as_bytes("abc"))), "0x4e03657aea45a94fc7d47ba826c8d667c0d1e6e33a64a036ec44f58fa12d6c45");
}

TEST(Secp256k1, recovers_the_signer_of_what_it_signed) {
    const auto key = *AccountKey::from(keccak256(as_bytes("key")));
    const auto digest = keccak256(as_bytes("message"));
    const auto signature = sign(digest, key);
    ASSERT_TRUE(signature);
    EXPECT_EQ(*recover(digest, *signature), *public_key(key));
}

} // namespace cairn::crypto
