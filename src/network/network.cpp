#include "base/errors/network.hpp"
#include "base/errors/crypto.hpp"
#include "base/thread_name.hpp"
#include "network/admission.hpp"
#include "network/connection.hpp"

#include "base/log.hpp"

#include <boost/asio/io_context.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/steady_timer.hpp>

#include <sys/stat.h>

#include <algorithm>
#include <charconv>
#include <future>
#include <list>
#include <mutex>
#include <thread>

namespace cairn::network {
namespace {

namespace asio = boost::asio;
using asio::ip::tcp;
using boost::system::error_code;

constexpr int kRefusalsPerHandshake = 16;
constexpr Microseconds kReadPauseMax{1'000'000};

constexpr std::size_t at(Stream stream) { return static_cast<std::size_t>(stream); }
Microseconds now() { return system_clock().monotonic(); }

struct HostPort {
    std::string host;
    std::uint16_t port = 0;
};

/// "127.0.0.1:30300", "[::1]:30300", "node.example:30300".
std::optional<HostPort> split_address(const std::string& address) {
    const auto colon = address.rfind(':');
    if (colon == std::string::npos || colon == 0) return std::nullopt;
    HostPort out{address.substr(0, colon), 0};
    if (out.host.size() > 2 && out.host.front() == '[' && out.host.back() == ']')
        out.host = out.host.substr(1, out.host.size() - 2);
    const auto* end = address.data() + address.size();
    const auto parsed = std::from_chars(address.data() + colon + 1, end, out.port);
    if (parsed.ec != std::errc{} || parsed.ptr != end || out.port == 0) return std::nullopt;
    return out;
}

SourceKey source_of(const asio::ip::address& address) {
    SourceKey out{};
    if (address.is_v4() || (address.is_v6() && address.to_v6().is_v4_mapped())) {
        const auto v4 =
            address.is_v4() ? address.to_v4() : asio::ip::make_address_v4(asio::ip::v4_mapped, address.to_v6());
        const auto bytes = v4.to_bytes();
        out[0] = 4; // no IPv6 network begins so: 0400::/8 is reserved
        std::ranges::copy(bytes, out.begin() + 4);
    } else {
        const auto bytes = address.to_v6().to_bytes();
        std::copy_n(bytes.begin(), out.size(), out.begin());
    }
    return out;
}

/// Lets through `per_second` log lines and says how many it kept back.
class LogLimiter {
public:
    bool pass(Microseconds time, std::uint64_t& suppressed) {
        constexpr int kPerSecond = 10;
        if (time - window_ >= std::chrono::seconds(1)) {
            window_ = time;
            lines_ = 0;
        }
        if (++lines_ > kPerSecond) {
            ++suppressed_;
            return false;
        }
        suppressed = std::exchange(suppressed_, 0);
        return true;
    }

private:
    Microseconds window_{};
    int lines_ = 0;
    std::uint64_t suppressed_ = 0;
};

class Engine final : public Network, private Connection::Owner {
public:
    Engine(const NetworkConfig& config, const ledger::Genesis& genesis, Handler handler)
        : config_(config),
          chain_id_(genesis.parameters.chain_id),
          genesis_hash_(ledger::hash_of(genesis)),
          trust_(config.trust ? config.trust : trust_of_genesis(genesis)),
          handler_(std::move(handler)),
          acceptor_(io_),
          accept_timer_(io_),
          tick_timer_(io_),
          resolver_(io_),
          sources_(config_.tuning),
          bans_(0, config_.tuning) {
        auto seating = config_.seating;
        if (seating.validators.members.empty()) seating.validators = genesis.validators;
        (void)take_seats(std::move(seating));
    }

    ~Engine() override {
        if (!thread_.joinable()) return;
        asio::post(io_, [this] { stop(); });
        thread_.join();
    }

    Status start() {
        if (seating_.self.value > seating_.validators.size())
            return fail(error::CertificateForeign, "no validator has index " + std::to_string(seating_.self.value));
        file_mark_ = mark_of_files();
        CRN_TRY(tls, TlsContext::open(config_, seating_, trust_));
        take_into_use(std::move(tls));
        CRN_CHECK(listen());
        thread_ = std::thread([this] {
            name_thread("network");
            accept_next();
            schedule_tick();
            last_renewal_check_ = last_judgement_ = now();
            dial_all();
            io_.run();
        });
        return {};
    }

