// Proof of guilt: two messages that no honest validator signs both. Anyone can check it with the validator set alone.
#pragma once

#include "consensus/signing.hpp"
#include "ledger/consensus_block.hpp"

#include <variant>

namespace cairn::consensus {

/// Votes of one replica in one view (position, height) that contradict each other, see consensus.md section 9:
/// two different Notarize, two different Finalize, Finalize and another block's Notarize, Finalize and Nullify,
/// two different execution results, lane votes for two digests at one position.
struct VotePair {
    ledger::Vote first, second;
    bool operator==(const VotePair&) const = default;
};
/// Two batches at one position of one lane.
struct BatchPair {
    ledger::BatchHeader first, second;
    bool operator==(const BatchPair&) const = default;
};
struct SignedBlock {
    ledger::ConsensusBlock block;
    crypto::Signature signature;
    bool operator==(const SignedBlock&) const = default;
};
/// Two blocks proposed in one view.
struct ProposalPair {
    SignedBlock first, second;
    bool operator==(const ProposalPair&) const = default;
};

struct Evidence {
    ValidatorIndex offender;
    std::variant<VotePair, BatchPair, ProposalPair> proof;
    bool operator==(const Evidence&) const = default;
};

Bytes encode_evidence(const Evidence& evidence);
/// WireInvalid.
Result<Evidence> decode_evidence(BytesView bytes);
/// True only if the two statements contradict and both signatures are the offender's.
bool proves_guilt(const Evidence& evidence, std::uint64_t chain_id, const ledger::ValidatorSet& set,
                  const Verifier& verifier);
/// True if no honest validator signs both (signatures not looked at).
bool contradict(const ledger::VoteStatement& a, const ledger::VoteStatement& b);

} // namespace cairn::consensus
