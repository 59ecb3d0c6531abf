#include "system/key_storage.hpp"

#include "ledger/slot_layout.hpp"

namespace cairn::system {
namespace {

// contracts/IKeys.sol; slots 0 and 1 stand in ledger/account_key.hpp.
constexpr std::uint64_t kAccountsSlot = 2;
constexpr std::uint64_t kHistorySlot = 3;
constexpr std::uint64_t kRoundsSlot = 4;
constexpr std::uint64_t kResetsSlot = 5;
constexpr std::uint64_t kIncidentsSlot = 6;
constexpr std::uint64_t kOpenIncidentSlot = 7;
constexpr std::uint64_t kLoneQuarantinesSlot = 8;
constexpr std::uint64_t kChangesSlot = 9;
constexpr std::uint64_t kIncidentWords = 4;
constexpr unsigned kAddressBits = 160;

Address address_in(const U256& word) { return *Address::from(BytesView{to_big_endian(word)}.last(Address::kSize)); }
U256 account_slot(const Address& account, std::uint64_t mapping) {
    return ledger::mapping_slot(to_big_endian(from_big_endian(account)), mapping);
}
U256 history_slot(const Hash256& id, std::uint64_t index) {
    return ledger::content_slot(ledger::mapping_slot(id, kHistorySlot)) + U256{index};
}
U256 incident_slot(std::uint64_t index) {
    return ledger::content_slot(kIncidentsSlot) + U256{index} * U256{kIncidentWords};
}

} // namespace

ledger::KeyHead KeyStorage::head(const Hash256& id) {
    return ledger::unpack_key_head(slots_.load(ledger::key_slot(id)));
}

KeyEntry KeyStorage::key(const Hash256& id) {
    const U256 slot = ledger::key_slot(id);
    const U256 head = slots_.load(slot);
    if (!head) return {};
    return {.head = ledger::unpack_key_head(head),
            .terms = ledger::unpack_key_terms(slots_.load(slot + U256{1})),
            .quarantine = ledger::unpack_key_quarantine(slots_.load(slot + U256{2})),
            .previous = to_big_endian(slots_.load(slot + U256{3})),
            .next = to_big_endian(slots_.load(slot + U256{4}))};
}

void KeyStorage::store(const Hash256& id, const KeyEntry& entry) {
    auto head = entry.head;
    head.has_terms = entry.terms.originator_until != 0 || entry.quarantine.until != 0;
    const U256 slot = ledger::key_slot(id);
    slots_.store(slot, pack(head));
    slots_.store(slot + U256{1}, pack(entry.terms));
    slots_.store(slot + U256{2}, pack(entry.quarantine));
    slots_.store(slot + U256{3}, from_big_endian(entry.previous));
    slots_.store(slot + U256{4}, from_big_endian(entry.next));
}

std::uint64_t KeyStorage::history_length(const Hash256& id) {
    return slots_.load(ledger::mapping_slot(id, kHistorySlot)).low();
}

KeyChange KeyStorage::change(const Hash256& id, std::uint64_t index) {
    const U256 word = slots_.load(history_slot(id, index));
    return {.height = word.limb[3],
            .from = static_cast<ledger::KeyState>(static_cast<std::uint8_t>((word >> kAddressBits).low())),
            .to = static_cast<ledger::KeyState>(static_cast<std::uint8_t>((word >> (kAddressBits + 8)).low())),
            .by = address_in(word)};
}

void KeyStorage::append(const Hash256& id, const KeyChange& change) {
    const std::uint64_t length = history_length(id);
    slots_.store(ledger::mapping_slot(id, kHistorySlot), U256{length + 1});
    slots_.store(history_slot(id, length),
                 from_big_endian(change.by) | U256{static_cast<std::uint8_t>(change.from)} << kAddressBits |
                     U256{static_cast<std::uint8_t>(change.to)} << (kAddressBits + 8) | U256{0, 0, 0, change.height});
}

void KeyStorage::drop_last(const Hash256& id) {
    const std::uint64_t length = history_length(id);
    if (length == 0) return;
    slots_.store(history_slot(id, length - 1), {});
    slots_.store(ledger::mapping_slot(id, kHistorySlot), U256{length - 1});
}

void KeyStorage::count_account_key() {
    const U256 slot{ledger::kAccountKeysSlot};
    slots_.store(slot, slots_.load(slot) + U256{1});
}

AccountEntry KeyStorage::account(const Address& account) {
    const U256 word = slots_.load(account_slot(account, kAccountsSlot));
    return {.key = address_in(word), .version = static_cast<std::uint32_t>((word >> kAddressBits).low())};
}
void KeyStorage::store(const Address& account, const AccountEntry& entry) {
    slots_.store(account_slot(account, kAccountsSlot),
                 from_big_endian(entry.key) | U256{entry.version} << kAddressBits);
}

ResetEntry KeyStorage::reset(const Address& account) {
    const U256 word = slots_.load(account_slot(account, kResetsSlot));
    return {.new_key = address_in(word), .finish_at = (word >> kAddressBits).low()};
}
void KeyStorage::store(const Address& account, const ResetEntry& entry) {
    slots_.store(account_slot(account, kResetsSlot),
                 from_big_endian(entry.new_key) | U256{entry.finish_at} << kAddressBits);
}

std::uint64_t KeyStorage::round(const Hash256& id) { return slots_.load(ledger::mapping_slot(id, kRoundsSlot)).low(); }
void KeyStorage::next_round(const Hash256& id) {
    slots_.store(ledger::mapping_slot(id, kRoundsSlot), U256{round(id) + 1});
}

std::uint64_t KeyStorage::changes() { return slots_.load(kChangesSlot).low(); }
void KeyStorage::note_change() { slots_.store(kChangesSlot, U256{changes() + 1}); }

U256 KeyStorage::lone_quarantines(const Hash256& id) {
    return slots_.load(ledger::mapping_slot(id, kLoneQuarantinesSlot));
}
void KeyStorage::store_lone_quarantines(const Hash256& id, const U256& bits) {
    slots_.store(ledger::mapping_slot(id, kLoneQuarantinesSlot), bits);
}

std::uint64_t KeyStorage::incident_count() { return slots_.load(kIncidentsSlot).low(); }

IncidentEntry KeyStorage::incident(std::uint64_t index) {
    const U256 slot = incident_slot(index);
    const U256 heights = slots_.load(slot + U256{2});
    return {.key = to_big_endian(slots_.load(slot)),
            .opener = address_in(slots_.load(slot + U256{1})),
            .opened_at = heights.limb[0],
            .closed_at = heights.limb[1],
            .since = heights.limb[2],
            .steps = heights.limb[3],
            .evidence = to_big_endian(slots_.load(slot + U256{3}))};
}

void KeyStorage::store(std::uint64_t index, const IncidentEntry& entry) {
    const U256 slot = incident_slot(index);
    slots_.store(slot, from_big_endian(entry.key));
    slots_.store(slot + U256{1}, from_big_endian(entry.opener));
    slots_.store(slot + U256{2}, U256{entry.opened_at, entry.closed_at, entry.since, entry.steps});
    slots_.store(slot + U256{3}, from_big_endian(entry.evidence));
}

std::uint64_t KeyStorage::append(const IncidentEntry& entry) {
    const std::uint64_t index = incident_count();
    slots_.store(kIncidentsSlot, U256{index + 1});
    store(index, entry);
    return index;
}

std::uint64_t KeyStorage::open_incident(const Hash256& id) {
    return slots_.load(ledger::mapping_slot(id, kOpenIncidentSlot)).low();
}
void KeyStorage::store_open_incident(const Hash256& id, std::uint64_t index_plus_one) {
    slots_.store(ledger::mapping_slot(id, kOpenIncidentSlot), U256{index_plus_one});
}

} // namespace cairn::system
