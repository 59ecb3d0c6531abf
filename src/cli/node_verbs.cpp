#include "base/errors/cli.hpp"
#include "base/errors/ledger.hpp"
#include "base/log.hpp"
#include "cli/config.hpp"
#include "cli/files.hpp"
#include "cli/invocation.hpp"
#include "cli/node_data.hpp"
#include "cli/node_zones.hpp"
#include "cli/process.hpp"
#include "cli/rpc_client.hpp"
#include "cli/zone_files.hpp"
#include "crypto/certificate.hpp"
#include "ledger/genesis.hpp"
#include "rpc/server.hpp"
#include "signer/sealed_keys.hpp"

#include <algorithm>
#include <csignal>
#include <deque>
#include <ostream>
#include <unistd.h>

namespace cairn::cli {
namespace {

using nlohmann::json;

Status node_status(Invocation& invocation) {
    CRN_TRY(rpc, open_rpc(invocation));
    CRN_TRY(answers, rpc.batch({{"web3_clientVersion"},
                                {"eth_chainId"},
                                {"eth_getBlockByNumber", {"latest", false}},
                                {"eth_syncing"},
                                {"net_peerCount"},
                                {"cairn_nodeStatus"}}));
    for (const std::size_t i : {1u, 2u})
        if (!answers[i]) return std::unexpected(answers[i].error());
    CRN_TRY(chain_id, quantity_u64(*answers[1], "the chain id"));
    CRN_TRY(height, quantity_u64(answers[2]->value("number", json{}), "the height"));
    CRN_TRY(timestamp, quantity_u64(answers[2]->value("timestamp", json{}), "the timestamp"));
    const auto version = answers[0] && answers[0]->is_string() ? answers[0]->get<std::string>() : std::string{"-"};
    const bool syncing = answers[3] && answers[3]->is_object();
    const auto peers = answers[4] ? quantity_u64(*answers[4], "peers") : Result<std::uint64_t>{0};
    const json own = answers[5] && answers[5]->is_object() ? *answers[5] : json(nullptr);

    const auto& terminal = invocation.terminal();
    if (terminal.json) {
        terminal.out
            << json{{"rpc", rpc.url()},       {"version", version}, {"chain_id", chain_id},        {"height", height},
                    {"timestamp", timestamp}, {"syncing", syncing}, {"peers", peers ? *peers : 0}, {"cairn", own}}
                   .dump(2)
            << '\n';
        return {};
    }
    const auto now = static_cast<std::uint64_t>(system_clock().wall().count() / 1000);
    print_fields(
        terminal,
        {{"node", rpc.url()},
         {"version", version},
         {"chain id", std::to_string(chain_id)},
         {"height", std::to_string(height) +
                        (height == 0 ? "" : ", " + std::to_string(now > timestamp ? now - timestamp : 0) + " s ago")},
         {"syncing", syncing ? "yes" : "no"},
         {"peers", peers ? std::to_string(*peers) : "-"}});
    if (own.is_object() && own.contains("peers") && own["peers"].is_array()) {
        terminal.out << '\n';
        Table table({"PEER", "ORGANISATION", "CONNECTED"});
        for (const auto& peer : own["peers"])
            table.row({text_of(peer, "name"), text_of(peer, "organisation"),
                       peer.is_object() && peer.value("connected", json(false)) == true ? "yes" : "no"});
        table.print(terminal);
    }
    return {};
}

/// A port that follows from that for clients, so that several nodes of one machine do not meet.
std::uint16_t behind(std::uint16_t port, int distance) {
    return static_cast<std::uint16_t>(port + distance > 65'535 ? port - distance : port + distance);
}

Status node_init(Invocation& invocation) {
    const auto keys = invocation.flag("keys");
    const auto genesis_file = invocation.flag("genesis");
    if (!keys || !genesis_file)
        return fail(error::CliUsage, std::string{"missing "} + (keys ? "--genesis FILE" : "--keys DIR") + "\n" +
                                         usage_of(invocation.command()));
    NodeSettings settings;
    const auto directory = absolute(invocation.flag_or("dir", "."));
    settings.node.genesis_file = absolute(*genesis_file);
    settings.node.keys_file = absolute(*keys + "/keys.sealed");
    if (const auto file = invocation.flag("passphrase-file")) settings.node.passphrase_file = absolute(*file);
    settings.node.tls_certificate_file = absolute(*keys + "/tls.pem");
    settings.node.data_dir = directory + "/data";

    CRN_TRY(text, read_file(settings.node.genesis_file));
    CRN_TRY(genesis, ledger::genesis_from_json(text));
    CRN_CHECK(ledger::verify_signatures(genesis));
    CRN_TRY(sealed, signer::read_sealed_keys(settings.node.keys_file));
    const auto index = genesis.validators.index_of(sealed.public_keys.consensus);
    settings.node.join = invocation.has("join");
    if (!index && !settings.node.join)
        return fail(error::CliPrecondition, settings.node.keys_file + " is not a key of any validator in " +
                                                settings.node.genesis_file + "; a node that joins later wants --join");
    if (settings.node.join && !invocation.flag("listen"))
        return fail(error::CliUsage, "--join wants --listen HOST:PORT, too: genesis does not know this node");
    CRN_TRY(certificate_text, read_file(settings.node.tls_certificate_file));
    CRN_TRY(certificate, crypto::inspect_certificate(certificate_text));
    auto validator_name = certificate.common_name, organisation = certificate.organisation;
    if (index) {
        const auto& validator = genesis.validators.members[index->value];
        validator_name = validator.name;
        organisation = validator.organisation;
        const auto reached_at = parse_host_port(validator.address);
        if (!reached_at) return fail(error::GenesisInvalid, validator.address);
        // The others reach the node by its name; it listens on that port of every interface unless told which.
        settings.node.listen_address =
            reached_at->host.find_first_not_of("0123456789.") == std::string::npos ? reached_at->host : "0.0.0.0";
        settings.node.listen_port = reached_at->port;
    }
    const auto address_flag = [&](const char* name, std::string& host, std::uint16_t& port) -> Status {
        const auto given = invocation.flag(name);
        if (!given) return {};
        const auto parsed = parse_host_port(*given);
        if (!parsed)
            return fail(error::CliUsage, std::string{"--"} + name + " wants HOST:PORT, not \"" + *given + "\"");
        host = parsed->host;
        port = parsed->port;
        return {};
    };
    CRN_CHECK(address_flag("listen", settings.node.listen_address, settings.node.listen_port));
    CRN_CHECK(address_flag("rpc", settings.rpc.address, settings.rpc.port));
    if (invocation.has("rpc-tls") || !zone::is_loopback(settings.rpc.address))
        settings.rpc.tls = listener_files(*keys, crypto::ZoneRole::client);
    if (exists(*keys + "/management.pem")) {
        // Loopback until somebody decides from which terminals the node is managed.
        settings.management.emplace();
        settings.management->tls = {.port = behind(settings.rpc.port, 55),
                                    .files = listener_files(*keys, crypto::ZoneRole::management)};
        settings.regulator.emplace();
        settings.regulator->tls = {.port = behind(settings.rpc.port, 65),
                                   .files = listener_files(*keys, crypto::ZoneRole::regulation)};
        CRN_CHECK(address_flag("management", settings.management->tls.address, settings.management->tls.port));
        CRN_CHECK(address_flag("regulator", settings.regulator->tls.address, settings.regulator->tls.port));
    }
    CRN_CHECK(zone::check_listeners(listeners_of(settings)));
    CRN_CHECK(make_directory(directory, Access::shared));
    const auto config = directory + "/node.toml";
    CRN_CHECK(write_file(config, to_toml(settings), Access::shared, Existing::refuse));
    const auto& terminal = invocation.terminal();
    if (terminal.json)
        terminal.out << json{{"validator", validator_name}, {"organisation", organisation}, {"config", config}}.dump(2)
                     << '\n';
    else
        print_fields(terminal, {{"validator", validator_name + " of " + organisation}, {"config", config}});
    if (!terminal.quiet) terminal.err << "Next: cairn node run --config " << config << "\n";
    return {};
}

/// Ends when the node must, or when the system asks.
Status serve(const NodeSettings& settings, const Terminal& terminal) {
    // Blocked before any thread starts, so that every thread inherits it and only this one takes the signals.
    sigset_t signals;
    ::sigemptyset(&signals);
    ::sigaddset(&signals, SIGINT);
    ::sigaddset(&signals, SIGTERM);
    ::sigaddset(&signals, SIGHUP);
    ::pthread_sigmask(SIG_BLOCK, &signals, nullptr);
    std::signal(SIGPIPE, SIG_IGN);

    CRN_TRY(node, node::Node::start(settings.node));
    CRN_TRY(zones, NodeZones::start(settings, *node));
    auto served = settings.rpc;
    served.port = zones->rpc_port();
    const auto url = client_url(served);
    log(LogLevel::info, "node", "ready",
        {{"version", CAIRN_VERSION}, {"rpc", url}, {"pid", std::to_string(::getpid())}});
    if (terminal.out_is_tty) {
        const auto status = node->chain().status();
        print_fields(terminal, {{"validator", status.name + " of " + status.organisation},
                                {"chain id", std::to_string(node->chain().genesis().parameters.chain_id)},
                                {"rpc", url},
                                {"websocket", (settings.rpc.tls ? "wss://" : "ws://") + settings.rpc.address + ":" +
                                                  std::to_string(zones->websocket_port())},
                                {"data", settings.node.data_dir},
                                {"stop", "Ctrl-C"}});
        terminal.out.flush();
    }
    while (true) {
        const timespec pause{0, 200'000'000};
        const int signal = ::sigtimedwait(&signals, nullptr, &pause);
        if (signal == SIGINT || signal == SIGTERM || zones->stop_wanted()) break;
        if (auto fatal = node->fatal()) return std::unexpected(*std::move(fatal));
    }
    log(LogLevel::info, "node", "stopping");
    zones.reset(); // before the chain they read
    node.reset();
    log(LogLevel::info, "node", "stopped");
    return {};
}

Status node_run(Invocation& invocation) {
    const auto config = invocation.flag("config");
    if (!config) return fail(error::CliUsage, "missing --config FILE\n" + usage_of(invocation.command()));
    CRN_TRY(settings, read_node_config(*config));
    settings.node.keeps_log = true;
    set_log_level(settings.log_level);
    auto status = serve(settings, invocation.terminal());
    if (!status) log(LogLevel::error, "node", status.error().text());
    return status;
}

Status node_log(Invocation& invocation) {
    const auto& terminal = invocation.terminal();
    CRN_TRY(lines, invocation.number("lines", 200, 1, 10'000'000));
    const auto name = invocation.arguments().empty() ? std::nullopt : std::optional{invocation.argument(0)};
    CRN_TRY(config, node_config_of(invocation, name));
    CRN_TRY(settings, read_node_config(config));
    const bool follows = invocation.has("follow");
    if (follows) watch_interrupts();
    std::deque<std::string> last; // of what was there already
    bool is_live = false;
    const auto print = [&](const std::string& line) {
        if (terminal.json)
            terminal.out << json(line).dump(-1, ' ', false, json::error_handler_t::replace) << '\n';
        else
            terminal.out << printable(line) << '\n';
    };
    const auto flush = [&] {
        for (const auto& line : last) print(line);
        last.clear();
        terminal.out.flush();
    };
    CRN_CHECK(read_node_log(
        settings.node,
        [&](const std::string& line) {
            last.push_back(line);
            if (!is_live && last.size() > lines) last.pop_front();
            return !interrupted();
        },
        [&] {
            flush();
            is_live = true;
            return follows && !interrupted();
        }));
    flush();
    return {};
}

} // namespace

void declare_node(CommandList& out) {
    out.push_back(
        {.noun = "node",
         .verb = "init",
         .summary = "write the configuration of a validator's node",
         .details = "Checks that all organisations have signed the genesis file and that the key belongs to one of "
                    "its validators. KEYS is the validator's folder that `cairn org init` made.",
         .flags =
             {{.name = "keys",
               .value = "DIR",
               .help = "folder with keys.sealed and tls.pem (required)",
               .completes = Completes::directory},
              {.name = "genesis",
               .value = "FILE",
               .help = "the signed genesis file (required)",
               .completes = Completes::file},
              {.name = "dir",
               .value = "DIR",
               .help = "the node's directory (default: .)",
               .completes = Completes::directory},
              {.name = "join",
               .help = "the node is not in genesis: it follows until the chain has made it a validator"},
              {.name = "listen", .value = "HOST:PORT", .help = "for the other validators (default: as genesis says)"},
              {.name = "rpc",
               .value = "HOST:PORT",
               .help = "for clients (default: 127.0.0.1:8545); beyond loopback over TLS"},
              {.name = "rpc-tls", .help = "TLS for clients on loopback too"},
              {.name = "management",
               .value = "HOST:PORT",
               .help = "for administrators (default: loopback, 55 above the port for clients)"},
              {.name = "regulator",
               .value = "HOST:PORT",
               .help = "for regulators (default: loopback, 65 above the port for clients)"},
              {.name = "passphrase-file",
               .value = "FILE",
               .help = "file of mode 0600 with the passphrase of the sealed keys, for machines without a person and "
                       "without systemd credentials (default: ask)",
               .completes = Completes::file}},
         .examples = {{"cairn node init --keys Alpha/validators/alpha-1 --genesis genesis.json --dir /srv/cairn", ""}},
         .run = node_init});
    out.push_back({.noun = "node",
                   .verb = "run",
                   .summary = "run a validator until it is told to stop",
                   .details =
                       "SIGTERM and Ctrl-C stop it cleanly. It also ends by itself, with an error, rather than sign "
                       "what it cannot stand for: a failing disk, a full one, or a result that differs from the "
                       "network's.",
                   .flags = {{.name = "config",
                              .value = "FILE",
                              .help = "configuration, see docs/reference/configuration.md (required)",
                              .completes = Completes::file}},
                   .examples = {{"cairn node run --config /srv/cairn/node.toml", ""}},
                   .run = node_run});
    out.push_back(
        {.noun = "node",
         .verb = "log",
         .summary = "show what a node wrote to its own log",
         .details =
             "The log is encrypted in the node's data directory. A running node reads it out, to its own user and root "
             "alone; the log of a stopped one is opened with its sealed keys. What the node writes to standard error "
             "while it runs is the same lines without their values. With --json each line is a JSON string.",
         .arguments = {{.name = "NODE",
                        .help = "node of the development network (default: its first)",
                        .need = Need::optional,
                        .completes = Completes::dev_node}},
         .flags = {node_config_flag(),
                   {.name = "dir",
                    .value = "DIR",
                    .help = "directory of the development network",
                    .completes = Completes::directory},
                   {.name = "lines", .letter = 'n', .value = "N", .help = "the last N lines (default: 200)"},
                   {.name = "follow", .letter = 'f', .help = "go on until Ctrl-C"}},
         .examples = {{"cairn node log alpha-1 --follow", ""}, {"cairn node log --config /srv/cairn/node.toml", ""}},
         .run = node_log});
    out.push_back({.noun = "node",
                   .verb = "status",
                   .summary = "show what a node is doing",
                   .flags = rpc_flags(),
                   .examples = {{"cairn node status", ""}, {"cairn node status --rpc http://10.0.0.2:8545 --json", ""}},
                   .run = node_status});
}

} // namespace cairn::cli
