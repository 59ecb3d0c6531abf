#include "audit/record.hpp"

#include "base/errors/audit.hpp"
#include "codec/wire.hpp"
#include "crypto/hash.hpp"

namespace cairn::audit {
namespace {

enum class Kind : std::uint8_t { opening = 1, event = 2, seal = 3, successor = 4, counted_seal = 5 };
constexpr std::string_view kHashDomain = "cairn-audit-record-v1";

void start(codec::WireWriter& out, Kind kind, const Hash256& previous) {
    out.u8(static_cast<std::uint8_t>(kind));
    out.fixed(previous);
}

bool is_name(const std::string& text) { return !text.empty() && made_safe({.subject = text}).subject == text; }

} // namespace

SealStatement statement_of(const Seal& seal, const Opening& opening) {
    return {.chain_id = opening.chain_id,
            .node = opening.node,
            .sequence = seal.sequence,
            .head = seal.head,
            .time_ms = seal.time_ms,
            .height = seal.height,
            .uses = seal.uses};
}

Bytes encode_event_record(const Hash256& previous, const Event& event) {
    codec::WireWriter out;
    start(out, Kind::event, previous);
    auto bytes = out.take();
    encode(event, bytes);
    return bytes;
}

Bytes encode(const Record& record) {
    if (const auto* event = std::get_if<Event>(&record.body)) return encode_event_record(record.previous, *event);
    codec::WireWriter out;
    if (const auto* opening = std::get_if<Opening>(&record.body)) {
        start(out, opening->successions.empty() ? Kind::opening : Kind::successor, record.previous);
        out.text(opening->node);
        out.text(opening->organisation);
        out.u64(opening->chain_id);
        out.fixed(opening->genesis);
        out.fixed(opening->seal_key);
        out.u64(opening->first_sequence);
        out.u64(opening->time_ms);
        if (opening->successions.empty()) return out.take();
        out.u8(static_cast<std::uint8_t>(opening->successions.size()));
        for (const auto& one : opening->successions) {
            out.fixed(one.before);
            out.fixed(one.after);
            out.fixed(one.signature);
        }
    } else {
        const auto& seal = std::get<Seal>(record.body);
        start(out, seal.uses ? Kind::counted_seal : Kind::seal, record.previous);
        out.u64(seal.sequence);
        out.fixed(seal.head);
        out.u64(seal.time_ms);
        out.u64(seal.height);
        if (seal.uses) encode(out, *seal.uses);
        out.fixed(seal.signature);
    }
    return out.take();
}

Result<Record> decode_record(BytesView bytes) {
    if (bytes.size() > kRecordBytesMax)
        return fail(error::AuditRecordInvalid, "a record of " + std::to_string(bytes.size()) + " bytes");
    codec::WireReader in{bytes};
    const auto kind = in.u8();
    Record record;
    record.previous = in.fixed<Hash256>();
    switch (in.failed() ? 0 : kind) {
    case static_cast<std::uint8_t>(Kind::opening):
    case static_cast<std::uint8_t>(Kind::successor): {
        Opening opening;
        opening.node = in.text(kNameBytesMax);
        opening.organisation = in.text(kNameBytesMax);
        opening.chain_id = in.u64();
        opening.genesis = in.fixed<Hash256>();
        opening.seal_key = in.fixed<crypto::ValidatorPublicKey>();
        opening.first_sequence = in.u64();
        opening.time_ms = in.u64();
        if (kind == static_cast<std::uint8_t>(Kind::successor)) {
            const auto count = in.u8();
            if (count == 0 || count > ledger::kSealSuccessionsMax) in.set_failed();
            for (std::uint8_t i = 0; i < count && !in.failed(); ++i) {
                ledger::SealSuccession one;
                one.before = in.fixed<crypto::ValidatorPublicKey>();
                one.after = in.fixed<crypto::ValidatorPublicKey>();
                one.signature = in.fixed<crypto::Signature>();
                opening.successions.push_back(one);
            }
        }
        if (!in.finish() || opening.first_sequence == 0 || !is_name(opening.node) || !is_name(opening.organisation))
            return fail(error::AuditRecordInvalid, "an opening record");
        record.body = std::move(opening);
        return record;
    }
    case static_cast<std::uint8_t>(Kind::event): {
        CRN_TRY(event, decode_event(in.rest()));
        record.body = std::move(event);
        return record;
    }
    case static_cast<std::uint8_t>(Kind::seal):
    case static_cast<std::uint8_t>(Kind::counted_seal): {
        Seal seal;
        seal.sequence = in.u64();
        seal.head = in.fixed<Hash256>();
        seal.time_ms = in.u64();
        seal.height = in.u64();
        if (kind == static_cast<std::uint8_t>(Kind::counted_seal)) seal.uses = ledger::decode_key_uses(in);
        seal.signature = in.fixed<crypto::Signature>();
        if (!in.finish()) return fail(error::AuditRecordInvalid, "a seal");
        record.body = seal;
        return record;
    }
    default: return fail(error::AuditRecordInvalid, "a record of unknown kind");
    }
}

bool is_seal(BytesView record) {
    return !record.empty() && (record[0] == static_cast<std::uint8_t>(Kind::seal) ||
                               record[0] == static_cast<std::uint8_t>(Kind::counted_seal));
}

Hash256 hash_of_record(BytesView bytes) {
    Bytes message;
    message.reserve(kHashDomain.size() + bytes.size());
    append(message, as_bytes(kHashDomain));
    append(message, bytes);
    return crypto::sha256(message);
}

} // namespace cairn::audit