    void send(ValidatorIndex to, Stream stream, Frame frame) override {
        {
            const std::lock_guard lock(mutex_);
            if (!enqueue(to, stream, std::move(frame))) return;
        }
        asio::post(io_, [this, to, stream] { flush(to, stream); });
    }

    void broadcast(Stream stream, Frame frame) override {
        std::vector<ValidatorIndex> idle;
        {
            const std::lock_guard lock(mutex_);
            for (std::uint16_t i = 0; i < validator_count_; ++i)
                if (enqueue({i}, stream, frame)) idle.push_back({i});
        }
        if (idle.empty()) return;
        asio::post(io_, [this, stream, idle = std::move(idle)] {
            for (const auto to : idle) flush(to, stream);
        });
    }

    std::vector<PeerState> peers() const override {
        const std::lock_guard lock(mutex_);
        std::vector<PeerState> out;
        for (std::size_t i = 0; i < validator_count_; ++i) {
            const auto& peer = peers_[i];
            if (peer.state.index == self_) continue;
            out.push_back(peer.state);
            out.back().ban_score = bans_.score(peer.state.index, now());
        }
        return out;
    }

    std::vector<ValidatorIndex> visitors() const override {
        const std::lock_guard lock(mutex_);
        std::vector<ValidatorIndex> out;
        for (std::size_t i = validator_count_; i < peers_.size(); ++i)
            if (peers_[i].state.connected) out.push_back(peers_[i].state.index);
        return out;
    }

    void accuse(ValidatorIndex peer, const Error& error) override {
        asio::post(io_, [this, peer, error] { note_violation(peer, {}, error); });
    }
    std::vector<BanState> bans() const override {
        const std::lock_guard lock(mutex_);
        auto out = bans_.list(now());
        for (auto& ban : out) ban.name = peers_[ban.peer.value].state.name;
        return out;
    }
    std::vector<ThrottledSource> throttled() const override {
        const std::lock_guard lock(mutex_);
        std::vector<ThrottledSource> out;
        for (auto& source : sources_.throttled()) out.push_back({std::move(source.address), source.refused});
        return out;
    }

    std::uint16_t port() const override { return port_; }

    NetworkCounters counters() const override {
        const std::lock_guard lock(mutex_);
        return counters_;
    }

    OwnCertificate certificate() const override {
        const std::lock_guard lock(mutex_);
        return own_;
    }

    Status seat(Seating seating, std::function<void()> seated) override {
        std::promise<Status> done;
        auto result = done.get_future();
        asio::post(io_, [&] { done.set_value(seat_all(std::move(seating), seated)); });
        return result.get();
    }

    void judge_again() override {
        asio::post(io_, [this] {
            if (!stopping_) judge_connections();
        });
    }

private:
    struct Link {
        // Guarded by mutex_.
        std::deque<Frame> queue;
        std::size_t frames = 0; // queued and in writing
        std::size_t bytes = 0;
        bool up = false;
        bool flush_posted = false;
        // Network thread only.
        std::shared_ptr<Connection> current;
        std::unique_ptr<asio::steady_timer> redial;
        Milliseconds back_off{0};
        TokenBucket bytes_in{{}, {}};
        TokenBucket frames_in{{}, {}};
    };
    struct Peer {
        PeerState state; // guarded by mutex_, but for index, name and organisation
        std::array<Link, kStreams> links;
        std::optional<Microseconds> visit; // network thread only: when the last one began, of a former validator
    };

    // Sending, any thread.

    /// True if the network's thread must be told. Holds mutex_.
    bool enqueue(ValidatorIndex to, Stream stream, Frame frame) {
        if (to.value >= peers_.size() || to == self_) return false;
        auto& peer = peers_[to.value];
        auto& link = peer.links[at(stream)];
        const auto size = frame.payload ? frame.payload->size() : 0;
        const auto& limit = config_.tuning.queues[at(stream)];
        if (!link.up || size > payload_max(stream) || link.frames >= limit.frames ||
            link.bytes + kFrameHeaderBytes + size > limit.bytes) {
            ++peer.state.frames_dropped;
            return false;
        }
        link.queue.push_back(std::move(frame));
        ++link.frames;
        link.bytes += kFrameHeaderBytes + size;
        return !std::exchange(link.flush_posted, true);
    }

    void flush(ValidatorIndex to, Stream stream) {
        if (to.value >= peers_.size()) return; // of another seating, after which everything was flushed
        auto& link = peers_[to.value].links[at(stream)];
        {
            const std::lock_guard lock(mutex_);
            link.flush_posted = false;
        }
        if (link.current) link.current->flush();
    }

