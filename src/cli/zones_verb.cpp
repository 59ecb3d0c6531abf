// `cairn network zones`: the doors that a node's configuration declares, and firewall rules that say the same.
#include "base/errors/cli.hpp"
#include "cli/dev_state.hpp"
#include "cli/invocation.hpp"
#include "cli/node_zones.hpp"

#include <nlohmann/json.hpp>

#include <algorithm>
#include <ostream>

namespace cairn::cli {
namespace {

using nlohmann::json;

/// --config FILE, or the node of the development network.
Result<std::string> config_file(const Invocation& invocation) {
    if (const auto file = invocation.flag("config")) return *file;
    CRN_TRY(state, read_dev_state(invocation.flag_or("dir", default_dev_dir())));
    const auto name = invocation.flag_or("node", state.nodes.empty() ? "" : state.nodes.front().name);
    const auto found = std::ranges::find(state.nodes, name, &DevNode::name);
    if (found == state.nodes.end()) return fail(error::CliNotFound, "node " + name);
    return found->config;
}

Status network_zones(Invocation& invocation) {
    CRN_TRY(file, config_file(invocation));
    CRN_TRY(settings, read_node_config(file));
    const auto listeners = listeners_of(settings);
    CRN_CHECK(zone::check_listeners(listeners));
    const auto& terminal = invocation.terminal();
    if (invocation.has("nftables")) {
        std::vector<std::uint16_t> always;
        for (const auto& text : invocation.all("allow")) {
            CRN_TRY(port, parse_number("--allow", text, 1, 65'535));
            always.push_back(static_cast<std::uint16_t>(port));
        }
        terminal.out << zone::nftables_rules(listeners, always);
        return {};
    }
    json list = json::array();
    Table table({"ZONE", "ADDRESS", ">PORT", "REACH", "PROTOCOL", "WHO GETS IN"});
    for (const auto& listener : listeners) {
        const auto* reach = zone::is_loopback(listener.address) ? "this machine" : "network";
        table.row({listener.zone, listener.address, std::to_string(listener.port), reach, listener.protocol,
                   listener.authentication});
        list.push_back({{"zone", listener.zone},
                        {"address", listener.address},
                        {"port", listener.port},
                        {"loopback", zone::is_loopback(listener.address)},
                        {"protocol", listener.protocol},
                        {"authentication", listener.authentication},
                        {"origins", listener.origins}});
    }
    if (terminal.json)
        terminal.out << json{{"config", file}, {"listeners", list}}.dump(2) << '\n';
    else
        table.print(terminal);
    return {};
}

} // namespace

void declare_zones(CommandList& out) {
    out.push_back(
        {.noun = "network",
         .verb = "zones",
         .summary = "show the listeners that a node declares, or firewall rules for them",
         .details = "Peers, clients, administrators and regulators each have a listener of their own. The rules drop "
                    "every other new connection from outside: allow the port of your remote log-in.",
         .flags =
             {{.name = "config", .value = "FILE", .help = "the node's configuration", .completes = Completes::file},
              {.name = "node",
               .value = "NAME",
               .help = "or a node of the development network",
               .completes = Completes::dev_node},
              {.name = "dir", .value = "DIR", .help = "development network", .completes = Completes::directory},
              {.name = "nftables", .help = "print rules for `nft -f`"},
              {.name = "allow",
               .value = "PORT",
               .help = "a TCP port that stays open besides, e.g. 22",
               .repeatable = true}},
         .examples = {{"cairn network zones --config /srv/cairn/node.toml", ""},
                      {"cairn network zones --config node.toml --nftables --allow 22 > cairn.nft", ""}},
         .run = network_zones});
}

} // namespace cairn::cli
