#include "system/approval.hpp"

#include "base/assert.hpp"
#include "crypto/hash.hpp"
#include "ledger/slot_layout.hpp"

namespace cairn::system {

namespace {

struct Tally {
    std::uint64_t approvals = 0;
    std::uint64_t needed = 0;
};

/// Counts only organisations that are active now, whoever approved earlier.
Tally tally(const U256& bits, MemberStorage& members) {
    Tally out;
    std::uint64_t active = 0;
    const std::uint64_t count = members.organisation_count();
    for (std::uint64_t i = 0; i < count; ++i) {
        if (!members.is_active(i)) continue;
        ++active;
        if ((bits >> static_cast<unsigned>(i)).low() & 1) ++out.approvals;
    }
    out.needed = active / 2 + 1;
    return out;
}

} // namespace

std::uint64_t approvals_needed(MemberStorage& members) { return tally({}, members).needed; }

std::uint64_t approvals_of(Slots& slots, const U256& approvals_slot, const Hash256& change, MemberStorage& members) {
    return tally(slots.load(ledger::mapping_slot(change, approvals_slot)), members).approvals;
}

std::expected<bool, Bytes> approve(Call& call, const U256& approvals_slot, const Hash256& change,
                                   MemberStorage& members) {
    const auto organisation = members.administered_by(call.caller());
    if (!organisation) return revert(kNotAuthorised, {call.caller()});
    const U256 slot = ledger::mapping_slot(change, approvals_slot);
    U256 bits = call.own().load(slot);
    const U256 own_bit = U256{1} << static_cast<unsigned>(*organisation);
    if (bits & own_bit) return revert(kAlreadyApproved, {change});
    bits = bits | own_bit;

    const Tally now = tally(bits, members);
    call.emit(kChangeApproved, {change, *organisation}, {now.approvals, now.needed});
    const bool decided = now.approvals >= now.needed;
    call.own().store(slot, decided ? U256{} : bits);
    return decided;
}

Hash256 change_id(Call& call, std::string_view types, const AbiValue::List& values) {
    const auto encoded = codec::abi_encode(types, values);
    CRN_ASSERT(encoded.has_value());
    call.charge_words(encoded->size() * 2); // hashing: 6 a word
    return crypto::keccak256(*encoded);
}

} // namespace cairn::system
