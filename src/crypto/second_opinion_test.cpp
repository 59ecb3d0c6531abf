// Algorithms of libsodium that Wycheproof has no vectors for, against the standards and another implementation (libgcrypt).
#include "base/bytes.hpp"

#include <gcrypt.h>
#include <gtest/gtest.h>
#include <sodium.h>

#include <array>

namespace cairn::crypto {
namespace {

using Digest = std::array<std::uint8_t, 32>;

class SecondOpinion : public testing::Test {
protected:
    SecondOpinion() {
        EXPECT_GE(sodium_init(), 0);
        EXPECT_NE(gcry_check_version(nullptr), nullptr);
        if (gcry_control(GCRYCTL_INITIALIZATION_FINISHED_P) == 0) gcry_control(GCRYCTL_INITIALIZATION_FINISHED, 0);
    }
};

struct Argon2Input {
    std::uint32_t passes, memory_kib, lanes;
    Bytes passphrase, salt, secret, associated;
};

Digest argon2id_by_gcrypt(const Argon2Input& in) {
    const std::array<unsigned long, 4> parameters{32, in.passes, in.memory_kib, in.lanes};
    gcry_kdf_hd_t handle = nullptr;
    Digest out{};
    EXPECT_EQ(gcry_kdf_open(&handle, GCRY_KDF_ARGON2, GCRY_KDF_ARGON2ID, parameters.data(), 4, in.passphrase.data(),
                            in.passphrase.size(), in.salt.data(), in.salt.size(), in.secret.data(), in.secret.size(),
                            in.associated.data(), in.associated.size()),
              0u);
    EXPECT_EQ(gcry_kdf_compute(handle, nullptr), 0u);
    EXPECT_EQ(gcry_kdf_final(handle, out.size(), out.data()), 0u);
    gcry_kdf_close(handle);
    return out;
}

TEST_F(SecondOpinion, argon2id_of_rfc_9106_and_of_sealed_keys) {
    // RFC 9106, section 5.3: libsodium has no secret, no associated data and one lane, so libgcrypt shows that it is Argon2id ...
    EXPECT_EQ(to_hex(argon2id_by_gcrypt({3, 32, 4, Bytes(32, 1), Bytes(16, 2), Bytes(8, 3), Bytes(12, 4)})),
              "0x0d640df58d78766c08c037a34a8b53c9d01ef0452d75b65eb52520e96b01e659");
    // ... and libsodium must agree with it on what we ask for.
    for (std::uint8_t i = 1; i <= 4; ++i) {
        const Argon2Input in{i, 64u * i, 1, Bytes(i * 5u, 'p'), Bytes(crypto_pwhash_SALTBYTES, i), {}, {}};
        Digest ours{};
        ASSERT_EQ(::crypto_pwhash(ours.data(), ours.size(), reinterpret_cast<const char*>(in.passphrase.data()),
                                  in.passphrase.size(), in.salt.data(), in.passes, std::size_t{in.memory_kib} * 1024,
                                  crypto_pwhash_ALG_ARGON2ID13),
                  0);
        EXPECT_EQ(to_hex(ours), to_hex(argon2id_by_gcrypt(in))) << +i;
    }
}

TEST_F(SecondOpinion, keyed_blake2b_of_the_signers_memory) {
    // RFC 7693, appendix A.
    std::array<std::uint8_t, 64> whole{};
    ::crypto_generichash(whole.data(), whole.size(), as_bytes("abc").data(), 3, nullptr, 0);
    EXPECT_EQ(to_hex(whole), "0xba80a53f981c4d0d6a2797b69f12f6e94c212f14685ac4b74b12bb6fdbffa2d1"
                             "7d87c5392aab792dc252d5de4533cc9518d38aa8dbf1925ab92386edd4009923");
    for (std::uint8_t i = 1; i <= 64; ++i) {
        const Bytes key(32, i), message(i * 7u, i);
        Digest ours{};
        ::crypto_generichash(ours.data(), ours.size(), message.data(), message.size(), key.data(), key.size());
        gcry_md_hd_t handle = nullptr;
        ASSERT_EQ(gcry_md_open(&handle, GCRY_MD_BLAKE2B_256, 0), 0u);
        ASSERT_EQ(gcry_md_setkey(handle, key.data(), key.size()), 0u);
        gcry_md_write(handle, message.data(), message.size());
        EXPECT_EQ(to_hex(ours), to_hex(BytesView{gcry_md_read(handle, GCRY_MD_BLAKE2B_256), 32})) << +i;
        gcry_md_close(handle);
    }
}

} // namespace
} // namespace cairn::crypto
