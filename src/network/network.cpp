#include "base/errors/network.hpp"
#include "base/errors/crypto.hpp"
#include "base/log.hpp"
#include "base/thread_name.hpp"
#include "network/dialler.hpp"
#include "network/listener.hpp"

#include <boost/asio/io_context.hpp>
#include <boost/asio/post.hpp>

#include <algorithm>
#include <future>
#include <thread>

namespace cairn::network {
namespace {

namespace asio = boost::asio;
using asio::ip::tcp;

/// The life of all connections: from hello to the end, through changes of trust and of seats.
class Engine final : public Network, private Connection::Owner {
public:
    Engine(const NetworkConfig& config, const ledger::Genesis& genesis, Handler handler)
        : config_(config),
          chain_id_(genesis.parameters.chain_id),
          genesis_hash_(ledger::hash_of(genesis)),
          handler_(std::move(handler)),
          tick_timer_(io_),
          events_(handler_),
          seats_(io_, config_.tuning, events_),
          renewal_(config_, seats_.seating(), config.trust ? config.trust : trust_of_genesis(genesis), events_),
          listener_(io_, config_.tuning, events_, [this](tcp::socket socket) { return make(std::move(socket)); }),
          dialler_(io_, config_, seats_, renewal_, [this](auto... to) { dial(to...); }) {
        auto seating = config_.seating;
        if (seating.validators.members.empty()) seating.validators = genesis.validators;
        (void)seats_.take(std::move(seating));
    }

    ~Engine() override {
        if (!thread_.joinable()) return;
        asio::post(io_, [this] { stop(); });
        thread_.join();
    }

    Status start() {
        const auto& seating = seats_.seating();
        if (seating.self.value > seating.validators.size())
            return fail(error::CertificateForeign, "no validator has index " + std::to_string(seating.self.value));
        CRN_CHECK(renewal_.open());
        CRN_CHECK(listener_.open(config_.listen_address, config_.listen_port));
        thread_ = std::thread([this] {
            name_thread("network");
            listener_.accept_next();
            schedule_tick();
            judged_ = with_quorum_ = now();
            dialler_.dial_all();
            io_.run();
        });
        return {};
    }

    void send(ValidatorIndex to, Stream stream, Frame frame) override {
        if (!seats_.enqueue(to, stream, std::move(frame))) return;
        asio::post(io_, [this, to, stream] { seats_.flush(to, stream); });
    }
    void broadcast(Stream stream, Frame frame) override {
        auto idle = seats_.enqueue_for_all(stream, frame);
        if (idle.empty()) return;
        asio::post(io_, [this, stream, idle = std::move(idle)] {
            for (const auto to : idle) seats_.flush(to, stream);
        });
    }
    Status seat(Seating seating, std::function<void()> seated) override {
        std::promise<Status> done;
        auto result = done.get_future();
        asio::post(io_, [&] { done.set_value(seat_all(std::move(seating), seated)); });
        return result.get();
    }
    void judge_again() override {
        asio::post(io_, [this] {
            if (stopping_) return;
            renewal_.try_again();
            judge_connections();
        });
    }
    void accuse(ValidatorIndex peer, const Error& error) override {
        asio::post(io_, [this, peer, error] {
            if (!stopping_) seats_.note_violation(peer, {}, error);
        });
    }
    std::vector<PeerState> peers() const override { return seats_.states(); }
    std::vector<ValidatorIndex> visitors() const override { return seats_.visitors(); }
    std::vector<BanState> bans() const override { return seats_.bans(); }
    std::vector<ThrottledSource> throttled() const override { return listener_.throttled(); }
    std::uint16_t port() const override { return listener_.port(); }
    NetworkCounters counters() const override { return events_.counters(); }
    OwnCertificate certificate() const override { return renewal_.certificate(); }

private:
    // Network thread from here on.

    std::shared_ptr<Connection> make(tcp::socket socket) {
        Connection::Owner& owner = *this;
        auto out = std::make_shared<Connection>(owner, renewal_.tls(), std::move(socket), config_.tuning);
        connections_.emplace(out.get(), out);
        return out;
    }

