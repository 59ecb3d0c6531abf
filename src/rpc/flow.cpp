#include "rpc/flow.hpp"

#include <algorithm>

namespace cairn::rpc {
namespace {

constexpr Microseconds kSweepInterval{1'000'000};
constexpr Microseconds kClientIdle{60'000'000};

std::size_t at(MethodClass kind) { return static_cast<std::size_t>(kind); }

std::chrono::milliseconds milliseconds_up(Microseconds time) {
    return std::chrono::milliseconds{(time.count() + 999) / 1000};
}

} // namespace

MethodClass class_of(std::string_view method) {
    if (method.starts_with("eth_sendRaw")) return MethodClass::transaction;
    if (method.starts_with("debug_trace")) return MethodClass::trace;
    if (method == "eth_subscribe" || method.starts_with("eth_new")) return MethodClass::subscription;
    for (const auto* name :
         {"eth_getLogs", "eth_getFilterLogs", "eth_feeHistory", "eth_getProof", "eth_getBlockReceipts",
          "cairn_getProofBundle", "cairn_getHandovers", "txpool_content", "txpool_contentFrom"})
        if (method == name) return MethodClass::history;
    if (method.starts_with("debug_")) return MethodClass::history;
    for (const auto* name :
         {"eth_call", "eth_estimateGas", "eth_createAccessList", "eth_fillTransaction", "eth_getStorageValues"})
        if (method == name) return MethodClass::run;
    for (const auto* name :
         {"eth_chainId", "eth_blockNumber", "eth_syncing", "eth_getTransactionReceipt", "eth_getTransactionCount"})
        if (method == name) return MethodClass::status;
    if (method.starts_with("net_") || method.starts_with("web3_") || method.starts_with("cairn_"))
        return MethodClass::status;
    return MethodClass::query;
}

std::string_view name_of(MethodClass kind) {
    constexpr std::array<std::string_view, kMethodClasses> kNames{"status",  "transaction", "query",       "run",
                                                                  "history", "trace",       "subscription"};
    return kNames[at(kind)];
}

void Overload::waited(Microseconds delay, Microseconds now) {
    close_interval(now);
    least_ = least_ ? std::min(*least_, delay) : delay;
}

unsigned Overload::level(Microseconds now) {
    close_interval(now);
    return level_;
}

void Overload::close_interval(Microseconds now) {
    if (now - begin_ < limits_.delay_interval) return;
    // An interval in which no job began counts as a good one: then nobody asks, or all that was asked has been refused.
    if (least_ && *least_ > limits_.delay_target)
        level_ = std::min(level_ + 1, kLevelMax);
    else if (level_ > 0)
        --level_;
    least_.reset();
    begin_ = now;
}

Flow::Client Flow::fresh(Microseconds now) const {
    Client out{TokenBucket(limits_.body_bytes, now), TokenBucket(limits_.handshakes, now), {}, now};
    for (const auto& rate : limits_.requests) out.kinds.emplace_back(rate, now);
    return out;
}

Flow::Client& Flow::client(const std::string& name, Microseconds now) {
    if (const auto found = clients_.find(name); found != clients_.end()) {
        found->second.seen = now;
        return found->second;
    }
    if (clients_.size() >= limits_.clients_max && now - swept_ >= kSweepInterval) {
        swept_ = now;
        std::erase_if(clients_, [&](const auto& entry) { return now - entry.second.seen >= kClientIdle; });
    }
    if (clients_.size() >= limits_.clients_max) {
        if (!others_) others_.emplace(fresh(now));
        return *others_;
    }
    return clients_.emplace(name, fresh(now)).first->second;
}

bool Flow::admit_handshake(const std::string& name, Microseconds now) {
    const std::lock_guard lock(mutex_);
    if (client(name, now).handshakes.take(1, now)) return true;
    ++counters_.handshakes_throttled;
    return false;
}

std::optional<Throttle> Flow::admit_body(const std::string& name, std::size_t bytes, Microseconds now) {
    const std::lock_guard lock(mutex_);
    auto& bucket = client(name, now).bytes;
    if (bucket.take(bytes, now)) return std::nullopt;
    ++counters_.bodies_throttled;
    return Throttle{Throttle::Why::client, MethodClass::query, milliseconds_up(bucket.wait_for(bytes, now))};
}

std::optional<Throttle> Flow::admit(const std::string& name, MethodClass kind, std::uint64_t count, Microseconds now) {
    const std::lock_guard lock(mutex_);
    // Subscriptions first, then traces, history, runs, queries.
    const auto level = overload_.level(now);
    if (at(kind) > at(MethodClass::transaction) && at(kind) + level >= kMethodClasses) {
        counters_.shed[at(kind)] += count;
        return Throttle{Throttle::Why::overload, kind, milliseconds_up(limits_.delay_interval * level)};
    }
    auto& bucket = client(name, now).kinds[at(kind)];
    if (!bucket.take(count, now)) {
        counters_.throttled[at(kind)] += count;
        return Throttle{Throttle::Why::client, kind, milliseconds_up(bucket.wait_for(count, now))};
    }
    counters_.admitted[at(kind)] += count;
    return std::nullopt;
}

void Flow::charge(const std::string& name, MethodClass kind, std::uint64_t count, Microseconds now) {
    const std::lock_guard lock(mutex_);
    client(name, now).kinds[at(kind)].charge(count, now, 1);
}

void Flow::waited(Microseconds delay, Microseconds now) {
    const std::lock_guard lock(mutex_);
    overload_.waited(delay, now);
}

Flow::Counters Flow::counters(Microseconds now) {
    const std::lock_guard lock(mutex_);
    auto out = counters_;
    out.overload_level = overload_.level(now);
    out.clients = clients_.size();
    return out;
}

} // namespace cairn::rpc
