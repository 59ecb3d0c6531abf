// SM4 (GB/T 32907-2016) in Galois/counter mode with a 12-byte nonce and a 16-byte tag (RFC 8998; libgcrypt, because
// OpenSSL 3.0 has no SM4-GCM). Thread-safe.
#pragma once

#include "base/bytes.hpp"

namespace cairn::crypto {

using Sm4Key = FixedBytes<16, struct Sm4KeyTag>;
using Sm4Nonce = FixedBytes<12, struct Sm4NonceTag>;
using Sm4Tag = FixedBytes<16, struct Sm4TagTag>;

/// Encrypts in place. A nonce must never be used twice with one key.
Sm4Tag sm4_gcm_seal(const Sm4Key& key, const Sm4Nonce& nonce, BytesView associated, std::span<std::uint8_t> text);
/// Decrypts in place; false, and `text` is zeroed, unless the tag is right.
bool sm4_gcm_open(const Sm4Key& key, const Sm4Nonce& nonce, BytesView associated, std::span<std::uint8_t> text,
                  const Sm4Tag& tag);
/// One block, for the known answers of the standard.
FixedBytes<16, struct Sm4BlockTag> sm4_encrypt_block(const Sm4Key& key,
                                                     const FixedBytes<16, struct Sm4BlockTag>& block);

} // namespace cairn::crypto
