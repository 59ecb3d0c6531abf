#include "node/hot_spots.hpp"

#include <algorithm>

namespace cairn::node {

void HotSpots::add_block(std::span<const SharedTransaction> transactions, std::span<const std::uint64_t> gas_used) {
    std::map<Address, Sum> sums;
    for (std::size_t i = 0; i < std::min(transactions.size(), gas_used.size()); ++i) {
        // A transfer without data is no use of a contract, and creations have no recipient yet.
        const auto& body = transactions[i]->body;
        if (!body.to || body.data.empty()) continue;
        auto& sum = sums[*body.to];
        ++sum.transactions;
        sum.gas += gas_used[i];
    }
    if (sums.size() > kPerBlockMax) {
        std::vector<std::pair<std::uint64_t, Address>> order;
        for (const auto& [address, sum] : sums) order.emplace_back(sum.gas, address);
        std::ranges::sort(order, std::greater{});
        for (std::size_t i = kPerBlockMax; i < order.size(); ++i) sums.erase(order[i].second);
    }
    blocks_.push_back(std::move(sums));
    if (blocks_.size() > kHotSpotBlocks) blocks_.pop_front();
}

std::vector<HotSpot> HotSpots::top(std::size_t count) const {
    std::map<Address, Sum> sums;
    for (const auto& block : blocks_)
        for (const auto& [address, sum] : block) {
            sums[address].transactions += sum.transactions;
            sums[address].gas += sum.gas;
        }
    std::vector<HotSpot> out;
    for (const auto& [address, sum] : sums) out.push_back({address, sum.transactions, sum.gas});
    std::ranges::sort(out, [](const HotSpot& a, const HotSpot& b) {
        return a.gas != b.gas ? a.gas > b.gas : a.contract < b.contract;
    });
    if (out.size() > count) out.resize(count);
    return out;
}

} // namespace cairn::node
