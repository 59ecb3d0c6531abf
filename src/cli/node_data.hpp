// What a node has on its disk, for its operator: asked of the node while it runs, opened with its sealed keys while it does not.
#pragma once

#include "audit/source.hpp"
#include "cli/config.hpp"
#include "cli/invocation.hpp"
#include "ledger/genesis.hpp"
#include "node/data_at_rest.hpp"
#include "signer/client.hpp"

#include <functional>
#include <memory>
#include <nlohmann/json.hpp>

namespace cairn::cli {

/// --config FILE; or `name` or --node NAME of the development network, or its first node.
Result<std::string> node_config_of(const Invocation& invocation, std::optional<std::string> name = {});
FlagSpec node_config_flag();

/// The result of a command on the node's control socket, or the error that it answers. NodeUnreachable if it does not run.
Result<nlohmann::json> ask_control(const std::string& data_dir, const std::string& line);

/// An error as the control socket writes it: {"code": .., "detail": ..}; nothing if it is none.
std::optional<Error> control_error(const nlohmann::json& error);

/// The data of a node that does not run. SignerBusy while it does.
struct StoppedNode {
    ledger::Genesis genesis;
    std::shared_ptr<signer::Client> signer;
    std::unique_ptr<node::DataAtRest> at_rest;
};
Result<StoppedNode> open_stopped(const node::NodeConfig& config);

/// An audit log: an evidence file, a directory in the clear, or a node's encrypted directory, which the node reads out while it runs
/// and which is otherwise opened with --config FILE. AuditEncrypted.
Result<audit::Reader> audit_reader(const Invocation& invocation, const std::string& path);

/// Gives `visit` the lines of the node's own log; with `follow`, goes on until interrupted. False ends it.
Status read_node_log(const node::NodeConfig& config, const std::function<bool(const std::string& line)>& visit,
                     const std::function<bool()>& follow);

} // namespace cairn::cli
