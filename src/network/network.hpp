// Mutual TLS 1.3 connections between the validators: framed, typed, length-limited messages on separate priority streams.
#pragma once

#include "base/bytes.hpp"
#include "base/result.hpp"
#include "base/types.hpp"
#include "ledger/genesis.hpp"

#include <functional>
#include <memory>
#include <string>
#include <vector>

namespace cairn::network {

/// Each stream has its own connection, queue and limits, so that votes never wait behind transactions.
enum class Stream : std::uint8_t { consensus = 0, data = 1, sync = 2 };
inline constexpr std::size_t kStreams = 3;

struct Frame {
    std::uint8_t type = 0; // meaning belongs to the caller
    std::shared_ptr<const Bytes> payload;
};

/// Called on the network's thread; must not block.
struct Handler {
    std::function<void(ValidatorIndex from, Stream stream, Frame frame)> on_frame;
    std::function<void(ValidatorIndex peer)> on_connected;    // all streams are up
    std::function<void(ValidatorIndex peer)> on_disconnected; // at least one stream is down
};

struct NetworkConfig {
    std::string listen_address = "127.0.0.1";
    std::uint16_t listen_port = 0;
    std::string certificate_file; // PEM: node certificate, then its CA
    std::string key_file;         // PEM private key of the TLS certificate
    ValidatorIndex self;
};

struct PeerState {
    ValidatorIndex index;
    std::string name;
    bool connected = false;
    std::uint64_t bytes_sent = 0;
    std::uint64_t bytes_received = 0;
    std::uint64_t frames_dropped = 0; // queue full
    std::string last_error;
};

/// Owns one thread. Identity of a peer: its TLS certificate chains to the CA of its organisation in genesis and names its
/// consensus key (see crypto/certificate.hpp). Reconnects with back-off. Queues are bounded: `send` never blocks.
class Network {
public:
    virtual ~Network() = default;
    /// Drops the frame (and counts it) when the peer's queue of this stream is full or it is not connected.
    virtual void send(ValidatorIndex to, Stream stream, Frame frame) = 0;
    /// To all others.
    virtual void broadcast(Stream stream, Frame frame) = 0;
    virtual std::vector<PeerState> peers() const = 0;
    virtual std::uint16_t port() const = 0;
};

/// PortInUse, CertificateInvalid, CertificateForeign, KeyInvalid.
Result<std::unique_ptr<Network>> start_network(const NetworkConfig& config, const ledger::Genesis& genesis, Handler handler);

} // namespace cairn::network
