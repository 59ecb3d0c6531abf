// Making and running a whole network on this machine. Everything lies in one directory:
//     state.json  genesis.json  organisations/NAME/...  nodes/NAME/{node.toml,node.log,data/}
// and, until state.json is there, a file `half-made`.
#pragma once

#include "cli/dev_state.hpp"
#include "cli/terminal.hpp"
#include "ledger/genesis.hpp"

#include <optional>
#include <span>
#include <string>
#include <vector>

namespace cairn::cli {

struct DevPlan {
    std::string directory;
    std::uint64_t nodes = 4;
    std::uint16_t base_port = 8545; // node i takes base + 2i for clients and base + 2i + 1 for the other nodes; behind
    // these of all n nodes, base + 2n + 2i for administrators and base + 2n + 2i + 1 for regulators
    std::uint64_t chain_id = 8020;
    U256 gas_price;                                     // 0: free
    ledger::Suite suite = ledger::Suite::international; // national: accounts and votes with SM2, files with SM4
    std::vector<std::string> cors_origins;
    bool tls = false;                  // for clients too
    std::optional<std::uint64_t> seed; // the same keys and addresses every time; not for secrets
};

inline constexpr std::uint64_t kDevNodesMax = 32;
inline constexpr std::size_t kDevAccounts = 10;

/// Writes keys, genesis, configurations and, last, state; starts nothing. One command at a time: what another has made meanwhile is
/// CliPrecondition. What a command that was killed has left is removed first; files of other origin stay, and are CliFileExists where they
/// have a name that is needed.
Result<DevState> create_dev_network(const DevPlan& plan);
/// Notes which process the node is from now on (0, 0: none), and leaves the other nodes as the file has them now: several commands may work
/// at once. CliDevRunning if another command has started it meanwhile.
Status note_process(const std::string& directory, DevNode& node, std::int64_t pid, std::uint64_t started_ticks);
/// Starts one node; its process is in the state file before it begins.
Status start_dev_node(const DevState& state, DevNode& node);
/// SIGTERM, after ten seconds SIGKILL; returns when it is gone. CliTimedOut.
Status stop_dev_node(const DevState& state, DevNode& node);
/// CliDevStart with how a node that does not run any more has ended, and the last lines of its log.
std::unexpected<Error> ended(const DevNode& node);
/// PortInUse that names every port that is taken; the first before anything is made, the second before a
/// start of those of the nodes that do not run.
Status check_plan_ports(const DevPlan& plan);
Status check_dev_ports(std::span<const DevNode> nodes);

/// Height by RPC; nothing if the node does not answer within two seconds.
std::optional<std::uint64_t> height_of(const DevNode& node);
/// Sends a transaction of an account that is not among the listed ones, so that a block has to be made.
Status nudge(const DevState& state);
/// Returns when all nodes answer and a quorum of them has a block that was made after they started.
/// CliDevStart, CliTimedOut, CliInterrupted.
Status wait_for_quorum(const DevState& state, Progress& progress, std::uint64_t timeout_seconds);
/// As stop_dev_node, with the ten seconds for all together.
Status stop_dev_network(DevState& state, Progress& progress);
/// Removes what create_dev_network and the nodes wrote, and the directory if nothing else is in it.
Status wipe_dev_network(const DevState& state);
/// The same for what a create_dev_network that was killed has left: a folder without state.json. CliDevAbsent if nothing shows that
/// it was one.
Status wipe_half_made_network(const std::string& directory);

std::size_t quorum_of(std::size_t nodes);
std::size_t faults_tolerated(std::size_t nodes);
/// The last lines of a file.
std::string tail(const std::string& path, std::size_t lines);

} // namespace cairn::cli
