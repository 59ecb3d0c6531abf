#include "cli/tls_probe.hpp"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <openssl/ssl.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <unistd.h>

#include <memory>

namespace cairn::cli {
namespace {

class Socket {
public:
    Socket(const std::string& host, std::uint16_t port, Milliseconds limit) {
        sockaddr_in address{};
        address.sin_family = AF_INET;
        address.sin_port = htons(port);
        if (::inet_pton(AF_INET, host.c_str(), &address.sin_addr) != 1) return;
        descriptor_ = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
        const timeval time{.tv_sec = limit.count() / 1000, .tv_usec = limit.count() % 1000 * 1000};
        ::setsockopt(descriptor_, SOL_SOCKET, SO_RCVTIMEO, &time, sizeof time);
        ::setsockopt(descriptor_, SOL_SOCKET, SO_SNDTIMEO, &time, sizeof time);
        connected_ = ::connect(descriptor_, reinterpret_cast<const sockaddr*>(&address), sizeof address) == 0;
    }
    ~Socket() {
        if (descriptor_ >= 0) ::close(descriptor_);
    }
    Socket(const Socket&) = delete;
    Socket& operator=(const Socket&) = delete;
    int descriptor() const { return descriptor_; }
    bool connected() const { return connected_; }

private:
    int descriptor_ = -1;
    bool connected_ = false;
};

constexpr std::string_view kRequest = "GET / HTTP/1.1\r\nHost: localhost\r\n\r\n";

struct Handshake {
    bool completed = false;
    int version = 0;
    bool answered = false;
};

Handshake shake(const std::string& host, std::uint16_t port, Milliseconds limit, int lowest, int highest) {
    Handshake out;
    const Socket socket{host, port, limit};
    const std::unique_ptr<SSL_CTX, decltype(&SSL_CTX_free)> context{SSL_CTX_new(TLS_client_method()), SSL_CTX_free};
    if (!socket.connected() || context == nullptr) return out;
    // The server proves nothing here: the question is what it accepts.
    SSL_CTX_set_verify(context.get(), SSL_VERIFY_NONE, nullptr);
    SSL_CTX_set_security_level(context.get(), 0);
    SSL_CTX_set_min_proto_version(context.get(), lowest);
    SSL_CTX_set_max_proto_version(context.get(), highest);
    const std::unique_ptr<SSL, decltype(&SSL_free)> session{SSL_new(context.get()), SSL_free};
    if (session == nullptr || SSL_set_fd(session.get(), socket.descriptor()) != 1) return out;
    out.completed = SSL_connect(session.get()) == 1;
    out.version = SSL_version(session.get());
    if (!out.completed) return out;
    // With TLS 1.3 the client is done before the server has looked at its certificate: only an answer shows that it serves.
    char byte = 0;
    out.answered = SSL_write(session.get(), kRequest.data(), static_cast<int>(kRequest.size())) > 0 &&
                   SSL_read(session.get(), &byte, 1) == 1;
    return out;
}

} // namespace

TlsProbe probe_tls(const std::string& host, std::uint16_t port, Milliseconds limit) {
    TlsProbe out;
    {
        const Socket plain{host, port, limit};
        out.reachable = plain.connected();
        if (!out.reachable) return out;
        char bytes[5]{};
        if (::send(plain.descriptor(), kRequest.data(), kRequest.size(), MSG_NOSIGNAL) > 0) {
            const auto received = ::recv(plain.descriptor(), bytes, sizeof bytes, MSG_WAITALL);
            // A TLS alert (record type 21) is a refusal, not an answer.
            out.answers_plaintext = received > 0 && bytes[0] != 21;
        }
    }
    out.accepts_tls_1_2 = shake(host, port, limit, TLS1_VERSION, TLS1_2_VERSION).completed;
    const auto newest = shake(host, port, limit, TLS1_3_VERSION, TLS1_3_VERSION);
    out.speaks_tls_1_3 = newest.completed && newest.version == TLS1_3_VERSION;
    out.serves_without_certificate = newest.answered;
    return out;
}

} // namespace cairn::cli
