// Flow control of JSON-RPC: what one client may ask in a second, by kind of method, and what the server stops doing first when
// it cannot keep up. Knows neither sockets nor threads; time comes in as a parameter. Thread-safe.
//
// Order at the entrance, from cheap to dear: TLS handshakes, bytes and requests of the client (before parsing), kind of method (after parsing),
// overload, then the work itself; a transaction goes on with duplicate filter, room in the pool, signature, state.
#pragma once

#include "base/token_bucket.hpp"
#include "rpc/flow_limits.hpp"

#include <array>
#include <map>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace cairn::rpc {

/// In the order in which they are given up under load: the last goes first. The first two never are.
enum class MethodClass : std::uint8_t { status, transaction, query, run, history, trace, subscription };

MethodClass class_of(std::string_view method);
std::string_view name_of(MethodClass kind);

/// Why a request is not served now.
struct Throttle {
    enum class Why : std::uint8_t { client, overload };
    Why why = Why::client;
    MethodClass kind = MethodClass::query;
    std::chrono::milliseconds retry_after{0};
};

/// How far behind the server is, from how long jobs wait for a worker (CoDel, RFC 8289: the least delay in an interval counts,
/// so bursts that drain pass). Each interval above the target gives up one more kind of method; each one below takes one back.
/// One caller at a time.
class Overload {
public:
    explicit Overload(const FlowLimits& limits) : limits_(limits) {}
    void waited(Microseconds delay, Microseconds now);
    /// 0: everything is served. 1: no new subscriptions. 2: no traces either, and so on up to kLevelMax.
    unsigned level(Microseconds now);
    static constexpr unsigned kLevelMax = 5;

private:
    void close_interval(Microseconds now);
    const FlowLimits& limits_;
    unsigned level_ = 0;
    std::optional<Microseconds> least_; // of this interval
    Microseconds begin_{};
};

class Flow {
public:
    explicit Flow(const FlowLimits& limits) : limits_(limits), overload_(limits_) {}

    /// Before a byte of TLS is read.
    bool admit_handshake(const std::string& client, Microseconds now);
    /// Before the body is parsed.
    std::optional<Throttle> admit_body(const std::string& client, std::size_t bytes, Microseconds now);
    /// After it is parsed: `count` requests of one kind.
    std::optional<Throttle> admit(const std::string& client, MethodClass kind, std::uint64_t count, Microseconds now);
    /// Work that was refused late: it cost as much as so many that were taken.
    void charge(const std::string& client, MethodClass kind, std::uint64_t count, Microseconds now);
    /// A job of ordinary pace began after it had waited so long.
    void waited(Microseconds delay, Microseconds now);

    struct Counters {
        std::array<std::uint64_t, kMethodClasses> admitted{};
        std::array<std::uint64_t, kMethodClasses> throttled{}; // the client's budget
        std::array<std::uint64_t, kMethodClasses> shed{};      // overload
        std::uint64_t bodies_throttled = 0;
        std::uint64_t handshakes_throttled = 0;
        unsigned overload_level = 0;
        std::size_t clients = 0;
    };
    Counters counters(Microseconds now);

private:
    struct Client {
        TokenBucket bytes;
        TokenBucket handshakes;
        std::vector<TokenBucket> kinds;
        Microseconds seen{};
    };
    Client& client(const std::string& name, Microseconds now);
    Client fresh(Microseconds now) const;

    const FlowLimits limits_;
    std::mutex mutex_;
    Overload overload_;                     // guarded by mutex_
    std::map<std::string, Client> clients_; // guarded by mutex_
    std::optional<Client> others_;          // guarded by mutex_; when the table is full of busy clients
    Microseconds swept_{};                  // guarded by mutex_
    Counters counters_;                     // guarded by mutex_
};

} // namespace cairn::rpc
