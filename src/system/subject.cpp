#include "system/subject.hpp"

namespace cairn::system {

namespace {

// Bits of a subject's word; heights have 40.
constexpr unsigned kHeightBits = 40;
constexpr unsigned kLabelBits = 40;
constexpr unsigned kRoleBits = 16;
constexpr unsigned kBeforeRoles = 16;
constexpr unsigned kLabel = 32;
constexpr unsigned kBeforeLabel = 72;
constexpr unsigned kSince = 112;
constexpr unsigned kFrom = 152;
constexpr unsigned kUntil = 192;
constexpr unsigned kAsAccount = 232;
constexpr unsigned kAsContract = 233;

std::uint64_t field(const U256& word, unsigned at, unsigned bits) {
    return (word >> at).low() & ((std::uint64_t{1} << bits) - 1);
}

U256 placed(std::uint64_t value, unsigned at) { return U256{value} << at; }

} // namespace

Subject Subject::unpack(const U256& word) {
    Subject out;
    out.after.roles = static_cast<ledger::RoleMask>(field(word, 0, kRoleBits));
    out.before.roles = static_cast<ledger::RoleMask>(field(word, kBeforeRoles, kRoleBits));
    out.after.label = label_of(field(word, kLabel, kLabelBits));
    out.before.label = label_of(field(word, kBeforeLabel, kLabelBits));
    out.since = field(word, kSince, kHeightBits);
    out.freeze.from = field(word, kFrom, kHeightBits);
    out.freeze.until = field(word, kUntil, kHeightBits);
    out.in_policies_as_account = field(word, kAsAccount, 1) != 0;
    out.in_policies_as_contract = field(word, kAsContract, 1) != 0;
    return out;
}

U256 Subject::pack() const {
    return placed(after.roles, 0) | placed(before.roles, kBeforeRoles) | placed(number_of(after.label), kLabel) |
           placed(number_of(before.label), kBeforeLabel) | placed(since, kSince) | placed(freeze.from, kFrom) |
           placed(freeze.until, kUntil) | placed(in_policies_as_account ? 1 : 0, kAsAccount) |
           placed(in_policies_as_contract ? 1 : 0, kAsContract);
}

Pending Pending::unpack(const U256& word) {
    return {.before = field(word, kHeightBits, kHeightBits),
            .after = field(word, 0, kHeightBits),
            .since = field(word, 2 * kHeightBits, kHeightBits)};
}

U256 Pending::pack() const { return placed(after, 0) | placed(before, kHeightBits) | placed(since, 2 * kHeightBits); }

Freeze unpack_freeze(const U256& word) {
    return {.from = field(word, 0, kHeightBits), .until = field(word, kHeightBits, kHeightBits)};
}

U256 pack(const Freeze& freeze) { return placed(freeze.from, 0) | placed(freeze.until, kHeightBits); }

} // namespace cairn::system