    std::vector<Frame> next_frames(Connection& connection, std::size_t bytes_max) override {
        std::vector<Frame> out;
        const std::lock_guard lock(mutex_);
        auto& link = link_of(connection);
        if (link.current.get() != &connection) return out;
        for (std::size_t bytes = 0; !link.queue.empty() && bytes < bytes_max;) {
            out.push_back(std::move(link.queue.front()));
            link.queue.pop_front();
            bytes += kFrameHeaderBytes + (out.back().payload ? out.back().payload->size() : 0);
        }
        return out;
    }

    void on_written(Connection& connection, std::size_t frames, std::size_t bytes) override {
        const std::lock_guard lock(mutex_);
        auto& link = link_of(connection);
        if (link.current.get() != &connection) return;
        link.frames -= frames;
        link.bytes -= bytes;
        peers_[connection.peer()->value].state.bytes_sent += bytes;
    }

    Link& link_of(const Connection& connection) {
        return peers_[connection.peer()->value].links[at(connection.stream())];
    }

    // Network thread from here on.

    bool is_former(ValidatorIndex peer) const { return peer.value >= seating_.validators.size(); }
    bool we_dial(ValidatorIndex peer) const {
        return peer != self_ && !is_former(peer) && own_name() < peers_[peer.value].state.name;
    }
    /// Dials this node, unless one of the two knows something that the other does not.
    bool we_wait_for(ValidatorIndex peer) const { return self_ && peer != self_ && !is_former(peer) && !we_dial(peer); }
    const std::string& own_name() const { return self_ ? peers_[self_->value].state.name : tls_->name(); }

    // Seats.

    /// For each new index the one that this validator or former one had before. Network thread, or before it runs.
    std::vector<std::optional<std::size_t>> before(const Seating& next) const {
        std::vector<std::optional<std::size_t>> out;
        const auto find = [&](const ledger::Validator& one) {
            out.emplace_back();
            for (std::size_t i = 0; i < peers_.size() && !out.back(); ++i)
                if (peers_[i].state.name == one.name && peers_[i].state.organisation == one.organisation)
                    out.back() = i;
        };
        for (const auto& member : next.validators.members) find(member);
        for (const auto& one : next.former) find(one);
        return out;
    }

    /// Returns whom nobody needs any more: its timers end with it.
    std::vector<Peer> take_seats(Seating next) {
        const auto from = before(next);
        std::vector<Peer> peers(from.size());
        const std::lock_guard lock(mutex_);
        for (std::size_t i = 0; i < peers.size(); ++i) {
            const bool visitor = i >= next.validators.size();
            const bool was_visitor = from[i] && is_former({static_cast<std::uint16_t>(*from[i])});
            if (from[i]) peers[i] = std::move(peers_[*from[i]]);
            auto& peer = peers[i];
            const auto& one = visitor ? next.former[i - next.validators.size()] : next.validators.members[i];
            peer.state.index = {static_cast<std::uint16_t>(i)};
            peer.state.name = one.name;
            peer.state.organisation = one.organisation;
            if (!visitor) peer.visit.reset();
            const auto is_here = [](const Link& link) { return link.current != nullptr; };
            if (visitor && !was_visitor && std::ranges::any_of(peer.links, is_here)) peer.visit = now();
            const auto& tuning = config_.tuning;
            for (std::size_t stream = 0; stream < kStreams; ++stream) {
                auto& link = peer.links[stream];
                link.flush_posted = false;
                if (link.redial)
                    link.redial->cancel();
                else
                    link.redial = std::make_unique<asio::steady_timer>(io_);
                if (from[i] && visitor == was_visitor) continue;
                link.bytes_in = TokenBucket(visitor ? tuning.visit_read_bytes : tuning.read_bytes[stream], now());
                link.frames_in = TokenBucket(visitor ? tuning.visit_read_frames : tuning.read_frames[stream], now());
            }
        }
        bans_.seat(from);
        peers_.swap(peers);
        seating_ = std::move(next);
        ++seating_number_;
        validator_count_ = static_cast<std::uint16_t>(seating_.validators.size());
        self_.reset();
        if (seating_.self.value < validator_count_) self_ = seating_.self;
        return peers;
    }

