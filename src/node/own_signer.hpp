// Starts the signer that has a node's private keys and the root of its storage keys. The node does it before it opens its data;
// tools that read a stopped node's data do the same.
#pragma once

#include "node/node.hpp"
#include "signer/client.hpp"

#include <memory>
#include <span>

namespace cairn::node {

/// Makes the data directory if there is none: the signer's witness lies in it. Waits until the keys are open, which may take a
/// person who types. Errors of signer::Client::start; SignerBusy while the node runs.
Result<std::shared_ptr<signer::Client>> start_own_signer(const NodeConfig& config, std::uint64_t chain_id);
/// Beside the file of a further voting key from the moment on at which a node has opened it.
std::string witness_of_voting_key(const std::string& file);
/// Of all voting keys that the configuration names, the node's own signer first.
Result<std::vector<std::shared_ptr<signer::Client>>>
start_voting_signers(std::shared_ptr<signer::Client> own, const NodeConfig& config, std::uint64_t chain_id);
/// The highest among them.
Result<signer::LastExecution> last_execution_of(std::span<const std::shared_ptr<signer::Client>> signers);

} // namespace cairn::node
