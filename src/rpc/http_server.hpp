// HTTP and WebSocket as the service sees them: texts in, texts out. No Boost in here.
//
// The server owns one thread that does all network I/O and calls the handler there: a handler must be quick, or hand the
// work to another thread and answer later.
#pragma once

#include "base/bytes.hpp"
#include "base/result.hpp"
#include "rpc/limits.hpp"

#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

namespace cairn::zone {
class WatchedFiles;
}

namespace cairn::rpc {

using SharedText = std::shared_ptr<const std::string>;

/// One WebSocket client. Thread-safe.
class WsConnection {
public:
    virtual ~WsConnection() = default;
    virtual std::uint64_t id() const = 0; // unique in the process's life
    virtual const std::string& client() const = 0;
    /// Queues a text message. False if the connection is closed, or was closed now because its reader is too slow.
    virtual bool send(SharedText text) = 0;
    virtual void close() = 0;
};

/// Answers one request; may be called once, by any thread. An empty text: nothing to say (only notifications).
using Reply = std::function<void(std::string)>;

/// Instead of an answer: the client may try again. Becomes a status, a Retry-After header and a body that says the same.
struct Refusal {
    unsigned status = 429; // or 503
    std::chrono::seconds retry_after{1};
    std::string text; // JSON
};
using Refuse = std::function<void(Refusal)>;

/// `client`: the numeric address that the connection came from.
struct HttpHandler {
    /// Exactly one of `reply` and `refuse` is called, once.
    std::function<void(const std::string& client, std::string body, Reply reply, Refuse refuse)> on_request;
    std::function<void(const std::shared_ptr<WsConnection>&, std::string text, Reply reply)> on_message;
    std::function<void(std::uint64_t connection)> on_close;
    /// Before a byte of TLS is read: whether the client may begin another handshake.
    std::function<bool(const std::string& client)> on_handshake = {};
    /// A request was refused by the rules of access, or a handshake failed.
    std::function<void(const std::string& remote, const std::string& reason)> on_refused = {};
};

struct HttpConfig {
    std::string address = "127.0.0.1";
    std::vector<std::uint16_t> ports = {0};
    std::optional<Hash256> token_digest; // SHA-256 of the bearer token
    std::vector<std::string> cors_origins;
    std::vector<std::string> host_names;
    HttpLimits limits;
    /// TLS with this certificate; null: in the clear. Must outlive the server.
    const zone::WatchedFiles* certificate = nullptr;
};

class HttpServer {
public:
    virtual ~HttpServer() = default;
    virtual std::vector<std::uint16_t> ports() const = 0;
    virtual std::size_t connections() const = 0;
};

/// PortInUse, RpcAddressInvalid, RpcServerFailed (also if OpenSSL refuses TLS as it is meant to be).
Result<std::unique_ptr<HttpServer>> start_http_server(const HttpConfig& config, HttpHandler handler);

/// True for 127.0.0.0/8 and ::1 in numeric form.
bool is_loopback(const std::string& address);

} // namespace cairn::rpc
