// Who may vote: the validator set of an epoch, votes and the certificates made of them.
#pragma once

#include "base/bytes.hpp"
#include "base/result.hpp"
#include "base/types.hpp"
#include "crypto/voting_key.hpp"

#include <string>
#include <vector>

namespace cairn::ledger {

struct Validator {
    std::string name;         // "alpha-1"
    std::string organisation; // "Alpha"
    crypto::VotingKey key;    // the algorithms of a set may differ
    std::string address;      // "host:port" where peers reach it
    bool operator==(const Validator&) const = default;
};

/// One vote per validator. f = floor((n-1)/3), quorum = floor((n+f)/2) + 1.
struct ValidatorSet {
    Epoch epoch;
    std::vector<Validator> members;

    std::size_t size() const { return members.size(); }
    std::size_t faults_tolerated() const { return members.empty() ? 0 : (members.size() - 1) / 3; }
    std::size_t quorum() const { return (members.size() + faults_tolerated()) / 2 + 1; }
    std::optional<ValidatorIndex> index_of(const crypto::VotingKey& key) const;
    bool operator==(const ValidatorSet&) const = default;
};
/// epoch, count, then for each: name, organisation, key (32 bytes), address; no two have the same key. Then, unless all keys are
/// Ed25519, the algorithm of each (u8).
Bytes encode_validator_set(const ValidatorSet& set);
bool all_vote_with_ed25519(const ValidatorSet& set);
Result<ValidatorSet> decode_validator_set(BytesView bytes);
/// Keccak-256 of the encoding.
Hash256 hash_of(const ValidatorSet& set);

/// What a vote says. The numbers are part of the signed bytes and never change.
enum class VoteKind : std::uint8_t { lane = 1, notarize = 2, nullify = 3, finalize = 4, execution = 5 };

/// The statement that validators sign. Signed bytes: "cairn-vote-v1", chain id (u64), then the fields below in order.
struct VoteStatement {
    VoteKind kind = VoteKind::notarize;
    Epoch epoch;
    /// notarize, nullify, finalize: the view. lane: the position. execution: the height.
    std::uint64_t number = 0;
    /// lane: index of the lane's owner; otherwise 0.
    std::uint16_t lane = 0;
    /// notarize, finalize: block digest. lane: batch digest. execution: EVM header hash. nullify: zero.
    Hash256 digest;
    auto operator<=>(const VoteStatement&) const = default;
};
Bytes signed_bytes(std::uint64_t chain_id, const VoteStatement& statement);

struct Vote {
    VoteStatement statement;
    ValidatorIndex voter;
    crypto::Signature signature;
    bool operator==(const Vote&) const = default;
};

/// A quorum of votes for one statement; each signature is attributable. Voters strictly ascending.
struct Certificate {
    VoteStatement statement;
    struct Entry {
        ValidatorIndex voter;
        crypto::Signature signature;
        bool operator==(const Entry&) const = default;
    };
    std::vector<Entry> entries;
    bool operator==(const Certificate&) const = default;
};

inline constexpr std::size_t kValidatorsMax = 100;

bool verify_vote(std::uint64_t chain_id, const ValidatorSet& set, const Vote& vote);
/// CertificateNoQuorum, SignatureInvalid or WireInvalid (voters out of order, unknown, wrong epoch).
Status verify_certificate(std::uint64_t chain_id, const ValidatorSet& set, const Certificate& certificate);

} // namespace cairn::ledger
