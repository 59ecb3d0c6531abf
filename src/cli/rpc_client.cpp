#include "cli/rpc_client.hpp"

#include "base/errors/cli.hpp"
#include "base/errors/network.hpp"
#include "cli/dev_state.hpp"
#include "cli/files.hpp"
#include "cli/invocation.hpp"
#include "cli/rpc_answer.hpp"
#include "cli/rpc_trust.hpp"
#include "cli/sender.hpp"

#include <httplib.h>

#include <algorithm>

namespace cairn::cli {
namespace {

using nlohmann::json;

constexpr std::size_t kAnswerBytesMax = 512u << 20;

} // namespace

struct RpcClient::Connection {
    Connection(std::string url_, const std::string& origin, std::string path_, std::string token_)
        : url(std::move(url_)), path(std::move(path_)), token(std::move(token_)), client(origin) {}
    std::string url;
    std::string path;
    std::string token;
    httplib::Client client;
    std::uint64_t next_id = 1;
    std::string revert_data;
};

RpcClient::RpcClient(std::unique_ptr<Connection> connection) : connection_(std::move(connection)) {}
RpcClient::RpcClient(RpcClient&&) noexcept = default;
RpcClient& RpcClient::operator=(RpcClient&&) noexcept = default;
RpcClient::~RpcClient() = default;
const std::string& RpcClient::url() const { return connection_->url; }
const std::string& RpcClient::revert_data() const { return connection_->revert_data; }

Result<RpcClient> RpcClient::open(const std::string& url, std::string token, int timeout_seconds) {
    const auto scheme_end = url.find("://");
    const auto scheme = scheme_end == std::string::npos ? "" : url.substr(0, scheme_end);
    if (scheme != "http" && scheme != "https")
        return fail(error::CliUsage, "\"" + url + "\" is not a URL of the form http://HOST:PORT");
    const auto path_at = url.find('/', scheme_end + 3);
    const auto origin = url.substr(0, path_at);
    if (origin.size() == scheme_end + 3) return fail(error::CliUsage, "\"" + url + "\" names no host");
    auto connection = std::make_unique<Connection>(
        url, origin, path_at == std::string::npos ? "/" : url.substr(path_at), std::move(token));
    if (!connection->client.is_valid()) return fail(error::CliUsage, "\"" + url + "\" is not a valid URL");
    if (scheme == "https") {
        const auto ca = ca_file_for(origin);
        if (!ca.empty() && !exists(ca)) return fail(error::CliFileUnreadable, ca);
        if (!ca.empty()) connection->client.set_ca_cert_path(ca.c_str());
    }
    connection->client.enable_server_certificate_verification(true);
    connection->client.set_keep_alive(true);
    connection->client.set_tcp_nodelay(true);
    connection->client.set_connection_timeout(5, 0);
    connection->client.set_read_timeout(timeout_seconds, 0);
    connection->client.set_write_timeout(timeout_seconds, 0);
    return RpcClient(std::move(connection));
}

Result<std::string> RpcClient::post(const std::string& body) {
    httplib::Request request;
    request.method = "POST";
    request.path = connection_->path;
    request.headers.emplace("Content-Type", "application/json");
    if (!connection_->token.empty()) request.headers.emplace("Authorization", "Bearer " + connection_->token);
    request.body = body;
    std::string answer;
    request.content_receiver = [&](const char* data, std::size_t length, std::uint64_t, std::uint64_t) {
        if (answer.size() + length > kAnswerBytesMax) return false;
        answer.append(data, length);
        return true;
    };
    const auto result = connection_->client.send(request);
    if (!result) {
        if (result.error() == httplib::Error::SSLServerVerification ||
            result.error() == httplib::Error::SSLLoadingCerts)
            return fail(error::CertificateForeign,
                        connection_->url + ": name the CA of the node's organisation with --rpc-ca FILE");
        return fail(error::CliRpcUnreachable, connection_->url + " (" + httplib::to_string(result.error()) + ")");
    }
    if (answer.empty()) answer = result->body;
    if (result->status == 401 || result->status == 403)
        return fail(error::CliRpcRefused, connection_->url + " answers HTTP " + std::to_string(result->status) +
                                              ": give the node's token with --rpc-token-file");
    if (answer.empty() || (answer.front() != '{' && answer.front() != '['))
        return fail(error::CliRpcInvalid, connection_->url + " answers HTTP " + std::to_string(result->status) +
                                              (answer.empty() ? "" : ": " + excerpt(answer)));
    return answer;
}

Result<json> RpcClient::call(const std::string& method, json parameters) {
    const json request = {
        {"jsonrpc", "2.0"}, {"id", connection_->next_id++}, {"method", method}, {"params", std::move(parameters)}};
    CRN_TRY(body, post(request.dump(-1, ' ', false, json::error_handler_t::replace)));
    return read_answer(body, connection_->url, connection_->revert_data);
}

Result<std::vector<Result<json>>> RpcClient::batch(const std::vector<RpcCall>& calls) {
    if (calls.empty()) return std::vector<Result<json>>{};
    json request = json::array();
    const auto first = connection_->next_id;
    connection_->next_id += calls.size();
    for (std::size_t i = 0; i < calls.size(); ++i)
        request.push_back(
            {{"jsonrpc", "2.0"}, {"id", first + i}, {"method", calls[i].method}, {"params", calls[i].parameters}});
    CRN_TRY(body, post(request.dump(-1, ' ', false, json::error_handler_t::replace)));
    return read_answers(body, first, calls.size(), connection_->url, connection_->revert_data);
}

std::vector<FlagSpec> rpc_flags() {
    return {
        {.name = "rpc",
         .value = "URL",
         .help = "the node (default: the development network, else http://127.0.0.1:8545)"},
        {.name = "dir",
         .value = "D",
         .help = "directory of the development network to use",
         .completes = Completes::directory},
        {.name = "rpc-ca",
         .value = "FILE",
         .help = "for https: the CA of the node's organisation (default: the development network's)",
         .completes = Completes::file},
        {.name = "rpc-token-file",
         .value = "FILE",
         .help = "file with the node's access token",
         .completes = Completes::file},
    };
}

Result<RpcClient> open_rpc(const Invocation& invocation) {
    std::string token;
    if (const auto file = invocation.flag("rpc-token-file")) {
        CRN_TRY(text, read_secret_file(*file));
        token = text.substr(0, text.find_first_of("\r\n"));
    }
    auto url = invocation.flag("rpc");
    if (!url) url = environment("CAIRN_RPC");
    // Read in any case: who names a node of it by its URL gets its CA too.
    if (const auto state = read_dev_state(dev_dir(invocation)))
        for (const auto& node : state->nodes)
            if (!url && is_running(node)) url = node.rpc;
    return RpcClient::open(url.value_or("http://127.0.0.1:8545"), token);
}

Result<U256> quantity(const json& value, std::string_view what) {
    if (value.is_string())
        if (const auto number = from_quantity(value.get_ref<const std::string&>())) return *number;
    return fail(error::CliRpcInvalid, std::string{what} + " is not a quantity: " + excerpt(value.dump()));
}

Result<std::uint64_t> quantity_u64(const json& value, std::string_view what) {
    CRN_TRY(number, quantity(value, what));
    if (!number.fits_u64()) return fail(error::CliRpcInvalid, std::string{what} + " is too large");
    return number.low();
}

std::string text_of(const json& object, const char* member) {
    if (!object.is_object()) return {};
    const auto found = object.find(member);
    return found != object.end() && found->is_string() ? found->get<std::string>() : std::string{};
}

} // namespace cairn::cli
