// Numbers with a meaning. They are ordered and printable but do not mix.
#pragma once

#include <compare>
#include <cstdint>

namespace cairn {

template <class Tag>
struct Number {
    std::uint64_t value = 0;

    constexpr Number() = default;
    constexpr explicit Number(std::uint64_t v) : value(v) {}
    constexpr auto operator<=>(const Number&) const = default;
    constexpr Number next() const { return Number{value + 1}; }
    constexpr Number previous() const { return Number{value - 1}; }
};

/// Block number; genesis is 0.
using Height = Number<struct HeightTag>;
/// Attempt of the ordering protocol; the first view of an epoch is 1.
using View = Number<struct ViewTag>;
/// Span of constant validator set; the first is 0.
using Epoch = Number<struct EpochTag>;
/// Number of a batch in its lane; the first is 1, 0 means "none yet".
using Position = Number<struct PositionTag>;
/// Index in the validator set of an epoch.
struct ValidatorIndex {
    std::uint16_t value = 0;
    constexpr auto operator<=>(const ValidatorIndex&) const = default;
};

} // namespace cairn