    Status seat_all(Seating next, const std::function<void()>& seated) {
        if (stopping_) return {};
        CRN_CHECK(tls_->check_own(next));
        const auto from = before(next);
        // Under the old seating: whoever is in the middle of a handshake begins again, because it was judged by the old set; and
        // whoever is nobody in the new one is cut.
        std::vector<std::shared_ptr<Connection>> all; // closing changes connections_
        for (const auto& [key, connection] : connections_) all.push_back(connection);
        std::vector<std::pair<std::shared_ptr<Connection>, ValidatorIndex>> kept;
        for (const auto& connection : all) {
            if (connection->is_closed()) continue;
            if (!connection->is_ready()) {
                connection->close({error::PeerUnreachable, "the epoch changes"});
                continue;
            }
            const auto index = tls_->identify(connection->certificate(), next);
            if (index && from[index->value] == connection->peer()->value) {
                kept.emplace_back(connection, *index);
                continue;
            }
            count(&NetworkCounters::certificates_cut);
            connection->close(index ? Error{error::CertificateForeign, "names another validator now"} : index.error());
        }
        const auto gone = take_seats(std::move(next));
        for (const auto& [connection, index] : kept)
            if (!connection->is_closed()) connection->seat(index);
        if (seated) seated();
        for (auto& peer : peers_)
            for (auto& link : peer.links)
                if (const auto current = link.current) current->flush();
        dial_all();
        return {};
    }

    /// Whoever is not connected: at once, or after a while if it should dial.
    void dial_all() {
        for (std::uint16_t i = 0; i < peers_.size(); ++i)
            for (std::size_t stream = 0; stream < kStreams; ++stream) {
                if (peers_[i].links[stream].current) continue;
                if (we_dial({i})) dial({i}, static_cast<Stream>(stream));
                if (we_wait_for({i})) dial_after({i}, static_cast<Stream>(stream), config_.tuning.call_after);
            }
    }

    /// Few at a time, and not again and again.
    Status admit_visitor(ValidatorIndex index) {
        auto& peer = peers_[index.value];
        const auto time = now();
        const auto visit_max = config_.tuning.visit_max;
        if (peer.visit && time < *peer.visit + visit_max) return {};
        const auto refuse = [&](std::string why) {
            count(&NetworkCounters::visits_refused);
            return fail(error::VisitRefused, peer.state.name + ": " + std::move(why));
        };
        if (peer.visit && time < *peer.visit + 2 * visit_max) return refuse("it was here a moment ago");
        std::size_t visitors = 0;
        for (std::size_t i = seating_.validators.size(); i < peers_.size(); ++i)
            visitors += std::ranges::any_of(peers_[i].links, [](const Link& link) { return link.current != nullptr; });
        if (visitors >= config_.tuning.visits_max) return refuse(std::to_string(visitors) + " others are here");
        peer.visit = time;
        count(&NetworkCounters::visits);
        return {};
    }
    void end_visits(Microseconds time) {
        for (std::size_t i = seating_.validators.size(); i < peers_.size(); ++i) {
            if (!peers_[i].visit || time < *peers_[i].visit + config_.tuning.visit_max) continue;
            for (auto& link : peers_[i].links)
                if (const auto current = link.current) current->close({error::VisitRefused, "its time is over"});
        }
    }

    Hello hello_for(Stream stream) const {
        Hello out;
        out.chain_id = chain_id_;
        out.genesis = genesis_hash_;
        out.stream = stream;
        return out;
    }

    Status listen() {
        const auto where = config_.listen_address + ":" + std::to_string(config_.listen_port);
        error_code code;
        const auto address = asio::ip::make_address(config_.listen_address, code);
        if (code) return fail(error::PortInUse, where + " (not a numeric address)");
        const tcp::endpoint endpoint(address, config_.listen_port);
        acceptor_.open(endpoint.protocol(), code);
        if (!code) acceptor_.set_option(tcp::acceptor::reuse_address(true), code);
        if (!code) acceptor_.bind(endpoint, code);
        if (!code) acceptor_.listen(asio::socket_base::max_listen_connections, code);
        if (!code) port_ = acceptor_.local_endpoint(code).port();
        if (code) return fail(error::PortInUse, where + " (" + code.message() + ")");
        return {};
    }

