// Which contracts take the block's gas: sums over the last blocks, for operators. One caller at a time.
#pragma once

#include "node/flow_status.hpp"
#include "node/transaction_cache.hpp"

#include <deque>
#include <map>
#include <span>

namespace cairn::node {

class HotSpots {
public:
    /// `gas_used` of each transaction, in the same order.
    void add_block(std::span<const SharedTransaction> transactions, std::span<const std::uint64_t> gas_used);
    /// At most `count`, by gas, then address.
    std::vector<HotSpot> top(std::size_t count) const;

    /// Recipients remembered of one block, those with most gas.
    static constexpr std::size_t kPerBlockMax = 256;

private:
    struct Sum {
        std::uint64_t transactions = 0;
        std::uint64_t gas = 0;
    };
    std::deque<std::map<Address, Sum>> blocks_; // at most kHotSpotBlocks
};

} // namespace cairn::node
