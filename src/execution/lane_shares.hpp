// The order in which a block tries the transactions of several lanes (docs/decisions/0022): as they were ordered while all of
// them fit; in turns, weighted by the shares of the lanes' organisations, once they may not.
#pragma once

#include "execution/candidate_order.hpp"

#include <cstdint>
#include <vector>

namespace cairn::execution {

/// What one lane gave to a block, in its own order.
struct LaneCandidates {
    std::uint64_t weight = 100; // 1 to FairQueue::kWeightMax
    Candidates transactions;
};

/// If the gas limits of all together exceed `block_gas_limit`, lanes take turns by gas limit, so that a full lane cannot use up
/// the block before the others had their share; unused share goes to who has more. Otherwise one lane after the other.
/// Deterministic: depends on the arguments alone. Takes n log n time, where n counts transactions.
Candidates in_shares(const std::vector<LaneCandidates>& lanes, std::uint64_t block_gas_limit);

} // namespace cairn::execution
