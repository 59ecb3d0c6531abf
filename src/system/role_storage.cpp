#include "system/role_storage.hpp"

#include "ledger/slot_layout.hpp"

namespace cairn::system {

namespace {

// contracts/IRoles.sol: slots of single variables, arrays and mappings
constexpr std::uint64_t kSummarySlot = 0;
constexpr std::uint64_t kSubjectsSlot = 1;
constexpr std::uint64_t kPoliciesSlot = 2;
constexpr std::uint64_t kVerdictsSlot = 3;
constexpr std::uint64_t kMethodFreezesSlot = 4;
constexpr std::uint64_t kAdministratorsSlot = 5;
constexpr std::uint64_t kRecordLabelsSlot = 6;

// First byte of the slots that hold a value for an address (and a method) without hashing.
constexpr std::uint64_t kSubjectTag = 1;
constexpr std::uint64_t kReasonTag = 2;
constexpr std::uint64_t kMethodTag = 3;
constexpr std::uint64_t kMethodReasonTag = 4;
constexpr std::uint64_t kAdministratorTag = 5;

constexpr unsigned kTagShift = 248;
constexpr unsigned kMethodShift = 160;

// Bits of the summary.
constexpr unsigned kEnforcedBit = 0;
constexpr unsigned kFreezesBit = 1;
constexpr unsigned kMethodFreezesBit = 2;
constexpr unsigned kLabelsBit = 3;
constexpr unsigned kShapesBit = 8;

/// A policy in its array: three words.
constexpr std::uint64_t kPolicyWords = 3;
constexpr unsigned kShapeShift = 160;

U256 number(const ledger::Selector& method) {
    return U256{std::uint64_t{method[0]} << 24 | std::uint64_t{method[1]} << 16 | std::uint64_t{method[2]} << 8 |
                method[3]};
}

ledger::Selector selector_from(std::uint64_t number) {
    return {static_cast<std::uint8_t>(number >> 24), static_cast<std::uint8_t>(number >> 16),
            static_cast<std::uint8_t>(number >> 8), static_cast<std::uint8_t>(number)};
}

U256 tagged(std::uint64_t tag, const Address& address) { return U256{tag} << kTagShift | from_big_endian(address); }

U256 tagged(std::uint64_t tag, const Address& contract, const ledger::Selector& method) {
    return tagged(tag, contract) | number(method) << kMethodShift;
}

Address address_in(const U256& word) { return *Address::from(BytesView{to_big_endian(word)}.last(Address::kSize)); }

U256 element(std::uint64_t array, std::uint64_t index) { return ledger::content_slot(array) + U256{index}; }

U256 verdict_slot(const Pattern& pattern) {
    Bytes key{pattern.shape()};
    append(key, pattern.account.value_or(Address{}));
    append(key, pattern.contract.value_or(Address{}));
    append(key, BytesView{pattern.method.value_or(ledger::Selector{})});
    return ledger::mapping_slot(as_text(key), kVerdictsSlot);
}

} // namespace

std::uint8_t Pattern::shape() const {
    return static_cast<std::uint8_t>((account ? kAccount : 0) | (contract ? kContract : 0) | (method ? kMethod : 0));
}

RoleStorage::Summary RoleStorage::summary() {
    const std::uint64_t word = slots_.load(kSummarySlot).low();
    const auto bit = [&](unsigned at) { return (word >> at & 1) != 0; };
    return {.enforced = bit(kEnforcedBit),
            .freezes = bit(kFreezesBit),
            .method_freezes = bit(kMethodFreezesBit),
            .labels = bit(kLabelsBit),
            .shapes = static_cast<std::uint8_t>(word >> kShapesBit)};
}

void RoleStorage::set_bit(unsigned bit) {
    const U256 word = slots_.load(kSummarySlot);
    const U256 with = word | U256{1} << bit;
    if (with != word) slots_.store(kSummarySlot, with);
}

void RoleStorage::enforce() { set_bit(kEnforcedBit); }

std::uint64_t RoleStorage::append(std::uint64_t array, const U256& word) {
    const std::uint64_t index = slots_.load(array).low();
    slots_.store(array, U256{index + 1});
    slots_.store(element(array, index), word);
    return index;
}

Subject RoleStorage::subject(const Address& address) {
    return Subject::unpack(slots_.load(tagged(kSubjectTag, address)));
}

void RoleStorage::set_subject(const Address& address, const Subject& subject) {
    const U256 slot = tagged(kSubjectTag, address);
    if (!slots_.load(slot)) append(kSubjectsSlot, from_big_endian(address));
    slots_.store(slot, subject.pack());
    if (subject.freeze.until != 0) set_bit(kFreezesBit);
    if (!subject.after.label.is_bottom()) set_bit(kLabelsBit);
    const U256 administrator = tagged(kAdministratorTag, address);
    if (subject.after.is_administrator() && !slots_.load(administrator))
        slots_.store(administrator, U256{append(kAdministratorsSlot, from_big_endian(address)) + 1});
}

std::uint64_t RoleStorage::subject_count() { return slots_.load(kSubjectsSlot).low(); }
Address RoleStorage::subject_at(std::uint64_t index) { return address_in(slots_.load(element(kSubjectsSlot, index))); }

std::string RoleStorage::freeze_reason(const Address& address) {
    return load_text(slots_, tagged(kReasonTag, address), kReasonBytesMax);
}
void RoleStorage::set_freeze_reason(const Address& address, std::string_view reason) {
    store_text(slots_, tagged(kReasonTag, address), reason);
}

Freeze RoleStorage::method_freeze(const Address& contract, const ledger::Selector& method) {
    return unpack_freeze(slots_.load(tagged(kMethodTag, contract, method)));
}

void RoleStorage::set_method_freeze(const MethodFreeze& entry, std::string_view reason) {
    const U256 slot = tagged(kMethodTag, entry.contract, entry.method);
    if (!slots_.load(slot))
        append(kMethodFreezesSlot, from_big_endian(entry.contract) | number(entry.method) << kMethodShift);
    slots_.store(slot, pack(entry.freeze));
    store_text(slots_, tagged(kMethodReasonTag, entry.contract, entry.method), reason);
    set_bit(kMethodFreezesBit);
}

std::string RoleStorage::method_freeze_reason(const Address& contract, const ledger::Selector& method) {
    return load_text(slots_, tagged(kMethodReasonTag, contract, method), kReasonBytesMax);
}

std::uint64_t RoleStorage::method_freeze_count() { return slots_.load(kMethodFreezesSlot).low(); }

MethodFreeze RoleStorage::method_freeze_at(std::uint64_t index) {
    const U256 word = slots_.load(element(kMethodFreezesSlot, index));
    MethodFreeze out{.contract = address_in(word), .method = selector_from((word >> kMethodShift).low()), .freeze = {}};
    out.freeze = method_freeze(out.contract, out.method);
    return out;
}

Verdict RoleStorage::verdict(const Pattern& pattern, std::uint64_t block) {
    return static_cast<Verdict>(Pending::unpack(slots_.load(verdict_slot(pattern))).at(block));
}

void RoleStorage::set_verdict(const Pattern& pattern, Verdict verdict, std::uint64_t now) {
    const U256 slot = verdict_slot(pattern);
    const U256 word = slots_.load(slot);
    if (!word) {
        const std::uint64_t index = policy_count();
        slots_.store(kPoliciesSlot, U256{index + 1});
        const U256 at = element(kPoliciesSlot, index * kPolicyWords);
        slots_.store(at, from_big_endian(pattern.account.value_or(Address{})) | U256{pattern.shape()} << kShapeShift);
        slots_.store(at + U256{1}, from_big_endian(pattern.contract.value_or(Address{})));
        slots_.store(at + U256{2}, number(pattern.method.value_or(ledger::Selector{})));
        set_bit(kShapesBit + pattern.shape());
        const auto note = [&](const Address& address, bool Subject::* flag) {
            Subject named = subject(address);
            if (named.*flag) return;
            named.*flag = true;
            set_subject(address, named);
        };
        if (pattern.account) note(*pattern.account, &Subject::in_policies_as_account);
        if (pattern.contract) note(*pattern.contract, &Subject::in_policies_as_contract);
    }
    Pending pending = Pending::unpack(word);
    pending.change(now, static_cast<std::uint64_t>(verdict));
    slots_.store(slot, pending.pack());
}

std::uint64_t RoleStorage::policy_count() { return slots_.load(kPoliciesSlot).low(); }

Pattern RoleStorage::policy_at(std::uint64_t index) {
    const U256 at = element(kPoliciesSlot, index * kPolicyWords);
    const U256 first = slots_.load(at);
    const std::uint64_t shape = (first >> kShapeShift).low();
    Pattern out;
    if (shape & Pattern::kAccount) out.account = address_in(first);
    if (shape & Pattern::kContract) out.contract = address_in(slots_.load(at + U256{1}));
    if (shape & Pattern::kMethod) out.method = selector_from(slots_.load(at + U256{2}).low());
    return out;
}

Label RoleStorage::record_label(const Hash256& digest, std::uint64_t block) {
    return label_of(Pending::unpack(slots_.load(ledger::mapping_slot(digest, kRecordLabelsSlot))).at(block));
}

void RoleStorage::set_record_label(const Hash256& digest, const Label& label, std::uint64_t now) {
    const U256 slot = ledger::mapping_slot(digest, kRecordLabelsSlot);
    Pending pending = Pending::unpack(slots_.load(slot));
    pending.change(now, number_of(label));
    slots_.store(slot, pending.pack());
    set_bit(kLabelsBit);
}

std::uint64_t RoleStorage::administrator_count() { return slots_.load(kAdministratorsSlot).low(); }
Address RoleStorage::administrator_at(std::uint64_t index) {
    return address_in(slots_.load(element(kAdministratorsSlot, index)));
}
std::optional<std::uint64_t> RoleStorage::administrator_index(const Address& account) {
    const U256 index_plus_one = slots_.load(tagged(kAdministratorTag, account));
    if (!index_plus_one) return std::nullopt;
    return index_plus_one.low() - 1;
}

} // namespace cairn::system
