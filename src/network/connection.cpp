#include "network/connection.hpp"

#include "base/errors/network.hpp"

#include <utility>

#include <boost/asio/connect.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/ssl/error.hpp>
#include <boost/asio/write.hpp>
#include <openssl/ssl.h>

namespace cairn::network {
namespace {

namespace asio = boost::asio;
using boost::system::error_code;

constexpr std::size_t kWriteBytesMax = 256 * 1024;
/// Smaller payloads are copied next to their headers, so that many share one TLS record; larger ones are written in place.
constexpr std::size_t kCopyBytesMax = 4 * 1024;

std::string text_of(const asio::ip::tcp::socket& socket) {
    error_code ignored;
    const auto endpoint = socket.remote_endpoint(ignored);
    if (ignored) return "unknown";
    return endpoint.address().to_string() + ":" + std::to_string(endpoint.port());
}

} // namespace

Connection::Connection(Owner& owner, std::shared_ptr<TlsContext> tls, Socket socket, const NetworkTuning& tuning)
    : owner_(owner),
      tls_(std::move(tls)),
      tuning_(tuning),
      stream_socket_(std::move(socket), tls_->asio()),
      read_timer_(stream_socket_.get_executor()),
      controls_(tuning.tls_controls, now()),
      started_(now()) {
    verdict_.on_control = [this] { on_control(); };
    TlsContext::attach(stream_socket_.native_handle(), &verdict_);
}

Status Connection::judge_again(const TlsContext& tls) const {
    if (verdict_.certificate.empty()) return {};
    CRN_TRY(peer, tls.identify(verdict_.certificate));
    if (peer != verdict_.peer) return fail(error::CertificateForeign, "names another validator now");
    return {};
}

void Connection::dial(const std::vector<asio::ip::tcp::endpoint>& endpoints, Hello hello) {
    dialled_ = true;
    const auto payload = encode_hello(hello);
    const auto header = encode_frame_header({FrameKind::hello, 0, static_cast<std::uint32_t>(payload.size())});
    append(control_, header);
    append(control_, payload);
    asio::async_connect(stream_socket_.next_layer(), endpoints,
                        [self = shared_from_this()](const error_code& code, const asio::ip::tcp::endpoint&) {
                            if (self->closed_) return;
                            if (code) return self->close(self->error_of(code));
                            self->handshake(asio::ssl::stream_base::client);
                        });
}

void Connection::accept() { handshake(asio::ssl::stream_base::server); }

void Connection::handshake(asio::ssl::stream_base::handshake_type side) {
    connected_ = true;
    remote_ = text_of(stream_socket_.next_layer());
    error_code ignored;
    stream_socket_.next_layer().set_option(asio::ip::tcp::no_delay(true), ignored);
    stream_socket_.async_handshake(side, [self = shared_from_this()](const error_code& code) {
        if (self->closed_) return;
        if (code) return self->close(self->error_of(code));
        self->encrypted_ = true;
        if (!self->verdict_.peer) return self->close({error::HandshakeFailed, "no certificate"});
        if (self->dialled_ && self->verdict_.peer != self->expected_peer)
            return self->close({error::CertificateForeign, "another validator answers at this address"});
        self->flush();
        self->read();
    });
}

void Connection::read() {
    const auto space = reader_.space();
    stream_socket_.async_read_some(asio::buffer(space.data(), space.size()),
                                   [self = shared_from_this()](const error_code& code, std::size_t count) {
                                       if (self->closed_) return;
                                       if (code) return self->close(self->error_of(code));
                                       self->last_read_ = now();
                                       auto status =
                                           self->reader_.received(count, [&](const FrameHeader& header, auto payload) {
                                               return self->on_frame(header, std::move(payload));
                                           });
                                       if (self->closed_) return;
                                       if (!status) return self->close(std::move(status).error());
                                       self->read_after_pause(count);
                                   });
}

void Connection::read_after_pause(std::size_t bytes) {
    const auto frames = std::exchange(frames_read_, 0);
    const auto pause = ready_ ? owner_.read_pause(*this, frames, bytes) : Microseconds{0};
    if (pause <= Microseconds{0}) return read();
    read_timer_.expires_after(pause);
    read_timer_.async_wait([self = shared_from_this()](const error_code& code) {
        if (self->closed_ || code) return;
        self->last_read_ = now(); // it was this side that did not listen
        self->read_after_pause(0);
    });
}

/// In the middle of a read or of a handshake: the end has to wait until that returns.
void Connection::on_control() {
    if (controls_.take(1, now())) return;
    asio::post(stream_socket_.get_executor(), [self = shared_from_this()] {
        self->close({error::FrameInvalid, "sends TLS key updates or session tickets again and again"});
    });
}

Status Connection::on_frame(const FrameHeader& header, std::shared_ptr<const Bytes> payload) {
    if (closed_) return {};
    ++frames_read_;
    switch (header.kind) {
    case FrameKind::hello: {
        CRN_TRY(hello, decode_hello(*payload));
        return owner_.on_hello(*this, hello);
    }
    case FrameKind::ping: break;
    case FrameKind::message: owner_.on_message(*this, Frame{header.type, std::move(payload)}); break;
    }
    return {};
}

void Connection::enter_ready(Stream stream, std::optional<Hello> reply) {
    stream_ = stream;
    reader_.enter_ready(payload_max(stream));
    if (reply) {
        const auto payload = encode_hello(*reply);
        append(control_, encode_frame_header({FrameKind::hello, 0, static_cast<std::uint32_t>(payload.size())}));
        append(control_, payload);
    }
    ready_ = true;
    ready_since_ = last_read_ = last_write_ = now();
    flush();
}

void Connection::gather(std::vector<Frame> frames) {
    // First the layout, then the pointers: staging_ moves while it grows.
    struct Piece {
        std::size_t begin, end; // in staging_
        const Bytes* payload;   // after it, if not null
    };
    std::vector<Piece> pieces;
    std::size_t begin = 0;
    message_bytes_in_writing_ = 0;
    for (const auto& frame : frames) {
        const std::size_t length = frame.payload ? frame.payload->size() : 0;
        append(staging_, encode_frame_header({FrameKind::message, frame.type, static_cast<std::uint32_t>(length)}));
        message_bytes_in_writing_ += kFrameHeaderBytes + length;
        if (length <= kCopyBytesMax) {
            if (length != 0) append(staging_, *frame.payload);
            continue;
        }
        pieces.push_back({begin, staging_.size(), frame.payload.get()});
        begin = staging_.size();
    }
    if (begin != staging_.size()) pieces.push_back({begin, staging_.size(), nullptr});
    for (const auto& piece : pieces) {
        buffers_.emplace_back(staging_.data() + piece.begin, piece.end - piece.begin);
        if (piece.payload != nullptr) buffers_.emplace_back(piece.payload->data(), piece.payload->size());
    }
    in_writing_ = std::move(frames);
}

void Connection::flush() {
    if (writing_ || closed_ || !encrypted_) return;
    staging_.clear();
    staging_.swap(control_);
    buffers_.clear();
    gather(ready_ ? owner_.next_frames(*this, kWriteBytesMax) : std::vector<Frame>{});
    if (buffers_.empty()) return;

    if (bytes_since_key_ >= tuning_.rekey_bytes &&
        SSL_key_update(stream_socket_.native_handle(), SSL_KEY_UPDATE_NOT_REQUESTED) == 1)
        bytes_since_key_ = 0;
    writing_ = true;
    last_write_ = now();
    asio::async_write(stream_socket_, buffers_, [self = shared_from_this()](const error_code& code, std::size_t count) {
        self->writing_ = false;
        const auto frames = self->in_writing_.size();
        self->in_writing_.clear();
        if (self->closed_) return;
        if (code) return self->close(self->error_of(code));
        self->last_write_ = now();
        self->bytes_since_key_ += count;
        if (frames != 0) self->owner_.on_written(*self, frames, self->message_bytes_in_writing_);
        self->flush();
    });
}

void Connection::tick(Microseconds time) {
    if (closed_) return;
    if (!ready_) {
        if (time - started_ < tuning_.handshake_max) return;
        if (connected_) return close({error::HandshakeFailed, "no hello in time"});
        return close({error::PeerUnreachable, "no answer in time"});
    }
    if (time - last_read_ >= tuning_.silence_max) return close({error::PeerSilent, "nothing received"});
    if (writing_ && time - last_write_ >= tuning_.write_stall_max)
        return close({error::PeerSilent, "the peer takes nothing"});
    if (!writing_ && time - last_write_ >= tuning_.ping_interval) {
        append(control_, encode_frame_header({FrameKind::ping, 0, 0}));
        flush();
    }
}

void Connection::close(Error error) {
    if (closed_) return;
    const auto self = shared_from_this(); // the owner forgets us
    closed_ = true;
    read_timer_.cancel();
    error_code ignored;
    stream_socket_.next_layer().close(ignored);
    owner_.on_closed(*this, error);
}

Error Connection::error_of(const error_code& code) const {
    if (verdict_.refusal) return *verdict_.refusal;
    const bool tls = code.category() == asio::error::get_ssl_category();
    const bool ended = code == asio::error::eof || code == asio::ssl::error::stream_truncated ||
                       code == asio::error::connection_reset || code == asio::error::broken_pipe;
    if (!connected_) return {error::PeerUnreachable, code.message()};
    if (!ready_) return {error::HandshakeFailed, ended ? "closed by the peer" : code.message()};
    if (ended) return {error::PeerUnreachable, "closed by the peer"};
    // A record whose authentication fails is damage or an attack; everything else is a connection that ended.
    if (tls) return {error::FrameInvalid, "TLS: " + code.message()};
    return {error::PeerUnreachable, code.message()};
}

} // namespace cairn::network
