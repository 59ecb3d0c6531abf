#include "rpc/server.hpp"

#include "base/clock.hpp"
#include "base/errors/rpc.hpp"
#include "base/log.hpp"
#include "rpc/access.hpp"
#include "rpc/flow.hpp"
#include "rpc/json_writer.hpp"
#include "rpc/service.hpp"
#include "rpc/workers.hpp"
#include "zone/listener_files.hpp"

#include <atomic>

namespace cairn::rpc {
namespace {

constexpr std::size_t kWaitingMax = 1024;           // requests that wait for a worker
constexpr Microseconds kWaitMax{10'000'000};        // for a worker; then the client is told to come back
constexpr std::size_t kParsedAtOnceMax = 32u << 10; // longer bodies are parsed by a worker

class ServiceServer final : public Server {
public:
    ServiceServer(const ServerConfig& config, node::Chain& chain)
        : on_refused_(config.on_refused),
          flow_(config.rpc.flow),
          refused_tokens_(config.rpc.flow.refused_transaction_tokens),
          service_(std::make_unique<Service>(chain, config.rpc)),
          workers_(std::make_unique<Workers>(config.worker_threads, kWaitingMax)) {
        service_->set_flow_report([this](JsonWriter& out) { report(out); });
        service_->set_read_report(config.on_labelled_read);
    }
    ~ServiceServer() override {
        // First those that answer, then the sockets they answer to.
        workers_->stop();
        service_->stop();
        http_.reset();
    }

    Status start(HttpConfig config, const std::optional<zone::ListenerFilesConfig>& tls) {
        if (tls) {
            CRN_TRY(files, zone::WatchedFiles::open(*tls));
            certificate_ = std::move(files);
            config.certificate = certificate_.get();
        }
        HttpHandler handler;
        handler.on_handshake = [this](const std::string& client) { return flow_.admit_handshake(client, now()); };
        handler.on_request = [this](const std::string& client, std::string body, Reply reply, Refuse refuse) {
            answer(std::move(body), std::make_shared<Job>(Job{client, nullptr, std::move(reply), std::move(refuse)}));
        };
        handler.on_message = [this](const std::shared_ptr<WsConnection>& connection, std::string text, Reply reply) {
            answer(std::move(text), std::make_shared<Job>(Job{connection->client(), connection, std::move(reply), {}}));
        };
        handler.on_refused = on_refused_;
        handler.on_close = [this](std::uint64_t connection) { service_->forget(connection); };
        CRN_TRY(http, start_http_server(config, std::move(handler)));
        http_ = std::move(http);
        return {};
    }

    std::uint16_t port() const override { return http_->ports().front(); }
    std::uint16_t websocket_port() const override { return http_->ports().back(); }
    Status reload() override { return certificate_ ? certificate_->reload() : Status{}; }

private:
    /// One body on its way: whose it is, and where the answer goes.
    struct Job {
        std::string client;
        std::shared_ptr<WsConnection> connection; // null over HTTP
        Reply reply;
        Refuse refuse; // HTTP only

        void throttled(ErrorCode reason, std::chrono::milliseconds retry_after, std::string text) const {
            if (!refuse) return reply(std::move(text));
            const auto seconds =
                std::chrono::duration_cast<std::chrono::seconds>(retry_after + std::chrono::milliseconds{999});
            refuse({reason == error::RpcOverloaded ? 503u : 429u, std::max(seconds, std::chrono::seconds{1}),
                    std::move(text)});
        }
    };
    using JobPtr = std::shared_ptr<Job>;

    static Microseconds now() { return system_clock().monotonic(); }
    static ErrorCode reason_of(const Throttle& throttle) {
        return throttle.why == Throttle::Why::overload ? error::RpcOverloaded : error::RpcRateExceeded;
    }

    /// On the I/O thread.
    void answer(std::string body, const JobPtr& job) {
        if (const auto throttle = flow_.admit_body(job->client, body.size(), now()))
            return job->throttled(reason_of(*throttle), throttle->retry_after,
                                  service_->refuse(reason_of(*throttle), throttle->retry_after));
        if (body.size() <= kParsedAtOnceMax) return admit(service_->parse(body), job);
        // Where the work belongs shows only once it is parsed, which a worker does.
        const bool taken = workers_->post(Pace::normal, [this, body = std::move(body), job, posted = now()] {
            flow_.waited(now() - posted, now());
            admit(service_->parse(body), job, On::worker);
        });
        if (!taken) overloaded(*job);
    }

