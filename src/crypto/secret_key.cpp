#include "crypto/secret_key.hpp"

#include "base/assert.hpp"
#include "crypto/ed25519.hpp"

#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>

namespace cairn::crypto {
namespace {

using Digest = std::array<std::uint8_t, 32>;

void hmac(BytesView key, BytesView message, Digest& out) {
    unsigned length = 0;
    CRN_ASSERT(HMAC(EVP_sha256(), key.data(), static_cast<int>(key.size()), message.data(), message.size(), out.data(),
                    &length) != nullptr &&
               length == out.size());
}

} // namespace

void wipe(std::span<std::uint8_t> bytes) { OPENSSL_cleanse(bytes.data(), bytes.size()); }

SecretKey SecretKey::generate() {
    SecretKey out;
    system_random().fill(out.bytes_);
    return out;
}

std::optional<SecretKey> SecretKey::from(BytesView bytes) {
    if (bytes.size() != kBytes) return std::nullopt;
    SecretKey out;
    std::ranges::copy(bytes, out.bytes_.begin());
    return out;
}

SecretKey::SecretKey(SecretKey&& other) noexcept : bytes_(other.bytes_) { wipe(other.bytes_); }

SecretKey& SecretKey::operator=(SecretKey&& other) noexcept {
    if (this == &other) return *this;
    bytes_ = other.bytes_;
    wipe(other.bytes_);
    return *this;
}

SecretKey::~SecretKey() { wipe(bytes_); }

SecretKey SecretKey::copy() const {
    SecretKey out;
    out.bytes_ = bytes_;
    return out;
}

SecretKey SecretKey::derive(std::string_view use) const {
    // Extract with a salt of zeros, then the first block of expand: one block is all that 32 bytes need.
    Digest extracted{};
    hmac(Digest{}, bytes_, extracted);
    Bytes info = to_bytes(as_bytes(use));
    info.push_back(1);
    SecretKey out;
    hmac(extracted, info, out.bytes_);
    wipe(extracted);
    return out;
}

KeyCheck SecretKey::check_value() const {
    const auto derived = derive("cairn key check value");
    return *KeyCheck::from(derived.view().first(KeyCheck::kSize));
}

} // namespace cairn::crypto
