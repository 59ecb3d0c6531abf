// How much work the next block should hold. Ordering is faster than execution: blocks that are filled to the limit only move
// the queue from the lanes, where owners take turns, to the blocks that are ordered and not yet executed, where everybody
// waits behind everybody. So while several lanes have data, the budget of a block follows the time from a block to its
// certified result: down by a quarter when that takes too long, up by an eighth while it is short and the budget is used. A lane
// alone has no budget: it waits for nobody but itself. A choice of leaders: a block beyond the budget is as valid as any.
//
// Pure. One caller at a time.
#pragma once

#include "base/clock.hpp"
#include "ledger/consensus_block.hpp"

#include <algorithm>
#include <cstdint>
#include <deque>
#include <optional>

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
    std::uint64_t value(Microseconds now) const { return is_shared(now) ? budget_ : kMax; }

    /// In a batch of one of `lanes` lanes.
    std::uint64_t batch_transactions(std::size_t lanes, Microseconds now) const {
        return is_shared(now) ? std::max(budget_ / kTransactionGas / lanes, kBatchMin) : kBatchAlone;
    }

    /// A block with data of `lane` came.
    void has_data_of(std::size_t lane, Microseconds now) {
        if (last_lane_ && *last_lane_ != lane) shared_at_ = now;
        last_lane_ = lane;
    }

    /// A block of so much work came.
    void ordered(Height height, std::uint64_t work, Microseconds now) {
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
            } else if (delay_ < target / 3 * 2 && block.work >= budget_ / 2) {
                budget_ = std::min(budget_ + budget_ / 8, kMax);
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
    static constexpr std::uint64_t kBatchAlone = 256; // at one batch every 25 ms it is not held back by it
    /// So long after another lane's data a lane counts as alone.
    static constexpr Microseconds kAlone{1'000'000};
    static constexpr std::size_t kWaitingMax = 64;

private:
    struct Ordered {
        Height height;
        std::uint64_t work;
        Microseconds at;
    };
    bool is_shared(Microseconds now) const { return shared_at_ && now - *shared_at_ < kAlone; }

    std::deque<Ordered> waiting_; // for their results, by the time they came
    std::uint64_t budget_ = kMax;
    Microseconds delay_{}; // from a block to its result, smoothed
    Microseconds last_cut_{};
    std::optional<std::size_t> last_lane_;
    std::optional<Microseconds> shared_at_; // blocks held data of more than one lane
};

} // namespace cairn::consensus
