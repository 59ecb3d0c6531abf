// A rate with a burst: so many tokens a second flow in, at most a burst of them is kept. Time comes in as a parameter.
#pragma once

#include "base/clock.hpp"

#include <algorithm>

namespace cairn {

struct Rate {
    std::uint64_t per_second = 0;
    std::uint64_t burst = 0;
};

/// One caller at a time. Starts full.
class TokenBucket {
public:
    TokenBucket(const Rate& rate, Microseconds now)
        : rate_(rate), level_(static_cast<double>(rate.burst)), filled_at_(now) {}

    /// Takes them if they are there. What is larger than the burst passes when the bucket is full and leaves a debt.
    bool take(std::uint64_t tokens, Microseconds now) {
        fill(now);
        const auto wanted = static_cast<double>(tokens);
        if (level_ < std::min(wanted, static_cast<double>(rate_.burst))) return false;
        level_ -= wanted;
        return true;
    }
    /// Takes them in any case: the debt has to flow in before anything else passes. At most `bursts` bursts of debt.
    void charge(std::uint64_t tokens, Microseconds now, std::uint64_t bursts = 4) {
        fill(now);
        const auto floor = -static_cast<double>(rate_.burst) * static_cast<double>(bursts);
        level_ = std::max(level_ - static_cast<double>(tokens), floor);
    }
    /// How long until `take` would say yes.
    Microseconds wait_for(std::uint64_t tokens, Microseconds now) {
        fill(now);
        const auto wanted = std::min(static_cast<double>(tokens), static_cast<double>(rate_.burst));
        if (level_ >= wanted) return Microseconds{0};
        if (rate_.per_second == 0) return std::chrono::hours{1};
        const auto seconds = (wanted - level_) / static_cast<double>(rate_.per_second);
        return Microseconds{static_cast<std::int64_t>(seconds * 1e6) + 1};
    }
    /// Nothing has been taken that has not flowed in again.
    bool is_full(Microseconds now) {
        fill(now);
        return level_ >= static_cast<double>(rate_.burst);
    }

private:
    void fill(Microseconds now) {
        if (now <= filled_at_) return;
        const auto seconds = static_cast<double>((now - filled_at_).count()) / 1e6;
        level_ = std::min(level_ + seconds * static_cast<double>(rate_.per_second), static_cast<double>(rate_.burst));
        filled_at_ = now;
    }

    Rate rate_;
    double level_;
    Microseconds filled_at_;
};

} // namespace cairn
