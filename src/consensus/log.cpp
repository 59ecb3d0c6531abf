#include "consensus/log.hpp"

#include "base/errors/consensus.hpp"

namespace cairn::consensus {
namespace {

constexpr std::uint8_t kVersion = 1;

codec::WireWriter start(RecordKind kind) {
    codec::WireWriter out;
    out.u8(kVersion);
    out.u8(static_cast<std::uint8_t>(kind));
    return out;
}

SharedBytes done(codec::WireWriter& out) { return std::make_shared<const Bytes>(out.take()); }

Result<Record> decode_content(RecordKind kind, BytesView content) {
    codec::WireReader in{content};
    switch (kind) {
    case RecordKind::identity: {
        Identity identity;
        identity.chain_id = in.u64();
        identity.epoch = in.number<Epoch>();
        identity.self = in.index();
        identity.validators = in.fixed<Hash256>();
        CRN_CHECK(in.finish());
        return identity;
    }
    case RecordKind::batch: {
        BatchRecord record;
        record.voted = in.boolean();
        record.batch.header = ledger::decode_batch_header(in);
        const auto body = in.string(ledger::kBatchBytesMax);
        CRN_CHECK(in.finish());
        CRN_CHECK(ledger::verify_batch_body(record.batch.header, body));
        record.batch.body = std::make_shared<const Bytes>(to_bytes(body));
        return record;
    }
    case RecordKind::vote: {
        CRN_TRY(vote, decode_vote_message(content));
        return vote;
    }
    case RecordKind::proposal: {
        CRN_TRY(proposal, decode_proposal(std::make_shared<const Bytes>(to_bytes(content))));
        return proposal;
    }
    case RecordKind::certificate: {
        CRN_TRY(certificate, decode_certificate_message(content));
        return certificate;
    }
    case RecordKind::entered: {
        Entered entered;
        entered.view = in.number<View>();
        entered.forgotten = in.number<View>();
        CRN_CHECK(in.finish());
        return entered;
    }
    case RecordKind::amnesia: {
        Amnesia amnesia;
        if (in.boolean()) amnesia.abstain = in.number<View>();
        if (in.boolean()) amnesia.last = in.number<Epoch>();
        CRN_CHECK(in.finish());
        return amnesia;
    }
    case RecordKind::part: {
        Part part;
        part.index = in.u32();
        part.total = in.u32();
        part.record = in.rest();
        if (in.failed() || part.index >= part.total) return fail(error::LogInvalid, "part out of range");
        return part;
    }
    }
    return fail(error::LogInvalid, "unknown kind of record");
}

} // namespace

SharedBytes record_identity(const Identity& identity) {
    auto out = start(RecordKind::identity);
    out.u64(identity.chain_id);
    out.number(identity.epoch);
    out.index(identity.self);
    out.fixed(identity.validators);
    return done(out);
}

SharedBytes record_batch(const ledger::Batch& batch, bool voted) {
    auto out = start(RecordKind::batch);
    out.boolean(voted);
    encode(out, batch.header);
    out.string(*batch.body);
    return done(out);
}

SharedBytes record_vote(const ledger::Vote& vote) {
    auto out = start(RecordKind::vote);
    encode(out, vote);
    return done(out);
}

SharedBytes record_proposal(BytesView encoded) {
    auto out = start(RecordKind::proposal);
    out.raw(encoded);
    return done(out);
}

SharedBytes record_certificate(const ledger::Certificate& certificate) {
    auto out = start(RecordKind::certificate);
    encode(out, certificate);
    return done(out);
}

SharedBytes record_entered(const Entered& entered) {
    auto out = start(RecordKind::entered);
    out.number(entered.view);
    out.number(entered.forgotten);
    return done(out);
}

SharedBytes record_amnesia(const Amnesia& amnesia) {
    auto out = start(RecordKind::amnesia);
    out.boolean(amnesia.abstain.has_value());
    if (amnesia.abstain) out.number(*amnesia.abstain);
    out.boolean(amnesia.last.has_value());
    if (amnesia.last) out.number(*amnesia.last);
    return done(out);
}

SharedBytes record_part(std::uint32_t index, std::uint32_t total, BytesView record) {
    auto out = start(RecordKind::part);
    out.u32(index);
    out.u32(total);
    out.raw(record);
    return done(out);
}

Result<Record> decode_record(BytesView bytes) {
    if (bytes.size() < 2) return fail(error::LogInvalid, "record too short");
    if (bytes[0] != kVersion) return fail(error::LogInvalid, "version " + std::to_string(bytes[0]));
    auto record = decode_content(static_cast<RecordKind>(bytes[1]), bytes.subspan(2));
    if (!record) return fail(error::LogInvalid, record.error().text());
    return record;
}

} // namespace cairn::consensus
