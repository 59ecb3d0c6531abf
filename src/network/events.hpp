// What a network counts and tells of: refusals go to the handler always, to the log at most a few times a second.
// For this folder's .cpp files only.
#pragma once

#include "network/connection.hpp"

#include <mutex>

namespace cairn::network {

/// Counts on any thread, tells on the network's.
class Events {
public:
    explicit Events(const Handler& handler) : handler_(handler) {}

    void count(std::uint64_t NetworkCounters::* counter);
    NetworkCounters counters() const;
    /// A connection has ended so. `peer`: the name of who it is, or should have been; empty if nobody knows.
    void closed(const Connection& connection, const std::string& peer, const Error& error);

private:
    bool may_log(Microseconds time);

    const Handler& handler_;
    mutable std::mutex mutex_;
    NetworkCounters counters_; // guarded by mutex_
    Microseconds window_{};
    int lines_ = 0;
    std::uint64_t suppressed_ = 0;
};

} // namespace cairn::network
