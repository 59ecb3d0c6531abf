// The order in which a block tries its candidates (consensus.md, section 5).
#pragma once

#include "ledger/transaction.hpp"

#include <memory>
#include <vector>

namespace cairn::execution {

using Candidates = std::vector<std::shared_ptr<const ledger::SignedTransaction>>;

/// Keeps the first of several transactions with the same hash, then permutes each signing key's transactions among their own
/// slots into ascending nonces (equal nonces stay in lane order). Takes n log n time for any input.
Candidates in_block_order(const Candidates& candidates);

} // namespace cairn::execution
