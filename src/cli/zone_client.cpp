#include "cli/zone_client.hpp"

#include "base/errors/cli.hpp"
#include "base/errors/zone.hpp"
#include "cli/config.hpp"
#include "cli/dev_state.hpp"
#include "cli/files.hpp"
#include "cli/rpc_client.hpp"
#include "crypto/zone_certificate.hpp"
#include "zone/request.hpp"

#include <httplib.h>

#include <algorithm>

namespace cairn::cli {
namespace {

using nlohmann::json;

constexpr int kTimeoutSeconds = 20;

std::string lower(std::string text) {
    std::ranges::transform(text, text.begin(), [](unsigned char c) { return static_cast<char>(std::tolower(c)); });
    return text;
}

/// The node's own error, if the answer has one that this program knows.
Error error_of(const json& answer, int status) {
    if (answer.is_object() && answer.contains("error") && answer["error"].is_object()) {
        const auto& refused = answer["error"];
        const auto id = text_of(refused, "code");
        std::size_t count = 0;
        const auto* table = error_table(count);
        for (std::size_t i = 0; i < count; ++i)
            if (table[i].id == id) return {table[i].code, text_of(refused, "detail")};
    }
    return {error::ZoneUnreachable, "it answers with HTTP status " + std::to_string(status)};
}

Result<json> post(const ZoneAccess& access, const std::string& path, const std::string& body,
                  const httplib::Headers& headers) {
    const auto file = [&](const char* name) { return access.identity_directory + "/" + name; };
    for (const auto* name : {"ca.pem", "identity.pem", "identity.key"})
        if (!exists(file(name))) return fail(error::ZoneFileInvalid, file(name));
    httplib::SSLClient client(access.host, access.port, file("identity.pem"), file("identity.key"));
    client.set_ca_cert_path(file("ca.pem").c_str());
    client.enable_server_certificate_verification(true);
    client.set_connection_timeout(kTimeoutSeconds);
    client.set_read_timeout(kTimeoutSeconds);
    const auto where = access.host + ":" + std::to_string(access.port);
    const auto answer = client.Post(path, headers, body, "application/json");
    if (!answer) return fail(error::ZoneUnreachable, where + " (" + httplib::to_string(answer.error()) + ")");
    auto document = json::parse(answer->body, nullptr, false);
    if (answer->status != 200 || document.is_discarded()) return std::unexpected(error_of(document, answer->status));
    return document;
}

} // namespace

std::vector<FlagSpec> zone_flags() {
    return {{.name = "node",
             .value = "NAME",
             .help = "the node (default: the first of the development network)",
             .completes = Completes::dev_node},
            {.name = "at", .value = "HOST:PORT", .help = "its listener of this zone"},
            {.name = "identity",
             .value = "DIR",
             .help = "your folder, as `cairn org enrol` made it",
             .completes = Completes::directory},
            {.name = "dir", .value = "DIR", .help = "development network", .completes = Completes::directory}};
}

Result<ZoneAccess> zone_access(const Invocation& invocation, const std::string& kind) {
    ZoneAccess out;
    out.node = invocation.flag_or("node", "");
    out.identity_directory = invocation.flag_or("identity", "");
    if (const auto at = invocation.flag("at")) {
        const auto parsed = parse_host_port(*at);
        if (!parsed) return fail(error::CliUsage, "--at wants HOST:PORT, not \"" + *at + "\"");
        out.host = parsed->host;
        out.port = parsed->port;
    }
    if (!out.node.empty() && !out.identity_directory.empty() && out.port != 0) return out;
    const auto directory = invocation.flag_or("dir", default_dev_dir());
    const auto state = read_dev_state(directory);
    if (!state) return fail(error::CliUsage, "give --node NAME, --at HOST:PORT and --identity DIR");
    const auto node =
        out.node.empty() ? state->nodes.begin() : std::ranges::find(state->nodes, out.node, &DevNode::name);
    if (node == state->nodes.end()) return fail(error::CliNotFound, "node " + out.node + " in " + directory);
    out.node = node->name;
    if (out.port == 0) {
        CRN_TRY(settings, read_node_config(node->config));
        const bool manages = kind == "administrators";
        if (manages ? !settings.management : !settings.regulator)
            return fail(error::CliPrecondition, node->config + " has no listener for " + kind);
        const auto& tls = manages ? settings.management->tls : settings.regulator->tls;
        out.host = tls.address;
        out.port = tls.port;
    }
    if (out.identity_directory.empty())
        out.identity_directory = directory + "/organisations/" + lower(node->organisation) + "/" + kind + "/developer";
    return out;
}

Result<json> send_command(const ZoneAccess& access, const std::string& command,
                          const std::map<std::string, std::string>& arguments, const std::string& code) {
    std::uint8_t nonce[16];
    crypto::system_random().fill(nonce);
    const auto body = zone::to_json({.command = command,
                                     .arguments = arguments,
                                     .nonce = to_hex_digits(nonce),
                                     .time = system_clock().wall(),
                                     .code = code});
    CRN_TRY(key, crypto::read_secret_file(access.identity_directory + "/identity.key"));
    CRN_TRY(signature, crypto::sign_p256(key.view(), zone::signed_bytes(access.node, body)));
    return post(access, "/command", body, {{"Cairn-Signature", to_hex(signature)}});
}

Result<json> ask(const ZoneAccess& access, const std::string& question,
                 const std::map<std::string, std::string>& arguments) {
    return post(access, "/question", json{{"question", question}, {"arguments", arguments}}.dump(), {});
}

} // namespace cairn::cli
