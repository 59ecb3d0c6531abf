// What `cairn dev` remembers of its network between calls, in DIR/state.json.
#pragma once

#include "base/result.hpp"

#include <cstdint>
#include <string>
#include <vector>

namespace cairn::cli {

struct DevNode {
    std::string name;
    std::string organisation;
    std::string rpc;
    std::string ws;
    std::string config;
    std::string log;
    std::int64_t pid = 0;            // 0: stopped by us
    std::uint64_t started_ticks = 0; // field 22 of /proc/PID/stat: with the pid it names one process for ever
};
struct DevAccount {
    std::string address;
    std::string private_key;
    std::string role; // on chain, from genesis
};
struct DevState {
    std::string directory;
    std::uint64_t chain_id = 0;
    std::string boot_id; // pids of an earlier boot name nobody
    std::string genesis;
    std::vector<DevNode> nodes;
    std::vector<DevAccount> accounts;
};

/// Of an organisation, in DIR/organisations.
std::string dev_folder_name(std::string organisation);

/// CAIRN_DEV_DIR, else $XDG_STATE_HOME/cairn/dev.
std::string default_dev_dir();
/// CliDevAbsent, CliFileInvalid.
Result<DevState> read_dev_state(const std::string& directory);
Status write_dev_state(const DevState& state);

/// Start time in clock ticks since boot; 0 if there is no such process.
std::uint64_t start_ticks(std::int64_t pid);
std::string current_boot_id();
/// Exactly the process that was started for this node, not another one with a recycled pid.
bool is_running(const DevNode& node);

} // namespace cairn::cli
