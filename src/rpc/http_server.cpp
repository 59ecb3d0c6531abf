#include "rpc/http_server.hpp"

#include "base/errors/network.hpp"
#include "base/errors/rpc.hpp"
#include "base/log.hpp"
#include "base/thread_name.hpp"
#include "rpc/access.hpp"
#include "rpc/http_sessions.hpp"
#include "zone/listener_files.hpp"

#include <boost/asio/dispatch.hpp>
#include <boost/asio/executor_work_guard.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/beast/core/flat_buffer.hpp>
#include <boost/beast/http/empty_body.hpp>
#include <boost/beast/http/parser.hpp>
#include <boost/beast/http/read.hpp>
#include <boost/beast/http/rfc7230.hpp>
#include <boost/beast/http/write.hpp>

#include <sys/resource.h>
#include <thread>
#include <unistd.h>
#include <utility>

namespace cairn::rpc {
namespace {

namespace asio = boost::asio;
namespace beast = boost::beast;
namespace http = boost::beast::http;
using tcp = asio::ip::tcp;
using Request = http::request<http::string_body>;
using Response = http::response<http::string_body>;

constexpr int kNiceness = 5;

std::string_view view(beast::string_view text) { return {text.data(), text.size()}; }

/// One HTTP connection. All members belong to the I/O thread.
class HttpSession final : public Session, public std::enable_shared_from_this<HttpSession> {
public:
    HttpSession(std::shared_ptr<HttpCore> core, Slot slot, tcp::socket&& socket, asio::ssl::context* tls)
        : core_(std::move(core)), slot_(std::move(slot)), stream_(std::move(socket), tls) {}
    ~HttpSession() override {
        release_body();
        core_->answer_bytes -= std::exchange(answer_bytes_, 0);
        core_->leave(id_);
    }

    void start() {
        beast::error_code ignored;
        stream_.socket().set_option(tcp::no_delay(true), ignored);
        id_ = core_->enter(weak_from_this());
        if (!stream_.is_tls()) return read_header();
        stream_.expires_after(core_->config.limits.handshake);
        stream_.async_handshake([self = shared_from_this()](beast::error_code error) {
            if (!error) return self->read_header();
            // Who merely went away, or was too slow, was not refused.
            if (error.category() == asio::error::get_ssl_category() && self->core_->handler.on_refused)
                self->core_->handler.on_refused(self->slot_->client(), "TLS: " + error.message());
            self->stream_.close();
        });
    }
    void stop() override { stream_.close(); }

private:
    void read_header() {
        parser_.emplace();
        parser_->body_limit(core_->config.limits.body_bytes_max);
        parser_->header_limit(core_->config.limits.header_bytes_max);
        stream_.expires_after(core_->config.limits.idle);
        http::async_read_header(
            stream_, buffer_, *parser_,
            [self = shared_from_this()](beast::error_code error, std::size_t) { self->on_header(error); });
    }

    void on_header(beast::error_code error) {
        if (error == http::error::header_limit)
            return refuse(http::status::request_header_fields_too_large, "header too large");
        if (error == http::error::body_limit) return refuse(http::status::payload_too_large, "request too large");
        if (error.category() == http::make_error_code(http::error::end_of_stream).category() &&
            error != http::error::end_of_stream && error != http::error::partial_message)
            return refuse(http::status::bad_request, "not an HTTP request");
        if (error) return close();

        const auto& head = parser_->get();
        const auto& config = core_->config;
        const auto origin = view(head[http::field::origin]);
        allow_origin_.clear();
        if (!host_allowed(view(head[http::field::host]), config.host_names))
            return forbid(http::status::forbidden, "invalid host specified");
        if (!origin.empty()) {
            if (!origin_allowed(origin, config.cors_origins))
                return forbid(http::status::forbidden, "origin not allowed");
            allow_origin_ = origin;
        }
        // A browser asks without credentials whether it may send them.
        if (head.method() == http::verb::options) return answer_preflight();
        if (config.token_digest && !token_accepted(view(head[http::field::authorization]), *config.token_digest))
            return forbid(http::status::unauthorized, "missing or wrong bearer token");
        const bool upgrade = head.method() == http::verb::get &&
                             http::token_list{head[http::field::connection]}.exists("upgrade") &&
                             beast::iequals(head[http::field::upgrade], "websocket");
        if (upgrade) return start_upgrade();
        if (head.method() != http::verb::post)
            return refuse(http::status::method_not_allowed, "send JSON-RPC by POST, or open a WebSocket");
        // Pages of other sites can send a form or plain text without asking first, but not JSON.
        const auto type = view(head[http::field::content_type]);
        if (!type.starts_with("application/json"))
            return refuse(http::status::unsupported_media_type,
                          "invalid content type, only application/json is supported");
        if (parser_->content_length() && *parser_->content_length() > config.limits.body_bytes_max)
            return refuse(http::status::payload_too_large, "request too large");
        const auto announced = parser_->content_length() ? static_cast<std::size_t>(*parser_->content_length())
                                                         : config.limits.body_bytes_max;
        if (!core_->reserve(slot_->client(), announced)) {
            retry_after_ = std::chrono::seconds{1};
            return refuse(http::status::service_unavailable, "too many requests are being received, try again");
        }
        body_bytes_ = announced;
        if (beast::iequals(head[http::field::expect], "100-continue")) return send_continue();
        read_body();
    }

