// Budgets of one client and of the server's queue. Ordinary load, the load bench included, does not reach them.
#pragma once

#include "base/token_bucket.hpp"

#include <array>
#include <chrono>
#include <cstddef>

namespace cairn::rpc {

inline constexpr std::size_t kMethodClasses = 7;

struct FlowLimits {
    Rate body_bytes{64u << 20, 256u << 20}; // of one client address
    /// Requests of one client address, by class: status, transaction, query, run, history, trace, subscription.
    std::array<Rate, kMethodClasses> requests{Rate{50'000, 100'000}, Rate{50'000, 200'000}, Rate{50'000, 100'000},
                                              Rate{5'000, 20'000},   Rate{2'000, 10'000},   Rate{100, 1'000},
                                              Rate{500, 5'000}};
    Rate handshakes{200, 1'000};     // of TLS, of one client address: about 0.1 ms of the server's thread each
    std::size_t clients_max = 4'096; // remembered; when all are busy, new ones share one budget
    /// A transaction that is refused because the pool is full was parsed and its signature recovered for nothing: so many
    /// tokens in all. A client that goes on sending to a full pool is soon refused before that work.
    std::uint64_t refused_transaction_tokens = 100;
    Microseconds delay_target{50'000}; // a job's wait for a worker
    Microseconds delay_interval{500'000};
};

} // namespace cairn::rpc
