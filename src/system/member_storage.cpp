#include "system/member_storage.hpp"

#include "ledger/slot_layout.hpp"

#include <charconv>

namespace cairn::system {

namespace {

// contracts/IMembers.sol
constexpr std::uint64_t kOrganisationsSlot = 0;
constexpr std::uint64_t kValidatorsSlot = 1;
constexpr std::uint64_t kOrganisationIndexSlot = 2;
constexpr std::uint64_t kValidatorIndexSlot = 3;
constexpr std::uint64_t kChangesSlot = 5;
constexpr std::uint64_t kAdministratorSlot = 6;
constexpr std::uint64_t kRetiredKeysSlot = 7;
constexpr std::uint64_t kAlgorithmsSlot = 8;
constexpr std::uint64_t kEntrySlots = 4;

// Members of both structs, in slots from the entry's first.
constexpr std::uint64_t kName = 0;
constexpr std::uint64_t kPacked = 1; // account or organisation, then `active`
constexpr std::uint64_t kKey = 2;
constexpr std::uint64_t kText = 3; // certificate or network address

constexpr unsigned kAccountBits = 160;
constexpr unsigned kOrganisationBits = 32;

U256 entry_slot(std::uint64_t array, std::uint64_t index, std::uint64_t member) {
    return ledger::content_slot(array) + U256{index} * U256{kEntrySlots} + U256{member};
}

U256 account_slot(const Address& account) {
    return ledger::mapping_slot(to_big_endian(from_big_endian(account)), kAdministratorSlot);
}

/// What a voting key is for; a key of 32 zero bytes is nobody's.
crypto::VotingAlgorithm algorithm_of(Slots& slots, const Hash256& key) {
    return static_cast<crypto::VotingAlgorithm>(slots.load(ledger::mapping_slot(key, kAlgorithmsSlot)).low());
}

std::optional<std::uint64_t> index_in(Slots& slots, const U256& slot) {
    const U256 index_plus_one = slots.load(slot);
    if (!index_plus_one) return std::nullopt;
    return index_plus_one.low() - 1;
}

} // namespace

std::uint64_t MemberStorage::organisation_count() { return slots_.load(kOrganisationsSlot).low(); }
std::uint64_t MemberStorage::validator_count() { return slots_.load(kValidatorsSlot).low(); }

OrganisationEntry MemberStorage::organisation(std::uint64_t index) {
    const auto slot = [&](std::uint64_t member) { return entry_slot(kOrganisationsSlot, index, member); };
    const U256 packed = slots_.load(slot(kPacked));
    return {.name = load_text(slots_, slot(kName), kMemberNameBytesMax),
            .account = *Address::from(BytesView{to_big_endian(packed)}.last(Address::kSize)),
            .active = static_cast<bool>(packed >> kAccountBits),
            .signing_key = to_big_endian(slots_.load(slot(kKey))),
            .ca_certificate = load_text(slots_, slot(kText), kCaCertificateBytesMax)};
}

ValidatorEntry MemberStorage::validator(std::uint64_t index) {
    const auto slot = [&](std::uint64_t member) { return entry_slot(kValidatorsSlot, index, member); };
    const U256 packed = slots_.load(slot(kPacked));
    const Hash256 key = to_big_endian(slots_.load(slot(kKey)));
    return {.name = load_text(slots_, slot(kName), kMemberNameBytesMax),
            .organisation = static_cast<std::uint32_t>(packed.low()),
            .active = static_cast<bool>(packed >> kOrganisationBits),
            .key = key,
            .network_address = load_text(slots_, slot(kText), kNetworkAddressBytesMax),
            .algorithm = algorithm_of(slots_, key)};
}

bool MemberStorage::is_active(std::uint64_t organisation) {
    return static_cast<bool>(slots_.load(entry_slot(kOrganisationsSlot, organisation, kPacked)) >> kAccountBits);
}

Address MemberStorage::account(std::uint64_t organisation) {
    const U256 packed = slots_.load(entry_slot(kOrganisationsSlot, organisation, kPacked));
    return *Address::from(BytesView{to_big_endian(packed)}.last(Address::kSize));
}

std::uint64_t MemberStorage::active_organisations() {
    std::uint64_t active = 0;
    const std::uint64_t count = organisation_count();
    for (std::uint64_t i = 0; i < count; ++i) active += is_active(i) ? 1 : 0;
    return active;
}

std::optional<std::uint64_t> MemberStorage::find_organisation(std::string_view name) {
    return index_in(slots_, ledger::mapping_slot(name, kOrganisationIndexSlot));
}

std::optional<std::uint64_t> MemberStorage::find_validator(std::string_view name) {
    return index_in(slots_, ledger::mapping_slot(name, kValidatorIndexSlot));
}

std::optional<std::uint64_t> MemberStorage::administered_by(const Address& account) {
    return index_in(slots_, account_slot(account));
}

std::uint64_t MemberStorage::changes() { return slots_.load(kChangesSlot).low(); }

void MemberStorage::note_change() { slots_.store(kChangesSlot, slots_.load(kChangesSlot) + U256{1}); }

std::uint64_t MemberStorage::append(const OrganisationEntry& entry) {
    note_change();
    const std::uint64_t index = organisation_count();
    const auto slot = [&](std::uint64_t member) { return entry_slot(kOrganisationsSlot, index, member); };
    slots_.store(kOrganisationsSlot, U256{index + 1});
    store_text(slots_, slot(kName), entry.name);
    slots_.store(slot(kPacked), from_big_endian(entry.account) | U256{entry.active ? 1u : 0u} << kAccountBits);
    slots_.store(slot(kKey), from_big_endian(entry.signing_key));
    store_text(slots_, slot(kText), entry.ca_certificate);
    slots_.store(ledger::mapping_slot(entry.name, kOrganisationIndexSlot), U256{index + 1});
    if (entry.active) slots_.store(account_slot(entry.account), U256{index + 1});
    return index;
}

std::uint64_t MemberStorage::append(const ValidatorEntry& entry) {
    note_change();
    const std::uint64_t index = validator_count();
    const auto slot = [&](std::uint64_t member) { return entry_slot(kValidatorsSlot, index, member); };
    slots_.store(kValidatorsSlot, U256{index + 1});
    store_text(slots_, slot(kName), entry.name);
    slots_.store(slot(kPacked), U256{entry.organisation} | U256{entry.active ? 1u : 0u} << kOrganisationBits);
    store_voting_key(index, entry.voting_key());
    store_text(slots_, slot(kText), entry.network_address);
    slots_.store(ledger::mapping_slot(entry.name, kValidatorIndexSlot), U256{index + 1});
    return index;
}

void MemberStorage::store_voting_key(std::uint64_t validator, const crypto::VotingKey& key) {
    slots_.store(entry_slot(kValidatorsSlot, validator, kKey), from_big_endian(key.bytes));
    if (key.algorithm != crypto::VotingAlgorithm::ed25519)
        slots_.store(ledger::mapping_slot(*Hash256::from(key.bytes), kAlgorithmsSlot),
                     U256{static_cast<std::uint8_t>(key.algorithm)});
}

void MemberStorage::set_network_address(std::uint64_t validator, std::string_view address) {
    store_text(slots_, entry_slot(kValidatorsSlot, validator, kText), address);
}

void MemberStorage::remove(std::uint64_t organisation) {
    note_change();
    const U256 packed_slot = entry_slot(kOrganisationsSlot, organisation, kPacked);
    const U256 account = slots_.load(packed_slot) & ~(~U256{} << kAccountBits);
    slots_.store(packed_slot, account);
    slots_.store(ledger::mapping_slot(to_big_endian(account), kAdministratorSlot), {});
    const std::uint64_t validators = validator_count();
    for (std::uint64_t i = 0; i < validators; ++i) {
        const U256 slot = entry_slot(kValidatorsSlot, i, kPacked);
        const U256 packed = slots_.load(slot);
        const bool active = static_cast<bool>(packed >> kOrganisationBits);
        if (!active || static_cast<std::uint32_t>(packed.low()) != organisation) continue;
        retire_voting_key(i);
        slots_.store(slot, U256{organisation});
    }
}

bool MemberStorage::validator_is_active(std::uint64_t validator) {
    return static_cast<bool>(slots_.load(entry_slot(kValidatorsSlot, validator, kPacked)) >> kOrganisationBits);
}

std::uint64_t MemberStorage::active_validators() {
    std::uint64_t active = 0;
    const std::uint64_t count = validator_count();
    for (std::uint64_t i = 0; i < count; ++i) active += validator_is_active(i) ? 1 : 0;
    return active;
}

bool MemberStorage::voting_key_is_taken(const Hash256& key) {
    if (slots_.load(ledger::mapping_slot(key, kRetiredKeysSlot))) return true;
    const std::uint64_t count = validator_count();
    for (std::uint64_t i = 0; i < count; ++i)
        if (slots_.load(entry_slot(kValidatorsSlot, i, kKey)) == from_big_endian(key)) return true;
    return false;
}

Hash256 MemberStorage::retire_voting_key(std::uint64_t validator) {
    const Hash256 key = to_big_endian(slots_.load(entry_slot(kValidatorsSlot, validator, kKey)));
    slots_.store(ledger::mapping_slot(key, kRetiredKeysSlot), U256{1});
    return key;
}

void MemberStorage::remove_validator(std::uint64_t validator) {
    note_change();
    retire_voting_key(validator);
    const U256 slot = entry_slot(kValidatorsSlot, validator, kPacked);
    slots_.store(slot, U256{static_cast<std::uint32_t>(slots_.load(slot).low())});
}

Hash256 MemberStorage::replace_voting_key(std::uint64_t validator, const crypto::VotingKey& key) {
    note_change();
    const Hash256 old = retire_voting_key(validator);
    store_voting_key(validator, key);
    return old;
}

bool is_network_address(std::string_view text) {
    const auto colon = text.rfind(':');
    if (text.size() > kNetworkAddressBytesMax || colon == std::string_view::npos || colon == 0) return false;
    if (!std::all_of(text.begin(), text.end(), [](char c) { return c > ' ' && c < 0x7f; })) return false;
    const std::string_view port = text.substr(colon + 1);
    unsigned number = 0;
    const auto [end, error] = std::from_chars(port.begin(), port.end(), number);
    return error == std::errc{} && end == port.end() && number >= 1 && number <= 65535;
}

} // namespace cairn::system
