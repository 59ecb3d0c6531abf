// The configuration file of `cairn node run`: TOML, every key with its line in error messages, all problems
// in one go. docs/reference/configuration.md lists the keys.
#pragma once

#include "base/log.hpp"
#include "base/result.hpp"
#include "node/node.hpp"
#include "rpc/server.hpp"
#include "zone/management.hpp"
#include "zone/regulator.hpp"

#include <optional>
#include <string>

namespace cairn::cli {

struct NodeSettings {
    node::NodeConfig node;
    rpc::ServerConfig rpc;
    LogLevel log_level = LogLevel::info;
    /// Absent: the node has no such listener.
    std::optional<zone::ManagementConfig> management;
    std::optional<zone::RegulatorConfig> regulator;
};

/// Relative paths are relative to the file's folder. CliFileUnreadable, CliConfigInvalid.
Result<NodeSettings> read_node_config(const std::string& path);
Result<NodeSettings> parse_node_config(std::string_view text, const std::string& path);
/// The text of a file that reads back as these settings.
std::string to_toml(const NodeSettings& settings);

/// Where this machine reaches the listener for clients: "https://127.0.0.1:8545".
std::string client_url(const rpc::ServerConfig& config);

struct HostPort {
    std::string host;
    std::uint16_t port = 0;
};
/// "127.0.0.1:8545", "[::1]:8545", "alpha.example:30300"; nothing if it is not of this form.
std::optional<HostPort> parse_host_port(std::string_view text);

} // namespace cairn::cli
