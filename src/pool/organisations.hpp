// Whose room a transaction takes: the pool divides what it has among the organisations of the chain, in proportion to the
// shares that they voted for.
#pragma once

#include "base/fair_queue.hpp"
#include "base/types.hpp"

#include <cstdint>
#include <functional>
#include <string>
#include <vector>

namespace cairn::pool {

struct OrganisationShare {
    std::string name;
    std::uint64_t weight = 100; // 1 to FairQueue::kWeightMax
    bool operator==(const OrganisationShare&) const = default;
};

/// Index of an account's organisation among the shares; what is beyond them counts as index 0. Must give the same answer for
/// an account as long as the pool holds transactions of it, unless the pool is told of new shares.
using OrganisationOf = std::function<std::size_t(const Address& account)>;

/// What an organisation holds of the pool, and what of it nobody can take away.
struct OrganisationCounts {
    OrganisationShare share;
    std::size_t transactions = 0, transactions_guaranteed = 0;
    std::size_t bytes = 0, bytes_guaranteed = 0;
    std::uint64_t gas = 0, gas_guaranteed = 0; // sums of gas limits
    std::size_t queued = 0, queued_guaranteed = 0;
    std::uint64_t refused = 0; // since the start, for lack of room
    std::uint64_t evicted = 0;
};

} // namespace cairn::pool