    void accept_next() {
        acceptor_.async_accept([this](const error_code& code, tcp::socket socket) {
            if (stopping_) return;
            if (code) return pause_accepting(Milliseconds(100)); // most likely out of descriptors
            // Bursts of one second's worth pass; above that the system's backlog waits for us. Closing what is over its
            // source's budget costs little, but not nothing.
            const bool admitted = admit(std::move(socket));
            const auto interval = Microseconds(1'000'000) /
                                  static_cast<std::int64_t>(config_.tuning.accepts_per_second) /
                                  (admitted ? 1 : kRefusalsPerHandshake);
            accept_credit_ = std::max(accept_credit_, now() - std::chrono::seconds(1)) + interval;
            if (accept_credit_ <= now()) return accept_next();
            pause_accepting(accept_credit_ - now());
        });
    }
    void pause_accepting(Microseconds pause) {
        accept_timer_.expires_after(pause);
        accept_timer_.async_wait([this](const error_code& code) {
            if (!code && !stopping_) accept_next();
        });
    }

    std::shared_ptr<Connection> make_connection(tcp::socket socket) {
        Connection::Owner& owner = *this;
        auto out = std::make_shared<Connection>(owner, tls_, std::move(socket), config_.tuning);
        connections_.emplace(out.get(), out);
        return out;
    }

    /// False if the source has used up its budget; then the connection is closed already.
    bool admit(tcp::socket socket) {
        error_code code;
        const auto endpoint = socket.remote_endpoint(code);
        if (code) return false; // gone already
        const auto source = source_of(endpoint.address());
        {
            const std::lock_guard lock(mutex_);
            if (!sources_.begin(source, endpoint.address().to_string(), now())) {
                ++counters_.handshakes_throttled;
                return false;
            }
        }
        if (half_open_.size() >= config_.tuning.half_open_max) {
            count(&NetworkCounters::half_open_evicted);
            // A copy: closing takes it off the list.
            const auto oldest = half_open_.front();
            oldest->close({error::HandshakeFailed, "too many connections before their hello"});
        }
        count(&NetworkCounters::accepted);
        const auto connection = make_connection(std::move(socket));
        connection->source = source;
        half_open_.push_back(connection);
        connection->accept();
        return true;
    }
    void handshake_done(const Connection& connection) {
        if (!connection.source) return;
        const std::lock_guard lock(mutex_);
        sources_.done(*connection.source);
    }

    void note_violation(ValidatorIndex peer, const std::string& address, const Error& error) {
        if (stopping_ || peer.value >= peers_.size() || peer == self_) return;
        auto where = address;
        for (const auto& link : peers_[peer.value].links)
            if (where.empty() && link.current) where = link.current->remote_address();
        {
            const std::lock_guard lock(mutex_);
            if (!bans_.note(peer, where, error.text(), now())) return;
            ++counters_.banned;
        }
        log(LogLevel::error, "network", "peer banned",
            {{"peer", peers_[peer.value].state.name}, {"error", error.text()}});
        for (auto& link : peers_[peer.value].links)
            if (const auto current = link.current) current->close({error::PeerBanned, error.text()});
    }

    Microseconds read_pause(Connection& connection, std::size_t frames, std::size_t bytes) override {
        auto& link = link_of(connection);
        if (link.current.get() != &connection) return {};
        const auto time = now();
        link.bytes_in.charge(bytes, time);
        link.frames_in.charge(frames, time);
        const auto pause = std::max(link.bytes_in.wait_for(1, time), link.frames_in.wait_for(1, time));
        if (pause > Microseconds{0}) {
            const std::lock_guard lock(mutex_);
            ++peers_[connection.peer()->value].state.read_pauses;
        }
        return std::min(pause, kReadPauseMax);
    }

    void dial(ValidatorIndex peer, Stream stream) {
        if (stopping_) return;
        if (is_banned(peer)) return dial_failed(peer, stream, {error::PeerBanned, peers_[peer.value].state.name});
        const auto found = config_.peer_addresses.find(peer);
        const auto& address =
            found != config_.peer_addresses.end() ? found->second : seating_.validators.members[peer.value].address;
        const auto parts = split_address(address);
        if (!parts) return dial_failed(peer, stream, {error::PeerUnreachable, address + " is not host:port"});
        error_code code;
        const auto numeric = asio::ip::make_address(parts->host, code);
        if (!code) return dial_endpoints(peer, stream, {tcp::endpoint(numeric, parts->port)});
        resolver_.async_resolve(
            parts->host, std::to_string(parts->port),
            [this, peer, stream, address, seating = seating_number_](const error_code& failure, const auto& results) {
                if (stopping_ || seating != seating_number_) return;
                if (failure)
                    return dial_failed(peer, stream, {error::PeerUnreachable, address + ": " + failure.message()});
                std::vector<tcp::endpoint> endpoints;
                for (const auto& entry : results) endpoints.push_back(entry.endpoint());
                dial_endpoints(peer, stream, endpoints);
            });
    }

