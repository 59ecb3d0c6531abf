#include "crypto/aead.hpp"

#include "base/assert.hpp"
#include "crypto/openssl_handle.hpp"

namespace cairn::crypto {
namespace {

using CipherContext = std::unique_ptr<EVP_CIPHER_CTX, Freer<EVP_CIPHER_CTX_free>>;

/// One per thread and direction: fetching the cipher costs more than a page of data.
struct Engine {
    CipherContext context{EVP_CIPHER_CTX_new()};
    explicit Engine(int encrypt) {
        CRN_ASSERT(context && EVP_CipherInit_ex(context.get(), EVP_aes_256_gcm(), nullptr, nullptr, nullptr, encrypt));
    }
};

int length_of(BytesView view) {
    CRN_ASSERT(view.size() < (1u << 30));
    return static_cast<int>(view.size());
}

} // namespace

void aead_seal(const SecretKey& key, const AeadNonce& nonce, BytesView associated, BytesView plain,
               std::span<std::uint8_t> out) {
    CRN_ASSERT(out.size() == plain.size() + kAeadTagBytes);
    thread_local const Engine engine{1};
    auto* context = engine.context.get();
    int written = 0;
    bool good = EVP_EncryptInit_ex(context, nullptr, nullptr, key.view().data(), nonce.data()) == 1;
    good = good && (associated.empty() ||
                    EVP_EncryptUpdate(context, nullptr, &written, associated.data(), length_of(associated)) == 1);
    good = good &&
           (plain.empty() || EVP_EncryptUpdate(context, out.data(), &written, plain.data(), length_of(plain)) == 1);
    good = good && EVP_EncryptFinal_ex(context, out.data() + plain.size(), &written) == 1 && written == 0;
    good = good && EVP_CIPHER_CTX_ctrl(context, EVP_CTRL_AEAD_GET_TAG, kAeadTagBytes, out.data() + plain.size()) == 1;
    CRN_ASSERT(good); // nothing but a lack of memory fails here, and what is half sealed must not go on
}

bool aead_open(const SecretKey& key, const AeadNonce& nonce, BytesView associated, BytesView sealed,
               std::span<std::uint8_t> out) {
    if (sealed.size() < kAeadTagBytes) return false;
    const auto text = sealed.first(sealed.size() - kAeadTagBytes);
    CRN_ASSERT(out.size() == text.size());
    std::array<std::uint8_t, kAeadTagBytes> tag{};
    std::ranges::copy(sealed.last(kAeadTagBytes), tag.begin());
    thread_local const Engine engine{0};
    auto* context = engine.context.get();
    const ErrorScope errors;
    int written = 0;
    bool good = EVP_DecryptInit_ex(context, nullptr, nullptr, key.view().data(), nonce.data()) == 1;
    good = good && (associated.empty() ||
                    EVP_DecryptUpdate(context, nullptr, &written, associated.data(), length_of(associated)) == 1);
    good =
        good && (text.empty() || EVP_DecryptUpdate(context, out.data(), &written, text.data(), length_of(text)) == 1);
    good = good && EVP_CIPHER_CTX_ctrl(context, EVP_CTRL_AEAD_SET_TAG, kAeadTagBytes, tag.data()) == 1;
    good = good && EVP_DecryptFinal_ex(context, out.data() + text.size(), &written) == 1;
    if (!good) wipe(out);
    return good;
}

} // namespace cairn::crypto
