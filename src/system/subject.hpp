// What the system contract Roles knows of one address, in one word of storage: its roles, its label, its freeze. Every change
// counts from the next block on, so that within a block all transactions see the same. Thread-safe values.
#pragma once

#include "base/u256.hpp"
#include "ledger/role.hpp"

namespace cairn::system {

/// Heights in Roles have 40 bits; the greatest stands for "for ever".
inline constexpr std::uint64_t kForever = (std::uint64_t{1} << 40) - 1;

/// A security label: an ordered level and a set of compartments. The default is the bottom, which everything dominates.
struct Label {
    std::uint8_t level = 0;
    std::uint32_t compartments = 0;

    /// Partial order of the lattice: at least the level, and all compartments.
    constexpr bool dominates(const Label& other) const {
        return level >= other.level && (other.compartments & ~compartments) == 0;
    }
    constexpr bool is_bottom() const { return level == 0 && compartments == 0; }
    constexpr bool operator==(const Label&) const = default;
};

/// From block `from` up to, but not including, `until`.
struct Freeze {
    std::uint64_t from = 0;
    std::uint64_t until = 0;

    constexpr bool holds_at(std::uint64_t block) const { return from <= block && block < until; }
    /// As decided in block `now`: from the next block on. A freeze that holds already goes on without a gap.
    constexpr void begin(std::uint64_t now, std::uint64_t end) {
        if (!holds_at(now)) from = now + 1;
        until = end;
    }
    constexpr void end(std::uint64_t now) {
        if (until > now + 1) until = now + 1;
    }
};

struct Rights {
    ledger::RoleMask roles = 0;
    Label label;

    constexpr bool has(ledger::Role role) const { return (roles & ledger::mask_of(role)) != 0; }
    constexpr bool is_administrator() const { return (roles & ledger::kAdministratorRoles) != 0; }
};

struct Subject {
    Rights before; // counts below block `since`
    Rights after;
    std::uint64_t since = 0;
    Freeze freeze;
    // Some policy names it, or has ever named it.
    bool in_policies_as_account = false;
    bool in_policies_as_contract = false;

    constexpr const Rights& at(std::uint64_t block) const { return block < since ? before : after; }
    /// The rights to change in block `now`; they count from the next block on.
    constexpr Rights& changing(std::uint64_t now) {
        if (since <= now) before = after;
        since = now + 1;
        return after;
    }

    static Subject unpack(const U256& word);
    U256 pack() const;
};

/// A value that changes with the next block, in one word: of a policy or of a record's label.
struct Pending {
    std::uint64_t before = 0; // 40 bits
    std::uint64_t after = 0;  // 40 bits
    std::uint64_t since = 0;

    constexpr std::uint64_t at(std::uint64_t block) const { return block < since ? before : after; }
    constexpr void change(std::uint64_t now, std::uint64_t value) {
        if (since <= now) before = after;
        since = now + 1;
        after = value;
    }
    static Pending unpack(const U256& word);
    U256 pack() const;
};

/// Label as a number of 40 bits, for Pending.
constexpr std::uint64_t number_of(const Label& label) { return std::uint64_t{label.level} << 32 | label.compartments; }
constexpr Label label_of(std::uint64_t number) {
    return {static_cast<std::uint8_t>(number >> 32), static_cast<std::uint32_t>(number)};
}

/// Freeze alone in a word: of a method.
Freeze unpack_freeze(const U256& word);
U256 pack(const Freeze& freeze);

} // namespace cairn::system
