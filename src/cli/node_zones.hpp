// The zones of a running node: which listeners its configuration declares, and the servers behind them.
#pragma once

#include "cli/config.hpp"
#include "node/node.hpp"
#include "zone/listeners.hpp"
#include "zone/management.hpp"
#include "zone/regulator.hpp"

#include <atomic>
#include <memory>
#include <mutex>

namespace cairn::cli {

/// All that the configuration declares, in the order peer, client, management, regulator.
std::vector<zone::Listener> listeners_of(const NodeSettings& settings);

/// Client, management and regulator servers of `node`, which must outlive it. Thread-safe.
class NodeZones {
public:
    /// ZoneConflict, PortInUse, errors of the servers.
    static Result<std::unique_ptr<NodeZones>> start(const NodeSettings& settings, node::Node& node);
    ~NodeZones();

    /// Set once an administrator has asked for it.
    bool stop_wanted() const { return stop_wanted_; }
    std::uint16_t rpc_port() const { return rpc_port_; }
    std::uint16_t websocket_port() const { return websocket_port_; }

private:
    NodeZones(const NodeSettings& settings, node::Node& node) : settings_(settings), node_(node) {}
    std::vector<zone::Command> commands();
    Status open(const std::string& zone);
    Status close(const std::string& zone);
    Result<std::string> status_json() const;
    void judge_again();

    const NodeSettings settings_;
    node::Node& node_;
    std::atomic<bool> stop_wanted_ = false;
    std::uint16_t rpc_port_ = 0, websocket_port_ = 0;
    std::mutex changes_;               // of the two below: opening and closing take their time, one after the other
    mutable std::mutex mutex_;         // taken within changes_; never held for long
    std::unique_ptr<rpc::Server> rpc_; // written under both
    std::unique_ptr<zone::RegulatorServer> regulator_; // written under both
    std::unique_ptr<zone::ManagementServer> management_;
};

} // namespace cairn::cli