    void dial(ValidatorIndex peer, Stream stream, const std::vector<tcp::endpoint>& endpoints) {
        const auto connection = make(tcp::socket(io_));
        connection->expected_peer = peer;
        connection->expected_stream = stream;
        connection->dial(endpoints, hello_for(stream));
    }

    Hello hello_for(Stream stream) const {
        Hello out;
        out.chain_id = chain_id_;
        out.genesis = genesis_hash_;
        out.stream = stream;
        return out;
    }

    /// Closing one changes connections_.
    std::vector<std::shared_ptr<Connection>> all_connections() const {
        std::vector<std::shared_ptr<Connection>> out;
        for (const auto& [key, connection] : connections_) out.push_back(connection);
        return out;
    }

    Status on_hello(Connection& connection, const Hello& hello) override {
        const auto peer = *connection.peer();
        const auto& name = seats_[peer].state.name;
        const auto expected = hello_for(hello.stream);
        if (hello.protocol != expected.protocol)
            return fail(error::PeerMismatch, "protocol " + std::to_string(hello.protocol));
        if (hello.chain_id != expected.chain_id)
            return fail(error::PeerMismatch, "chain id " + std::to_string(hello.chain_id));
        if (seats_.is_banned(peer)) return fail(error::PeerBanned, name);
        if (hello.genesis != expected.genesis) return fail(error::PeerMismatch, "genesis " + to_hex(hello.genesis));
        if (connection.was_dialled()) {
            if (hello.stream != connection.expected_stream)
                return fail(error::FrameInvalid, "answers for another stream");
        } else {
            if (peer == seats_.self()) return fail(error::PeerMismatch, "uses this node's own certificate");
            // It has not been dialled for a while, perhaps because it cannot be.
            if (dialler_.we_dial(peer)) return fail(error::PeerUnreachable, "dials although this node dials it");
            if (seats_.is_former(peer)) CRN_CHECK(seats_.admit_visitor(peer));
            listener_.done(connection);
        }
        listener_.welcome(connection);
        const bool all_up = seats_.connect(connection, hello.stream);
        connection.enter_ready(hello.stream, connection.was_dialled() ? std::nullopt : std::optional(expected));
        if (all_up) {
            log(LogLevel::info, "network", "peer connected", {{"peer", name}});
            if (handler_.on_connected) handler_.on_connected(peer);
        }
        return {};
    }

    void on_message(Connection& connection, Frame frame) override {
        seats_.on_read(connection, kFrameHeaderBytes + frame.payload->size());
        if (!stopping_ && handler_.on_frame)
            handler_.on_frame(*connection.peer(), connection.stream(), std::move(frame));
    }

    std::vector<Frame> next_frames(Connection& connection, std::size_t bytes_max) override {
        return seats_.next_frames(connection, bytes_max);
    }
    void on_written(Connection& connection, std::size_t frames, std::size_t bytes) override {
        seats_.on_written(connection, frames, bytes);
    }
    Microseconds read_pause(Connection& connection, std::size_t frames, std::size_t bytes) override {
        return seats_.read_pause(connection, frames, bytes);
    }

    void on_closed(Connection& connection, const Error& error) override {
        connections_.erase(&connection);
        listener_.done(connection);
        if (stopping_) return;
        const auto peer = connection.peer();
        const auto& who = peer ? peer : connection.expected_peer;
        events_.closed(connection, who ? seats_[*who].state.name : std::string{}, error);
        // A broken TLS record proves nothing against the peer: whoever sits on the line can make one.
        if (error.code == error::FrameInvalid && peer && !error.detail.starts_with("TLS:"))
            seats_.note_violation(*peer, connection.remote_address(), error);
        if (connection.is_ready() && seats_.disconnect(connection, error)) {
            log(LogLevel::warning, "network", "peer disconnected",
                {{"peer", seats_[*peer].state.name}, {"error", error.text()}});
            if (handler_.on_disconnected) handler_.on_disconnected(*peer);
        }
        if (!connection.was_dialled()) {
            if (connection.is_ready()) dialler_.lost(*peer, connection.stream());
            return;
        }
        // Only a connection that held resets the back-off: a peer that accepts and drops at once is not dialled in a loop.
        if (connection.is_ready() && now() - connection.ready_since() > config_.tuning.redial_max)
            seats_[*connection.expected_peer].link(connection.expected_stream).back_off = {};
        dialler_.failed(*connection.expected_peer, connection.expected_stream, error);
    }

