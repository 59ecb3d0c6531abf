#include "consensus/evidence.hpp"

#include "codec/wire.hpp"

namespace cairn::consensus {
namespace {

using ledger::VoteKind;

bool signed_by(const ledger::Vote& vote, std::uint64_t chain_id, const ledger::ValidatorSet& set,
               const Verifier& verifier) {
    return verifier.verify(set.members[vote.voter.value].key, ledger::signed_bytes(chain_id, vote.statement),
                           vote.signature);
}

} // namespace

bool contradict(const ledger::VoteStatement& a, const ledger::VoteStatement& b) {
    if (a.epoch != b.epoch || a.number != b.number) return false;
    if (a.kind == b.kind) {
        if (a.kind == VoteKind::nullify || a.lane != b.lane) return false;
        return a.digest != b.digest;
    }
    const auto& first = a.kind == VoteKind::finalize ? a : b;
    const auto& second = a.kind == VoteKind::finalize ? b : a;
    if (first.kind != VoteKind::finalize) return false;
    if (second.kind == VoteKind::nullify) return true;
    return second.kind == VoteKind::notarize && first.digest != second.digest;
}

bool InvalidTransaction::operator==(const InvalidTransaction& other) const {
    return header == other.header && index == other.index && *body == *other.body;
}

std::string_view kind_of(const Evidence& evidence) {
    if (const auto* votes = std::get_if<VotePair>(&evidence.proof)) {
        switch (votes->first.statement.kind) {
        case VoteKind::lane: return "two lane votes at one position";
        case VoteKind::execution: return "two results of one height";
        default: return "two votes in one view";
        }
    }
    if (std::holds_alternative<BatchPair>(evidence.proof)) return "two batches at one position";
    if (std::holds_alternative<ProposalPair>(evidence.proof)) return "two proposals in one view";
    return "an invalid transaction in a batch";
}

Bytes encode_evidence(const Evidence& evidence) {
    codec::WireWriter out;
    out.u8(static_cast<std::uint8_t>(evidence.proof.index() + 1));
    out.index(evidence.offender);
    if (const auto* votes = std::get_if<VotePair>(&evidence.proof)) {
        encode(out, votes->first);
        encode(out, votes->second);
    } else if (const auto* batches = std::get_if<BatchPair>(&evidence.proof)) {
        encode(out, batches->first);
        encode(out, batches->second);
    } else if (const auto* invalid = std::get_if<InvalidTransaction>(&evidence.proof)) {
        encode(out, invalid->header);
        out.string(*invalid->body);
        out.u32(invalid->index);
    } else {
        const auto& pair = std::get<ProposalPair>(evidence.proof);
        for (const auto* signed_block : {&pair.first, &pair.second}) {
            encode(out, signed_block->block);
            out.fixed(signed_block->signature);
        }
    }
    return out.take();
}

Result<Evidence> decode_evidence(BytesView bytes) {
    codec::WireReader in{bytes};
    Evidence evidence;
    const auto kind = in.u8();
    evidence.offender = in.index();
    switch (kind) {
    case 1: {
        VotePair pair;
        pair.first = ledger::decode_vote(in);
        pair.second = ledger::decode_vote(in);
        evidence.proof = pair;
        break;
    }
    case 2: {
        BatchPair pair;
        pair.first = ledger::decode_batch_header(in);
        pair.second = ledger::decode_batch_header(in);
        evidence.proof = pair;
        break;
    }
    case 3: {
        ProposalPair pair;
        for (auto* signed_block : {&pair.first, &pair.second}) {
            signed_block->block = ledger::decode_consensus_block(in);
            signed_block->signature = in.fixed<crypto::Signature>();
        }
        evidence.proof = pair;
        break;
    }
    case 4: {
        InvalidTransaction invalid;
        invalid.header = ledger::decode_batch_header(in);
        invalid.body = std::make_shared<const Bytes>(to_bytes(in.string(ledger::kBatchBytesMax)));
        invalid.index = in.u32();
        evidence.proof = std::move(invalid);
        break;
    }
    default: in.set_failed();
    }
    CRN_CHECK(in.finish());
    return evidence;
}

Epoch epoch_of(const Evidence& evidence) {
    if (const auto* votes = std::get_if<VotePair>(&evidence.proof)) return votes->first.statement.epoch;
    if (const auto* batches = std::get_if<BatchPair>(&evidence.proof)) return batches->first.epoch;
    if (const auto* invalid = std::get_if<InvalidTransaction>(&evidence.proof)) return invalid->header.epoch;
    return std::get<ProposalPair>(evidence.proof).first.block.epoch;
}

bool proves_guilt(const Evidence& evidence, std::uint64_t chain_id, const ledger::ValidatorSet& set,
                  const Verifier& verifier) {
    if (evidence.offender.value >= set.size()) return false;
    const auto& key = set.members[evidence.offender.value].key;
    if (const auto* votes = std::get_if<VotePair>(&evidence.proof)) {
        const auto& [a, b] = *votes;
        return a.voter == evidence.offender && b.voter == evidence.offender && a.statement.epoch == set.epoch &&
               contradict(a.statement, b.statement) && signed_by(a, chain_id, set, verifier) &&
               signed_by(b, chain_id, set, verifier);
    }
    if (const auto* batches = std::get_if<BatchPair>(&evidence.proof)) {
        const auto& [a, b] = *batches;
        const auto first = digest_of(a), second = digest_of(b);
        return a.lane == evidence.offender && b.lane == evidence.offender && a.epoch == set.epoch &&
               b.epoch == set.epoch && a.position == b.position && first != second &&
               verifier.verify(key, ledger::batch_signed_bytes(chain_id, first), a.signature) &&
               verifier.verify(key, ledger::batch_signed_bytes(chain_id, second), b.signature);
    }
    if (const auto* invalid = std::get_if<InvalidTransaction>(&evidence.proof)) {
        const auto& header = invalid->header;
        if (header.lane != evidence.offender || header.epoch != set.epoch ||
            !ledger::verify_batch_body(header, *invalid->body))
            return false;
        const auto transactions = ledger::split_batch_body(*invalid->body);
        return transactions && invalid->index < transactions->size() &&
               verifier.verify(key, ledger::batch_signed_bytes(chain_id, digest_of(header)), header.signature) &&
               !verifier.valid_transaction((*transactions)[invalid->index]);
    }
    const auto& [a, b] = std::get<ProposalPair>(evidence.proof);
    return a.block.epoch == set.epoch && b.block.epoch == set.epoch && a.block.view == b.block.view &&
           digest_of(a.block) != digest_of(b.block) &&
           verifier.verify(key, proposal_signed_bytes(chain_id, a.block), a.signature) &&
           verifier.verify(key, proposal_signed_bytes(chain_id, b.block), b.signature);
}

} // namespace cairn::consensus