    void dial_endpoints(ValidatorIndex peer, Stream stream, const std::vector<tcp::endpoint>& endpoints) {
        const auto connection = make_connection(tcp::socket(io_));
        connection->expected_peer = peer;
        connection->expected_stream = stream;
        connection->dial(endpoints, hello_for(stream));
    }

    void dial_failed(ValidatorIndex peer, Stream stream, const Error& error) {
        if (stopping_ || is_former(peer)) return;
        note_error(peer, error);
        if (!we_dial(peer)) return dial_after(peer, stream, config_.tuning.call_after);
        auto& link = peers_[peer.value].links[at(stream)];
        const auto& tuning = config_.tuning;
        link.back_off = std::clamp(2 * link.back_off, tuning.redial_min, tuning.redial_max);
        // Jitter of half the interval, so that many nodes do not come back in step.
        std::array<std::uint8_t, 2> chance{};
        crypto::system_random().fill(chance);
        const auto part = (chance[0] << 8 | chance[1]) % 512;
        dial_after(peer, stream, link.back_off - link.back_off * part / 1024);
    }

    void dial_after(ValidatorIndex peer, Stream stream, Milliseconds pause) {
        auto& timer = *peers_[peer.value].links[at(stream)].redial;
        timer.expires_after(pause);
        timer.async_wait([this, peer, stream, seating = seating_number_](const error_code& code) {
            if (code || seating != seating_number_ || peers_[peer.value].links[at(stream)].current) return;
            dial(peer, stream);
        });
    }

    Status on_hello(Connection& connection, const Hello& hello) override {
        const auto peer = *connection.peer();
        const auto expected = hello_for(hello.stream);
        if (hello.protocol != expected.protocol)
            return fail(error::PeerMismatch, "protocol " + std::to_string(hello.protocol));
        if (hello.chain_id != expected.chain_id)
            return fail(error::PeerMismatch, "chain id " + std::to_string(hello.chain_id));
        if (is_banned(peer)) return fail(error::PeerBanned, peers_[peer.value].state.name);
        if (hello.genesis != expected.genesis) return fail(error::PeerMismatch, "genesis " + to_hex(hello.genesis));
        if (connection.was_dialled()) {
            if (hello.stream != connection.expected_stream)
                return fail(error::FrameInvalid, "answers for another stream");
        } else {
            if (peer == self_) return fail(error::PeerMismatch, "uses this node's own certificate");
            // It has not been dialled for a while, perhaps because it cannot be.
            if (we_dial(peer)) return fail(error::PeerUnreachable, "dials although this node dials it");
            if (is_former(peer)) CRN_CHECK(admit_visitor(peer));
            if (half_open_.remove_if([&](const auto& other) { return other.get() == &connection; }) != 0)
                handshake_done(connection);
        }
        auto& link = peers_[peer.value].links[at(hello.stream)];
        if (const auto old = link.current) {
            count(&NetworkCounters::replaced);
            old->close({error::PeerUnreachable, "replaced by a newer connection"});
        }
        link.current = connection.shared_from_this();
        bool all_up = true;
        {
            const std::lock_guard lock(mutex_);
            link.up = true;
            for (const auto& other : peers_[peer.value].links) all_up = all_up && other.up;
            if (all_up) peers_[peer.value].state.connected = true;
        }
        connection.enter_ready(hello.stream, connection.was_dialled() ? std::nullopt : std::optional(expected));
        if (all_up) {
            log(LogLevel::info, "network", "peer connected", {{"peer", peers_[peer.value].state.name}});
            if (handler_.on_connected) handler_.on_connected(peer);
        }
        return {};
    }

    void on_message(Connection& connection, Frame frame) override {
        const auto peer = *connection.peer();
        {
            const std::lock_guard lock(mutex_);
            peers_[peer.value].state.bytes_received += kFrameHeaderBytes + frame.payload->size();
        }
        if (!stopping_ && handler_.on_frame) handler_.on_frame(peer, connection.stream(), std::move(frame));
    }

