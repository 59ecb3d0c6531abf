#include "cli/flood_client.hpp"

#include "base/errors/cli.hpp"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <openssl/pem.h>
#include <openssl/ssl.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <array>
#include <charconv>
#include <chrono>
#include <memory>
#include <thread>
#include <vector>

namespace cairn::cli {
namespace {

constexpr int kPatienceMs = 3'000;

class FloodSocket {
public:
    FloodSocket(const FloodTarget& target, const std::string& source) {
        descriptor_ = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
        if (descriptor_ < 0) return;
        sockaddr_in from{};
        from.sin_family = AF_INET;
        sockaddr_in to = from;
        to.sin_addr.s_addr = htonl(target.address);
        to.sin_port = htons(target.port);
        if (::inet_pton(AF_INET, source.c_str(), &from.sin_addr) == 1)
            (void)::bind(descriptor_, reinterpret_cast<const sockaddr*>(&from), sizeof from);
        if (::connect(descriptor_, reinterpret_cast<const sockaddr*>(&to), sizeof to) == 0 || wait(POLLOUT)) {
            int failure = 0;
            socklen_t length = sizeof failure;
            ::getsockopt(descriptor_, SOL_SOCKET, SO_ERROR, &failure, &length);
            connected_ = failure == 0;
        }
    }
    ~FloodSocket() {
        if (descriptor_ < 0) return;
        // Ports are few: a reset leaves none behind in TIME_WAIT.
        const linger at_once{1, 0};
        ::setsockopt(descriptor_, SOL_SOCKET, SO_LINGER, &at_once, sizeof at_once);
        ::close(descriptor_);
    }
    FloodSocket(const FloodSocket&) = delete;
    FloodSocket& operator=(const FloodSocket&) = delete;

