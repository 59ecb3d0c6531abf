// Collects the votes of one kind for one number (view, position, height) until a quorum agrees.
#pragma once

#include "consensus/evidence.hpp"
#include "consensus/signing.hpp"

#include <map>

namespace cairn::consensus {

/// Checks signatures of one validator set on one chain.
class SignatureCheck {
public:
    SignatureCheck(std::uint64_t chain_id, const ledger::ValidatorSet& set, const Verifier& verifier)
        : chain_id_(chain_id), set_(set), verifier_(verifier) {}

    bool vote(const ledger::Vote& vote) const;
    bool certificate(const ledger::Certificate& certificate, std::size_t quorum) const;
    bool batch(const ledger::BatchHeader& header, const Hash256& digest) const;
    bool proposal(const SignedBlock& block) const;
    bool evidence(const Evidence& evidence) const { return proves_guilt(evidence, chain_id_, set_, verifier_); }

private:
    std::uint64_t chain_id_;
    const ledger::ValidatorSet& set_;
    const Verifier& verifier_;
};

/// At most one vote per voter is kept, so it is bounded. Signatures are checked when a quorum seems complete: the transport has
/// authenticated each voter already, so a bad one costs only its sender.
class VoteBox {
public:
    enum class Outcome { added, known, conflicting };

    /// `conflicting`: the voter's earlier vote has another digest; see `of`.
    Outcome add(const ledger::Vote& vote, bool trusted);
    /// The vote that is kept for a voter; null if none.
    const ledger::Vote* of(ValidatorIndex voter) const;
    void remove(ValidatorIndex voter) { slots_.erase(voter); }
    std::size_t size() const { return slots_.size(); }
    std::size_t count(const Hash256& digest) const;
    bool empty() const { return slots_.empty(); }

    /// A certificate if `quorum` valid votes agree on `digest`. Voters whose signature is bad are dropped and named in `bad`.
    std::optional<ledger::Certificate> certificate(const Hash256& digest, std::size_t quorum,
                                                   const SignatureCheck& check, std::vector<ValidatorIndex>& bad);

private:
    struct Slot {
        ledger::Vote vote;
        bool verified = false;
    };
    std::map<ValidatorIndex, Slot> slots_;
};

} // namespace cairn::consensus
