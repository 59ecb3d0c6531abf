#include "rpc/http_sessions.hpp"

#include <boost/asio/dispatch.hpp>
#include <boost/asio/post.hpp>
#include <boost/beast/core/buffers_to_string.hpp>
#include <boost/beast/core/flat_buffer.hpp>
#include <boost/beast/websocket.hpp>

#include <deque>

namespace cairn::rpc {
namespace {

namespace asio = boost::asio;
namespace beast = boost::beast;
namespace http = boost::beast::http;
namespace websocket = boost::beast::websocket;

class WsSession final : public Session, public WsConnection, public std::enable_shared_from_this<WsSession> {
public:
    WsSession(std::shared_ptr<HttpCore> core, Slot slot, ClientStream&& stream)
        : core_(std::move(core)), slot_(std::move(slot)), stream_(std::move(stream)) {}
    ~WsSession() override {
        core_->websocket_bytes -= queued_bytes_;
        core_->leave(id_);
    }

    void start(http::request<http::string_body>&& upgrade) {
        id_ = core_->enter(weak_from_this());
        const auto& limits = core_->config.limits;
        websocket::stream_base::timeout timeout{};
        timeout.handshake_timeout = limits.read;
        timeout.idle_timeout = limits.websocket_idle;
        timeout.keep_alive_pings = true;
        stream_.set_option(timeout);
        stream_.read_message_max(limits.body_bytes_max);
        stream_.auto_fragment(false);
        stream_.text(true);
        auto request = std::make_shared<http::request<http::string_body>>(std::move(upgrade));
        stream_.async_accept(*request, [self = shared_from_this(), request](beast::error_code error) {
            if (error) return self->finish();
            self->read();
        });
    }

    void stop() override { beast::get_lowest_layer(stream_).close(); }
    std::uint64_t id() const override { return id_; }
    const std::string& client() const override { return slot_->client(); }

    bool send(SharedText text) override {
        bool too_slow = false;
        {
            const std::lock_guard lock(mutex_);
            if (closed_) return false;
            const auto& limits = core_->config.limits;
            const bool all_full = core_->websocket_bytes + text->size() > limits.websocket_memory_max;
            too_slow = queued_bytes_ + text->size() > limits.websocket_queue_bytes_max ||
                       (all_full && queued_bytes_ > kBytesWhenFull);
            if (too_slow) {
                closed_ = true;
            } else {
                queued_bytes_ += text->size();
                core_->websocket_bytes += text->size();
                queue_.push_back(std::move(text));
                if (writing_) return true;
                writing_ = true;
            }
        }
        if (too_slow) {
            close();
            return false;
        }
        asio::dispatch(core_->io, [self = shared_from_this()] { self->write(); });
        return true;
    }

    void close() override {
        asio::post(core_->io, [self = shared_from_this()] { self->finish(); });
    }

private:
    void read() {
        if (reading_ || finished_ || in_work_ >= core_->config.limits.websocket_requests_max) return;
        reading_ = true;
        stream_.async_read(buffer_, [self = shared_from_this()](beast::error_code error, std::size_t) {
            self->reading_ = false;
            if (error) return self->finish();
            auto text = beast::buffers_to_string(self->buffer_.data());
            self->buffer_.consume(self->buffer_.size());
            if (self->buffer_.capacity() > kBufferBytesKept) self->buffer_.shrink_to_fit();
            ++self->in_work_;
            self->core_->handler.on_message(self, std::move(text), [self](std::string answer) {
                if (!answer.empty()) self->send(std::make_shared<const std::string>(std::move(answer)));
                asio::dispatch(self->core_->io, [self] {
                    --self->in_work_;
                    self->read();
                });
            });
            self->read();
        });
    }

    void write() {
        {
            const std::lock_guard lock(mutex_);
            if (queue_.empty() || closed_) {
                writing_ = false;
                return;
            }
            current_ = std::move(queue_.front());
            queue_.pop_front();
        }
        stream_.async_write(asio::buffer(*current_), [self = shared_from_this()](beast::error_code error, std::size_t) {
            {
                const std::lock_guard lock(self->mutex_);
                self->queued_bytes_ -= self->current_->size();
                self->core_->websocket_bytes -= self->current_->size();
            }
            self->current_.reset();
            if (error) return self->finish();
            self->write();
        });
    }

    void finish() {
        if (finished_) return;
        finished_ = true;
        {
            const std::lock_guard lock(mutex_);
            closed_ = true;
            queue_.clear();
        }
        beast::get_lowest_layer(stream_).close();
        if (core_->handler.on_close) core_->handler.on_close(id_);
    }

    static constexpr std::size_t kBytesWhenFull = 1u << 20; // what each may queue although all together hold too much
    static constexpr std::size_t kBufferBytesKept = 64u << 10;

    const std::shared_ptr<HttpCore> core_;
    const Slot slot_;
    std::uint64_t id_ = 0;
    // I/O thread only:
    websocket::stream<ClientStream> stream_;
    beast::flat_buffer buffer_;
    SharedText current_;
    std::size_t in_work_ = 0;
    bool reading_ = false;
    bool finished_ = false;

    std::mutex mutex_;
    std::deque<SharedText> queue_; // guarded by mutex_
    std::size_t queued_bytes_ = 0; // guarded by mutex_
    bool writing_ = false;         // guarded by mutex_
    bool closed_ = false;          // guarded by mutex_
};

} // namespace

void start_websocket(std::shared_ptr<HttpCore> core, Slot slot, ClientStream&& stream,
                     http::request<http::string_body>&& upgrade) {
    std::make_shared<WsSession>(std::move(core), std::move(slot), std::move(stream))->start(std::move(upgrade));
}

} // namespace cairn::rpc
