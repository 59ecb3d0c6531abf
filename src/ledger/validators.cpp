#include "ledger/validators.hpp"

#include "base/errors/codec.hpp"
#include "base/errors/crypto.hpp"
#include "base/errors/ledger.hpp"
#include "codec/wire.hpp"
#include "crypto/hash.hpp"

#include <algorithm>
#include <set>

namespace cairn::ledger {
namespace {

constexpr std::size_t kNameBytesMax = 64;
constexpr std::size_t kAddressBytesMax = 256;
/// Key and three empty strings.
constexpr std::size_t kValidatorBytesMin = 32 + 3 * 4;
constexpr std::string_view kVoteDomain = "cairn-vote-v1";

} // namespace

std::optional<ValidatorIndex> ValidatorSet::index_of(const crypto::VotingKey& key) const {
    for (std::size_t i = 0; i < members.size(); ++i)
        if (members[i].key == key) return ValidatorIndex{static_cast<std::uint16_t>(i)};
    return std::nullopt;
}

bool all_vote_with_ed25519(const ValidatorSet& set) {
    return std::ranges::all_of(
        set.members, [](const Validator& member) { return member.key.algorithm == crypto::VotingAlgorithm::ed25519; });
}

Bytes encode_validator_set(const ValidatorSet& set) {
    codec::WireWriter out;
    out.number(set.epoch);
    out.u32(static_cast<std::uint32_t>(set.members.size()));
    for (const auto& member : set.members) {
        out.text(member.name);
        out.text(member.organisation);
        out.fixed(member.key.bytes);
        out.text(member.address);
    }
    if (!all_vote_with_ed25519(set))
        for (const auto& member : set.members) out.u8(static_cast<std::uint8_t>(member.key.algorithm));
    return out.take();
}

Result<ValidatorSet> decode_validator_set(BytesView bytes) {
    codec::WireReader in{bytes};
    ValidatorSet set;
    set.epoch = in.number<Epoch>();
    const auto count = in.count(kValidatorsMax, kValidatorBytesMin);
    for (std::uint32_t i = 0; i < count; ++i) {
        Validator member;
        member.name = in.text(kNameBytesMax);
        member.organisation = in.text(kNameBytesMax);
        member.key.bytes = in.fixed<decltype(member.key.bytes)>();
        member.address = in.text(kAddressBytesMax);
        set.members.push_back(std::move(member));
    }
    const bool has_algorithms = !in.rest().empty();
    std::set<decltype(crypto::VotingKey::bytes)> keys;
    for (auto& member : set.members) {
        const auto algorithm = has_algorithms ? in.u8() : std::uint8_t{0};
        if (!crypto::is_voting_algorithm(algorithm)) in.set_failed();
        member.key.algorithm = static_cast<crypto::VotingAlgorithm>(algorithm);
        // One key with two seats would have two votes.
        if (!keys.insert(member.key.bytes).second) in.set_failed();
    }
    // One encoding for one set.
    if (has_algorithms && all_vote_with_ed25519(set)) in.set_failed();
    CRN_CHECK(in.finish());
    if (set.members.empty()) return fail(error::WireInvalid, "validator set without members");
    return set;
}

Hash256 hash_of(const ValidatorSet& set) { return crypto::keccak256(encode_validator_set(set)); }

Bytes signed_bytes(std::uint64_t chain_id, const VoteStatement& statement) {
    codec::WireWriter out;
    out.raw(as_bytes(kVoteDomain));
    out.u64(chain_id);
    out.u8(static_cast<std::uint8_t>(statement.kind));
    out.number(statement.epoch);
    out.u64(statement.number);
    out.u16(statement.lane);
    out.fixed(statement.digest);
    return out.take();
}

bool verify_vote(std::uint64_t chain_id, const ValidatorSet& set, const Vote& vote) {
    if (vote.statement.epoch != set.epoch || vote.voter.value >= set.size()) return false;
    return crypto::verify(set.members[vote.voter.value].key, signed_bytes(chain_id, vote.statement), vote.signature);
}

Status verify_certificate(std::uint64_t chain_id, const ValidatorSet& set, const Certificate& certificate) {
    if (certificate.statement.epoch != set.epoch) return fail(error::WireInvalid, "certificate of another epoch");
    for (std::size_t i = 0; i < certificate.entries.size(); ++i) {
        const auto voter = certificate.entries[i].voter;
        if (voter.value >= set.size()) return fail(error::WireInvalid, "certificate names an unknown voter");
        if (i > 0 && certificate.entries[i - 1].voter >= voter)
            return fail(error::WireInvalid, "voters of a certificate are not ascending");
    }
    if (certificate.entries.size() < set.quorum())
        return fail(error::CertificateNoQuorum,
                    std::to_string(certificate.entries.size()) + " of " + std::to_string(set.quorum()) + " votes");
    const auto message = signed_bytes(chain_id, certificate.statement);
    for (const auto& entry : certificate.entries)
        if (!crypto::verify(set.members[entry.voter.value].key, message, entry.signature))
            return fail(error::SignatureInvalid, "vote of validator " + std::to_string(entry.voter.value));
    return {};
}

} // namespace cairn::ledger
