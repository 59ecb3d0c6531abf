#include "crypto/passphrase.hpp"

#include "base/assert.hpp"
#include "crypto/aead.hpp"
#include "crypto/ed25519.hpp"

#include <sodium.h>

namespace cairn::crypto {
namespace {

constexpr std::size_t kSaltBytes = crypto_pwhash_argon2id_SALTBYTES;
constexpr std::size_t kClearBytes = 4 + 4 + kSaltBytes + AeadNonce::kSize;

void put_u32(std::uint8_t* out, std::uint32_t value) {
    for (int i = 0; i < 4; ++i) out[i] = static_cast<std::uint8_t>(value >> (8 * i));
}
std::uint32_t get_u32(const std::uint8_t* in) {
    std::uint32_t out = 0;
    for (int i = 0; i < 4; ++i) out |= static_cast<std::uint32_t>(in[i]) << (8 * i);
    return out;
}

std::optional<SecretKey> key_of(std::string_view passphrase, BytesView salt, const PassphraseCost& cost) {
    CRN_ASSERT(sodium_init() >= 0);
    std::array<std::uint8_t, SecretKey::kBytes> key{};
    if (crypto_pwhash_argon2id(key.data(), key.size(), passphrase.data(), passphrase.size(), salt.data(), cost.passes,
                               std::size_t{cost.memory_kib} * 1024, crypto_pwhash_argon2id_ALG_ARGON2ID13) != 0)
        return std::nullopt;
    auto out = SecretKey::from(key);
    wipe(key);
    return out;
}

PassphraseCost cost_of(BytesView sealed) { return {get_u32(sealed.data()), get_u32(sealed.data() + 4)}; }
bool is_allowed(const PassphraseCost& cost) {
    return cost.passes >= 1 && cost.passes <= kPassphrasePassesMax && cost.memory_kib >= kPassphraseMemoryKibMin &&
           cost.memory_kib <= kPassphraseMemoryKibMax;
}

Bytes associated_of(BytesView clear, BytesView context) {
    Bytes out = to_bytes(clear);
    append(out, context);
    return out;
}

} // namespace

Bytes seal_with_passphrase(BytesView secret, std::string_view passphrase, BytesView context,
                           const PassphraseCost& cost) {
    CRN_ASSERT(is_allowed(cost));
    Bytes out(kClearBytes + secret.size() + kAeadTagBytes);
    put_u32(out.data(), cost.passes);
    put_u32(out.data() + 4, cost.memory_kib);
    system_random().fill(std::span{out}.subspan(8, kSaltBytes + AeadNonce::kSize));
    const auto key = key_of(passphrase, BytesView{out}.subspan(8, kSaltBytes), cost);
    CRN_ASSERT(key); // only a lack of memory refuses
    const auto nonce = *AeadNonce::from(BytesView{out}.subspan(8 + kSaltBytes, AeadNonce::kSize));
    aead_seal(*key, nonce, associated_of(BytesView{out}.first(kClearBytes), context), secret,
              std::span{out}.subspan(kClearBytes));
    return out;
}

bool has_allowed_cost(BytesView sealed) {
    return sealed.size() >= kSealedSecretOverhead && is_allowed(cost_of(sealed));
}

std::optional<Bytes> open_with_passphrase(BytesView sealed, std::string_view passphrase, BytesView context) {
    if (!has_allowed_cost(sealed)) return std::nullopt;
    const auto cost = cost_of(sealed);
    const auto key = key_of(passphrase, sealed.subspan(8, kSaltBytes), cost);
    if (!key) return std::nullopt;
    const auto nonce = *AeadNonce::from(sealed.subspan(8 + kSaltBytes, AeadNonce::kSize));
    Bytes out(sealed.size() - kSealedSecretOverhead);
    if (!aead_open(*key, nonce, associated_of(sealed.first(kClearBytes), context), sealed.subspan(kClearBytes), out))
        return std::nullopt;
    return out;
}

} // namespace cairn::crypto
