#include "base/errors/cli.hpp"
#include "cli/config.hpp"
#include "cli/dev_network.hpp"
#include "cli/files.hpp"
#include "cli/invocation.hpp"
#include "cli/process.hpp"
#include "cli/rpc_client.hpp"
#include "cli/sender.hpp"
#include "cli/transact.hpp"

#include <algorithm>
#include <csignal>
#include <ostream>
#include <thread>

namespace cairn::cli {
namespace {

using nlohmann::json;

/// The document of `up --json` and `status --json`.
json document_of(const DevState& state) {
    json nodes = json::array(), accounts = json::array();
    for (const auto& node : state.nodes) {
        const bool running = is_running(node);
        const auto height = running ? height_of(node) : std::nullopt;
        nodes.push_back({{"name", node.name},
                         {"organisation", node.organisation},
                         {"rpc", node.rpc},
                         {"ws", node.ws},
                         {"pid", running ? json(node.pid) : json(nullptr)},
                         {"height", height ? json(*height) : json(nullptr)}});
    }
    for (const auto& account : state.accounts)
        accounts.push_back(
            {{"address", account.address}, {"private_key", account.private_key}, {"role", account.role}});
    return {{"chain_id", state.chain_id},
            {"nodes", nodes},
            {"accounts", accounts},
            {"genesis", state.genesis},
            {"purpose", "development only: the keys of these accounts are no secret"}};
}

void print_nodes(const Terminal& terminal, const json& document) {
    Table table({"NODE", "ORGANISATION", "STATE", ">HEIGHT", ">PID", "RPC", "WEBSOCKET"});
    for (const auto& node : document["nodes"]) {
        const bool running = !node["pid"].is_null();
        const bool answers = !node["height"].is_null();
        table.row({text_of(node, "name"), text_of(node, "organisation"),
                   !running  ? "stopped"
                   : answers ? "running"
                             : "no answer",
                   answers ? node["height"].dump() : "-", running ? node["pid"].dump() : "-", text_of(node, "rpc"),
                   text_of(node, "ws")});
    }
    table.print(terminal);
}

void print_banner(const Terminal& terminal, const DevState& state, const json& document, bool default_directory) {
    const auto here = default_directory ? std::string{} : " --dir " + state.directory;
    terminal.out << terminal.styled(Style::bold, "Cairn development network") << ", chain id " << state.chain_id << ", "
                 << state.nodes.size() << " validators, tolerates " << faults_tolerated(state.nodes.size())
                 << " faulty\n\n";
    print_nodes(terminal, document);
    terminal.out << "\nFunded accounts, " << terminal.styled(Style::yellow, "for development only") << ":\n";
    Table accounts({"ADDRESS", "PRIVATE KEY", "ROLE"});
    for (std::size_t i = 0; i < state.accounts.size(); ++i) // three to work with, and the administrators
        if (const auto& account = state.accounts[i]; i < 3 || account.role != ledger::name_of(ledger::Role::deployer))
            accounts.row({account.address, account.private_key, account.role});
    accounts.print(terminal);
    terminal.out << "\nGenesis  " << state.genesis << "\nData     " << state.directory << "\n\nTry next:\n"
                 << "  cairn record add README.md" << here << "\n"
                 << "  cairn dev kill " << state.nodes.back().name << here << "\n"
                 << "  cairn dev down" << here << "\n";
}

/// Of nodes that run: how one ended is in the error.
void print_last_words(const Terminal& terminal, const DevState& state) {
    if (!std::ranges::all_of(state.nodes, is_running)) return;
    for (const auto& node : state.nodes)
        if (const auto lines = tail(node.log, 3); !lines.empty()) terminal.err << node.log << ":\n" << printable(lines);
}

Result<DevPlan> plan_of(const Invocation& invocation) {
    DevPlan plan;
    plan.directory = dev_dir(invocation);
    CRN_TRY(nodes, invocation.number("nodes", plan.nodes, 1, kDevNodesMax));
    plan.nodes = nodes;
    CRN_TRY(port, invocation.number("base-port", plan.base_port, 1, 65'536 - 4 * plan.nodes));
    plan.base_port = static_cast<std::uint16_t>(port);
    CRN_TRY(chain_id, invocation.number("chain-id", plan.chain_id, 1, 4'503'599'627'370'476));
    plan.chain_id = chain_id;
    CRN_TRY(price, parse_amount(invocation.flag_or("gas-price", "0")));
    plan.gas_price = price;
    plan.cors_origins = invocation.all("cors");
    plan.suite = *ledger::suite_from_name(invocation.flag_or("suite", "international"));
    plan.tls = invocation.has("tls");
    if (invocation.has("seed")) {
        CRN_TRY(seed, invocation.number("seed", 0, 0, UINT64_MAX));
        plan.seed = seed;
    }
    return plan;
}

Status bring_up(const Terminal& terminal, DevState& state, std::uint64_t timeout) {
    Progress progress(terminal, system_clock());
    progress.stage("Starting " + std::to_string(state.nodes.size()) + " nodes");
    for (auto& node : state.nodes) CRN_CHECK(start_dev_node(state, node));
    progress.stage("Waiting until a quorum has finalised a block");
    CRN_CHECK(wait_for_quorum(state, progress, timeout));
    progress.done();
    return {};
}

Status dev_up(Invocation& invocation) {
    const auto& terminal = invocation.terminal();
    CRN_TRY(plan, plan_of(invocation));
    CRN_TRY(timeout, invocation.number("timeout", 60, 1, 3600));
    watch_interrupts();

    auto state = read_dev_state(plan.directory);
    if (state) {
        std::string running;
        for (const auto& node : state->nodes)
            if (is_running(node))
                running += (running.empty() ? "" : ", ") + node.name + " (process " + std::to_string(node.pid) + ")";
        if (!running.empty()) return fail(error::CliDevRunning, plan.directory + ": " + running);
        if (invocation.has("nodes") && plan.nodes != state->nodes.size())
            return fail(error::CliPrecondition, plan.directory + " holds a network of " +
                                                    std::to_string(state->nodes.size()) +
                                                    " nodes; remove it first: cairn dev down --wipe");
        if (invocation.has("base-port") && !state->nodes.front().rpc.ends_with(":" + std::to_string(plan.base_port)))
            return fail(error::CliPrecondition, plan.directory + " holds a network on other ports (" +
                                                    state->nodes.front().rpc +
                                                    "); leave out --base-port, or remove it "
                                                    "first: cairn dev down --wipe");
        if (invocation.has("suite")) {
            CRN_TRY(text, read_file(state->genesis));
            CRN_TRY(genesis, ledger::genesis_from_json(text));
            if (genesis.parameters.suite != plan.suite)
                return fail(error::CliPrecondition, plan.directory + " holds a network of the suite " +
                                                        std::string{name_of(genesis.parameters.suite)} +
                                                        "; remove it first: cairn dev down --wipe");
        }
        if (!terminal.quiet) terminal.err << "Going on with the network in " << plan.directory << "\n";
    } else if (state.error().code == error::CliDevAbsent) {
        CRN_CHECK(check_plan_ports(plan));
        Progress progress(terminal, system_clock());
        progress.stage("Making keys, certificates and genesis for " + std::to_string(plan.nodes) + " organisations");
        state = create_dev_network(plan);
        if (!state) return std::unexpected(state.error());
        progress.done();
    } else {
        return std::unexpected(state.error());
    }
    CRN_CHECK(check_dev_ports(state->nodes));

    if (auto up = bring_up(terminal, *state, timeout); !up) {
        print_last_words(terminal, *state);
        Progress progress(terminal, system_clock());
        if (auto down = stop_dev_network(*state, progress); !down) return down;
        return up;
    }
    const auto document = document_of(*state);
    if (terminal.json)
        terminal.out << document.dump(2) << '\n';
    else
        print_banner(terminal, *state, document, plan.directory == default_dev_dir());
    return {};
}

Status dev_status(Invocation& invocation) {
    CRN_TRY(state, read_dev_state(dev_dir(invocation)));
    const auto document = document_of(state);
    const auto& terminal = invocation.terminal();
    if (terminal.json) {
        terminal.out << document.dump(2) << '\n';
        return {};
    }
    print_nodes(terminal, document);
    const auto running = static_cast<std::size_t>(std::ranges::count_if(state.nodes, is_running));
    const auto quorum = quorum_of(state.nodes.size());
    if (!terminal.quiet)
        terminal.err << running << " of " << state.nodes.size() << " run, " << quorum << " are needed for blocks"
                     << (running < quorum ? ": the chain stands still. Next: cairn dev up, or dev restart NODE\n"
                                          : ".\n");
    return {};
}

Result<DevNode*> node_named(DevState& state, const std::string& name) {
    std::vector<std::string_view> names;
    for (auto& node : state.nodes) {
        if (node.name == name) return &node;
        names.push_back(node.name);
    }
    const auto guess = nearest(name, names);
    std::string list;
    for (const auto known : names) list += (list.empty() ? "" : ", ") + std::string{known};
    return fail(error::CliNotFound,
                "node \"" + name + "\"" + (guess ? "; did you mean \"" + *guess + "\"?" : "") + " There are: " + list);
}

void tell_tolerance(const Terminal& terminal, const DevState& state, const std::string& what) {
    if (terminal.quiet) return;
    const auto running = static_cast<std::size_t>(std::ranges::count_if(state.nodes, is_running));
    const auto quorum = quorum_of(state.nodes.size());
    terminal.err << what << running << " of " << state.nodes.size() << " run; ";
    if (running >= quorum)
        terminal.err << "the network goes on and tolerates " << running - quorum << " more faults.\n";
    else
        terminal.err << "the chain stands still until " << quorum << " run.\n";
}

Status dev_kill(Invocation& invocation) {
    CRN_TRY(state, read_dev_state(dev_dir(invocation)));
    CRN_TRY(node, node_named(state, invocation.argument(0)));
    if (!is_running(*node)) return fail(error::CliPrecondition, node->name + " is not running");
    const auto pid = node->pid;
    signal_node(*node, SIGKILL);
    if (!wait_for_end(*node, Milliseconds{5'000}))
        return fail(error::CliTimedOut, "process " + std::to_string(pid) + " does not end");
    CRN_CHECK(note_process(state.directory, *node, 0, 0));
    const auto& terminal = invocation.terminal();
    if (terminal.json)
        terminal.out << json{{"killed", node->name}, {"pid", pid}}.dump(2) << '\n';
    else
        terminal.out << "Killed " << node->name << " (process " << pid << ").\n";
    tell_tolerance(terminal, state, "Start it again: cairn dev restart " + node->name + ". ");
    return {};
}

Status dev_restart(Invocation& invocation) {
    CRN_TRY(state, read_dev_state(dev_dir(invocation)));
    CRN_TRY(node, node_named(state, invocation.argument(0)));
    CRN_TRY(timeout, invocation.number("timeout", 60, 1, 3600));
    watch_interrupts();
    const auto& terminal = invocation.terminal();
    Progress progress(terminal, system_clock());
    if (is_running(*node)) {
        progress.stage("Stopping " + node->name);
        CRN_CHECK(stop_dev_node(state, *node));
    }
    CRN_CHECK(check_dev_ports({node, 1}));
    // What the others have is what it must reach to have caught up.
    std::uint64_t target = 0;
    for (const auto& other : state.nodes)
        if (other.name != node->name && is_running(other)) target = std::max(target, height_of(other).value_or(0));
    progress.stage("Starting " + node->name);
    CRN_CHECK(start_dev_node(state, *node));
    progress.stage("Waiting until it has caught up to block " + std::to_string(target));
    const auto& clock = system_clock();
    const auto end = clock.monotonic() + std::chrono::seconds(timeout);
    std::optional<std::uint64_t> height;
    while (!(height = height_of(*node)) || *height < target) {
        if (!is_running(*node)) return ended(*node);
        if (interrupted()) return fail(error::CliInterrupted);
        if (height) progress.update("at " + std::to_string(*height));
        if (clock.monotonic() >= end)
            return fail(error::CliTimedOut,
                        node->name + (height ? " is at block " + std::to_string(*height) : " does not answer") +
                            " after " + std::to_string(timeout) + " s");
        std::this_thread::sleep_for(Milliseconds{50});
    }
    progress.done();
    if (terminal.json)
        terminal.out << json{{"restarted", node->name}, {"pid", node->pid}, {"height", *height}}.dump(2) << '\n';
    else
        terminal.out << "Started " << node->name << " (process " << node->pid << "), at block " << *height << ".\n";
    tell_tolerance(terminal, state, "");
    return {};
}

Status dev_logs(Invocation& invocation) {
    CRN_TRY(state, read_dev_state(dev_dir(invocation)));
    CRN_TRY(lines, invocation.number("lines", 20, 1, 1'000'000));
    std::vector<const DevNode*> chosen;
    if (invocation.arguments().empty()) {
        for (const auto& node : state.nodes) chosen.push_back(&node);
    } else {
        CRN_TRY(node, node_named(state, invocation.argument(0)));
        chosen.push_back(node);
    }
    const auto& terminal = invocation.terminal();
    std::vector<std::size_t> printed;
    for (const auto* node : chosen) {
        if (chosen.size() > 1) terminal.out << terminal.styled(Style::bold, "==> " + node->name + " <==") << '\n';
        terminal.out << printable(tail(node->log, lines));
        const auto text = read_file(node->log);
        printed.push_back(text ? text->size() : 0);
    }
    if (!invocation.has("follow")) return {};
    watch_interrupts();
    while (!interrupted()) {
        for (std::size_t i = 0; i < chosen.size(); ++i) {
            const auto text = read_file(chosen[i]->log);
            if (!text || text->size() <= printed[i]) continue;
            const auto end = text->rfind('\n') + 1;
            if (end <= printed[i]) continue;
            if (chosen.size() > 1)
                terminal.out << terminal.styled(Style::bold, "==> " + chosen[i]->name + " <==") << '\n';
            terminal.out << printable(text->substr(printed[i], end - printed[i]));
            printed[i] = end;
        }
        terminal.out.flush();
        std::this_thread::sleep_for(Milliseconds{200});
    }
    return {};
}

/// What a `dev up` that was killed while it made the network has left.
Status wipe_half_made(const Terminal& terminal, const std::string& directory) {
    CRN_CHECK(wipe_half_made_network(directory));
    if (terminal.json)
        terminal.out << json{{"stopped", 0}, {"wiped", true}, {"directory", directory}}.dump(2) << '\n';
    else
        terminal.out << "Removed the network in " << directory << " that was not finished.\n";
    return {};
}

Status dev_down(Invocation& invocation) {
    const auto& terminal = invocation.terminal();
    const bool wipe = invocation.has("wipe");
    const auto directory = dev_dir(invocation);
    auto found = read_dev_state(directory);
    if (!found && found.error().code == error::CliDevAbsent && wipe) return wipe_half_made(terminal, directory);
    if (!found) return std::unexpected(found.error());
    auto& state = *found;
    {
        Progress progress(terminal, system_clock());
        CRN_CHECK(stop_dev_network(state, progress));
    }
    if (wipe) CRN_CHECK(wipe_dev_network(state));
    if (terminal.json)
        terminal.out << json{{"stopped", state.nodes.size()}, {"wiped", wipe}, {"directory", state.directory}}.dump(2)
                     << '\n';
    else
        terminal.out << (wipe ? "Stopped and removed the network in " : "Stopped the network in ") << state.directory
                     << ".\n";
    if (!wipe && !terminal.quiet)
        terminal.err << "Go on with it: cairn dev up. Remove its data: cairn dev down --wipe\n";
    return {};
}

} // namespace

void declare_dev(CommandList& out) {
    const FlagSpec directory{.name = "dir",
                             .value = "D",
                             .help = "directory of the network (default: CAIRN_DEV_DIR, else ~/.local/state/cairn/dev)",
                             .completes = Completes::directory};
    const ArgumentSpec node{"NODE", "name of the node", Need::one, {}, Completes::dev_node};
    const FlagSpec timeout{.name = "timeout", .value = "SECONDS", .help = "how long to wait (default: 60)"};
    out.push_back({.noun = "dev",
                   .verb = "up",
                   .summary = "start a network on this machine and wait until it finalises blocks",
                   .details = "Every validator is a real `cairn node run` process of its own organisation, with its "
                              "own keys and "
                              "certificates. If the directory holds a stopped network, that one goes on. The accounts "
                              "that are "
                              "printed are funded and for development only: their keys are no secret.",
                   .flags = {{.name = "nodes", .value = "N", .help = "validators, 1 to 32 (default: 4)"},
                             directory,
                             {.name = "base-port",
                              .value = "P",
                              .help = "node i takes ports P+2i (clients) and P+2i+1 (other nodes) (default: 8545)"},
                             {.name = "chain-id", .value = "N", .help = "the chain's number (default: 8020)"},
                             {.name = "gas-price", .value = "AMOUNT", .help = "fixed price of gas (default: free)"},
                             {.name = "suite",
                              .value = "SUITE",
                              .help = "algorithms: international, or national (SM2 accounts and votes, SM4 files) "
                                      "(default: international)",
                              .choices = {"international", "national"}},
                             {.name = "cors",
                              .value = "ORIGIN",
                              .help = "web page that may call the nodes (repeatable)",
                              .repeatable = true},
                             {.name = "tls", .help = "JSON-RPC over TLS, with the nodes' own certificates"},
                             {.name = "seed",
                              .value = "N",
                              .help = "the same accounts and keys every time, for documents and tests"},
                             timeout},
                   .examples = {{"cairn dev up", "four validators"},
                                {"cairn dev up --nodes 7 --dir ./net --base-port 20000", "seven, elsewhere"},
                                {"cairn dev up --json | jq -r '.nodes[0].rpc'", "for programs"}},
                   .run = dev_up});
    out.push_back({.noun = "dev",
                   .verb = "status",
                   .summary = "show the network's nodes, accounts and heights",
                   .flags = {directory},
                   .examples = {{"cairn dev status", ""}, {"cairn dev status --json", "with the accounts"}},
                   .run = dev_status});
    out.push_back({.noun = "dev",
                   .verb = "logs",
                   .summary = "print the last lines of one node's or all nodes' standard error",
                   .details = "What happened, without the values: `cairn node log NODE` shows whole lines.",
                   .arguments = {{"NODE", "name of the node (default: all)", Need::optional, {}, Completes::dev_node}},
                   .flags = {directory,
                             {.name = "lines", .letter = 'n', .value = "N", .help = "how many (default: 20)"},
                             {.name = "follow", .letter = 'f', .help = "go on printing until Ctrl-C"}},
                   .examples = {{"cairn dev logs alpha-1 --follow", ""}},
                   .run = dev_logs});
    out.push_back({.noun = "dev",
                   .verb = "kill",
                   .summary = "kill one node without warning (SIGKILL), as a crash would",
                   .arguments = {node},
                   .flags = {directory},
                   .examples = {{"cairn dev kill delta-1", ""}},
                   .run = dev_kill});
    out.push_back({.noun = "dev",
                   .verb = "restart",
                   .summary = "start a node again and wait until it has caught up",
                   .arguments = {node},
                   .flags = {directory, timeout},
                   .examples = {{"cairn dev restart delta-1", ""}},
                   .run = dev_restart});
    out.push_back({.noun = "dev",
                   .verb = "down",
                   .summary = "stop the network",
                   .details =
                       "With --wipe also what is left where `cairn dev up` was killed while it made the network. "
                       "A folder that is not one of a development network stays as it is.",
                   .flags = {directory, {.name = "wipe", .help = "remove its keys and data too"}},
                   .examples = {{"cairn dev down", "its data stays"}, {"cairn dev down --wipe", ""}},
                   .run = dev_down});
}

} // namespace cairn::cli
