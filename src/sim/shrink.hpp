// Makes a failing run small enough to be read: leaves out faults, whole kinds of them first, as long as an invariant still breaks.
#pragma once

#include "sim/world.hpp"

namespace cairn::sim {

struct Shrunk {
    Scenario scenario; // Scenario::without names what was left out
    Outcome outcome;   // of its run: still with violations
    std::uint64_t runs = 0;
};

/// `scenario` must fail with `seed`. Makes at most `runs_max` runs; every step keeps what fails, so stopping early is sound.
Shrunk shrink(std::uint64_t seed, const Scenario& scenario, std::uint64_t runs_max);
/// The scenario that is left and each fault that still happens, one a line, with its time.
std::string describe(const Shrunk& shrunk);

} // namespace cairn::sim
