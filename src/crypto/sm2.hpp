// SM2 signatures (GB/T 32918.2-2016) on the recommended curve (GB/T 32918.5-2017), with SM3. Thread-safe.
//
// Unlike secp256k1 in Ethereum's form, no key can be recovered from a signature: whoever signs shows the public key.
// OpenSSL 3.0 has only its generic code for this curve: a check costs about five times one of secp256k1
// (bench/crypto_bench).
#pragma once

#include "base/bytes.hpp"
#include "base/result.hpp"
#include "base/u256.hpp"

#include <memory>

struct evp_pkey_st; // OpenSSL's EVP_PKEY

namespace cairn::crypto {

using Sm2Key = FixedBytes<32, struct Sm2KeyTag>; // private
/// Uncompressed point without the 0x04 prefix: x, then y.
using Sm2PublicKey = FixedBytes<64, struct Sm2PublicKeyTag>;

struct Sm2Signature {
    U256 r;
    U256 s;
    bool operator==(const Sm2Signature&) const = default;
};

/// The order of the group.
inline constexpr U256 kSm2Order{0x53bbf40939d54123, 0x7203df6b21c6052b, 0xffffffffffffffff, 0xfffffffeffffffff};
/// The identity of a signer who has none of its own (GM/T 0009-2012).
inline constexpr std::string_view kSm2DefaultIdentity = "1234567812345678";

/// KeyInvalid unless 1 <= key <= order - 2.
Result<Sm2PublicKey> sm2_public_key(const Sm2Key& key);
/// The point is on the curve.
bool sm2_key_is_valid(const Sm2PublicKey& key);
/// The point with this x whose y is even; nothing if x is no point's, or not below the prime.
std::optional<Sm2PublicKey> sm2_even_point(BytesView x);

/// A private key made ready to sign. Thread-safe.
class Sm2Signer {
public:
    /// KeyInvalid unless 1 <= key <= order - 2.
    static Result<Sm2Signer> from(const Sm2Key& key);
    const Sm2PublicKey& public_key() const { return public_key_; }
    /// As sm2_sign below.
    Result<Sm2Signature> sign(BytesView message, std::string_view identity = kSm2DefaultIdentity) const;

private:
    Sm2Signer(std::shared_ptr<evp_pkey_st> key, const Sm2PublicKey& public_key)
        : key_(std::move(key)), public_key_(public_key) {}

    std::shared_ptr<evp_pkey_st> key_;
    Sm2PublicKey public_key_;
};
/// Randomised. The signature has been verified before it is returned, so that a fault cannot leak the key. KeyInvalid.
Result<Sm2Signature> sm2_sign(const Sm2Key& key, BytesView message, std::string_view identity = kSm2DefaultIdentity);
/// False for points off the curve and numbers out of range. Identities longer than 8191 bytes are never accepted.
bool sm2_verify(const Sm2PublicKey& key, BytesView message, const Sm2Signature& signature,
                std::string_view identity = kSm2DefaultIdentity);
/// The same for e = SM3(Z || message), as contracts ask for it.
bool sm2_verify_digest(const Sm2PublicKey& key, const Hash256& digest, const Sm2Signature& signature);
/// e = SM3(Z || message), where Z binds identity, curve and public key.
Hash256 sm2_digest(const Sm2PublicKey& key, BytesView message, std::string_view identity = kSm2DefaultIdentity);
/// Address of an account with an SM2 key: the last 20 bytes of SM3 of the public key.
Address sm2_address(const Sm2PublicKey& key);

} // namespace cairn::crypto
