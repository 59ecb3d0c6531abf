// What the chain says about the audit log of a node: fetched from any node, kept in a file.
#pragma once

#include "audit/verifier.hpp"
#include "cli/rpc_client.hpp"

#include <string>

namespace cairn::cli {

/// All anchors and seal keys of `node` from the contract Anchors. CliNotFound if there are none.
Result<audit::AnchorList> fetch_anchors(RpcClient& rpc, const std::string& node);

/// The seal keys alone, oldest first; none if the node has introduced none.
Result<std::vector<crypto::ValidatorPublicKey>> fetch_seal_keys(RpcClient& rpc, const std::string& node);

std::string anchors_to_json(const audit::AnchorList& list);
/// CliFileInvalid.
Result<audit::AnchorList> anchors_from_json(std::string_view text);

} // namespace cairn::cli
