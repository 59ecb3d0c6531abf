// One TLS connection between two nodes: handshake, hello, frames in, frames out. For this folder's .cpp files only.
//
// Lives on the network's thread and is held by its pending operations; `close` makes them end.
#pragma once

#include "network/frame.hpp"
#include "network/tls_context.hpp"

#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/ssl/stream.hpp>
#include <boost/asio/steady_timer.hpp>

#include <deque>

namespace cairn::network {

/// What budgets, pauses and silences are counted by.
inline Microseconds now() { return system_clock().monotonic(); }

class Connection : public std::enable_shared_from_this<Connection> {
public:
    /// What a connection asks of its owner, who outlives it. Called on the network's thread.
    class Owner {
    public:
        /// The other side's hello. An error ends the connection; otherwise the owner has called enter_ready.
        virtual Status on_hello(Connection& connection, const Hello& hello) = 0;
        virtual void on_message(Connection& connection, Frame frame) = 0;
        /// Exactly once, after which nothing more comes.
        virtual void on_closed(Connection& connection, const Error& error) = 0;
        /// Frames to write next: about `bytes_max` of them, at least one if there are any.
        virtual std::vector<Frame> next_frames(Connection& connection, std::size_t bytes_max) = 0;
        /// What next_frames gave is with the operating system now.
        virtual void on_written(Connection& connection, std::size_t frames, std::size_t bytes) = 0;
        /// After each read of a ready connection: how long to wait before it asks again, then without frames and bytes; nothing is
        /// read before the answer is zero.
        virtual Microseconds read_pause(Connection& connection, std::size_t frames, std::size_t bytes) = 0;

    protected:
        ~Owner() = default;
    };

    using Socket = boost::asio::ip::tcp::socket;
    Connection(Owner& owner, std::shared_ptr<TlsContext> tls, Socket socket, const NetworkTuning& tuning);

    /// Dials the endpoints in turn; then TLS and `hello`.
    void dial(const std::vector<boost::asio::ip::tcp::endpoint>& endpoints, Hello hello);
    /// Serves a connection that came in.
    void accept();
    /// Writes what waits, unless a write is under way, which goes on with it by itself.
    void flush();
    /// Sends a ping if nothing was written for its interval; closes what is silent, stalled or slow to say hello.
    void tick(Microseconds now);
    void close(Error error);
    /// The hello was accepted: `reply` goes out first, if there is one.
    void enter_ready(Stream stream, std::optional<Hello> reply);

    /// The seating has changed: this is who the peer is now, and the one that is dialled if this side did.
    void seat(ValidatorIndex peer) {
        verdict_.peer = peer;
        if (dialled_) expected_peer = peer;
    }
    /// Of the peer; empty before TLS.
    const Bytes& certificate() const { return verdict_.certificate; }

    bool is_ready() const { return ready_; }
    bool is_closed() const { return closed_; }
    bool was_dialled() const { return dialled_; }
    /// Whom the certificate names, once the handshake has proven that the other side has its key.
    std::optional<ValidatorIndex> peer() const { return encrypted_ ? verdict_.peer : std::nullopt; }
    Stream stream() const { return stream_; }
    Microseconds ready_since() const { return ready_since_; }
    /// CertificateRevoked, CertificateExpired, ...: what would be said of the peer's certificate if it came now.
    Status judge_again(const TlsContext& tls) const;
    /// "127.0.0.1:40312", for the log.
    const std::string& remote() const { return remote_; }
    /// Set by the owner when it dials.
    std::optional<ValidatorIndex> expected_peer;
    Stream expected_stream = Stream::consensus;
    /// "127.0.0.1", the part of `remote` without the port.
    std::string remote_address() const { return remote_.substr(0, remote_.rfind(':')); }

private:
    void handshake(boost::asio::ssl::stream_base::handshake_type side);
    void read();
    void read_after_pause(std::size_t bytes);
    void on_control();
    Status on_frame(const FrameHeader& header, std::shared_ptr<const Bytes> payload);
    Error error_of(const boost::system::error_code& code) const;
    void gather(std::vector<Frame> frames);

    Owner& owner_;
    const std::shared_ptr<TlsContext> tls_; // the handshake points to it, also after a renewal
    const NetworkTuning& tuning_;
    PeerVerdict verdict_; // the TLS stream points to it: declared before
    boost::asio::ssl::stream<Socket> stream_socket_;
    FrameReader reader_;
    boost::asio::steady_timer read_timer_;
    std::size_t frames_read_ = 0; // since read_pause was asked last
    TokenBucket controls_;
    std::string remote_;
    Stream stream_ = Stream::consensus;
    bool dialled_ = false;
    bool connected_ = false; // TCP
    bool encrypted_ = false; // TLS handshake done
    bool ready_ = false;     // hello done
    bool closed_ = false;

    Bytes control_; // hello and pings that wait to be written
    bool writing_ = false;
    std::vector<Frame> in_writing_;
    Bytes staging_; // headers and small payloads, side by side
    std::vector<boost::asio::const_buffer> buffers_;
    std::size_t message_bytes_in_writing_ = 0;
    std::uint64_t bytes_since_key_ = 0;

    Microseconds started_{};
    Microseconds ready_since_{};
    Microseconds last_read_{};
    Microseconds last_write_{}; // end of the last write, or begin of the one under way
};

} // namespace cairn::network
