// For tests: a small blocking client of HTTP and WebSocket on plain sockets or TLS, able to misbehave.
#pragma once

#include "base/bytes.hpp"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>
#include <unistd.h>

#include <openssl/ssl.h>

#include <csignal>
#include <memory>
#include <stdexcept>
#include <string>
#include <utility>

namespace cairn::rpc::testing {

struct HttpAnswer {
    int status = 0; // 0: the server closed the connection without an answer
    std::string head;
    std::string body;
};

enum class Transport : std::uint8_t { plain, tls };

class LoopbackClient {
public:
    /// Takes any certificate. A server that ends the connection before its handshake is one that has closed.
    explicit LoopbackClient(std::uint16_t port, Transport transport = Transport::plain)
        : socket_(::socket(AF_INET, SOCK_STREAM, 0)) {
        sockaddr_in address{};
        address.sin_family = AF_INET;
        address.sin_port = htons(port);
        address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
        const timeval patience{20, 0};
        const int on = 1;
        ::setsockopt(socket_, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience);
        ::setsockopt(socket_, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
        if (::connect(socket_, reinterpret_cast<const sockaddr*>(&address), sizeof address) != 0)
            throw std::runtime_error("cannot connect");
        if (transport == Transport::plain) return;
        std::signal(SIGPIPE, SIG_IGN);
        context_.reset(SSL_CTX_new(TLS_client_method()));
        session_.reset(SSL_new(context_.get()));
        SSL_set_fd(session_.get(), socket_);
        shaken_ = SSL_connect(session_.get()) == 1;
    }
    ~LoopbackClient() { ::close(socket_); }
    LoopbackClient(const LoopbackClient&) = delete;
    LoopbackClient& operator=(const LoopbackClient&) = delete;

    /// False once the server has closed.
    bool write(std::string_view text) {
        if (session_)
            return shaken_ &&
                   (text.empty() || SSL_write(session_.get(), text.data(), static_cast<int>(text.size())) > 0);
        while (!text.empty()) {
            const auto sent = ::send(socket_, text.data(), text.size(), MSG_NOSIGNAL);
            if (sent <= 0) return false;
            text.remove_prefix(static_cast<std::size_t>(sent));
        }
        return true;
    }
    /// New traffic keys of TLS for what follows. False once the server has closed.
    bool update_keys() {
        return shaken_ && SSL_key_update(session_.get(), SSL_KEY_UPDATE_NOT_REQUESTED) == 1 &&
               SSL_do_handshake(session_.get()) == 1;
    }
    HttpAnswer read_answer() {
        HttpAnswer out;
        std::size_t end = 0;
        while ((end = buffer_.find("\r\n\r\n")) == buffer_.npos)
            if (!receive()) return out;
        out.head = buffer_.substr(0, end);
        buffer_.erase(0, end + 4);
        out.status = std::stoi(out.head.substr(9, 3));
        const auto length = header(out, "Content-Length");
        out.body = take(length.empty() ? 0 : std::stoul(length));
        return out;
    }
    HttpAnswer post(std::string_view body, std::string_view more_headers = "") {
        std::string text = "POST / HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n";
        text.append(more_headers)
            .append("Content-Length: ")
            .append(std::to_string(body.size()))
            .append("\r\n\r\n")
            .append(body);
        write(text);
        return read_answer();
    }
    static std::string header(const HttpAnswer& answer, std::string_view name) {
        const auto at = answer.head.find("\r\n" + std::string{name} + ": ");
        if (at == answer.head.npos) return {};
        const auto from = at + name.size() + 4;
        return answer.head.substr(from, answer.head.find("\r\n", from) - from);
    }

    HttpAnswer upgrade(std::string_view more_headers = "") {
        std::string text = "GET / HTTP/1.1\r\nHost: localhost\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n"
                           "Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n";
        text.append(more_headers).append("\r\n");
        write(text);
        return read_answer();
    }
    /// One masked text frame, as clients must send them (RFC 6455).
    static std::string frame(std::string_view text) {
        std::string out = "\x81";
        if (text.size() < 126) {
            out.push_back(static_cast<char>(0x80 | text.size()));
        } else {
            const bool is_long = text.size() > 0xffff;
            out.push_back(static_cast<char>(is_long ? 0xff : 0xfe));
            for (int shift = is_long ? 56 : 8; shift >= 0; shift -= 8)
                out.push_back(static_cast<char>((text.size() >> shift) & 0xff));
        }
        constexpr char kMask[] = {1, 2, 3, 4};
        out.append(kMask, 4);
        for (std::size_t i = 0; i < text.size(); ++i) out.push_back(static_cast<char>(text[i] ^ kMask[i % 4]));
        return out;
    }
    bool send_text(std::string_view text) { return write(frame(text)); }
    /// The next text message; empty once the connection is closed.
    std::string read_text() {
        while (true) {
            const auto head = take(2);
            if (head.size() < 2) return {};
            std::size_t length = static_cast<unsigned char>(head[1]) & 0x7f;
            if (length >= 126) {
                const auto more = take(length == 126 ? 2 : 8);
                length = 0;
                for (const char c : more) length = length << 8 | static_cast<unsigned char>(c);
            }
            auto payload = take(length);
            const int opcode = head[0] & 0x0f;
            if (opcode == 1) return payload;
            if (opcode == 8) return {};
        }
    }
    /// True once the server has closed its side.
    bool closed() {
        while (receive()) buffer_.clear();
        return true;
    }

private:
    bool receive() {
        char part[65536];
        if (session_ && !shaken_) return false;
        const auto count =
            session_ ? SSL_read(session_.get(), part, sizeof part) : ::recv(socket_, part, sizeof part, 0);
        const bool late =
            session_ ? count <= 0 && SSL_get_error(session_.get(), static_cast<int>(count)) == SSL_ERROR_WANT_READ
                     : count < 0 && errno == EAGAIN;
        if (late) throw std::runtime_error("no answer");
        if (count <= 0) return false;
        buffer_.append(part, static_cast<std::size_t>(count));
        return true;
    }
    std::string take(std::size_t count) {
        while (buffer_.size() < count)
            if (!receive()) return {};
        auto out = buffer_.substr(0, count);
        buffer_.erase(0, count);
        return out;
    }

    const int socket_;
    std::unique_ptr<SSL_CTX, decltype(&SSL_CTX_free)> context_{nullptr, SSL_CTX_free};
    std::unique_ptr<SSL, decltype(&SSL_free)> session_{nullptr, SSL_free};
    bool shaken_ = false;
    std::string buffer_;
};

} // namespace cairn::rpc::testing
