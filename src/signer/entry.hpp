// What the signer remembers: one entry for each thing that it has signed, and a few about itself.
#pragma once

#include "base/bytes.hpp"
#include "ledger/consensus_block.hpp"
#include "ledger/key_uses.hpp"

#include <optional>

namespace cairn::signer {

/// The values are stored. The first five are those of ledger::VoteKind.
enum class EntryKind : std::uint8_t {
    lane = 1,
    notarize = 2,
    nullify = 3,
    finalize = 4,
    execution = 5,
    batch = 6,          // own batch; number: position
    proposal = 7,       // number: view
    chain = 8,          // number: the chain id that the keys are bound to
    floor = 9,          // detail[0]: the kind; nothing of it at or below `number` is signed any more
    key_made = 10,      // purpose key: lane: purpose, number: version, detail: nonce and encrypted key
    key_retired = 11,   // lane: purpose, number: version
    key_destroyed = 12, // lane: purpose, number: version
    session = 13,       // number: the TPM's counter when this session began
    adopt = 14,         // after `cairn signer reset`: the next witness is taken as the counter
    header = 15,        // number: generation of the file, epoch: counter when it was begun
    complete = 16,      // ends the entries that the file began with
    used = 17, // a key was used for what no other entry tells; lane: ledger::KeyUse, detail: hash of the request
    uses = 18, // lane: ledger::KeyUse, number: how often until here, detail: the chain of all uses until here
};

using EntryDetail = FixedBytes<64, struct EntryDetailTag>;

struct Entry {
    EntryKind kind = EntryKind::notarize;
    std::uint16_t lane = 0;
    std::uint64_t epoch = 0;
    std::uint64_t number = 0;
    EntryDetail detail;
    bool operator==(const Entry&) const = default;

    Hash256 digest() const { return *Hash256::from(BytesView{detail}.first(32)); }
};

Entry entry_of(const ledger::VoteStatement& statement);
Entry entry_of(const ledger::BatchHeader& header);
Entry entry_of(const ledger::ConsensusBlock& block);
Entry entry_of(ledger::KeyUse use, const Hash256& request);
/// What a key was used for, if the entry tells of a use.
std::optional<ledger::KeyUse> use_of(const Entry& entry);
/// Counts it and adds it to the chain; nothing happens for an entry that tells of no use.
void count(const Entry& entry, ledger::KeyUses& uses);

/// One entry on disk: kind, zero, lane, zeros, epoch, number, detail, check value; integers little-endian.
inline constexpr std::size_t kSlotBytes = 128;
using Slot = FixedBytes<kSlotBytes, struct SlotTag>;
/// Keyed hash; only the owner of the keys can make one.
using SlotKey = FixedBytes<32, struct SlotKeyTag>;

/// `generation` and `index` (its place in the file) are covered by the check value: slots cannot be moved.
Slot encode_slot(const Entry& entry, const SlotKey& key, std::uint64_t generation, std::uint64_t index);
/// Nothing if the check value is wrong or a field cannot be.
std::optional<Entry> decode_slot(const Slot& slot, const SlotKey& key, std::uint64_t generation, std::uint64_t index);
/// The generation that a file's first slot claims; it is verified by decode_slot.
std::uint64_t claimed_generation(const Slot& first);

} // namespace cairn::signer
