#include "consensus/messages.hpp"

#include "base/errors/codec.hpp"
#include "consensus/core.hpp"

namespace cairn::consensus {
namespace {

using codec::WireReader;
using codec::WireWriter;
using ledger::Certificate;
using ledger::VoteKind;

constexpr std::size_t kCertificateBytesMin = 1 + 8 + 8 + 2 + 32 + 4;

void encode_optional(WireWriter& out, const std::optional<Certificate>& certificate) {
    out.boolean(certificate.has_value());
    if (certificate) encode(out, *certificate);
}

std::optional<Certificate> decode_optional(WireReader& in) {
    if (!in.boolean()) return std::nullopt;
    return ledger::decode_certificate(in);
}

bool states(const Certificate& certificate, VoteKind kind, Epoch epoch, std::uint64_t number, const Hash256& digest) {
    return certificate.statement == ledger::VoteStatement{kind, epoch, number, 0, digest};
}

/// The justification must speak of the block that it comes with.
bool justification_fits(const Proposal& proposal) {
    const auto& block = proposal.block();
    if (block.view.value == 0 || block.parent_view >= block.view) return false;
    if (proposal.parent_certificate.has_value() != (block.parent_view.value != 0)) return false;
    if (proposal.parent_certificate) {
        const auto& parent = *proposal.parent_certificate;
        if (!states(parent, VoteKind::notarize, block.epoch, block.parent_view.value, block.parent) &&
            !states(parent, VoteKind::finalize, block.epoch, block.parent_view.value, block.parent))
            return false;
    }
    if (proposal.skipped.size() != block.view.value - block.parent_view.value - 1) return false;
    for (std::size_t i = 0; i < proposal.skipped.size(); ++i)
        if (!states(proposal.skipped[i], VoteKind::nullify, block.epoch, block.parent_view.value + 1 + i, {}))
            return false;
    return !proposal.execution || states(*proposal.execution, VoteKind::execution, block.epoch,
                                         block.executed.height.value, block.executed.header_hash);
}

} // namespace

Bytes encode_batch_message(const ledger::Batch& batch, const std::optional<Certificate>& proof) {
    WireWriter out;
    encode(out, batch.header);
    encode_optional(out, proof);
    out.string(*batch.body);
    return out.take();
}

Result<BatchMessage> decode_batch_message(BytesView bytes) {
    WireReader in{bytes};
    BatchMessage message;
    message.batch.header = ledger::decode_batch_header(in);
    message.proof = decode_optional(in);
    const auto body = in.string(ledger::kBatchBytesMax);
    CRN_CHECK(in.finish());
    if (message.proof) {
        const auto& statement = message.proof->statement;
        if (statement.kind != VoteKind::lane || statement.lane != message.batch.header.lane.value ||
            statement.number >= message.batch.header.position.value)
            return fail(error::WireInvalid, "batch carries a proof that is not of an earlier batch of its lane");
    }
    CRN_CHECK(ledger::verify_batch_body(message.batch.header, body));
    message.batch.body = std::make_shared<const Bytes>(to_bytes(body));
    return message;
}

ProposalPtr make_proposal(SignedBlock block, std::optional<Certificate> parent, std::vector<Certificate> skipped,
                          std::optional<Certificate> execution) {
    auto proposal = std::make_shared<Proposal>();
    proposal->digest = digest_of(block.block);
    proposal->signed_block = std::move(block);
    proposal->parent_certificate = std::move(parent);
    proposal->skipped = std::move(skipped);
    proposal->execution = std::move(execution);
    WireWriter out;
    encode(out, proposal->block());
    out.fixed(proposal->signed_block.signature);
    encode_optional(out, proposal->parent_certificate);
    out.u32(static_cast<std::uint32_t>(proposal->skipped.size()));
    for (const auto& certificate : proposal->skipped) encode(out, certificate);
    encode_optional(out, proposal->execution);
    proposal->encoded = std::make_shared<const Bytes>(out.take());
    return proposal;
}

Result<ProposalPtr> decode_proposal(SharedBytes bytes) {
    WireReader in{*bytes};
    auto proposal = std::make_shared<Proposal>();
    proposal->signed_block.block = ledger::decode_consensus_block(in);
    proposal->signed_block.signature = in.fixed<crypto::Signature>();
    proposal->parent_certificate = decode_optional(in);
    const auto skipped = in.count(kSkippedViewsMax, kCertificateBytesMin);
    for (std::uint32_t i = 0; i < skipped && !in.failed(); ++i)
        proposal->skipped.push_back(ledger::decode_certificate(in));
    proposal->execution = decode_optional(in);
    CRN_CHECK(in.finish());
    proposal->digest = digest_of(proposal->block());
    proposal->encoded = std::move(bytes);
    if (!justification_fits(*proposal))
        return fail(error::WireInvalid, "proposal's certificates are not those that its block needs");
    return proposal;
}

Bytes encode_status(const PeerStatus& status) {
    WireWriter out;
    out.number(status.epoch);
    out.number(status.view);
    out.number(status.finalized);
    out.number(status.executed);
    out.u32(static_cast<std::uint32_t>(status.lanes.size()));
    for (const auto& position : status.lanes) out.number(position);
    encode_optional(out, status.entry);
    out.u64(status.number);
    out.u32(static_cast<std::uint32_t>(status.echoes.size()));
    for (const auto& echo : status.echoes) {
        out.u64(echo.number);
        out.u32(echo.held_us);
    }
    return out.take();
}

Result<PeerStatus> decode_status(BytesView bytes) {
    WireReader in{bytes};
    PeerStatus status;
    status.epoch = in.number<Epoch>();
    status.view = in.number<View>();
    status.finalized = in.number<Height>();
    status.executed = in.number<Height>();
    const auto lanes = in.count(ledger::kValidatorsMax, 8);
    for (std::uint32_t i = 0; i < lanes; ++i) status.lanes.push_back(in.number<Position>());
    status.entry = decode_optional(in);
    status.number = in.u64();
    const auto echoes = in.count(ledger::kValidatorsMax, 12);
    for (std::uint32_t i = 0; i < echoes; ++i) {
        const auto number = in.u64();
        status.echoes.push_back({number, in.u32()});
    }
    CRN_CHECK(in.finish());
    return status;
}

Bytes encode_fetch_range(const FetchRange& range) {
    WireWriter out;
    out.u64(range.from);
    out.u64(range.to);
    return out.take();
}

Result<FetchRange> decode_fetch_range(BytesView bytes) {
    WireReader in{bytes};
    FetchRange range;
    range.from = in.u64();
    range.to = in.u64();
    CRN_CHECK(in.finish());
    if (range.from == 0 || range.to < range.from || range.to - range.from >= kRangeMax)
        return fail(error::WireInvalid, "range is empty or too long");
    return range;
}

Bytes encode_fetch_certificates(const FetchCertificates& fetch) {
    Bytes out{static_cast<std::uint8_t>(fetch.kind)};
    append(out, encode_fetch_range(fetch.range));
    return out;
}

Result<FetchCertificates> decode_fetch_certificates(BytesView bytes) {
    if (bytes.empty() || bytes[0] < 1 || bytes[0] > 2) return fail(error::WireInvalid, "unknown kind of certificates");
    CRN_TRY(range, decode_fetch_range(bytes.subspan(1)));
    return FetchCertificates{static_cast<FetchCertificates::Kind>(bytes[0]), range};
}

Bytes encode_fetch_batches(const FetchBatches& fetch) {
    WireWriter out;
    out.u32(static_cast<std::uint32_t>(fetch.items.size()));
    for (const auto& item : fetch.items) {
        out.fixed(item.digest);
        out.number(item.height);
        out.u16(item.depth);
    }
    return out.take();
}

Result<FetchBatches> decode_fetch_batches(BytesView bytes) {
    WireReader in{bytes};
    FetchBatches fetch;
    const auto count = in.count(kRangeMax, 32 + 8 + 2);
    for (std::uint32_t i = 0; i < count; ++i) {
        FetchBatches::Item item;
        item.digest = in.fixed<Hash256>();
        item.height = in.number<Height>();
        item.depth = in.u16();
        if (item.depth > kRangeMax) in.set_failed();
        fetch.items.push_back(item);
    }
    CRN_CHECK(in.finish());
    return fetch;
}

Bytes encode_blocks_answer(const BlocksAnswer& answer) {
    WireWriter out;
    out.u32(static_cast<std::uint32_t>(answer.items.size()));
    for (const auto& item : answer.items) {
        out.string(*item.proposal->encoded);
        encode(out, item.certificate);
        encode_optional(out, item.execution);
    }
    return out.take();
}

Result<BlocksAnswer> decode_blocks_answer(BytesView bytes) {
    WireReader in{bytes};
    BlocksAnswer answer;
    const auto count = in.count(kRangeMax, kCertificateBytesMin);
    for (std::uint32_t i = 0; i < count && !in.failed(); ++i) {
        const auto encoded = in.string(kMessageBytesMax);
        auto certificate = ledger::decode_certificate(in);
        auto execution = decode_optional(in);
        if (in.failed()) break;
        CRN_TRY(proposal, decode_proposal(std::make_shared<const Bytes>(to_bytes(encoded))));
        const auto& block = proposal->block();
        // The block that ends an epoch may be finalized in a later view.
        const auto number =
            block.next_validators ? std::max(certificate.statement.number, block.view.value) : block.view.value;
        if (!states(certificate, VoteKind::notarize, block.epoch, number, proposal->digest) &&
            !states(certificate, VoteKind::finalize, block.epoch, number, proposal->digest))
            return fail(error::WireInvalid, "certificate is not of its block");
        if (execution &&
            (execution->statement.kind != VoteKind::execution || execution->statement.number != block.height.value))
            return fail(error::WireInvalid, "execution certificate is not of its block");
        answer.items.push_back({std::move(proposal), std::move(certificate), std::move(execution)});
    }
    CRN_CHECK(in.finish());
    return answer;
}

Bytes encode_vote(const ledger::Vote& vote) {
    WireWriter out;
    encode(out, vote);
    return out.take();
}

Result<ledger::Vote> decode_vote_message(BytesView bytes) {
    WireReader in{bytes};
    auto vote = ledger::decode_vote(in);
    CRN_CHECK(in.finish());
    return vote;
}

Bytes encode_certificate_message(const Certificate& certificate) {
    WireWriter out;
    encode(out, certificate);
    return out.take();
}

Result<Certificate> decode_certificate_message(BytesView bytes) {
    WireReader in{bytes};
    auto certificate = ledger::decode_certificate(in);
    CRN_CHECK(in.finish());
    return certificate;
}

Bytes encode_finalized_block(const FinalizedBlock& block) {
    WireWriter out;
    out.string(*block.proposal);
    encode(out, block.certificate);
    out.u32(static_cast<std::uint32_t>(block.batches.size()));
    for (const auto& batch : block.batches) {
        encode(out, batch.header);
        out.string(*batch.body);
    }
    return out.take();
}

Result<FinalizedBlock> decode_finalized_block(BytesView bytes) {
    WireReader in{bytes};
    FinalizedBlock out;
    const auto proposal = in.string(kMessageBytesMax);
    out.certificate = ledger::decode_certificate(in);
    const auto count = in.count(1u << 16, 150);
    for (std::uint32_t i = 0; i < count && !in.failed(); ++i) {
        ledger::Batch batch;
        batch.header = ledger::decode_batch_header(in);
        const auto body = in.string(ledger::kBatchBytesMax);
        if (in.failed()) break;
        CRN_CHECK(ledger::verify_batch_body(batch.header, body));
        batch.body = std::make_shared<const Bytes>(to_bytes(body));
        out.batches.push_back(std::move(batch));
    }
    CRN_CHECK(in.finish());
    out.proposal = std::make_shared<const Bytes>(to_bytes(proposal));
    CRN_TRY(decoded, decode_proposal(out.proposal));
    out.block = decoded->block();
    out.digest = decoded->digest;
    return out;
}

} // namespace cairn::consensus
