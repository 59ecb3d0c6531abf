// How much work the next block should hold. Ordering is faster than execution: blocks that are filled to the limit only move
// the queue from the lanes, where owners take turns, to the blocks that are ordered and not yet executed, where everybody
// waits behind everybody. So the budget of a block follows the lag of certified execution, up by an eighth and down by a
// quarter. A choice of leaders alone: a block beyond the budget is as valid as any.
//
// Pure. One caller at a time.
#pragma once

#include "base/clock.hpp"
#include "ledger/consensus_block.hpp"

#include <algorithm>
#include <cstdint>
#include <deque>
#include <utility>

namespace cairn::consensus {

inline constexpr std::uint64_t kTransactionGas = 21'000;

/// Work of a batch in gas: what its owner declared, at least what so many transactions cost.
inline std::uint64_t work_of(const ledger::BatchHeader& header) {
    constexpr std::uint64_t kNoOverflow = 1ull << 44; // a lane's window of it times a weight stays in 64 bits
    return std::min(std::max(header.gas_limit_sum, kTransactionGas * header.transaction_count), kNoOverflow);
}

class BlockBudget {
public:
    /// In gas.
    std::uint64_t value() const { return budget_; }

    /// In a batch of one of `lanes` lanes.
    std::uint64_t batch_transactions(std::size_t lanes) const {
        return std::max(budget_ / kTransactionGas / lanes, kBatchMin);
    }

    /// A block of so much work came, and refers to the certified result of `executed`.
    void observe(Height height, Height executed, std::uint64_t work, Microseconds now) {
        const auto lag = height.value - executed.value;
        if (lag > kLagMax) {
            // Once for each way to a certificate: what is on its way was made under the old budget.
            if (executed >= last_cut_) {
                budget_ = std::max(std::min(budget_, work) / 4 * 3, kMin);
                last_cut_ = height;
            }
        } else if (lag < kLagMax && work >= budget_ / 2) {
            budget_ = std::min(budget_ + budget_ / 8, kMax);
        }
        while (!seen_.empty() && (seen_.front().first <= executed || seen_.size() >= kSeenMax)) seen_.pop_front();
        seen_.emplace_back(height, now);
    }

    /// No block above `executed` waits for its certificate for long: lanes may use what others leave of the budget.
    bool has_slack(Height executed, Microseconds now) const {
        return std::ranges::all_of(
            seen_, [&](const auto& block) { return block.first <= executed || now - block.second <= kSlack; });
    }

    static constexpr std::uint64_t kMin = 200 * kTransactionGas;
    /// A lane alone, at one batch every 25 ms, is not held back by it.
    static constexpr std::uint64_t kBatchMin = 256;
    static constexpr std::uint64_t kMax = 1ull << 40;
    /// One block is voted on, one executed, one certified: with more on the way they wait for each other.
    static constexpr std::uint64_t kLagMax = 4;
    static constexpr Microseconds kSlack{100'000};
    static constexpr std::size_t kSeenMax = 64;

private:
    Height last_cut_;
    std::deque<std::pair<Height, Microseconds>> seen_; // blocks above the last result, with when they came
    std::uint64_t budget_ = kMax;
};

} // namespace cairn::consensus
