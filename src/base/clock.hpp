// Time and chance come in as parameters everywhere below `node`.
#pragma once

#include <chrono>
#include <cstdint>
#include <span>

namespace cairn {

using Milliseconds = std::chrono::milliseconds;
using Microseconds = std::chrono::microseconds;

class Clock {
public:
    virtual ~Clock() = default;
    /// Never goes back; origin unspecified.
    virtual Microseconds monotonic() const = 0;
    /// Since 1970-01-01 UTC; may jump.
    virtual Milliseconds wall() const = 0;
};

/// The machine's clocks. Thread-safe.
const Clock& system_clock();

class Random {
public:
    virtual ~Random() = default;
    virtual void fill(std::span<std::uint8_t> out) = 0;
};

} // namespace cairn
