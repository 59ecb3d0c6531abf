// Every limit of the JSON-RPC service in one place. What is over a limit is refused with a code, never buffered.
#pragma once

#include "rpc/flow_limits.hpp"

#include <chrono>
#include <cstddef>
#include <cstdint>

namespace cairn::rpc {

/// Of requests and answers.
struct RpcLimits {
    std::size_t batch_requests_max = 1000;
    std::size_t json_depth_max = 32;
    std::size_t json_values_max = 250'000;    // strings, numbers, members ... of one body
    std::size_t answer_bytes_max = 32u << 20; // one answer, or all of a batch
    std::uint64_t log_blocks_max = 10'000;    // range of eth_getLogs
    std::size_t logs_max = 20'000;            // results of eth_getLogs
    std::size_t filter_values_max = 1000;     // addresses, or alternatives of one topic
    std::size_t filters_max = 1024;
    std::chrono::seconds filter_idle{300};
    std::size_t subscriptions_max = 4096;
    std::size_t subscriptions_per_connection_max = 64;
    std::uint64_t call_gas_max = 50'000'000;
    std::size_t trace_steps_max = 400'000; // struct log entries of one answer
    std::size_t storage_keys_max = 1024;   // eth_getProof, eth_getStorageValues
    std::uint64_t fee_history_blocks_max = 1024;
    std::size_t sync_sends_max = 1024; // waiting eth_sendRawTransactionSync
    std::chrono::milliseconds sync_wait_default{10'000};
    std::chrono::milliseconds sync_wait_max{60'000};
    bool traces = false; // debug_*; without it they are unknown methods
    FlowLimits flow;
};

/// Of connections.
struct HttpLimits {
    std::size_t body_bytes_max = 5u << 20;
    std::uint32_t header_bytes_max = 16u << 10;
    std::size_t connections_max = 1024;
    std::size_t connections_per_client_max = 768; // of one address
    /// Bodies that are being received, of all clients. A client gets at most as much as is free: one that sends slowly on many
    /// connections holds half of it, and the others still find room.
    std::size_t body_memory_max = 256u << 20;
    std::size_t answer_memory_max = 512u << 20; // answers that their readers have not taken yet
    std::size_t websocket_memory_max =
        256u << 20;                    // unsent WebSocket messages of all; above it the fullest readers are cut off
    std::chrono::seconds handshake{5}; // of TLS
    std::chrono::seconds idle{60};     // keep-alive without a request
    std::chrono::seconds read{20};     // from the first byte of a request to its last
    std::chrono::seconds write{20};    // until a reader has taken an answer
    std::chrono::seconds websocket_idle{300};          // without an answer to a ping
    std::size_t websocket_queue_bytes_max = 16u << 20; // unsent; above it the reader is cut off
    std::size_t websocket_requests_max = 32; // in work for one connection; more are not read until one is done
};

} // namespace cairn::rpc
