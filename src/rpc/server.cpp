#include "rpc/server.hpp"

#include "base/errors/rpc.hpp"
#include "base/log.hpp"
#include "rpc/access.hpp"
#include "rpc/service.hpp"
#include "rpc/workers.hpp"

namespace cairn::rpc {
namespace {

constexpr std::size_t kWaitingMax = 1024;           // requests that wait for a worker
constexpr std::size_t kParsedAtOnceMax = 32u << 10; // longer bodies are parsed by a worker

class ServiceServer final : public Server {
public:
    ServiceServer(const ServerConfig& config, node::Chain& chain)
        : on_refused_(config.on_refused),
          service_(std::make_unique<Service>(chain, config.rpc)),
          workers_(std::make_unique<Workers>(config.worker_threads, kWaitingMax)) {}
    ~ServiceServer() override {
        // First those that answer, then the sockets they answer to.
        workers_->stop();
        service_->stop();
        http_.reset();
    }

    Status start(const HttpConfig& config) {
        HttpHandler handler;
        handler.on_request = [this](std::string body, Reply reply) {
            answer(std::move(body), nullptr, std::move(reply));
        };
        handler.on_message = [this](const std::shared_ptr<WsConnection>& connection, std::string text, Reply reply) {
            answer(std::move(text), connection, std::move(reply));
        };
        handler.on_refused = on_refused_;
        handler.on_close = [this](std::uint64_t connection) { service_->forget(connection); };
        CRN_TRY(http, start_http_server(config, std::move(handler)));
        http_ = std::move(http);
        return {};
    }

    std::uint16_t port() const override { return http_->ports().front(); }
    std::uint16_t websocket_port() const override { return http_->ports().back(); }

private:
    /// On the I/O thread.
    void answer(std::string body, const std::shared_ptr<WsConnection>& connection, Reply reply) {
        if (body.size() <= kParsedAtOnceMax) return run(service_->parse(body), connection, std::move(reply));
        // Where the work belongs shows only once it is parsed, which a worker does.
        auto shared_reply = std::make_shared<Reply>(std::move(reply));
        const bool taken = workers_->post(Pace::normal, [this, body = std::move(body), connection, shared_reply] {
            auto work = service_->parse(body);
            if (work.cost() == Cost::slow) return run(std::move(work), connection, std::move(*shared_reply));
            service_->run(std::move(work), connection, std::move(*shared_reply));
        });
        if (!taken) (*shared_reply)(service_->busy());
    }

    void run(Service::Work parsed, const std::shared_ptr<WsConnection>& connection, Reply reply) {
        if (parsed.cost() == Cost::quick) return service_->run(std::move(parsed), connection, std::move(reply));
        auto work = std::make_shared<Service::Work>(std::move(parsed));
        auto shared_reply = std::make_shared<Reply>(std::move(reply));
        const auto pace = work->cost() == Cost::slow ? Pace::slow : Pace::normal;
        const bool taken = workers_->post(pace, [this, work, connection, shared_reply] {
            service_->run(std::move(*work), connection, std::move(*shared_reply));
        });
        if (!taken) (*shared_reply)(service_->busy(*work));
    }

    const std::function<void(const std::string&, const std::string&)> on_refused_;
    std::unique_ptr<Service> service_;
    std::unique_ptr<Workers> workers_;
    std::unique_ptr<HttpServer> http_;
};

} // namespace

Result<std::unique_ptr<Server>> start_server(const ServerConfig& config, node::Chain& chain) {
    HttpConfig http;
    http.address = config.address;
    http.ports = {config.port};
    if (config.websocket_port) http.ports.push_back(*config.websocket_port);
    http.cors_origins = config.cors_origins;
    http.host_names = config.host_names;
    http.limits = config.http;
    if (!config.token_file.empty()) {
        CRN_TRY(digest, read_token_digest(config.token_file));
        http.token_digest = digest;
    } else if (!is_loopback(config.address)) {
        return fail(error::RpcTokenMissing, config.address);
    }
    auto server = std::make_unique<ServiceServer>(config, chain);
    CRN_CHECK(server->start(http));
    log(LogLevel::info, "rpc", "serving JSON-RPC",
        {{"address", config.address}, {"port", std::to_string(server->port())}});
    return server;
}

} // namespace cairn::rpc
