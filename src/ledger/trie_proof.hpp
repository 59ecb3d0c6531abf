// Verification of hexary Merkle Patricia proofs. Needs no database: used by light clients and proof bundles.
#pragma once

#include "base/bytes.hpp"
#include "base/result.hpp"

#include <optional>
#include <vector>

namespace cairn::ledger {

/// The value under `key` (already hashed for secure tries) proved by `nodes` (root first) below `root`;
/// nothing if the proof shows absence; ProofInvalid if it shows neither.
Result<std::optional<Bytes>> verify_trie_proof(const Hash256& root, BytesView key, const std::vector<Bytes>& nodes);

} // namespace cairn::ledger
