// ECDSA over secp256k1, the signature of Ethereum accounts (libsecp256k1).
#pragma once

#include "base/bytes.hpp"
#include "base/result.hpp"
#include "base/u256.hpp"

namespace cairn::crypto {

using AccountKey = FixedBytes<32, struct AccountKeyTag>;
/// Uncompressed point without the 0x04 prefix: x, then y.
using AccountPublicKey = FixedBytes<64, struct AccountPublicKeyTag>;

struct EcdsaSignature {
    U256 r;
    U256 s;
    std::uint8_t y_parity = 0; // 0 or 1
    bool operator==(const EcdsaSignature&) const = default;
};

/// The order of the group, and its half: Ethereum refuses s above it in transactions (EIP-2).
inline constexpr U256 kSecp256k1Order{0xbfd25e8cd0364141, 0xbaaedce6af48a03b, 0xfffffffffffffffe, 0xffffffffffffffff};
inline constexpr U256 kSecp256k1HalfOrder = kSecp256k1Order >> 1;

/// SignatureInvalid if r or s is zero or not below the order, or no point fits. Accepts high s: callers that must
/// refuse it compare with kSecp256k1HalfOrder. Thread-safe.
Result<AccountPublicKey> recover(const Hash256& digest, const EcdsaSignature& signature);
Result<Address> recover_address(const Hash256& digest, const EcdsaSignature& signature);
/// Deterministic (RFC 6979), low s. KeyInvalid for a key of zero or not below the order.
Result<EcdsaSignature> sign(const Hash256& digest, const AccountKey& key);
Result<AccountPublicKey> public_key(const AccountKey& key);
/// Last 20 bytes of Keccak-256 of the public key.
Address address_of(const AccountPublicKey& key);

} // namespace cairn::crypto
