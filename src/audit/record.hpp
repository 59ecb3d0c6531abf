// The records of an audit log and how they hang together.
//
// Every record begins with the hash of the record before it, so the records form one chain across segments:
//     u8 kind, 32 bytes hash of the record before (zeros for the first), then
//     1 opening   what log this is; the first record of every segment
//     4 opening   the same, with how the seal key of the segment before introduced this one's
//     2 event     event.hpp
//     3 seal      sequence, head, time, height, signature of the seal key over all of it (sealer.hpp)
//     5 seal      the same with the uses of keys, before the signature
// Hash of a record: SHA-256 of "cairn-audit-record-v1" and its bytes. Integers little-endian, texts with a u32 length.
#pragma once

#include "audit/event.hpp"
#include "audit/sealer.hpp"

#include <variant>

namespace cairn::audit {

inline constexpr std::size_t kRecordBytesMax = 4096;
inline constexpr std::size_t kNameBytesMax = 64;

struct Opening {
    std::string node;
    std::string organisation;
    std::uint64_t chain_id = 0;
    Hash256 genesis;
    crypto::ValidatorPublicKey seal_key;
    std::uint64_t first_sequence = 1; // of the next event
    std::uint64_t time_ms = 0;
    std::vector<ledger::SealSuccession> successions; // at most kSealSuccessionsMax
    bool operator==(const Opening&) const = default;
    /// Same log: everything but where it goes on and the key that seals it from here.
    bool same_log(const Opening& other) const {
        return node == other.node && organisation == other.organisation && chain_id == other.chain_id &&
               genesis == other.genesis;
    }
};

struct Seal {
    std::uint64_t sequence = 0;
    Hash256 head;
    std::uint64_t time_ms = 0;
    std::uint64_t height = 0;
    std::optional<ledger::KeyUses> uses;
    crypto::Signature signature;
    bool operator==(const Seal&) const = default;
};
SealStatement statement_of(const Seal& seal, const Opening& opening);

struct Record {
    Hash256 previous;
    std::variant<Opening, Event, Seal> body;
};

Bytes encode(const Record& record);
/// The same for an event, without copying it.
Bytes encode_event_record(const Hash256& previous, const Event& event);
/// AuditRecordInvalid. Accepts exactly what `encode` makes.
Result<Record> decode_record(BytesView bytes);
Hash256 hash_of_record(BytesView bytes);
/// What the bytes of a record claim to be.
bool is_seal(BytesView record);

} // namespace cairn::audit
