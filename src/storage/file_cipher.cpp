#include "storage/file_cipher.hpp"

#include "base/assert.hpp"

namespace cairn::storage {
namespace {

static_assert(crypto::Sm4Nonce::kSize == crypto::AeadNonce::kSize && crypto::Sm4Tag::kSize == crypto::kAeadTagBytes);

crypto::Sm4Nonce sm4_nonce(const crypto::AeadNonce& nonce) { return crypto::Sm4Nonce{nonce.bytes}; }

} // namespace

bool is_known(CipherSuite suite) { return suite == CipherSuite::aes_256_gcm || suite == CipherSuite::sm4_gcm; }

std::string_view name_of(CipherSuite suite) {
    switch (suite) {
    case CipherSuite::aes_256_gcm: return "AES-256-GCM";
    case CipherSuite::sm4_gcm: return "SM4-GCM";
    }
    return "unknown";
}

FileCipher::FileCipher(CipherSuite suite, std::shared_ptr<const crypto::SecretKey> key)
    : suite_(suite), key_(std::move(key)) {
    CRN_ASSERT(is_known(suite_));
    if (suite_ != CipherSuite::sm4_gcm) return;
    const auto derived = key_->derive("cairn file sm4-gcm");
    std::ranges::copy(derived.view().first(crypto::Sm4Key::kSize), sm4_key_.bytes.begin());
}

FileCipher::~FileCipher() { crypto::wipe(sm4_key_.bytes); }

void FileCipher::seal(const crypto::AeadNonce& nonce, BytesView associated, BytesView plain,
                      std::span<std::uint8_t> out) const {
    if (suite_ == CipherSuite::aes_256_gcm) {
        crypto::aead_seal(*key_, nonce, associated, plain, out);
        return;
    }
    CRN_ASSERT(out.size() == plain.size() + crypto::kAeadTagBytes);
    const auto text = out.first(plain.size());
    std::ranges::copy(plain, text.begin());
    const auto tag = crypto::sm4_gcm_seal(sm4_key_, sm4_nonce(nonce), associated, text);
    std::ranges::copy(tag, out.begin() + static_cast<std::ptrdiff_t>(text.size()));
}

bool FileCipher::open(const crypto::AeadNonce& nonce, BytesView associated, BytesView sealed,
                      std::span<std::uint8_t> out) const {
    if (suite_ == CipherSuite::aes_256_gcm) return crypto::aead_open(*key_, nonce, associated, sealed, out);
    if (sealed.size() < crypto::kAeadTagBytes) return false;
    const auto text = sealed.first(sealed.size() - crypto::kAeadTagBytes);
    CRN_ASSERT(out.size() == text.size());
    std::ranges::copy(text, out.begin());
    return crypto::sm4_gcm_open(sm4_key_, sm4_nonce(nonce), associated, out,
                                *crypto::Sm4Tag::from(sealed.last(crypto::kAeadTagBytes)));
}

} // namespace cairn::storage
