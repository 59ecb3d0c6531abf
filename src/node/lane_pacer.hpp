// How much of this node's lane may be on its way at a time. A lane that holds more than the network executes in a moment only
// moves the queue from the pool, where organisations take turns, to blocks, where everybody waits behind it. So the window of
// transactions taken and not yet executed follows the delay from one to the other, as delay-based congestion control does
// (TCP Vegas: Brakmo, Peterson, 1995).
//
// Time comes in as a parameter. One caller at a time.
#pragma once

#include "base/clock.hpp"

#include <cstddef>
#include <deque>

namespace cairn::node {

class LanePacer {
public:
    /// Transactions that may be taken now.
    std::size_t room(std::size_t in_flight) const { return window_ > in_flight ? window_ - in_flight : 0; }
    void taken(std::size_t count, Microseconds now);
    /// `count` of them left the lane with a block: executed, or dropped from it. In the order in which they were taken.
    void left(std::size_t count, Microseconds now);

    std::size_t window() const { return window_; }
    /// Transactions that may wait for a place in the lane or in it: some seconds of what the network takes from it. A client that
    /// sends much more is told so at once and not after a long queue.
    std::size_t waiting_max() const { return kWaitingWindows * window_; }

    static constexpr std::size_t kWindowMin = 256;
    static constexpr std::size_t kWindowMax = 131'072;
    static constexpr std::size_t kWaitingWindows = 16;
    static constexpr Microseconds kDelayMin{120'000}; // never taken for a queue
    static constexpr Microseconds kDelayMax{2'000'000};

private:
    struct Batch {
        Microseconds at;
        std::size_t count;
    };
    Microseconds target() const;

    std::deque<Batch> batches_;
    std::size_t in_flight_ = 0;
    std::size_t window_ = kWindowMin;
    Microseconds least_delay_ = kDelayMax; // lately: without a queue it takes about so long
    Microseconds last_cut_{};
};

} // namespace cairn::node
