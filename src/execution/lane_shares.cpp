#include "execution/lane_shares.hpp"

#include "base/fair_queue.hpp"

namespace cairn::execution {
namespace {

bool all_fit(const std::vector<LaneCandidates>& lanes, std::uint64_t block_gas_limit) {
    std::uint64_t left = block_gas_limit;
    for (const auto& lane : lanes)
        for (const auto& transaction : lane.transactions) {
            if (transaction->body.gas_limit > left) return false;
            left -= transaction->body.gas_limit;
        }
    return true;
}

} // namespace

Candidates in_shares(const std::vector<LaneCandidates>& lanes, std::uint64_t block_gas_limit) {
    Candidates out;
    std::size_t count = 0;
    for (const auto& lane : lanes) count += lane.transactions.size();
    out.reserve(count);
    if (all_fit(lanes, block_gas_limit)) {
        for (const auto& lane : lanes) out.insert(out.end(), lane.transactions.begin(), lane.transactions.end());
        return out;
    }
    std::vector<std::uint64_t> weights;
    weights.reserve(lanes.size());
    for (const auto& lane : lanes) weights.push_back(lane.weight);
    FairQueue turns(std::move(weights));
    std::vector<std::size_t> taken(lanes.size());
    while (const auto lane = turns.next([&](std::size_t i) { return taken[i] < lanes[i].transactions.size(); })) {
        const auto& transaction = lanes[*lane].transactions[taken[*lane]++];
        turns.charge(*lane, transaction->body.gas_limit);
        out.push_back(transaction);
    }
    return out;
}

} // namespace cairn::execution
