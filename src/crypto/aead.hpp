// Authenticated encryption with associated data: AES-256-GCM (NIST SP 800-38D) by OpenSSL, which uses the processor's AES
// and carry-less multiplication. Thread-safe. A nonce must never serve twice with one key: that is the caller's to prove.
#pragma once

#include "crypto/secret_key.hpp"

namespace cairn::crypto {

inline constexpr std::size_t kAeadTagBytes = 16;
using AeadNonce = FixedBytes<12, struct AeadNonceTag>;

/// `out` has the size of `plain` plus kAeadTagBytes: cipher text, then tag. It may not overlap `plain`.
void aead_seal(const SecretKey& key, const AeadNonce& nonce, BytesView associated, BytesView plain,
               std::span<std::uint8_t> out);
/// `sealed` is cipher text and tag, `out` has its size minus kAeadTagBytes. False, and `out` wiped, if anything was altered.
[[nodiscard]] bool aead_open(const SecretKey& key, const AeadNonce& nonce, BytesView associated, BytesView sealed,
                             std::span<std::uint8_t> out);

} // namespace cairn::crypto