    bool connected() const { return connected_; }
    int descriptor() const { return descriptor_; }
    bool wait(short events) const {
        pollfd entry{descriptor_, events, 0};
        return ::poll(&entry, 1, kPatienceMs) == 1;
    }
    /// Bytes sent; -1 when the other side has closed.
    ssize_t send(const void* data, std::size_t size) const {
        const auto count = ::send(descriptor_, data, size, MSG_NOSIGNAL);
        return count >= 0 ? count : errno == EAGAIN ? 0 : -1;
    }
    bool ended() const {
        char byte = 0;
        const auto count = ::recv(descriptor_, &byte, 1, MSG_PEEK | MSG_DONTWAIT);
        return count == 0 || (count < 0 && errno != EAGAIN);
    }

private:
    int descriptor_ = -1;
    bool connected_ = false;
};

struct FreeContext {
    void operator()(SSL_CTX* context) const { SSL_CTX_free(context); }
};
struct FreeSsl {
    void operator()(SSL* ssl) const { SSL_free(ssl); }
};

std::unique_ptr<SSL_CTX, FreeContext> context_with(const std::string& certificate_pem, const std::string& key_pem) {
    std::unique_ptr<SSL_CTX, FreeContext> context{SSL_CTX_new(TLS_client_method())};
    SSL_CTX_set_min_proto_version(context.get(), TLS1_3_VERSION);
    BIO* certificate = BIO_new_mem_buf(certificate_pem.data(), static_cast<int>(certificate_pem.size()));
    if (X509* x509 = PEM_read_bio_X509(certificate, nullptr, nullptr, nullptr)) {
        SSL_CTX_use_certificate(context.get(), x509);
        X509_free(x509);
    }
    BIO_free(certificate);
    BIO* key = BIO_new_mem_buf(key_pem.data(), static_cast<int>(key_pem.size()));
    if (EVP_PKEY* pkey = PEM_read_bio_PrivateKey(key, nullptr, nullptr, nullptr)) {
        SSL_CTX_use_PrivateKey(context.get(), pkey);
        EVP_PKEY_free(pkey);
    }
    BIO_free(key);
    return context;
}

} // namespace

Result<FloodTarget> FloodTarget::of(const std::string& text) {
    auto rest = text.substr(text.find("://") == std::string::npos ? 0 : text.find("://") + 3);
    rest = rest.substr(0, rest.find('/'));
    const auto colon = rest.rfind(':');
    FloodTarget out;
    in_addr address{};
    if (colon == std::string::npos || ::inet_pton(AF_INET, rest.substr(0, colon).c_str(), &address) != 1)
        return fail(error::CliUsage, text + " is not a numeric host:port");
    out.address = ntohl(address.s_addr);
    const auto parsed = std::from_chars(rest.data() + colon + 1, rest.data() + rest.size(), out.port);
    if (parsed.ec != std::errc{} || out.address >> 24 != 127)
        return fail(error::CliUsage, text + ": only a network on loopback may be flooded");
    return out;
}

void flood_handshakes(const FloodTarget& target, const std::string& source, const std::string& certificate_pem,
                      const std::string& key_pem, std::uint64_t count, HandshakeCounts& counts,
                      const std::atomic<bool>& stop) {
    const auto context = context_with(certificate_pem, key_pem);
    while (!stop && counts.attempts.fetch_add(1) < count) {
        const FloodSocket socket(target, source);
        if (!socket.connected()) {
            ++counts.closed_before_tls;
            continue;
        }
        const std::unique_ptr<SSL, FreeSsl> ssl{SSL_new(context.get())};
        SSL_set_fd(ssl.get(), socket.descriptor());
        while (true) {
            const int result = SSL_connect(ssl.get());
            if (result == 1) {
                ++counts.finished;
                break;
            }
            const auto reason = SSL_get_error(ssl.get(), result);
            const bool waited = reason == SSL_ERROR_WANT_READ    ? socket.wait(POLLIN)
                                : reason == SSL_ERROR_WANT_WRITE ? socket.wait(POLLOUT)
                                                                 : false;
            if (waited && !stop) continue;
            ++counts.closed_before_tls;
            break;
        }
    }
}

void flood_frames(const FloodTarget& target, const std::string& source, FrameCounts& counts,
                  const std::atomic<bool>& stop) {
    std::vector<std::uint8_t> junk(256 << 10);
    std::uint64_t seed = 88172645463325252u;
    for (auto& byte : junk) {
        seed ^= seed << 13;
        seed ^= seed >> 7;
        seed ^= seed << 17;
        byte = static_cast<std::uint8_t>(seed);
    }
    while (!stop) {
        const FloodSocket socket(target, source);
        ++counts.connections;
        while (socket.connected() && !stop && socket.wait(POLLOUT)) {
            const auto sent = socket.send(junk.data(), junk.size());
            if (sent < 0 || socket.ended()) break;
            counts.bytes += static_cast<std::uint64_t>(sent);
        }
    }
}

void hold_connections(const FloodTarget& target, const std::string& source, std::uint64_t count, SlowCounts& counts,
                      const std::atomic<bool>& stop) {
    const std::string slow_head = "POST / HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n"
                                  "Content-Length: 1048576\r\n\r\n[";
    const std::string question =
        "POST / HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\nContent-Length: 68\r\n\r\n"
        R"({"jsonrpc":"2.0","id":1,"method":"cairn_getGenesis","params":[]    })";
    std::vector<std::unique_ptr<FloodSocket>> held;
    const auto open = [&](std::uint64_t i) {
        auto socket = std::make_unique<FloodSocket>(target, source);
        ++counts.opened;
        const auto& text = i % 2 == 0 ? slow_head : question;
        for (int repeat = 0; repeat < (i % 2 == 0 ? 1 : 64); ++repeat) (void)socket->send(text.data(), text.size());
        return socket;
    };
    for (std::uint64_t i = 0; i < count && !stop; ++i) held.push_back(open(i));
    while (!stop) {
        for (std::uint64_t i = 0; i < held.size() && !stop; ++i) {
            const bool gone = i % 2 == 0 ? held[i]->send("\"\",", 3) < 0 || held[i]->ended() : held[i]->send("", 0) < 0;
            if (!gone) continue;
            ++counts.refused;
            held[i] = open(i);
        }
        std::this_thread::sleep_for(std::chrono::milliseconds(100));
    }
}

} // namespace cairn::cli
