#include "ledger/account_binding.hpp"

#include "base/assert.hpp"
#include "ledger/slot_layout.hpp"

#include <algorithm>
#include <array>

namespace cairn::ledger {
namespace {

constexpr std::size_t kTagBytes = 12;

// The word, from its lowest bit: organisation 32, kind 8, suspended 1, registrar 1, free 22, bound_at 64, expires 64, present 1.
constexpr std::uint64_t kSuspendedBit = std::uint64_t{1} << 40;
constexpr std::uint64_t kRegistrarBit = std::uint64_t{1} << 41;
constexpr std::uint64_t kFreeBits = ~((std::uint64_t{1} << 42) - 1);

// Layout of Members (system/member_storage.cpp, whose test compares).
constexpr std::uint64_t kOrganisationsSlot = 0;
constexpr std::uint64_t kOrganisationSlots = 4;
constexpr std::uint64_t kOrganisationPacked = 1;
constexpr std::uint64_t kAdministratorSlot = 6;
constexpr unsigned kActiveBit = 160;

bool is_active(IdentityReader& reader, std::uint64_t organisation) {
    static const U256 first = content_slot(U256{kOrganisationsSlot}) + U256{kOrganisationPacked};
    const U256 packed = reader.members(first + U256{organisation * kOrganisationSlots});
    return (packed.limb[kActiveBit / 64] >> (kActiveBit % 64)) != 0;
}

Standing standing_of_binding(IdentityReader& reader, const Address& account, std::uint64_t now) {
    const auto identity = unpack_identity(reader.identities(identity_slot(account)));
    if (!identity) return Standing::unbound;
    if (identity->is_suspended) return Standing::suspended;
    if (identity->expires != 0 && identity->expires <= now) return Standing::expired;
    return is_active(reader, identity->organisation) ? Standing::good : Standing::organisation_left;
}

constexpr std::array<std::pair<IdentityKind, std::string_view>, 3> kKinds{
    {{IdentityKind::person, "person"}, {IdentityKind::application, "app"}, {IdentityKind::node, "node"}}};

} // namespace

std::string_view name_of(IdentityKind kind) {
    for (const auto& [value, name] : kKinds)
        if (value == kind) return name;
    return "unknown";
}

std::optional<IdentityKind> identity_kind_of(std::string_view name) {
    for (const auto& [value, text] : kKinds)
        if (text == name) return value;
    return std::nullopt;
}

U256 pack_identity(const AccountIdentity& identity) {
    U256 word;
    word.limb[0] = identity.organisation | static_cast<std::uint64_t>(identity.kind) << 32 |
                   (identity.is_suspended ? kSuspendedBit : 0) | (identity.is_registrar ? kRegistrarBit : 0);
    word.limb[1] = identity.bound_at;
    word.limb[2] = identity.expires;
    word.limb[3] = 1;
    return word;
}

std::optional<AccountIdentity> unpack_identity(const U256& word) {
    const auto kind = static_cast<std::uint8_t>(word.limb[0] >> 32);
    if (word.limb[3] != 1 || (word.limb[0] & kFreeBits) != 0 || kind < 1 || kind > kKinds.size()) return std::nullopt;
    return AccountIdentity{.organisation = static_cast<std::uint32_t>(word.limb[0]),
                           .kind = static_cast<IdentityKind>(kind),
                           .is_suspended = (word.limb[0] & kSuspendedBit) != 0,
                           .is_registrar = (word.limb[0] & kRegistrarBit) != 0,
                           .bound_at = word.limb[1],
                           .expires = word.limb[2]};
}

U256 tagged_slot(std::string_view tag, const U256& payload) {
    CRN_ASSERT(tag.size() <= kTagBytes);
    Hash256 slot = to_big_endian(payload);
    std::fill_n(slot.bytes.begin(), kTagBytes, std::uint8_t{0});
    std::copy(tag.begin(), tag.end(), slot.bytes.begin());
    return from_big_endian(slot);
}

U256 identity_slot(const Address& account) { return tagged_slot("binding", from_big_endian(account)); }
U256 commitment_slot(const Address& account) { return tagged_slot("commitment", from_big_endian(account)); }

Standing standing_of(IdentityReader& reader, const Address& account, std::uint64_t now) {
    const auto standing = standing_of_binding(reader, account, now);
    if (standing == Standing::good) return standing;
    const auto key = to_big_endian(from_big_endian(account));
    return reader.members(mapping_slot(key, kAdministratorSlot)) ? Standing::good : standing;
}

std::string_view reason_of(Standing standing) {
    switch (standing) {
    case Standing::good: return "it may send";
    case Standing::unbound: return "no organisation has bound it";
    case Standing::suspended: return "its organisation has suspended it";
    case Standing::expired: return "its binding has expired";
    case Standing::organisation_left: return "its organisation has left the consortium";
    }
    return "unknown";
}

} // namespace cairn::ledger