    /// A refusal that somebody has to hear of.
    void forbid(http::status status, const char* reason) {
        if (core_->handler.on_refused) {
            beast::error_code unknown;
            const auto remote = stream_.socket().remote_endpoint(unknown);
            core_->handler.on_refused(unknown ? "unknown" : remote.address().to_string(), reason);
        }
        refuse(status, reason);
    }

    void send_continue() {
        auto response =
            std::make_shared<http::response<http::empty_body>>(http::status::continue_, parser_->get().version());
        stream_.expires_after(core_->config.limits.write);
        http::async_write(stream_, *response,
                          [self = shared_from_this(), response](beast::error_code error, std::size_t) {
                              if (error) return self->close();
                              self->read_body();
                          });
    }

    void read_body() {
        stream_.expires_after(core_->config.limits.read);
        http::async_read(stream_, buffer_, *parser_,
                         [self = shared_from_this()](beast::error_code error, std::size_t) { self->on_body(error); });
    }

    void on_body(beast::error_code error) {
        if (error == http::error::body_limit) return refuse(http::status::payload_too_large, "request too large");
        if (error) return close();
        stream_.expires_never();
        keep_alive_ = parser_->get().keep_alive();
        version_ = parser_->get().version();
        const auto respond_later = [self = shared_from_this()](http::status status, std::chrono::seconds retry_after,
                                                               std::string text) {
            asio::dispatch(self->core_->io, [self, status, retry_after, text = std::move(text)]() mutable {
                self->release_body();
                self->retry_after_ = retry_after;
                self->respond(status, "application/json", std::move(text));
            });
        };
        core_->handler.on_request(
            slot_->client(), std::move(parser_->get().body()),
            [respond_later](std::string text) { respond_later(http::status::ok, {}, std::move(text)); },
            [respond_later](Refusal refusal) {
                respond_later(http::int_to_status(refusal.status), refusal.retry_after, std::move(refusal.text));
            });
    }

    void answer_preflight() {
        keep_alive_ = false; // the body, if any, stays unread
        version_ = parser_->get().version();
        respond(http::status::no_content, "", {});
    }

    void release_body() {
        if (body_bytes_ != 0) core_->release(slot_->client(), std::exchange(body_bytes_, 0));
    }

    void refuse(http::status status, std::string_view reason) {
        keep_alive_ = false;
        version_ = 11;
        respond(status, "text/plain; charset=utf-8", std::string{reason} + "\n");
    }

