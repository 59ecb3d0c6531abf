#include "zone/tls_server.hpp"

#include "base/errors/network.hpp"
#include "base/errors/zone.hpp"
#include "zone/request.hpp"

#include <httplib.h>
#include <openssl/err.h>
#include <openssl/ssl.h>

#include <arpa/inet.h>
#include <atomic>
#include <thread>

namespace cairn::zone {
namespace {

constexpr std::size_t kThreads = 4;
constexpr int kHandshakeSeconds = 5;

std::string address_of(int socket) {
    sockaddr_storage address{};
    socklen_t length = sizeof address;
    if (socket < 0 || ::getpeername(socket, reinterpret_cast<sockaddr*>(&address), &length) != 0) return "unknown";
    char text[INET6_ADDRSTRLEN] = {};
    if (address.ss_family == AF_INET)
        ::inet_ntop(AF_INET, &reinterpret_cast<sockaddr_in&>(address).sin_addr, text, sizeof text);
    else
        ::inet_ntop(AF_INET6, &reinterpret_cast<sockaddr_in6&>(address).sin6_addr, text, sizeof text);
    return text;
}

class HttplibServer final : public TlsServer {
public:
    HttplibServer(const TlsServerConfig& config, TlsHandler handler) : config_(config), handler_(std::move(handler)) {}
    ~HttplibServer() override {
        if (server_) server_->stop();
        if (thread_.joinable()) thread_.join();
    }

    Status start() {
        server_ = std::make_unique<httplib::SSLServer>([this](SSL_CTX& context) { return set_up(&context); });
        if (!server_->is_valid()) return files_invalid();
        server_->new_task_queue = [] { return new httplib::ThreadPool(kThreads); };
        // Not SO_REUSEPORT, the library's choice: another process could take the port too.
        server_->set_socket_options([](socket_t socket) {
            const int yes = 1;
            ::setsockopt(socket, SOL_SOCKET, SO_REUSEADDR, &yes, sizeof yes);
        });
        server_->set_payload_max_length(kRequestBytesMax);
        // One request, then the session is over: nothing is left open for somebody else to find.
        server_->set_keep_alive_max_count(1);
        server_->set_keep_alive_timeout(static_cast<time_t>(config_.idle_seconds));
        server_->set_read_timeout(kHandshakeSeconds, 0);
        server_->set_write_timeout(kHandshakeSeconds, 0);
        server_->Post("/.*", [this](const httplib::Request& request, httplib::Response& response) {
            const auto answer = handle(request);
            response.status = answer.status;
            response.set_content(answer.body, "application/json");
        });
        if (config_.port == 0) {
            const int port = server_->bind_to_any_port(config_.address);
            if (port <= 0) return fail(error::PortInUse, config_.address);
            port_ = static_cast<std::uint16_t>(port);
        } else {
            if (!server_->bind_to_port(config_.address, config_.port))
                return fail(error::PortInUse, config_.address + ":" + std::to_string(config_.port));
            port_ = config_.port;
        }
        thread_ = std::thread([this] {
            server_->listen_after_bind();
            ended_ = true;
        });
        // Before it runs the library cannot be told to stop.
        while (!server_->is_running() && !ended_) std::this_thread::sleep_for(std::chrono::milliseconds{1});
        return {};
    }

    std::uint16_t port() const override { return port_; }

    Status reload() override {
        auto* context = server_->ssl_context();
        // Checked in a context of its own first, so that a bad file changes nothing.
        const std::unique_ptr<SSL_CTX, decltype(&SSL_CTX_free)> trial(SSL_CTX_new(TLS_server_method()), SSL_CTX_free);
        if (!trial || !load(trial.get()) || !load(context)) return files_invalid();
        return {};
    }

private:
    Status files_invalid() const {
        ERR_clear_error();
        return fail(error::ZoneFileInvalid,
                    config_.certificate_file + ", " + config_.key_file + ", " + config_.client_ca_file);
    }

    bool load(SSL_CTX* context) const {
        return SSL_CTX_use_certificate_chain_file(context, config_.certificate_file.c_str()) == 1 &&
               SSL_CTX_use_PrivateKey_file(context, config_.key_file.c_str(), SSL_FILETYPE_PEM) == 1 &&
               SSL_CTX_check_private_key(context) == 1;
    }

    bool set_up(SSL_CTX* context) {
        SSL_CTX_set_app_data(context, this);
        SSL_CTX_set_verify(context, SSL_VERIFY_PEER | SSL_VERIFY_FAIL_IF_NO_PEER_CERT, nullptr);
        SSL_CTX_set_verify_depth(context, 1);
        // No session is resumed: a certificate that was withdrawn must not live on in a ticket.
        SSL_CTX_set_session_cache_mode(context, SSL_SESS_CACHE_OFF);
        SSL_CTX_set_num_tickets(context, 0);
        SSL_CTX_set_options(context, SSL_OP_NO_RENEGOTIATION | SSL_OP_NO_TICKET);
        SSL_CTX_set_info_callback(context, on_state);
        return SSL_CTX_set_min_proto_version(context, TLS1_3_VERSION) == 1 &&
               SSL_CTX_load_verify_locations(context, config_.client_ca_file.c_str(), nullptr) == 1 && load(context);
    }

    /// A fatal alert that we send is a refusal; its name says why.
    static void on_state(const SSL* ssl, int where, int value) {
        if ((where & SSL_CB_WRITE_ALERT) != SSL_CB_WRITE_ALERT || (value >> 8) != SSL3_AL_FATAL) return;
        auto* self = static_cast<HttplibServer*>(SSL_CTX_get_app_data(SSL_get_SSL_CTX(ssl)));
        if (self->handler_.on_refused)
            self->handler_.on_refused(address_of(SSL_get_fd(ssl)), SSL_alert_desc_string_long(value));
    }

    TlsAnswer handle(const httplib::Request& request) const {
        TlsRequest out{.remote = request.remote_addr,
                       .certificate = {},
                       .path = request.path,
                       .body = request.body,
                       .signature = request.get_header_value("Cairn-Signature")};
        if (request.ssl != nullptr) {
            const std::unique_ptr<X509, decltype(&X509_free)> certificate(SSL_get1_peer_certificate(request.ssl),
                                                                          X509_free);
            unsigned char* der = nullptr;
            const int length = certificate ? i2d_X509(certificate.get(), &der) : 0;
            if (length > 0) out.certificate.assign(der, der + length);
            OPENSSL_free(der);
        }
        return handler_.on_request(out);
    }

    const TlsServerConfig config_;
    const TlsHandler handler_;
    std::unique_ptr<httplib::SSLServer> server_;
    std::uint16_t port_ = 0;
    std::atomic<bool> ended_ = false;
    std::thread thread_;
};

} // namespace

Result<std::unique_ptr<TlsServer>> start_tls_server(const TlsServerConfig& config, TlsHandler handler) {
    auto server = std::make_unique<HttplibServer>(config, std::move(handler));
    CRN_CHECK(server->start());
    return server;
}

} // namespace cairn::zone
