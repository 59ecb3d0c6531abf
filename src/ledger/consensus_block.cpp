#include "ledger/consensus_block.hpp"

#include "base/errors/ledger.hpp"
#include "crypto/hash.hpp"

namespace cairn::ledger {
namespace {

constexpr std::string_view kBatchDomain = "cairn-batch-v1";
/// Voter and signature.
constexpr std::size_t kCertificateEntryBytes = 2 + 64;
constexpr std::size_t kLaneTipBytes = 8 + 32;
/// Length prefix and one byte: an empty transaction is refused.
constexpr std::size_t kTransactionBytesMin = 4 + 1;

void encode_unsigned(codec::WireWriter& out, const BatchHeader& header) {
    out.number(header.epoch);
    out.index(header.lane);
    out.number(header.position);
    out.fixed(header.parent);
    out.fixed(header.body_hash);
    out.u32(header.transaction_count);
    out.u32(header.body_bytes);
    out.u64(header.gas_limit_sum);
}

void encode_statement(codec::WireWriter& out, const VoteStatement& statement) {
    out.u8(static_cast<std::uint8_t>(statement.kind));
    out.number(statement.epoch);
    out.u64(statement.number);
    out.u16(statement.lane);
    out.fixed(statement.digest);
}

/// Each statement has one encoding: fields that a kind does not use are zero.
VoteStatement decode_statement(codec::WireReader& in) {
    VoteStatement out;
    const auto kind = in.u8();
    out.kind = static_cast<VoteKind>(kind);
    out.epoch = in.number<Epoch>();
    out.number = in.u64();
    out.lane = in.u16();
    out.digest = in.fixed<Hash256>();
    const bool known =
        kind >= static_cast<std::uint8_t>(VoteKind::lane) && kind <= static_cast<std::uint8_t>(VoteKind::execution);
    const bool lane_fits = out.kind == VoteKind::lane ? out.lane < kValidatorsMax : out.lane == 0;
    const bool digest_fits = out.kind != VoteKind::nullify || out.digest.is_zero();
    if (!known || !lane_fits || !digest_fits) in.set_failed();
    return out;
}

} // namespace

Hash256 digest_of(const BatchHeader& header) {
    codec::WireWriter out;
    encode_unsigned(out, header);
    return crypto::keccak256(out.bytes());
}

Bytes batch_signed_bytes(std::uint64_t chain_id, const Hash256& digest) {
    codec::WireWriter out;
    out.raw(as_bytes(kBatchDomain));
    out.u64(chain_id);
    out.fixed(digest);
    return out.take();
}

void encode(codec::WireWriter& out, const BatchHeader& header) {
    encode_unsigned(out, header);
    out.fixed(header.signature);
}

BatchHeader decode_batch_header(codec::WireReader& in) {
    BatchHeader header;
    header.epoch = in.number<Epoch>();
    header.lane = in.index();
    header.position = in.number<Position>();
    header.parent = in.fixed<Hash256>();
    header.body_hash = in.fixed<Hash256>();
    header.transaction_count = in.u32();
    header.body_bytes = in.u32();
    header.gas_limit_sum = in.u64();
    header.signature = in.fixed<crypto::Signature>();
    const bool counts_fit = header.transaction_count >= 1 && header.transaction_count <= kBatchTransactionsMax &&
                            header.body_bytes <= kBatchBytesMax;
    const bool chained = header.position.value >= 1 && (header.position.value == 1) == header.parent.is_zero();
    if (header.lane.value >= kValidatorsMax || !counts_fit || !chained) in.set_failed();
    return header;
}

Bytes encode_batch_body(const std::vector<BytesView>& transactions) {
    codec::WireWriter out;
    out.u32(static_cast<std::uint32_t>(transactions.size()));
    for (const auto& transaction : transactions) out.string(transaction);
    return out.take();
}

Result<std::vector<BytesView>> split_batch_body(BytesView body) {
    if (body.size() > kBatchBytesMax) return fail(error::BatchInvalid, std::to_string(body.size()) + " bytes of body");
    codec::WireReader in{body};
    const auto count = in.count(kBatchTransactionsMax, kTransactionBytesMin);
    std::vector<BytesView> out;
    out.reserve(count);
    for (std::uint32_t i = 0; i < count; ++i) {
        out.push_back(in.string(kBatchBytesMax));
        if (out.back().empty()) in.set_failed();
    }
    if (!in.finish() || out.empty()) return fail(error::BatchInvalid, "body cannot be split into transactions");
    return out;
}

Status verify_batch_body(const BatchHeader& header, BytesView body) {
    if (body.size() != header.body_bytes) return fail(error::BatchInvalid, "length differs from the header");
    CRN_TRY(transactions, split_batch_body(body));
    if (transactions.size() != header.transaction_count)
        return fail(error::BatchInvalid, "transaction count differs from the header");
    if (crypto::keccak256(body) != header.body_hash) return fail(error::BatchInvalid, "hash differs from the header");
    return {};
}

void encode(codec::WireWriter& out, const ConsensusBlock& block) {
    out.number(block.epoch);
    out.number(block.view);
    out.number(block.height);
    out.fixed(block.parent);
    out.number(block.parent_view);
    out.u32(static_cast<std::uint32_t>(block.cut.size()));
    for (const auto& tip : block.cut) {
        out.number(tip.position);
        out.fixed(tip.digest);
    }
    out.number(block.executed.height);
    out.fixed(block.executed.header_hash);
    out.u64(block.timestamp_ms);
    out.index(block.leader);
    out.boolean(block.next_validators.has_value());
    if (block.next_validators) out.fixed(*block.next_validators);
}

ConsensusBlock decode_consensus_block(codec::WireReader& in) {
    ConsensusBlock block;
    block.epoch = in.number<Epoch>();
    block.view = in.number<View>();
    block.height = in.number<Height>();
    block.parent = in.fixed<Hash256>();
    block.parent_view = in.number<View>();
    const auto lanes = in.count(kValidatorsMax, kLaneTipBytes);
    block.cut.reserve(lanes);
    for (std::uint32_t i = 0; i < lanes; ++i) {
        LaneTip tip;
        tip.position = in.number<Position>();
        tip.digest = in.fixed<Hash256>();
        if ((tip.position.value == 0) != tip.digest.is_zero()) in.set_failed();
        block.cut.push_back(tip);
    }
    block.executed.height = in.number<Height>();
    block.executed.header_hash = in.fixed<Hash256>();
    block.timestamp_ms = in.u64();
    block.leader = in.index();
    if (in.boolean()) block.next_validators = in.fixed<Hash256>();
    return block;
}

Hash256 digest_of(const ConsensusBlock& block) {
    codec::WireWriter out;
    encode(out, block);
    return crypto::keccak256(out.bytes());
}

void encode(codec::WireWriter& out, const Vote& vote) {
    encode_statement(out, vote.statement);
    out.index(vote.voter);
    out.fixed(vote.signature);
}

Vote decode_vote(codec::WireReader& in) {
    Vote vote;
    vote.statement = decode_statement(in);
    vote.voter = in.index();
    vote.signature = in.fixed<crypto::Signature>();
    if (vote.voter.value >= kValidatorsMax) in.set_failed();
    return vote;
}

void encode(codec::WireWriter& out, const Certificate& certificate) {
    encode_statement(out, certificate.statement);
    out.u32(static_cast<std::uint32_t>(certificate.entries.size()));
    for (const auto& entry : certificate.entries) {
        out.index(entry.voter);
        out.fixed(entry.signature);
    }
}

Certificate decode_certificate(codec::WireReader& in) {
    Certificate certificate;
    certificate.statement = decode_statement(in);
    const auto count = in.count(kValidatorsMax, kCertificateEntryBytes);
    certificate.entries.reserve(count);
    for (std::uint32_t i = 0; i < count; ++i) {
        Certificate::Entry entry;
        entry.voter = in.index();
        entry.signature = in.fixed<crypto::Signature>();
        if (!certificate.entries.empty() && certificate.entries.back().voter >= entry.voter) in.set_failed();
        certificate.entries.push_back(entry);
    }
    return certificate;
}

} // namespace cairn::ledger
