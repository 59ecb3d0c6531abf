// Who is served next when several classes wait for one thing: start-time fair queueing (Goyal, Vin, Cheng, 1996). Each class
// gets work in proportion to its weight while it waits; what one class does not use the others have at once, and nobody owes
// or saves anything for it. Same service as deficit round robin, without its rounds: weights may differ by four orders.
//
// Deterministic: whole numbers, ties go to the class of lower index. One caller at a time.
#pragma once

#include "base/assert.hpp"

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <vector>

namespace cairn {

class FairQueue {
public:
    static constexpr std::uint64_t kWeightMax = 10'000;
    static constexpr std::uint64_t kCostMax = std::uint64_t{1} << 40; // more in one piece counts as so much

    /// Weights from 1 to kWeightMax, one for each class.
    explicit FairQueue(std::vector<std::uint64_t> weights) : weights_(std::move(weights)), served_(weights_.size()) {
        for (const auto weight : weights_) CRN_ASSERT(weight >= 1 && weight <= kWeightMax);
    }

    std::size_t classes() const { return weights_.size(); }

    /// The class to serve among those for which `waits(class)` is true; nothing if none waits.
    template <class Waits>
    std::optional<std::size_t> next(Waits waits) {
        std::optional<std::size_t> best;
        for (std::size_t i = 0; i < served_.size(); ++i)
            if (waits(i) && (!best || served_[i] < served_[*best])) best = i;
        if (!best) return best;
        now_ = std::max(now_, served_[*best]);
        // Who does not wait loses nothing by it and saves nothing up.
        for (std::size_t i = 0; i < served_.size(); ++i)
            if (!waits(i)) served_[i] = std::max(served_[i], now_);
        if (now_ > kRebase) {
            for (auto& served : served_) served -= std::min(served, now_);
            now_ = 0;
        }
        return best;
    }

    void charge(std::size_t which, std::uint64_t cost) {
        served_[which] += std::min(cost, kCostMax) * kWeightMax / weights_[which];
    }

private:
    static constexpr std::uint64_t kRebase = std::uint64_t{1} << 61;

    std::vector<std::uint64_t> weights_;
    std::vector<std::uint64_t> served_; // cost divided by weight
    std::uint64_t now_ = 0;             // of the class served last
};

} // namespace cairn