    void on_closed(Connection& connection, const Error& error) override {
        connections_.erase(&connection);
        if (half_open_.remove_if([&](const auto& other) { return other.get() == &connection; }) != 0)
            handshake_done(connection);
        if (stopping_) return;
        note_refusal(connection, error);
        // A broken TLS record proves nothing against the peer: whoever sits on the line can make one.
        if (error.code == error::FrameInvalid && connection.peer() && !error.detail.starts_with("TLS:"))
            note_violation(*connection.peer(), connection.remote_address(), error);
        if (connection.is_ready()) link_down(connection, error);
        if (!connection.was_dialled()) {
            if (connection.is_ready() && we_wait_for(*connection.peer()) && !link_of(connection).current)
                dial_after(*connection.peer(), connection.stream(), config_.tuning.call_after);
            return;
        }
        auto& link = peers_[connection.expected_peer->value].links[at(connection.expected_stream)];
        // Only a connection that held resets the back-off: a peer that accepts and drops at once is not dialled in a loop.
        if (connection.is_ready() && now() - connection.ready_since() > config_.tuning.redial_max) link.back_off = {};
        dial_failed(*connection.expected_peer, connection.expected_stream, error);
    }

    void link_down(Connection& connection, const Error& error) {
        const auto index = *connection.peer();
        auto& peer = peers_[index.value];
        auto& link = link_of(connection);
        if (link.current.get() != &connection) return;
        link.current.reset();
        std::deque<Frame> forgotten; // freed outside the lock
        bool was_connected = false;
        {
            const std::lock_guard lock(mutex_);
            peer.state.frames_dropped += link.frames;
            forgotten.swap(link.queue);
            link.frames = link.bytes = 0;
            link.up = false;
            was_connected = std::exchange(peer.state.connected, false);
            peer.state.last_error = error.text();
        }
        if (!was_connected) return;
        log(LogLevel::warning, "network", "peer disconnected", {{"peer", peer.state.name}, {"error", error.text()}});
        if (handler_.on_disconnected) handler_.on_disconnected(index);
    }

    bool is_banned(ValidatorIndex peer) const {
        const std::lock_guard lock(mutex_);
        return bans_.is_banned(peer, now());
    }

    void note_error(ValidatorIndex peer, const Error& error) {
        const std::lock_guard lock(mutex_);
        peers_[peer.value].state.last_error = error.text();
    }

    void count(std::uint64_t NetworkCounters::* counter) {
        const std::lock_guard lock(mutex_);
        ++(counters_.*counter);
    }

    /// Security events: counted always, logged unless there are too many.
    void note_refusal(const Connection& connection, const Error& error) {
        switch (error.code) {
        case error::CertificateForeign:
        case error::CertificateInvalid:
        case error::CertificateExpired:
        case error::CertificateNotYetValid:
        case error::CertificateTooLarge:
        case error::CertificateUsageWrong:
        case error::CertificateNameWrong:
        case error::CertificateRevoked: count(&NetworkCounters::certificates_refused); break;
        case error::HandshakeFailed:
            if (connection.was_dialled()) return; // dial_failed notes it
            count(&NetworkCounters::handshakes_failed);
            break;
        case error::VisitRefused: break;
        case error::PeerMismatch: count(&NetworkCounters::mismatches_refused); break;
        case error::FrameInvalid: count(&NetworkCounters::frames_invalid); break;
        case error::PeerSilent: count(&NetworkCounters::silent_cut); break;
        default: return;
        }
        if (handler_.on_refused) {
            const auto who = connection.peer() ? connection.peer() : connection.expected_peer;
            handler_.on_refused(connection.remote(), who ? peers_[who->value].state.name : std::string{}, error);
        }
        std::uint64_t suppressed = 0;
        if (!refusal_log_.pass(now(), suppressed)) return;
        const auto peer = connection.peer() ? connection.peer() : connection.expected_peer;
        log(LogLevel::warning, "network", "connection refused",
            {{"error", error.text()},
             {"remote", connection.remote()},
             {"peer", peer ? peers_[peer->value].state.name : std::string("unknown")},
             {"suppressed", std::to_string(suppressed)}});
    }

