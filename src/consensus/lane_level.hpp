// How much work a lane may give to the next block. Ordering is faster than execution: blocks that are filled to the limit only move
// the queue from the lanes, where each owner waits for itself, to the blocks that are ordered and not yet executed, where everybody
// waits behind everybody. So while one lane wants to give much more than another there is a level that none may go beyond. It follows
// the time from a block to its certified result: down by a quarter of what the fullest lane gave when that takes too long, up by a
// sixteenth while it is short and the level is reached. Who gives less than the level does not notice it; the fullest lane meets it first.
// Lanes that want to give alike, or a lane alone, have none: nobody waits for others more than they wait for him. A choice of
// leaders: a block beyond the level is as valid as any.
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

/// What the work of a lane with `weight` is for one of mean weight, where `lanes` have `sum` together; at most 2^56.
inline std::uint64_t of_mean_weight(std::uint64_t work, std::uint64_t weight, std::uint64_t sum, std::size_t lanes) {
    constexpr std::uint64_t kEnough = 1ull << 56; // some of it can still be added
    const auto out = static_cast<unsigned __int128>(work) * sum / weight / lanes;
    return out > kEnough ? kEnough : static_cast<std::uint64_t>(out);
}

class LaneLevel {
public:
    explicit LaneLevel(std::size_t lanes) : wanted_(lanes) {}

    /// Of a lane of mean weight, in gas.
    std::uint64_t value() const { return is_uneven() ? level_ : kMax; }

    /// Lanes that gave something lately, more than one transaction now and then; from 1 to kGivingMax. Each batch of any lane costs
    /// everyone signatures and a sync: the more give, the longer an owner waits for company, and the larger its batches may be.
    std::uint64_t giving() const {
        const auto count = std::ranges::count_if(wanted_, [](auto lane) { return lane >= kIdle; });
        return std::clamp<std::uint64_t>(static_cast<std::uint64_t>(count), 1, kGivingMax);
    }
    /// In a batch.
    std::uint64_t batch_transactions() const { return std::clamp(value() / kTransactionGas, kBatchMin, kBatchMax * giving()); }

    /// A block came. What each lane gave to it, as of mean weight, and what it would have given: that and what waits.
    void ordered(Height height, std::span<const std::uint64_t> gave, std::span<const std::uint64_t> wanted,
                 Microseconds now) {
        for (std::size_t lane = 0; lane < wanted_.size(); ++lane)
            wanted_[lane] = (7 * wanted_[lane] + wanted[lane]) / 8; // an idle one comes down to 0
        if (waiting_.size() >= kWaitingMax) waiting_.pop_front();
        waiting_.push_back({height, std::ranges::max(gave), now});
    }

    /// The result of a block was certified; it should not take longer than `target` after the block.
    void certified(Height height, Microseconds now, Microseconds target) {
        for (; !waiting_.empty() && waiting_.front().height <= height; waiting_.pop_front()) {
            const auto& block = waiting_.front();
            if (block.height != height) continue;
            delay_ += (now - block.at - delay_) / 4; // one late block is chance
            if (delay_ > target) {
                // Once for each way to a certificate: what is on its way was made under the old level.
                if (block.at < last_cut_) continue;
                level_ = std::max(std::min(level_, block.most) / 4 * 3, kMin);
                last_cut_ = now;
            } else if (delay_ < target / 3 * 2 && block.most >= level_ / 4 * 3) {
                level_ = std::min(level_ + level_ / 16, kMax);
            }
        }
    }

    static constexpr std::uint64_t kMax = 1ull << 40;
    static constexpr std::uint64_t kBatchMin = 64;
    static constexpr std::uint64_t kBatchMax = 256; // for each giving lane: at a batch every 25 ms for each none is held back by it
    static constexpr std::uint64_t kGivingMax = 4;  // that count for the pace and the size of batches
    static constexpr std::uint64_t kMin = kBatchMin * kTransactionGas; // a batch
    static constexpr std::uint64_t kStart = kBatchMax * kTransactionGas;
    static constexpr std::uint64_t kIdle = kTransactionGas / 8; // below: less than one in so many blocks
    static constexpr std::size_t kWaitingMax = 64;

private:
    struct Ordered {
        Height height;
        std::uint64_t most; // what the fullest lane gave
        Microseconds at;
    };
    /// Some lane lately wanted to give less than half as much as another. One transaction now and then does not count.
    bool is_uneven() const {
        const auto most = std::ranges::max(wanted_);
        return std::ranges::any_of(wanted_, [&](auto lane) { return lane >= kIdle && lane < most / 2; });
    }

    std::deque<Ordered> waiting_; // for their results, by the time they came
    std::uint64_t level_ = kStart;
    Microseconds delay_{}; // from a block to its result, smoothed
    Microseconds last_cut_{};
    std::vector<std::uint64_t> wanted_; // by each lane in a block, smoothed
};

} // namespace cairn::consensus
