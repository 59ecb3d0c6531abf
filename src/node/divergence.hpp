// What a node leaves behind when its result contradicts the one that a quorum certified.
#pragma once

#include "base/result.hpp"
#include "node/executed_chain.hpp"

#include <string>

namespace cairn::node {

/// Writes `directory`/divergence-HEIGHT.json: the error, this node's header field by field, and each receipt of its last
/// executed block, to be laid beside another node's `debug_getRawHeader` and `debug_getRawReceipts`.
void write_divergence_dump(const std::string& directory, const ExecutedChain& chain, const Error& error);

} // namespace cairn::node
