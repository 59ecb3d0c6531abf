// Proof of guilt: two messages that no honest validator signs both. Anyone can check it with the validator set alone.
#pragma once

#include "consensus/signing.hpp"
#include "ledger/consensus_block.hpp"

#include <memory>
#include <string_view>
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

/// A batch with a transaction that no pool accepts: it does not decode, or its signature is bad. The owner of the lane signed it as
/// if it had checked it (rule L4). `body` is the whole body, because only that is what the signature covers.
struct InvalidTransaction {
    ledger::BatchHeader header;
    std::shared_ptr<const Bytes> body;
    std::uint32_t index = 0; // of the transaction in the batch
    bool operator==(const InvalidTransaction& other) const;
};

struct Evidence {
    ValidatorIndex offender;
    std::variant<VotePair, BatchPair, ProposalPair, InvalidTransaction> proof;
    bool operator==(const Evidence&) const = default;
};
/// No evidence is longer.
inline constexpr std::size_t kEvidenceBytesMax = ledger::kBatchBytesMax + 4096;
/// Of the first statement.
Epoch epoch_of(const Evidence& evidence);
/// What the offender did, in a few words.
std::string_view kind_of(const Evidence& evidence);

Bytes encode_evidence(const Evidence& evidence);
/// WireInvalid.
Result<Evidence> decode_evidence(BytesView bytes);
/// True only if the two statements contradict, or the transaction is invalid, and all signatures are the offender's.
bool proves_guilt(const Evidence& evidence, std::uint64_t chain_id, const ledger::ValidatorSet& set,
                  const Verifier& verifier);
/// True if no honest validator signs both (signatures not looked at).
bool contradict(const ledger::VoteStatement& a, const ledger::VoteStatement& b);

} // namespace cairn::consensus
