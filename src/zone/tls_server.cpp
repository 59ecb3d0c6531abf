#include "zone/tls_server.hpp"

#include "base/errors/network.hpp"
#include "base/errors/zone.hpp"
#include "base/thread_name.hpp"
#include "zone/door.hpp"
#include "zone/listener_files.hpp"
#include "zone/management.hpp"
#include "zone/request.hpp"

#include <httplib.h>

#include <arpa/inet.h>
#include <atomic>
#include <set>
#include <thread>

namespace cairn::zone {
namespace {

constexpr std::size_t kThreads = 4;
constexpr int kHandshakeSeconds = 5;
constexpr long kClientCertificateBytesMax = 16 * 1024; // with its chain, as between nodes

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

std::int64_t wall_seconds() { return system_clock().wall().count() / 1000; }

class HttplibServer final : public TlsServer {
public:
    HttplibServer(const TlsServerConfig& config, TlsHandler handler) : config_(config), handler_(std::move(handler)) {}
    ~HttplibServer() override {
        if (server_) server_->stop();
        if (thread_.joinable()) thread_.join();
    }

    Status start() {
        CRN_TRY(files, WatchedFiles::open(config_.files));
        files_ = std::move(files);
        server_ = std::make_unique<httplib::SSLServer>([this](SSL_CTX& context) { return set_up(&context); });
        if (!server_->is_valid()) return fail(error::ZoneFileInvalid, config_.files.certificate);
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
            name_thread(("zone " + config_.files.zone).c_str()); // and so its workers, which it starts
            server_->listen_after_bind();
            ended_ = true;
        });
        // Before it runs the library cannot be told to stop.
        while (!server_->is_running() && !ended_) std::this_thread::sleep_for(std::chrono::milliseconds{1});
        return {};
    }

    std::uint16_t port() const override { return port_; }

    Status reload() override { return files_->reload(); }

    void judge_again() override {
        std::vector<TlsRefusal> cut;
        const auto files = files_->current();
        {
            // While it is in the list a connection's socket is open: its end takes the same lock first.
            const std::lock_guard lock(mutex_);
            for (auto* session : live_) {
                if (session->is_cut) continue;
                const auto status =
                    zone::judge_again(session->admitted, *files, config_.files.trust.get(), wall_seconds());
                if (status) continue;
                session->is_cut = true;
                cut.push_back(
                    {address_of(session->socket), "cut: " + status.error().text(), session->admitted.certificate});
                ::shutdown(session->socket, SHUT_RDWR);
            }
        }
        for (const auto& one : cut) refused(one);
    }

private:
    /// What is known of one connection; lives as long as its SSL object.
    struct Session {
        HttplibServer* server = nullptr;
        std::shared_ptr<const ListenerFiles> files;
        std::optional<Error> refusal;
        Admitted admitted;
        int socket = -1;
        bool is_cut = false; // guarded by mutex_
    };

    static int slot() {
        static const int index = SSL_get_ex_new_index(
            0, nullptr, nullptr, nullptr, [](void*, void* session, CRYPTO_EX_DATA*, int, long, void*) {
                const std::unique_ptr<Session> ended(static_cast<Session*>(session));
                if (!ended) return;
                const std::lock_guard lock(ended->server->mutex_);
                ended->server->live_.erase(ended.get());
            });
        return index;
    }
    static Session* session_of(const SSL* ssl) { return static_cast<Session*>(SSL_get_ex_data(ssl, slot())); }

    void refused(const TlsRefusal& refusal) const {
        if (handler_.on_refused) handler_.on_refused(refusal);
    }

    bool set_up(SSL_CTX* context) {
        SSL_CTX_set_app_data(context, this);
        SSL_CTX_set_verify(context, SSL_VERIFY_PEER | SSL_VERIFY_FAIL_IF_NO_PEER_CERT, nullptr);
        SSL_CTX_set_verify_depth(context, 1);
        SSL_CTX_set_max_cert_list(context, kClientCertificateBytesMax);
        SSL_CTX_set_cert_verify_callback(context, judge, this);
        SSL_CTX_set_cert_cb(context, begin, this);
        SSL_CTX_set_info_callback(context, on_state);
        return set_up_tls(context, &on_restless_);
    }

