// Hash functions. Keccak-256 is our own (OpenSSL 3.0 has SHA-3 but not the original padding); the others are OpenSSL's.
#pragma once

#include "base/bytes.hpp"

namespace cairn::crypto {

/// Keccak-256 with the original 0x01 padding, as Ethereum uses it.
Hash256 keccak256(BytesView data);
/// keccak256 of several messages; the same results, eight at a time where the machine can.
void keccak256_many(std::span<const BytesView> messages, std::span<Hash256> out);
Hash256 sha256(BytesView data);
FixedBytes<20, struct RipemdTag> ripemd160(BytesView data);

/// keccak256 of nothing: the code hash of an account without code.
inline constexpr Hash256 kEmptyKeccak{{0xc5, 0xd2, 0x46, 0x01, 0x86, 0xf7, 0x23, 0x3c, 0x92, 0x7e, 0x7d,
                                       0xb2, 0xdc, 0xc7, 0x03, 0xc0, 0xe5, 0x00, 0xb6, 0x53, 0xca, 0x82,
                                       0x27, 0x3b, 0x7b, 0xfa, 0xd8, 0x04, 0x5d, 0x85, 0xa4, 0x70}};

} // namespace cairn::crypto
