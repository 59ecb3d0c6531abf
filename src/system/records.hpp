// What the node reads from the system contract Records.
#pragma once

#include "base/result.hpp"
#include "ledger/account.hpp"
#include "ledger/record.hpp"

namespace cairn::system {

/// How often `digest` was recorded.
std::uint64_t records_of(const ledger::StateView& view, const Hash256& digest);
/// ProofInvalid if there is no such entry.
Result<ledger::Record> record_at(const ledger::StateView& view, const Hash256& digest, std::uint64_t index);

} // namespace cairn::system