    void schedule_tick() {
        const auto& tuning = config_.tuning;
        const auto shortest = std::min({tuning.ping_interval, tuning.silence_max, tuning.handshake_max});
        tick_timer_.expires_after(std::clamp(shortest / 4, Milliseconds(5), Milliseconds(500)));
        tick_timer_.async_wait([this](const boost::system::error_code& code) {
            if (code || stopping_) return;
            const auto time = now();
            for (const auto& connection : all_connections()) connection->tick(time);
            seats_.end_visits(time);
            if (has_quorum()) with_quorum_ = time;
            renewal_.check(time, time - with_quorum_ >= config_.tuning.cut_off_after);
            if (time - judged_ >= config_.tuning.judgement_interval) judge_connections();
            schedule_tick();
        });
    }

    bool has_quorum() {
        const auto& set = seats_.seating().validators;
        std::size_t here = 1; // this node
        for (std::uint16_t i = 0; i < set.size(); ++i) here += seats_[{i}].is_here();
        return here >= set.quorum();
    }

    void judge_connections() {
        judged_ = now();
        for (const auto& connection : all_connections()) {
            auto status = connection->judge_again(*renewal_.tls());
            if (status || connection->is_closed()) continue;
            events_.count(&NetworkCounters::certificates_cut);
            connection->close(std::move(status).error());
        }
    }

    Status seat_all(Seating next, const std::function<void()>& seated) {
        if (stopping_) return {};
        const auto& tls = *renewal_.tls();
        CRN_CHECK(tls.check_seat(next));
        const auto from = seats_.before(next);
        // Under the old seating: whoever is in the middle of a handshake begins again, because it was judged by the old set; and
        // whoever is nobody in the new one is cut.
        std::vector<std::pair<std::shared_ptr<Connection>, ValidatorIndex>> kept;
        for (const auto& connection : all_connections()) {
            if (connection->is_closed()) continue;
            if (!connection->is_ready()) {
                connection->close({error::PeerUnreachable, "the epoch changes"});
                continue;
            }
            const auto index = tls.identify(connection->certificate(), next);
            if (index && from[index->value] == connection->peer()->value) {
                kept.emplace_back(connection, *index);
                continue;
            }
            events_.count(&NetworkCounters::certificates_cut);
            connection->close(index ? Error{error::CertificateForeign, "names another validator now"} : index.error());
        }
        const auto gone = seats_.take(std::move(next));
        for (const auto& [connection, index] : kept)
            if (!connection->is_closed()) connection->seat(index);
        if (seated) seated();
        for (auto& peer : seats_.peers())
            for (auto& link : peer.links)
                if (const auto current = link.current) current->flush();
        dialler_.dial_all();
        return {};
    }

    void stop() {
        stopping_ = true;
        tick_timer_.cancel();
        listener_.stop();
        dialler_.stop();
        for (auto& peer : seats_.peers())
            for (auto& link : peer.links) {
                link.redial->cancel();
                link.current.reset();
            }
        const auto all = std::exchange(connections_, {});
        for (const auto& [key, connection] : all) connection->close({error::PeerUnreachable, "this node stops"});
    }

    const NetworkConfig config_;
    const std::uint64_t chain_id_;
    const Hash256 genesis_hash_;
    const Handler handler_;
    asio::io_context io_{1};
    asio::steady_timer tick_timer_;
    Events events_;
    Seats seats_;
    Renewal renewal_;
    Listener listener_;
    Dialler dialler_;
    bool stopping_ = false;
    Microseconds judged_{};
    Microseconds with_quorum_{};                                           // when there was last one to talk with
    std::map<const Connection*, std::shared_ptr<Connection>> connections_; // order does not matter
    std::thread thread_;
};

} // namespace

Result<std::unique_ptr<Network>> start_network(const NetworkConfig& config, const ledger::Genesis& genesis,
                                               Handler handler) {
    auto engine = std::make_unique<Engine>(config, genesis, std::move(handler));
    CRN_CHECK(engine->start());
    return engine;
}

} // namespace cairn::network
