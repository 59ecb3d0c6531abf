// How much work the next block should hold. Ordering is faster than execution: blocks that are filled to the limit only move
// the queue from the lanes, where owners take turns, to the blocks that are ordered and not yet executed, where everybody
// waits behind everybody. So while one lane gives much more work than another, the budget of a block follows the time from a block to
// its certified result: down by a quarter when that takes too long, up by a sixteenth while it is short and the budget is used.
// Lanes that give alike, or a lane alone, have no budget: nobody waits for others more than they wait for him. A choice of
// leaders: a block beyond the budget is as valid as any.
//
// Pure. One caller at a time.
#pragma once

#include "base/clock.hpp"
#include "ledger/consensus_block.hpp"

#include <algorithm>
#include <cstdint>
#include <deque>
#include <span>
#include <vector>

namespace cairn::consensus {

inline constexpr std::uint64_t kTransactionGas = 21'000;

/// Work of a batch in gas: what its owner declared, at least what so many transactions cost.
inline std::uint64_t work_of(const ledger::BatchHeader& header) {
    constexpr std::uint64_t kNoOverflow = 1ull << 44; // a lane's window of it times a weight stays in 64 bits
    return std::min(std::max(header.gas_limit_sum, kTransactionGas * header.transaction_count), kNoOverflow);
}

class BlockBudget {
public:
    explicit BlockBudget(std::size_t lanes) : recent_(lanes) {}

    /// In gas.
    std::uint64_t value() const { return is_uneven() ? budget_ : kMax; }

    /// In a batch.
    std::uint64_t batch_transactions() const {
        return is_uneven() ? std::max(budget_ / kTransactionGas / recent_.size(), kBatchMin) : kBatchEven;
    }

    /// A block came, with so much work of each lane for its weight, and so much in all.
    void ordered(Height height, std::span<const std::uint64_t> by_lane, std::uint64_t work, Microseconds now) {
        for (std::size_t lane = 0; lane < recent_.size(); ++lane)
            recent_[lane] = (7 * recent_[lane] + by_lane[lane]) / 8; // an idle one comes down to 0
        if (waiting_.size() >= kWaitingMax) waiting_.pop_front();
        waiting_.push_back({height, work, now});
    }

    /// The result of a block was certified; it should not take longer than `target` after the block.
    void certified(Height height, Microseconds now, Microseconds target) {
        for (; !waiting_.empty() && waiting_.front().height <= height; waiting_.pop_front()) {
            const auto& block = waiting_.front();
            if (block.height != height) continue;
            delay_ += (now - block.at - delay_) / 4; // one late block is chance
            if (delay_ > target) {
                // Once for each way to a certificate: what is on its way was made under the old budget.
                if (block.at < last_cut_) continue;
                budget_ = std::max(std::min(budget_, block.work) / 4 * 3, kMin);
                last_cut_ = now;
            } else if (delay_ < target / 3 * 2 && block.work >= budget_ / 4 * 3) {
                budget_ = std::min(budget_ + budget_ / 16, kMax);
            }
        }
    }

    /// No block waits for its result for longer than `limit`: lanes may use what others leave of the budget.
    bool has_slack(Microseconds now, Microseconds limit) const {
        return std::ranges::all_of(waiting_, [&](const auto& block) { return now - block.at <= limit; });
    }

    static constexpr std::uint64_t kMin = 200 * kTransactionGas;
    static constexpr std::uint64_t kMax = 1ull << 40;
    static constexpr std::uint64_t kBatchMin = 64;
    static constexpr std::uint64_t kBatchEven = 256; // at one batch every 25 ms a lane is not held back by it
    static constexpr std::size_t kWaitingMax = 64;

private:
    struct Ordered {
        Height height;
        std::uint64_t work;
        Microseconds at;
    };
    /// Some lane lately gave less than half as much as another.
    bool is_uneven() const {
        const auto most = std::ranges::max(recent_);
        return std::ranges::any_of(recent_, [&](auto lane) { return lane > 0 && lane < most / 2; });
    }

    std::deque<Ordered> waiting_; // for their results, by the time they came
    std::uint64_t budget_ = kMax;
    Microseconds delay_{}; // from a block to its result, smoothed
    Microseconds last_cut_{};
    std::vector<std::uint64_t> recent_; // work of each lane in a block for its weight, smoothed
};

} // namespace cairn::consensus
