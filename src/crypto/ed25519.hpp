// Ed25519 (RFC 8032), the signature of validators (libsodium). Thread-safe.
#pragma once

#include "base/bytes.hpp"
#include "base/clock.hpp"

namespace cairn::crypto {

using ValidatorPublicKey = FixedBytes<32, struct ValidatorPublicKeyTag>;
using ValidatorSeed = FixedBytes<32, struct ValidatorSeedTag>; // private
using Signature = FixedBytes<64, struct SignatureTag>;

class ValidatorKey {
public:
    static ValidatorKey from_seed(const ValidatorSeed& seed);
    const ValidatorPublicKey& public_key() const { return public_key_; }
    Signature sign(BytesView message) const;

private:
    ValidatorPublicKey public_key_;
    FixedBytes<64, struct ExpandedTag> secret_;
};

/// Refuses small-order keys and non-canonical encodings, as libsodium does.
bool verify(const ValidatorPublicKey& key, BytesView message, const Signature& signature);

/// The operating system's cryptographic random source.
Random& system_random();

} // namespace cairn::crypto
