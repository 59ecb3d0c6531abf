// JSON-RPC 2.0: a text in, a text out. Knows nothing of sockets; the server and the tests use it alike.
#pragma once

#include "base/clock.hpp"
#include "node/chain.hpp"
#include "rpc/http_server.hpp"
#include "rpc/limits.hpp"
#include "rpc/read_report.hpp"

#include <array>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

namespace cairn::rpc {

class JsonWriter;

/// What a request asks of the thread that runs it. Quick: microseconds. Normal: reads blocks or checks signatures.
/// Slow: runs contracts, searches, traces.
enum class Cost : std::uint8_t { quick, normal, slow };

/// Thread-safe. Owns one thread that announces new blocks to subscribers and wakes eth_sendRawTransactionSync.
class Service {
public:
    /// `chain` and `clock` must outlive the service.
    Service(node::Chain& chain, const RpcLimits& limits, const Clock& clock = system_clock());
    ~Service();
    Service(const Service&) = delete;
    Service& operator=(const Service&) = delete;

    /// A parsed body: one request or a batch.
    class Work {
    public:
        Work(Work&&) noexcept;
        ~Work();
        /// The slowest of its requests; a large batch of quick ones is no longer quick.
        Cost cost() const;
        /// Requests of each class (rpc/flow.hpp).
        const std::array<std::uint64_t, kMethodClasses>& kinds() const;

    private:
        friend class Service;
        struct Inside;
        explicit Work(std::unique_ptr<Inside> inside);
        std::unique_ptr<Inside> inside_;
    };

    /// Never fails: what is malformed becomes work whose answer is the error.
    Work parse(std::string_view body) const;
    /// Calls `reply` once, possibly later from another thread; with an empty text if nothing is to be answered.
    /// `connection` is where subscriptions go; null over HTTP. `client`: the numeric address that the work came from.
    /// `on_refused` hears, before the answer goes out or soon after, how many transactions found no room in the pool.
    void run(Work work, std::shared_ptr<WsConnection> connection, Reply reply,
             const std::function<void(std::uint64_t)>& on_refused = {}, const std::string& client = {});
    /// The answer for every request of the work that nothing of it was done, and when to try again.
    std::string refuse(const Work& work, ErrorCode reason, std::chrono::milliseconds retry_after) const;
    /// The same for a body that nobody has parsed.
    std::string refuse(ErrorCode reason, std::chrono::milliseconds retry_after) const;
    /// What the server's flow control says of itself under cairn_flow.
    void set_flow_report(std::function<void(JsonWriter&)> report);
    /// Before the first request.
    void set_read_report(ReadReport report);

    /// Names of all methods, sorted.
    static std::vector<std::string> methods();
    /// Ends the announcements and answers those who wait. Other requests are still answered.
    void stop();
    /// Parses, runs and waits.
    std::string handle(std::string_view body);
    /// The connection is gone: forgets its subscriptions.
    void forget(std::uint64_t connection);

private:
    struct Inside;
    std::unique_ptr<Inside> inside_;
};

} // namespace cairn::rpc
