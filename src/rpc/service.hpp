// JSON-RPC 2.0: a text in, a text out. Knows nothing of sockets; the server and the tests use it alike.
#pragma once

#include "base/clock.hpp"
#include "node/chain.hpp"
#include "rpc/http_server.hpp"
#include "rpc/limits.hpp"

#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

namespace cairn::rpc {

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

    private:
        friend class Service;
        struct Inside;
        explicit Work(std::unique_ptr<Inside> inside);
        std::unique_ptr<Inside> inside_;
    };

    /// Never fails: what is malformed becomes work whose answer is the error.
    Work parse(std::string_view body) const;
    /// Calls `reply` once, possibly later from another thread; with an empty text if nothing is to be answered.
    /// `connection` is where subscriptions go; null over HTTP.
    void run(Work work, std::shared_ptr<WsConnection> connection, Reply reply);
    /// The answer that says that the server has too much to do, for every request of the work.
    std::string busy(const Work& work) const;
    /// The same for a body that nobody has parsed.
    std::string busy() const;

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