    void respond(http::status status, std::string_view type, std::string text) {
        response_ = {};
        response_.result(status);
        response_.version(version_);
        if (!type.empty()) response_.set(http::field::content_type, beast::string_view{type.data(), type.size()});
        if (status == http::status::unauthorized) response_.set(http::field::www_authenticate, "Bearer");
        if (status == http::status::method_not_allowed) response_.set(http::field::allow, "POST, OPTIONS");
        if (!allow_origin_.empty()) {
            response_.set(http::field::access_control_allow_origin, allow_origin_);
            response_.set(http::field::vary, "Origin");
            if (status == http::status::no_content) {
                response_.set(http::field::access_control_allow_methods, "POST");
                response_.set(http::field::access_control_allow_headers, "Content-Type, Authorization");
                response_.set(http::field::access_control_max_age, "600");
            }
        }
        // Readers that take nothing must not collect answers in here.
        const auto held = core_->answer_bytes.fetch_add(text.size());
        answer_bytes_ = text.size();
        if (held + text.size() > core_->config.limits.answer_memory_max && text.size() > kAnswerWhenFull) {
            response_.result(http::status::service_unavailable);
            retry_after_ = std::chrono::seconds{1};
            text = "too many answers wait for their readers, try again\n";
        }
        if (retry_after_ > std::chrono::seconds{0})
            response_.set(http::field::retry_after, std::to_string(std::exchange(retry_after_, {}).count()));
        response_.keep_alive(keep_alive_);
        response_.body() = std::move(text);
        response_.prepare_payload();
        stream_.expires_after(core_->config.limits.write);
        http::async_write(stream_, response_, [self = shared_from_this()](beast::error_code error, std::size_t) {
            self->core_->answer_bytes -= std::exchange(self->answer_bytes_, 0);
            if (error || self->core_->stopping) return self->close();
            if (!self->keep_alive_) return self->linger();
            self->response_.body() = {};
            self->read_header();
        });
    }

    void start_upgrade() {
        // An upgrade request has no body, so the header is all of it.
        stream_.expires_never();
        start_websocket(core_, slot_, std::move(stream_), parser_->release());
    }

    /// A socket that is closed while the client still sends is reset, and the client may never see the answer. So the
    /// rest is read and thrown away for a moment.
    void linger() {
        buffer_.clear();
        stream_.expires_after(kLinger);
        if (!stream_.is_tls()) return end_sending();
        // Its outcome does not matter: a client that still sends is not one that says goodbye.
        stream_.async_shutdown([self = shared_from_this()](beast::error_code) { self->end_sending(); });
    }
    void end_sending() {
        beast::error_code ignored;
        stream_.socket().shutdown(tcp::socket::shutdown_send, ignored);
        drain(kLingerBytes);
    }
    /// Below TLS: nobody looks at these bytes.
    void drain(std::size_t bytes_left) {
        stream_.next_layer().async_read_some(
            buffer_.prepare(kDrainBytes),
            [self = shared_from_this(), bytes_left](beast::error_code error, std::size_t count) {
                if (error || count >= bytes_left) return self->close();
                self->drain(bytes_left - count);
            });
    }

    void close() {
        beast::error_code ignored;
        stream_.socket().shutdown(tcp::socket::shutdown_send, ignored);
        stream_.close();
    }

    static constexpr std::size_t kAnswerWhenFull = 64u << 10;
    static constexpr std::chrono::seconds kLinger{2};
    static constexpr std::size_t kLingerBytes = 8u << 20;
    static constexpr std::size_t kDrainBytes = 16u << 10;

    const std::shared_ptr<HttpCore> core_;
    const Slot slot_;
    std::uint64_t id_ = 0;
    std::size_t body_bytes_ = 0;   // reserved
    std::size_t answer_bytes_ = 0; // being written
    std::chrono::seconds retry_after_{0};
    ClientStream stream_;
    beast::flat_buffer buffer_;
    std::optional<http::request_parser<http::string_body>> parser_;
    Response response_;
    std::string allow_origin_;
    unsigned version_ = 11;
    bool keep_alive_ = false;
};

class BeastServer final : public HttpServer {
public:
    BeastServer(HttpConfig config, HttpHandler handler)
        : core_(std::make_shared<HttpCore>(std::move(config), std::move(handler))),
          work_(asio::make_work_guard(core_->io)),
          pause_(core_->io) {}

    ~BeastServer() override {
        core_->stopping = true;
        asio::post(core_->io, [this] {
            beast::error_code ignored;
            for (auto& acceptor : acceptors_) acceptor.close(ignored);
            pause_.cancel();
            for (const auto& session : core_->sessions()) session->stop();
        });
        work_.reset();
        if (thread_.joinable()) thread_.join();
    }

