#include "signer/entry.hpp"

#include "codec/wire.hpp"
#include "crypto/hash.hpp"

#include <sodium.h>

namespace cairn::signer {
namespace {

constexpr std::size_t kCheckOffset = 96;
constexpr std::size_t kNumberOffset = 16;

Entry with_digest(EntryKind kind, std::uint16_t lane, Epoch epoch, std::uint64_t number, const Hash256& digest) {
    Entry out{kind, lane, epoch.value, number, {}};
    std::ranges::copy(digest, out.detail.bytes.begin());
    return out;
}

FixedBytes<32, struct CheckTag> check_value(BytesView content, const SlotKey& key, std::uint64_t generation,
                                            std::uint64_t index) {
    codec::WireWriter place;
    place.u64(generation);
    place.u64(index);
    FixedBytes<32, struct CheckTag> out;
    crypto_generichash_state state;
    crypto_generichash_init(&state, key.data(), key.size(), out.size());
    crypto_generichash_update(&state, place.bytes().data(), place.bytes().size());
    crypto_generichash_update(&state, content.data(), content.size());
    crypto_generichash_final(&state, out.data(), out.size());
    return out;
}

} // namespace

Entry entry_of(const ledger::VoteStatement& statement) {
    return with_digest(static_cast<EntryKind>(statement.kind), statement.lane, statement.epoch, statement.number,
                       statement.digest);
}

Entry entry_of(const ledger::BatchHeader& header) {
    return with_digest(EntryKind::batch, header.lane.value, header.epoch, header.position.value, digest_of(header));
}

Entry entry_of(const ledger::ConsensusBlock& block) {
    return with_digest(EntryKind::proposal, 0, block.epoch, block.view.value, digest_of(block));
}

Entry entry_of(ledger::KeyUse use, const Hash256& request) {
    return with_digest(EntryKind::used, static_cast<std::uint16_t>(use), Epoch{0}, 0, request);
}

std::optional<ledger::KeyUse> use_of(const Entry& entry) {
    switch (entry.kind) {
    case EntryKind::lane:
    case EntryKind::notarize:
    case EntryKind::nullify:
    case EntryKind::finalize:
    case EntryKind::execution: return ledger::KeyUse::vote;
    case EntryKind::batch: return ledger::KeyUse::batch;
    case EntryKind::proposal: return ledger::KeyUse::proposal;
    case EntryKind::used:
        if (entry.lane < ledger::kKeyUses) return static_cast<ledger::KeyUse>(entry.lane);
        return std::nullopt;
    default: return std::nullopt;
    }
}

void count(const Entry& entry, ledger::KeyUses& uses) {
    const auto use = use_of(entry);
    if (!use) return;
    ++uses.of(*use);
    codec::WireWriter link;
    link.raw(as_bytes("cairn-key-use-v1"));
    link.fixed(uses.chain);
    link.u8(static_cast<std::uint8_t>(entry.kind));
    link.u16(entry.lane);
    link.u64(entry.epoch);
    link.u64(entry.number);
    link.fixed(entry.detail);
    uses.chain = crypto::sha256(link.bytes());
}

Slot encode_slot(const Entry& entry, const SlotKey& key, std::uint64_t generation, std::uint64_t index) {
    codec::WireWriter out;
    out.u8(static_cast<std::uint8_t>(entry.kind));
    out.u8(0);
    out.u16(entry.lane);
    out.u32(0);
    out.u64(entry.epoch);
    out.u64(entry.number);
    out.fixed(entry.detail);
    out.u64(0);
    out.fixed(check_value(out.bytes(), key, generation, index));
    return *Slot::from(out.bytes());
}

std::optional<Entry> decode_slot(const Slot& slot, const SlotKey& key, std::uint64_t generation, std::uint64_t index) {
    const auto content = BytesView{slot}.first(kCheckOffset);
    const auto check = check_value(content, key, generation, index);
    if (sodium_memcmp(check.data(), slot.data() + kCheckOffset, check.size()) != 0) return std::nullopt;
    codec::WireReader in{content};
    Entry out;
    const auto kind = in.u8();
    if (kind < 1 || kind > static_cast<std::uint8_t>(EntryKind::uses)) return std::nullopt;
    out.kind = static_cast<EntryKind>(kind);
    in.u8();
    out.lane = in.u16();
    in.u32();
    out.epoch = in.u64();
    out.number = in.u64();
    out.detail = in.fixed<EntryDetail>();
    return out;
}

std::uint64_t claimed_generation(const Slot& first) {
    codec::WireReader in{BytesView{first}.subspan(kNumberOffset)};
    return in.u64();
}

} // namespace cairn::signer
