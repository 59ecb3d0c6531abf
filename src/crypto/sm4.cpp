#include "crypto/sm4.hpp"

#include "base/assert.hpp"

#include <gcrypt.h>
#include <sodium.h>

#include <memory>

namespace cairn::crypto {
namespace {

struct CloseCipher {
    void operator()(gcry_cipher_hd_t cipher) const { gcry_cipher_close(cipher); }
};
using Cipher = std::unique_ptr<gcry_cipher_handle, CloseCipher>;

Cipher open_cipher(const Sm4Key& key, int mode) {
    // Without its own locked memory: the keys that it would hold there stand in ours as well.
    static const bool ready = gcry_check_version(nullptr) != nullptr && gcry_control(GCRYCTL_DISABLE_SECMEM, 0) == 0 &&
                              gcry_control(GCRYCTL_INITIALIZATION_FINISHED, 0) == 0;
    CRN_ASSERT(ready);
    gcry_cipher_hd_t cipher = nullptr;
    CRN_ASSERT(gcry_cipher_open(&cipher, GCRY_CIPHER_SM4, mode, 0) == 0);
    Cipher out{cipher};
    CRN_ASSERT(gcry_cipher_setkey(cipher, key.data(), key.size()) == 0);
    return out;
}

Cipher start(const Sm4Key& key, const Sm4Nonce& nonce, BytesView associated) {
    auto cipher = open_cipher(key, GCRY_CIPHER_MODE_GCM);
    CRN_ASSERT(gcry_cipher_setiv(cipher.get(), nonce.data(), nonce.size()) == 0);
    if (!associated.empty())
        CRN_ASSERT(gcry_cipher_authenticate(cipher.get(), associated.data(), associated.size()) == 0);
    CRN_ASSERT(gcry_cipher_final(cipher.get()) == 0);
    return cipher;
}

} // namespace

Sm4Tag sm4_gcm_seal(const Sm4Key& key, const Sm4Nonce& nonce, BytesView associated, std::span<std::uint8_t> text) {
    const auto cipher = start(key, nonce, associated);
    CRN_ASSERT(gcry_cipher_encrypt(cipher.get(), text.data(), text.size(), nullptr, 0) == 0);
    Sm4Tag tag;
    CRN_ASSERT(gcry_cipher_gettag(cipher.get(), tag.data(), tag.size()) == 0);
    return tag;
}

bool sm4_gcm_open(const Sm4Key& key, const Sm4Nonce& nonce, BytesView associated, std::span<std::uint8_t> text,
                  const Sm4Tag& tag) {
    const auto cipher = start(key, nonce, associated);
    CRN_ASSERT(gcry_cipher_decrypt(cipher.get(), text.data(), text.size(), nullptr, 0) == 0);
    if (gcry_cipher_checktag(cipher.get(), tag.data(), tag.size()) == 0) return true;
    sodium_memzero(text.data(), text.size());
    return false;
}

FixedBytes<16, Sm4BlockTag> sm4_encrypt_block(const Sm4Key& key, const FixedBytes<16, Sm4BlockTag>& block) {
    auto out = block;
    const auto cipher = open_cipher(key, GCRY_CIPHER_MODE_ECB);
    CRN_ASSERT(gcry_cipher_encrypt(cipher.get(), out.data(), out.size(), nullptr, 0) == 0);
    return out;
}

} // namespace cairn::crypto