    /// After the client's hello: from here on the connection has the files as they are now.
    static int begin(SSL* ssl, void* server) {
        auto* const self = static_cast<HttplibServer*>(server);
        // A second time if the client had to say hello again.
        if (const auto* known = session_of(ssl)) return known->files->serve(ssl) ? 1 : 0;
        auto session = std::make_unique<Session>();
        session->server = self;
        session->files = self->files_->current();
        session->socket = SSL_get_fd(ssl);
        auto* const kept = session.get();
        if (SSL_set_ex_data(ssl, slot(), kept) != 1) return 0;
        static_cast<void>(session.release());
        if (auto status = kept->files->check_revoked(self->config_.files.trust.get()); !status) {
            kept->refusal = std::move(status).error();
            return 0;
        }
        return kept->files->serve(ssl) ? 1 : 0;
    }

    static int judge(X509_STORE_CTX* store, void* server) {
        auto* const self = static_cast<HttplibServer*>(server);
        const auto* ssl = static_cast<SSL*>(X509_STORE_CTX_get_ex_data(store, SSL_get_ex_data_X509_STORE_CTX_idx()));
        auto* const session = session_of(ssl);
        if (session == nullptr) {
            X509_STORE_CTX_set_error(store, X509_V_ERR_CERT_REJECTED);
            return 0;
        }
        auto status = judge_handshake(store, *session->files, self->config_.files.trust.get(), session->admitted);
        if (!status) {
            session->refusal = std::move(status).error();
            return 0;
        }
        const std::lock_guard lock(self->mutex_);
        self->live_.insert(session);
        return 1;
    }

    /// A fatal alert that we send is a refusal; its name, or what was found against the certificate, says why.
    static void on_state(const SSL* ssl, int where, int value) {
        if ((where & SSL_CB_WRITE_ALERT) != SSL_CB_WRITE_ALERT || (value >> 8) != SSL3_AL_FATAL) return;
        auto* self = static_cast<HttplibServer*>(SSL_CTX_get_app_data(SSL_get_SSL_CTX(ssl)));
        const auto* session = session_of(ssl);
        const bool judged = session != nullptr && session->refusal;
        self->refused({address_of(SSL_get_fd(ssl)),
                       judged ? session->refusal->text() : SSL_alert_desc_string_long(value),
                       judged ? session->admitted.certificate : Bytes{}});
    }

    TlsAnswer handle(const httplib::Request& request) const {
        const auto* session = request.ssl != nullptr ? session_of(request.ssl) : nullptr;
        if (session == nullptr) return {403, error_json({error::ZoneIdentityRefused, "no certificate"})};
        // Trust may have changed since the handshake.
        if (const auto status =
                zone::judge_again(session->admitted, *files_->current(), config_.files.trust.get(), wall_seconds());
            !status) {
            refused({request.remote_addr, status.error().text(), session->admitted.certificate});
            return {403, error_json(status.error())};
        }
        return handler_.on_request({.remote = request.remote_addr,
                                    .certificate = session->admitted.certificate,
                                    .path = request.path,
                                    .body = request.body,
                                    .signature = request.get_header_value("Cairn-Signature")});
    }

    const TlsServerConfig config_;
    const TlsHandler handler_;
    mutable std::mutex mutex_;
    std::unique_ptr<WatchedFiles> files_;
    std::set<Session*> live_; // guarded by mutex_
    OnRestless on_restless_ = [this](const SSL* ssl) {
        const auto* session = session_of(ssl);
        refused({address_of(SSL_get_fd(ssl)), "cut: it takes new TLS keys again and again",
                 session != nullptr ? session->admitted.certificate : Bytes{}});
    };
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
