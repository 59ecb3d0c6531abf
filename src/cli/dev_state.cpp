#include "cli/dev_state.hpp"

#include "base/errors/cli.hpp"
#include "cli/files.hpp"
#include "cli/invocation.hpp"
#include "cli/rpc_trust.hpp"

#include <nlohmann/json.hpp>

#include <algorithm>
#include <cctype>
#include <sstream>

namespace cairn::cli {
namespace {

using nlohmann::json;

constexpr int kStateVersion = 1;

std::string path_of(const std::string& directory) { return directory + "/state.json"; }

/// The CA of each node's organisation lies in the network's directory.
void trust_nodes(const DevState& state) {
    for (const auto& node : state.nodes) {
        auto folder = node.organisation;
        std::ranges::transform(folder, folder.begin(),
                               [](unsigned char c) { return static_cast<char>(std::tolower(c)); });
        if (node.rpc.starts_with("https://"))
            trust_at(node.rpc, state.directory + "/organisations/" + folder + "/ca.pem");
    }
}

} // namespace

std::string dev_folder_name(std::string organisation) {
    for (auto& c : organisation) c = c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c;
    return organisation;
}

std::string default_dev_dir() {
    if (const auto directory = environment("CAIRN_DEV_DIR")) return absolute(*directory);
    return state_home() + "/dev";
}

Result<DevState> read_dev_state(const std::string& directory) {
    const auto path = path_of(directory);
    if (!exists(path)) return fail(error::CliDevAbsent, directory);
    CRN_TRY(text, read_file(path, 4u << 20));
    try {
        const auto document = json::parse(text);
        if (document.at("version") != kStateVersion)
            return fail(error::CliFileInvalid, path + ": written by another version");
        DevState state;
        state.directory = directory;
        state.chain_id = document.at("chain_id").get<std::uint64_t>();
        state.boot_id = document.at("boot_id").get<std::string>();
        state.genesis = document.at("genesis").get<std::string>();
        // Pids of an earlier boot are not ours any more.
        const bool same_boot = state.boot_id == current_boot_id();
        for (const auto& entry : document.at("nodes")) {
            DevNode node;
            node.name = entry.at("name").get<std::string>();
            node.organisation = entry.at("organisation").get<std::string>();
            node.rpc = entry.at("rpc").get<std::string>();
            node.ws = entry.at("ws").get<std::string>();
            node.config = entry.at("config").get<std::string>();
            node.log = entry.at("log").get<std::string>();
            node.pid = same_boot ? entry.at("pid").get<std::int64_t>() : 0;
            node.started_ticks = entry.at("started_ticks").get<std::uint64_t>();
            state.nodes.push_back(std::move(node));
        }
        for (const auto& entry : document.at("accounts"))
            state.accounts.push_back({entry.at("address").get<std::string>(),
                                      entry.at("private_key").get<std::string>(), entry.value("role", std::string{})});
        trust_nodes(state);
        return state;
    } catch (const json::exception& exception) {
        return fail(error::CliFileInvalid, path + ": " + exception.what());
    }
}

Status write_dev_state(const DevState& state) {
    trust_nodes(state);
    json nodes = json::array(), accounts = json::array();
    for (const auto& node : state.nodes)
        nodes.push_back({{"name", node.name},
                         {"organisation", node.organisation},
                         {"rpc", node.rpc},
                         {"ws", node.ws},
                         {"config", node.config},
                         {"log", node.log},
                         {"pid", node.pid},
                         {"started_ticks", node.started_ticks}});
    for (const auto& account : state.accounts)
        accounts.push_back(
            {{"address", account.address}, {"private_key", account.private_key}, {"role", account.role}});
    const json document = {{"version", kStateVersion},
                           {"chain_id", state.chain_id},
                           {"boot_id", state.boot_id},
                           {"genesis", state.genesis},
                           {"nodes", nodes},
                           {"accounts", accounts},
                           {"purpose", "development only"}};
    return write_file(path_of(state.directory), document.dump(2) + "\n", Access::secret, Existing::replace);
}

std::uint64_t start_ticks(std::int64_t pid) {
    if (pid <= 0) return 0;
    const auto text = read_file("/proc/" + std::to_string(pid) + "/stat", 1 << 16);
    if (!text) return 0;
    // The second field is the program's name in parentheses and may hold anything; count from behind it.
    const auto close = text->rfind(')');
    if (close == std::string::npos) return 0;
    std::istringstream rest(text->substr(close + 1));
    std::string state, field;
    rest >> state; // third field
    for (int i = 4; i <= 19; ++i) rest >> field;
    std::uint64_t threads = 0, ticks = 0;
    rest >> threads >> field >> ticks;
    // Its first thread may have ended while others still hold its ports and locks.
    const bool has_ended = (state == "Z" || state == "X") && threads <= 1;
    return rest && !has_ended ? ticks : 0;
}

std::string current_boot_id() {
    const auto text = read_file("/proc/sys/kernel/random/boot_id", 256);
    return text ? text->substr(0, text->find('\n')) : std::string{};
}

bool is_running(const DevNode& node) {
    const auto ticks = start_ticks(node.pid);
    return ticks != 0 && ticks == node.started_ticks;
}

} // namespace cairn::cli