    enum class On : std::uint8_t { io_thread, worker };
    void admit(Service::Work work, const JobPtr& job, On thread = On::io_thread) {
        for (std::size_t i = 0; i < kMethodClasses; ++i) {
            const auto count = work.kinds()[i];
            if (count == 0) continue;
            if (const auto throttle = flow_.admit(job->client, static_cast<MethodClass>(i), count, now()))
                return job->throttled(reason_of(*throttle), throttle->retry_after,
                                      service_->refuse(work, reason_of(*throttle), throttle->retry_after));
        }
        if (work.cost() == Cost::quick || (thread == On::worker && work.cost() == Cost::normal))
            return run(std::move(work), job);
        const auto pace = work.cost() == Cost::slow ? Pace::slow : Pace::normal;
        auto shared = std::make_shared<Service::Work>(std::move(work));
        const bool taken = workers_->post(pace, [this, shared, job, pace, posted = now()] {
            const auto started = now();
            if (pace == Pace::normal) {
                flow_.waited(started - posted, started);
                const auto level = flow_.counters(started).overload_level;
                if (level_.exchange(level) != level)
                    workers_->limit_slow(workers_->slow_max() - std::min<std::size_t>(level, workers_->slow_max() - 1));
            }
            if (started - posted > kWaitMax) return overloaded(*job, shared.get());
            run(std::move(*shared), job);
        });
        if (!taken) overloaded(*job, shared.get());
    }

    const std::function<void(const std::string&, const std::string&)> on_refused_;
    void run(Service::Work work, const JobPtr& job) {
        const auto charge = [this, &job](std::uint64_t refused) {
            flow_.charge(job->client, MethodClass::transaction, refused * refused_tokens_, now());
        };
        service_->run(std::move(work), job->connection, std::move(job->reply), charge, job->client);
    }

    void overloaded(const Job& job, const Service::Work* work = nullptr) const {
        constexpr std::chrono::milliseconds kRetryAfter{1'000};
        job.throttled(error::RpcOverloaded, kRetryAfter,
                      work != nullptr ? service_->refuse(*work, error::RpcOverloaded, kRetryAfter)
                                      : service_->refuse(error::RpcOverloaded, kRetryAfter));
    }

    void report(JsonWriter& out) {
        const auto counters = flow_.counters(now());
        out.begin_object();
        out.key("overloadLevel").number(counters.overload_level);
        out.key("clients").number(static_cast<std::uint64_t>(counters.clients));
        out.key("connections").number(static_cast<std::uint64_t>(http_->connections()));
        out.key("bodiesThrottled").number(counters.bodies_throttled);
        out.key("handshakesThrottled").number(counters.handshakes_throttled);
        out.key("classes").begin_array();
        for (std::size_t i = 0; i < kMethodClasses; ++i) {
            out.begin_object();
            out.key("name").text(name_of(static_cast<MethodClass>(i)));
            out.key("admitted").number(counters.admitted[i]);
            out.key("throttled").number(counters.throttled[i]);
            out.key("shed").number(counters.shed[i]);
            out.end_object();
        }
        out.end_array();
        out.end_object();
    }

    Flow flow_;
    const std::uint64_t refused_tokens_;
    std::atomic<unsigned> level_ = 0;
    std::unique_ptr<Service> service_;
    std::unique_ptr<Workers> workers_;
    std::unique_ptr<zone::WatchedFiles> certificate_; // null: in the clear
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
    if (!config.tls && !is_loopback(config.address)) return fail(error::RpcPlainText, config.address);
    auto server = std::make_unique<ServiceServer>(config, chain);
    CRN_CHECK(server->start(std::move(http), config.tls));
    log(LogLevel::info, "rpc", "serving JSON-RPC",
        {{"address", config.address}, {"port", std::to_string(server->port())}, {"tls", config.tls ? "1.3" : "none"}});
    return server;
}

} // namespace cairn::rpc
