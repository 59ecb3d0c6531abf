// The keys that validators vote with, of either algorithm: 32 bytes each, and signatures of 64 bytes. Thread-safe.
//
// Ed25519 (RFC 8032), or SM2 (GM/T 0003-2012, GB/T 32918.2-2016) with SM3 and the standard's Z value under the identity
// kSm2DefaultIdentity. An SM2 key stands as the x coordinate of its point, whose y is even: every secret has such a point, because
// the other one belongs to the negated secret (as in BIP 340). With the prefix 0x02 that is the compressed form of SEC 1.
// An SM2 signature is r, then s.
#pragma once

#include "crypto/ed25519.hpp"
#include "crypto/sm2.hpp"

#include <variant>

namespace cairn::crypto {

/// The numbers are stored and hashed.
enum class VotingAlgorithm : std::uint8_t { ed25519 = 0, sm2 = 1 };
std::string_view name_of(VotingAlgorithm algorithm);
std::optional<VotingAlgorithm> voting_algorithm_from_name(std::string_view name);
constexpr bool is_voting_algorithm(std::uint8_t number) { return number <= 1; }

struct VotingKey {
    VotingAlgorithm algorithm = VotingAlgorithm::ed25519;
    FixedBytes<32, struct VotingKeyTag> bytes;

    VotingKey() = default;
    VotingKey(const ValidatorPublicKey& key);
    VotingKey(VotingAlgorithm algorithm_, const FixedBytes<32, struct VotingKeyTag>& bytes_)
        : algorithm(algorithm_), bytes(bytes_) {}
    auto operator<=>(const VotingKey&) const = default;
};
/// The point of an SM2 voting key; nothing for other keys, and for numbers that are no point's x.
std::optional<Sm2PublicKey> sm2_point_of(const VotingKey& key);
/// "0x..." for Ed25519, "sm2:0x..." for SM2: how people and certificates see a voting key.
std::string text_of(const VotingKey& key);
/// Lower-case digits alone: one text for one key.
std::optional<VotingKey> voting_key_from_text(std::string_view text);

bool verify(const VotingKey& key, BytesView message, const Signature& signature);

/// The secret in this process.
class VotingSecret {
public:
    VotingSecret(const ValidatorKey& key) : public_key_(key.public_key()), secret_(key) {}
    /// An Ed25519 seed, or an SM2 private key, which is negated where its point has the wrong y. KeyInvalid unless 32 bytes
    /// and, for SM2, in range.
    static Result<VotingSecret> from(VotingAlgorithm algorithm, BytesView secret);
    const VotingKey& public_key() const { return public_key_; }
    /// SM2 is randomised, Ed25519 is not. SignatureInvalid if a fault spoilt the SM2 signature.
    Result<Signature> sign(BytesView message) const;

private:
    VotingSecret(const VotingKey& public_key, Sm2Signer secret) : public_key_(public_key), secret_(std::move(secret)) {}

    VotingKey public_key_;
    std::variant<ValidatorKey, Sm2Signer> secret_;
};

} // namespace cairn::crypto