    Status open() {
        beast::error_code error;
        if (core_->config.certificate != nullptr) {
            auto* const context = tls_.emplace(asio::ssl::context::tlsv13_server).native_handle();
            if (!zone::set_up_tls(context)) return fail(error::RpcServerFailed, "OpenSSL refuses the rules of TLS");
            // Each connection gets the files as they are at its hello.
            SSL_CTX_set_cert_cb(
                context,
                [](SSL* ssl, void* files) { return static_cast<const zone::WatchedFiles*>(files)->serve(ssl) ? 1 : 0; },
                const_cast<zone::WatchedFiles*>(core_->config.certificate));
        }
        const auto address = asio::ip::make_address(core_->config.address, error);
        if (error) return fail(error::RpcAddressInvalid, core_->config.address);
        for (const auto port : core_->config.ports) {
            const auto name = core_->config.address + ":" + std::to_string(port);
            auto& acceptor = acceptors_.emplace_back(core_->io);
            const tcp::endpoint endpoint{address, port};
            acceptor.open(endpoint.protocol(), error);
            if (!error) acceptor.set_option(asio::socket_base::reuse_address(true), error);
            if (!error) acceptor.bind(endpoint, error);
            if (!error) acceptor.listen(asio::socket_base::max_listen_connections, error);
            if (error == asio::error::address_in_use) return fail(error::PortInUse, name);
            if (error == asio::error::make_error_code(asio::error::basic_errors::access_denied))
                return fail(error::RpcAddressInvalid, name + ": " + error.message());
            if (error == boost::system::errc::address_not_available)
                return fail(error::RpcAddressInvalid, name + ": " + error.message());
            if (error) return fail(error::RpcServerFailed, name + ": " + error.message());
            ports_.push_back(acceptor.local_endpoint(error).port());
        }
        for (auto& acceptor : acceptors_) accept(acceptor);
        thread_ = std::thread([core = core_] {
            name_thread("rpc io");
            ::setpriority(PRIO_PROCESS, static_cast<id_t>(::gettid()), kNiceness); // see workers.cpp
            core->io.run();
        });
        return {};
    }

    std::vector<std::uint16_t> ports() const override { return ports_; }
    std::size_t connections() const override { return core_->connections(); }

private:
    void accept(tcp::acceptor& acceptor) {
        acceptor.async_accept([this, &acceptor](beast::error_code error, tcp::socket socket) {
            if (core_->stopping || error == asio::error::operation_aborted) return;
            if (error) {
                // Out of file handles: try again once some connections have gone.
                pause_.expires_after(std::chrono::milliseconds(100));
                pause_.async_wait([this, &acceptor](beast::error_code stopped) {
                    if (!stopped) accept(acceptor);
                });
                return;
            }
            if (core_->connections() < core_->config.limits.connections_max) admit(std::move(socket));
            accept(acceptor);
        });
    }

    void admit(tcp::socket socket) {
        beast::error_code gone;
        const auto endpoint = socket.remote_endpoint(gone);
        if (gone) return;
        auto client = endpoint.address().to_string();
        if (tls_ && core_->handler.on_handshake && !core_->handler.on_handshake(client)) return;
        if (!core_->connect(client)) return;
        auto slot = std::make_shared<const ConnectionSlot>(core_, std::move(client));
        std::make_shared<HttpSession>(core_, std::move(slot), std::move(socket), tls_ ? &*tls_ : nullptr)->start();
    }

    std::optional<asio::ssl::context> tls_;
    std::shared_ptr<HttpCore> core_;
    asio::executor_work_guard<asio::io_context::executor_type> work_;
    asio::steady_timer pause_;
    std::vector<tcp::acceptor> acceptors_;
    std::vector<std::uint16_t> ports_;
    std::thread thread_;
};

} // namespace

bool is_loopback(const std::string& address) {
    beast::error_code error;
    const auto parsed = asio::ip::make_address(address, error);
    return !error && parsed.is_loopback();
}

Result<std::unique_ptr<HttpServer>> start_http_server(const HttpConfig& config, HttpHandler handler) {
    auto server = std::make_unique<BeastServer>(config, std::move(handler));
    CRN_CHECK(server->open());
    return server;
}

} // namespace cairn::rpc
