#include "node/lane_pacer.hpp"

#include <algorithm>

namespace cairn::node {

Microseconds LanePacer::target() const { return std::clamp(2 * least_delay_, kDelayMin, kDelayMax); }

void LanePacer::taken(std::size_t count, Microseconds now) {
    if (count == 0) return;
    batches_.push_back({now, count});
    in_flight_ += count;
}

void LanePacer::left(std::size_t count, Microseconds now) {
    count = std::min(count, in_flight_);
    if (count == 0) return;
    const auto before = in_flight_;
    const auto delay = now - batches_.front().at;
    in_flight_ -= count;
    for (auto rest = count; rest > 0;) {
        auto& batch = batches_.front();
        const auto part = std::min(rest, batch.count);
        rest -= part;
        batch.count -= part;
        if (batch.count == 0) batches_.pop_front();
    }
    // Only a short lane shows that the network itself became slower: the delay of a long one is its own queue.
    if (delay < least_delay_)
        least_delay_ = delay;
    else if (before <= 2 * kWindowMin)
        least_delay_ += (delay - least_delay_) / 8;
    if (delay > target()) {
        // Once for each way through the lane: what is on its way was taken under the old window.
        if (now - last_cut_ < delay) return;
        last_cut_ = now;
        window_ = std::max(window_ * 7 / 10, kWindowMin);
    } else if (before >= window_ / 2) {
        window_ = std::min(window_ + count / 2 + 1, kWindowMax);
    }
}

} // namespace cairn::node
