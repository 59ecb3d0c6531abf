#include "cli/zone_client.hpp"

#include "base/errors/cli.hpp"
#include "base/errors/crypto.hpp"
#include "base/errors/network.hpp"
#include "base/errors/zone.hpp"
#include "cli/config.hpp"
#include "cli/dev_state.hpp"
#include "cli/files.hpp"
#include "cli/rpc_client.hpp"
#include "crypto/zone_certificate.hpp"
#include "zone/request.hpp"

#include <httplib.h>
#include <openssl/err.h>
#include <openssl/ssl.h>

#include <algorithm>
#include <csignal>

namespace cairn::cli {
namespace {

using nlohmann::json;

constexpr int kTimeoutSeconds = 20;

/// The alert with which the node ended the session, as an error that says what to do.
std::optional<Error> error_of_alert(int alert, const std::string& where) {
    switch (alert) {
    case SSL_AD_CERTIFICATE_REVOKED: return Error{error::CertificateRevoked, "says " + where};
    case SSL_AD_CERTIFICATE_EXPIRED: return Error{error::CertificateExpired, "says " + where};
    case SSL_AD_UNKNOWN_CA: return Error{error::CertificateForeign, "says " + where};
    default: return std::nullopt;
    }
}

void note_alert(const SSL* ssl, int where, int value) {
    if ((where & SSL_CB_READ_ALERT) == SSL_CB_READ_ALERT && (value >> 8) == SSL3_AL_FATAL)
        *static_cast<int*>(SSL_CTX_get_app_data(SSL_get_SSL_CTX(ssl))) = value & 0xff;
}

/// A node that refuses closes the connection while we write: that is an error of the write, not the end of this program.
class PipeSignalIgnored {
public:
    PipeSignalIgnored() {
        struct sigaction ignore{};
        ignore.sa_handler = SIG_IGN;
        ::sigaction(SIGPIPE, &ignore, &before_);
    }
    ~PipeSignalIgnored() { ::sigaction(SIGPIPE, &before_, nullptr); }
    PipeSignalIgnored(const PipeSignalIgnored&) = delete;
    PipeSignalIgnored& operator=(const PipeSignalIgnored&) = delete;

private:
    struct sigaction before_{};
};

/// A handshake after which nothing is said. In TLS 1.3 a client is told after its own handshake that it is refused; if the
/// request is on its way then, the alert can be lost.
void listen_for_alert(SSL_CTX* context, const ZoneAccess& access) {
    const std::unique_ptr<BIO, decltype(&BIO_free_all)> session(BIO_new_ssl_connect(context), BIO_free_all);
    if (!session) return;
    const bool is_v6 = access.host.find(':') != std::string::npos;
    const auto where = (is_v6 ? "[" + access.host + "]" : access.host) + ":" + std::to_string(access.port);
    BIO_set_conn_hostname(session.get(), where.c_str());
    char byte = 0;
    if (BIO_do_connect(session.get()) == 1 && BIO_do_handshake(session.get()) == 1)
        (void)BIO_read(session.get(), &byte, 1);
    ERR_clear_error();
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
    const PipeSignalIgnored pipe;
    httplib::SSLClient client(access.host, access.port, file("identity.pem"), file("identity.key"));
    client.set_ca_cert_path(file("ca.pem").c_str());
    client.enable_server_certificate_verification(true);
    client.set_connection_timeout(kTimeoutSeconds);
    client.set_read_timeout(kTimeoutSeconds);
    const auto where = access.host + ":" + std::to_string(access.port);
    int alert = 0;
    SSL_CTX_set_app_data(client.ssl_context(), &alert);
    SSL_CTX_set_info_callback(client.ssl_context(), note_alert);
    const auto answer = client.Post(path, headers, body, "application/json");
    const bool broke_off = answer.error() == httplib::Error::Read || answer.error() == httplib::Error::Write;
    if (alert == 0 && broke_off) listen_for_alert(client.ssl_context(), access);
    if (auto refused = error_of_alert(alert, where); !answer && refused) return std::unexpected(*std::move(refused));
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

Result<ZoneAccess> zone_access(const Invocation& invocation, const std::string& person, const std::string& named) {
    ZoneAccess out;
    out.node = named.empty() ? invocation.flag_or("node", "") : named;
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
        const bool manages = person.starts_with("administrators");
        if (manages ? !settings.management : !settings.regulator)
            return fail(error::CliPrecondition,
                        node->config + " has no listener for " + person.substr(0, person.find('/')));
        const auto& tls = manages ? settings.management->tls : settings.regulator->tls;
        out.host = tls.address;
        out.port = tls.port;
    }
    if (out.identity_directory.empty())
        out.identity_directory = directory + "/organisations/" + dev_folder_name(node->organisation) + "/" + person;
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
