// Sockets that misbehave on purpose. Loopback addresses only: these are for measuring one's own development network.
#pragma once

#include "base/result.hpp"

#include <atomic>
#include <cstdint>
#include <string>

namespace cairn::cli {

/// Host and port of "host:port" or "http://host:port". CliUsage if it is not on loopback.
struct FloodTarget {
    std::uint32_t address = 0; // host order
    std::uint16_t port = 0;
    static Result<FloodTarget> of(const std::string& text);
};

/// Begins a TLS handshake as a node whose CA no member knows, again and again, until `count` are done or `stop`.
struct HandshakeCounts {
    std::atomic<std::uint64_t> attempts = 0;
    std::atomic<std::uint64_t> closed_before_tls = 0;
    std::atomic<std::uint64_t> finished =
        0; // the node's side of the handshake came; it refuses the certificate afterwards
};
void flood_handshakes(const FloodTarget& target, const std::string& source, const std::string& certificate_pem,
                      const std::string& key_pem, std::uint64_t count, HandshakeCounts& counts,
                      const std::atomic<bool>& stop);

/// Sends bytes that are no frames, as fast as the socket takes them, on connection after connection.
struct FrameCounts {
    std::atomic<std::uint64_t> connections = 0;
    std::atomic<std::uint64_t> bytes = 0;
};
void flood_frames(const FloodTarget& target, const std::string& source, FrameCounts& counts,
                  const std::atomic<bool>& stop);

/// Keeps `count` connections open: half send a request of one megabyte a few bytes at a time, half ask and never read.
struct SlowCounts {
    std::atomic<std::uint64_t> opened = 0;
    std::atomic<std::uint64_t> refused = 0; // closed by the server
};
void hold_connections(const FloodTarget& target, const std::string& source, std::uint64_t count, SlowCounts& counts,
                      const std::atomic<bool>& stop);

} // namespace cairn::cli
