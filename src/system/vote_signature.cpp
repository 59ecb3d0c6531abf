#include "system/vote_signature.hpp"

#include "system/national.hpp"

namespace cairn::system {
namespace {

constexpr std::int64_t kEd25519Gas = 5'000;

} // namespace

bool is_signed_by(Call& call, const crypto::VotingKey& key, BytesView message, BytesView signature) {
    if (!call.charge(key.algorithm == crypto::VotingAlgorithm::sm2 ? kSm2Gas : kEd25519Gas)) return false;
    const auto parsed = crypto::Signature::from(signature);
    return parsed && crypto::verify(key, message, *parsed);
}

} // namespace cairn::system