    void schedule_tick() {
        const auto& tuning = config_.tuning;
        const auto shortest = std::min({tuning.ping_interval, tuning.silence_max, tuning.handshake_max});
        tick_timer_.expires_after(std::clamp(shortest / 4, Milliseconds(5), Milliseconds(500)));
        tick_timer_.async_wait([this](const error_code& code) {
            if (code || stopping_) return;
            std::vector<std::shared_ptr<Connection>> all; // closing changes connections_
            all.reserve(connections_.size());
            for (const auto& [key, connection] : connections_) all.push_back(connection);
            const auto time = now();
            for (const auto& connection : all) connection->tick(time);
            end_visits(time);
            if (time - last_renewal_check_ >= config_.tuning.renewal_check) check_renewal(time);
            if (time - last_judgement_ >= config_.tuning.judgement_interval) judge_connections();
            schedule_tick();
        });
    }

    // Certificates.

    void take_into_use(std::shared_ptr<TlsContext> tls) {
        tls_ = std::move(tls);
        const std::lock_guard lock(mutex_);
        own_ = {tls_->validity().not_before, tls_->validity().not_after, tls_->fingerprint()};
    }

    /// Changes whenever the certificate file is written or replaced; its key stays with the signer.
    std::string mark_of_files() const {
        std::string out;
        for (const auto& path : {config_.certificate_file}) {
            struct stat info{};
            if (::stat(path.c_str(), &info) != 0) return {};
            for (const auto number :
                 {static_cast<std::int64_t>(info.st_ino), static_cast<std::int64_t>(info.st_size),
                  static_cast<std::int64_t>(info.st_mtim.tv_sec), static_cast<std::int64_t>(info.st_mtim.tv_nsec)})
                out += std::to_string(number) + " ";
        }
        return out;
    }

    void check_renewal(Microseconds time) {
        last_renewal_check_ = time;
        auto mark = mark_of_files();
        if (mark.empty() || mark == file_mark_) return;
        file_mark_ = std::move(mark);
        auto renewed = TlsContext::open(config_, seating_, trust_);
        if (!renewed) {
            // Between two renames certificate and key do not match: the second one changes the mark again.
            count(&NetworkCounters::renewals_refused);
            log(LogLevel::warning, "network", "changed certificate refused, the old one stays in use",
                {{"error", renewed.error().text()}});
            return;
        }
        if ((*renewed)->fingerprint() == tls_->fingerprint()) return;
        take_into_use(*std::move(renewed));
        count(&NetworkCounters::renewals);
        log(LogLevel::info, "network", "certificate renewed",
            {{"fingerprint", to_hex(tls_->fingerprint())}, {"not_after", std::to_string(tls_->validity().not_after)}});
    }

    void judge_connections() {
        last_judgement_ = now();
        std::vector<std::shared_ptr<Connection>> all; // closing changes connections_
        for (const auto& [key, connection] : connections_) all.push_back(connection);
        for (const auto& connection : all) {
            auto status = connection->judge_again(*tls_);
            if (status || connection->is_closed()) continue;
            count(&NetworkCounters::certificates_cut);
            connection->close(std::move(status).error());
        }
    }

    void stop() {
        stopping_ = true;
        error_code ignored;
        acceptor_.close(ignored);
        accept_timer_.cancel();
        tick_timer_.cancel();
        resolver_.cancel();
        for (auto& peer : peers_)
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
    const std::shared_ptr<const PeerTrust> trust_;
    Seating seating_;                  // network thread only
    std::uint64_t seating_number_ = 0; // network thread only: what waits for a timer or a name is of one seating
    const Handler handler_;
    std::uint16_t port_ = 0;

    std::shared_ptr<TlsContext> tls_; // for new handshakes; older connections hold theirs
    std::string file_mark_;
    Microseconds last_renewal_check_{};
    Microseconds last_judgement_{};
    asio::io_context io_{1};
    tcp::acceptor acceptor_;
    asio::steady_timer accept_timer_;
    asio::steady_timer tick_timer_;
    tcp::resolver resolver_;
    Microseconds accept_credit_{};
    bool stopping_ = false;
    std::map<const Connection*, std::shared_ptr<Connection>> connections_; // order does not matter
    std::list<std::shared_ptr<Connection>> half_open_;                     // incoming, before their hello; oldest first
    LogLimiter refusal_log_;

    mutable std::mutex mutex_;
    Sources sources_; // guarded by mutex_
    Bans bans_;       // guarded by mutex_
    /// Validators, then former ones. Changed by the network's thread under mutex_, which it need not hold to look; so are the next two.
    std::vector<Peer> peers_;
    std::uint16_t validator_count_ = 0;
    std::optional<ValidatorIndex> self_;
    NetworkCounters counters_; // guarded by mutex_
    OwnCertificate own_;       // guarded by mutex_
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
