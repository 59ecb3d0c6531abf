#include "crypto/voting_key.hpp"

#include "base/errors/crypto.hpp"
#include "crypto/secret_key.hpp"

namespace cairn::crypto {
namespace {

constexpr std::string_view kSm2Prefix = "sm2:";
using KeyBytes = FixedBytes<32, struct VotingKeyTag>;

Sm2Signature parts_of(const Signature& signature) {
    return {from_big_endian(BytesView{signature}.first(32)), from_big_endian(BytesView{signature}.subspan(32))};
}

} // namespace

std::string_view name_of(VotingAlgorithm algorithm) { return algorithm == VotingAlgorithm::sm2 ? "sm2" : "ed25519"; }

std::optional<VotingAlgorithm> voting_algorithm_from_name(std::string_view name) {
    for (const auto algorithm : {VotingAlgorithm::ed25519, VotingAlgorithm::sm2})
        if (name == name_of(algorithm)) return algorithm;
    return std::nullopt;
}

VotingKey::VotingKey(const ValidatorPublicKey& key) : bytes(*KeyBytes::from(key)) {}

std::optional<Sm2PublicKey> sm2_point_of(const VotingKey& key) {
    if (key.algorithm != VotingAlgorithm::sm2) return std::nullopt;
    return sm2_even_point(key.bytes);
}

std::string text_of(const VotingKey& key) {
    return (key.algorithm == VotingAlgorithm::sm2 ? std::string{kSm2Prefix} : std::string{}) + to_hex(key.bytes);
}

std::optional<VotingKey> voting_key_from_text(std::string_view text) {
    const bool is_sm2 = text.starts_with(kSm2Prefix);
    const auto bytes = fixed_from_hex<KeyBytes>(is_sm2 ? text.substr(kSm2Prefix.size()) : text);
    if (!bytes) return std::nullopt;
    const VotingKey out{is_sm2 ? VotingAlgorithm::sm2 : VotingAlgorithm::ed25519, *bytes};
    if (text_of(out) != text) return std::nullopt;
    return out;
}

bool verify(const VotingKey& key, BytesView message, const Signature& signature) {
    if (key.algorithm == VotingAlgorithm::ed25519)
        return verify(*ValidatorPublicKey::from(key.bytes), message, signature);
    const auto point = sm2_point_of(key);
    return point && sm2_verify(*point, message, parts_of(signature));
}

Result<VotingSecret> VotingSecret::from(VotingAlgorithm algorithm, BytesView secret) {
    if (algorithm == VotingAlgorithm::ed25519) {
        auto seed = ValidatorSeed::from(secret);
        if (!seed) return fail(error::KeyInvalid, "an Ed25519 seed has 32 bytes");
        const auto key = ValidatorKey::from_seed(*seed);
        wipe(seed->bytes);
        return VotingSecret{key};
    }
    auto key = Sm2Key::from(secret);
    if (!key) return fail(error::KeyInvalid, "an SM2 key has 32 bytes");
    auto signer = Sm2Signer::from(*key);
    if (signer && (signer->public_key()[63] & 1) != 0) {
        *key = *Sm2Key::from(to_big_endian(kSm2Order - from_big_endian(*key)));
        signer = Sm2Signer::from(*key);
    }
    wipe(key->bytes);
    CRN_TRY(ready, std::move(signer));
    const VotingKey public_key{VotingAlgorithm::sm2, *KeyBytes::from(BytesView{ready.public_key()}.first(32))};
    return VotingSecret{public_key, std::move(ready)};
}

Result<Signature> VotingSecret::sign(BytesView message) const {
    if (const auto* key = std::get_if<ValidatorKey>(&secret_)) return key->sign(message);
    CRN_TRY(signature, std::get<Sm2Signer>(secret_).sign(message));
    auto out = to_bytes(to_big_endian(signature.r));
    append(out, to_big_endian(signature.s));
    return *Signature::from(out);
}

} // namespace cairn::crypto
