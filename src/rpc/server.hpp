// The JSON-RPC server of a node: HTTP and WebSocket on one port, Ethereum's methods and our own under `cairn_`.
#pragma once

#include "base/result.hpp"
#include "node/chain.hpp"
#include "rpc/limits.hpp"
#include "rpc/read_report.hpp"
#include "zone/listener_config.hpp"

#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

namespace cairn::rpc {

struct ServerConfig {
    std::string address = "127.0.0.1"; // numeric; anything but loopback needs a token and TLS
    std::uint16_t port = 8545;         // HTTP and WebSocket; 0: the system chooses
    /// One more port, for clients that want WebSocket apart; both protocols are served there too. 0: the system chooses.
    std::optional<std::uint16_t> websocket_port;
    /// TLS on both ports, with the listener's own certificate; clients show none. Absent: in the clear.
    std::optional<zone::ListenerFilesConfig> tls;
    /// File whose first line is the bearer token. When it is set, every request must carry it, on loopback too.
    std::string token_file;
    /// Web pages that may use the server: exact origins ("https://app.example"), or "*".
    std::vector<std::string> cors_origins;
    /// Names by which clients may call the server besides localhost and numeric addresses (DNS rebinding).
    std::vector<std::string> host_names;
    unsigned worker_threads = 3; // all but one may be in requests that run contracts, search or trace
    HttpLimits http;
    RpcLimits rpc;
    /// A request that the rules of access refuse (name of the host, origin, token), or a handshake that failed. On the server's thread; quick.
    std::function<void(const std::string& remote, const std::string& reason)> on_refused;
    ReadReport on_labelled_read;
};

/// Owns its threads; the destructor closes all connections and joins them.
class Server {
public:
    virtual ~Server() = default;
    virtual std::uint16_t port() const = 0;
    virtual std::uint16_t websocket_port() const = 0; // == port() unless configured apart
    /// As zone::WatchedFiles::reload; nothing without TLS. A change of the files is noticed without it.
    virtual Status reload() = 0;
};

/// `chain` must outlive the server. PortInUse, RpcAddressInvalid, RpcTokenMissing, RpcTokenInvalid, RpcPlainText, ZoneFileInvalid,
/// ZoneListenerRefused, RpcServerFailed.
Result<std::unique_ptr<Server>> start_server(const ServerConfig& config, node::Chain& chain);

} // namespace cairn::rpc
