#include "crypto/ed25519.hpp"

#include "base/assert.hpp"

#include <sodium.h>

namespace cairn::crypto {
namespace {

void ensure_sodium() {
    static const bool ready = sodium_init() >= 0;
    CRN_ASSERT(ready);
}

class SystemRandom final : public Random {
public:
    void fill(std::span<std::uint8_t> out) override { randombytes_buf(out.data(), out.size()); }
};

} // namespace

ValidatorKey ValidatorKey::from_seed(const ValidatorSeed& seed) {
    ensure_sodium();
    ValidatorKey key;
    crypto_sign_seed_keypair(key.public_key_.data(), key.secret_.data(), seed.data());
    return key;
}

Signature ValidatorKey::sign(BytesView message) const {
    Signature out;
    crypto_sign_detached(out.data(), nullptr, message.data(), message.size(), secret_.data());
    return out;
}

bool verify(const ValidatorPublicKey& key, BytesView message, const Signature& signature) {
    ensure_sodium();
    return crypto_sign_verify_detached(signature.data(), message.data(), message.size(), key.data()) == 0;
}

Random& system_random() {
    ensure_sodium();
    static SystemRandom instance;
    return instance;
}

} // namespace cairn::crypto
