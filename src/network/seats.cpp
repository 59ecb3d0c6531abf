#include "network/seats.hpp"

#include "base/errors/network.hpp"
#include "base/log.hpp"

#include <algorithm>

namespace cairn::network {
namespace {

constexpr Microseconds kReadPauseMax{1'000'000}; // then it asks again; silence must not be taken for the peer's

std::size_t size_of(const Frame& frame) { return kFrameHeaderBytes + (frame.payload ? frame.payload->size() : 0); }

} // namespace

bool Peer::is_here() const {
    return std::ranges::any_of(links, [](const Link& link) { return link.current != nullptr; });
}

void Peer::close(const Error& error) {
    for (auto& link : links)
        if (const auto current = link.current) current->close(error);
}

std::vector<std::optional<std::size_t>> Seats::before(const Seating& next) const {
    std::vector<std::optional<std::size_t>> out;
    const auto find = [&](const ledger::Validator& one) {
        out.emplace_back();
        for (std::size_t i = 0; i < peers_.size() && !out.back(); ++i)
            if (peers_[i].state.name == one.name && peers_[i].state.organisation == one.organisation) out.back() = i;
    };
    for (const auto& member : next.validators.members) find(member);
    for (const auto& one : next.former) find(one);
    return out;
}

std::vector<Peer> Seats::take(Seating next) {
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
        if (visitor && !was_visitor && peer.is_here()) peer.visit = now();
        for (std::size_t stream = 0; stream < kStreams; ++stream) {
            auto& link = peer.links[stream];
            link.flush_posted = false;
            if (link.redial)
                link.redial->cancel();
            else
                link.redial = std::make_unique<boost::asio::steady_timer>(io_);
            if (from[i] && visitor == was_visitor) continue;
            link.bytes_in = TokenBucket(visitor ? tuning_.visit_read_bytes : tuning_.read_bytes[stream], now());
            link.frames_in = TokenBucket(visitor ? tuning_.visit_read_frames : tuning_.read_frames[stream], now());
        }
    }
    bans_.seat(from);
    peers_.swap(peers);
    seating_ = std::move(next);
    ++number_;
    validator_count_ = static_cast<std::uint16_t>(seating_.validators.size());
    self_.reset();
    if (seating_.self.value < validator_count_) self_ = seating_.self;
    return peers;
}

bool Seats::connect(Connection& connection, Stream stream) {
    auto& peer = (*this)[*connection.peer()];
    auto& link = peer.link(stream);
    if (const auto old = link.current) {
        events_.count(&NetworkCounters::replaced);
        old->close({error::PeerUnreachable, "replaced by a newer connection"});
    }
    link.current = connection.shared_from_this();
    const std::lock_guard lock(mutex_);
    link.up = true;
    const bool all_up = std::ranges::all_of(peer.links, &Link::up);
    if (all_up) peer.state.connected = true;
    return all_up;
}

bool Seats::disconnect(Connection& connection, const Error& error) {
    auto& peer = (*this)[*connection.peer()];
    auto& link = link_of(connection);
    if (link.current.get() != &connection) return false;
    link.current.reset();
    std::deque<Frame> forgotten; // freed outside the lock
    const std::lock_guard lock(mutex_);
    peer.state.frames_dropped += link.frames;
    forgotten.swap(link.queue);
    link.frames = link.bytes = 0;
    link.up = false;
    peer.state.last_error = error.text();
    return std::exchange(peer.state.connected, false);
}

void Seats::note_error(ValidatorIndex peer, const Error& error) {
    const std::lock_guard lock(mutex_);
    (*this)[peer].state.last_error = error.text();
}

Status Seats::admit_visitor(ValidatorIndex index) {
    auto& peer = (*this)[index];
    const auto time = now();
    if (peer.visit && time < *peer.visit + tuning_.visit_max) return {};
    const auto refuse = [&](std::string why) {
        events_.count(&NetworkCounters::visits_refused);
        return fail(error::VisitRefused, peer.state.name + ": " + std::move(why));
    };
    if (peer.visit && time < *peer.visit + 2 * tuning_.visit_max) return refuse("it was here a moment ago");
    const auto others =
        std::count_if(peers_.begin() + validator_count_, peers_.end(), [](const Peer& one) { return one.is_here(); });
    if (static_cast<std::size_t>(others) >= tuning_.visits_max)
        return refuse(std::to_string(others) + " others are here");
    peer.visit = time;
    events_.count(&NetworkCounters::visits);
    return {};
}

void Seats::end_visits(Microseconds time) {
    for (std::size_t i = validator_count_; i < peers_.size(); ++i)
        if (peers_[i].visit && time >= *peers_[i].visit + tuning_.visit_max)
            peers_[i].close({error::VisitRefused, "its time is over"});
}

bool Seats::is_banned(ValidatorIndex peer) const {
    const std::lock_guard lock(mutex_);
    return bans_.is_banned(peer, now());
}

void Seats::note_violation(ValidatorIndex index, const std::string& address, const Error& error) {
    if (index.value >= peers_.size() || index == self_) return;
    auto& peer = (*this)[index];
    auto where = address;
    for (const auto& link : peer.links)
        if (where.empty() && link.current) where = link.current->remote_address();
    {
        const std::lock_guard lock(mutex_);
        if (!bans_.note(index, where, error.text(), now())) return;
        events_.count(&NetworkCounters::banned);
    }
    log(LogLevel::error, "network", "peer banned", {{"peer", peer.state.name}, {"error", error.text()}});
    peer.close({error::PeerBanned, error.text()});
}

bool Seats::push(ValidatorIndex to, Stream stream, Frame frame) {
    if (to.value >= peers_.size() || to == self_) return false;
    auto& peer = (*this)[to];
    auto& link = peer.link(stream);
    const auto size = size_of(frame);
    const auto& limit = tuning_.queues[static_cast<std::size_t>(stream)];
    if (!link.up || size > kFrameHeaderBytes + payload_max(stream) || link.frames >= limit.frames ||
        link.bytes + size > limit.bytes) {
        ++peer.state.frames_dropped;
        return false;
    }
    link.queue.push_back(std::move(frame));
    ++link.frames;
    link.bytes += size;
    return !std::exchange(link.flush_posted, true);
}

bool Seats::enqueue(ValidatorIndex to, Stream stream, Frame frame) {
    const std::lock_guard lock(mutex_);
    return push(to, stream, std::move(frame));
}

std::vector<ValidatorIndex> Seats::enqueue_for_all(Stream stream, const Frame& frame) {
    std::vector<ValidatorIndex> out;
    const std::lock_guard lock(mutex_);
    for (std::uint16_t i = 0; i < validator_count_; ++i)
        if (push({i}, stream, frame)) out.push_back({i});
    return out;
}

void Seats::flush(ValidatorIndex to, Stream stream) {
    if (to.value >= peers_.size()) return; // of another seating, after which everything was flushed
    auto& link = (*this)[to].link(stream);
    {
        const std::lock_guard lock(mutex_);
        link.flush_posted = false;
    }
    if (link.current) link.current->flush();
}

std::vector<Frame> Seats::next_frames(Connection& connection, std::size_t bytes_max) {
    std::vector<Frame> out;
    const std::lock_guard lock(mutex_);
    auto& link = link_of(connection);
    if (link.current.get() != &connection) return out;
    for (std::size_t bytes = 0; !link.queue.empty() && bytes < bytes_max;) {
        out.push_back(std::move(link.queue.front()));
        link.queue.pop_front();
        bytes += size_of(out.back());
    }
    return out;
}

void Seats::on_written(Connection& connection, std::size_t frames, std::size_t bytes) {
    const std::lock_guard lock(mutex_);
    auto& link = link_of(connection);
    if (link.current.get() != &connection) return;
    link.frames -= frames;
    link.bytes -= bytes;
    (*this)[*connection.peer()].state.bytes_sent += bytes;
}

void Seats::on_read(Connection& connection, std::size_t bytes) {
    const std::lock_guard lock(mutex_);
    (*this)[*connection.peer()].state.bytes_received += bytes;
}

Microseconds Seats::read_pause(Connection& connection, std::size_t frames, std::size_t bytes) {
    auto& link = link_of(connection);
    if (link.current.get() != &connection) return {};
    const auto time = now();
    link.bytes_in.charge(bytes, time);
    link.frames_in.charge(frames, time);
    const auto pause = std::max(link.bytes_in.wait_for(1, time), link.frames_in.wait_for(1, time));
    if (pause > Microseconds{0} && bytes != 0) { // otherwise it goes on
        const std::lock_guard lock(mutex_);
        ++(*this)[*connection.peer()].state.read_pauses;
    }
    return std::min(pause, kReadPauseMax);
}

std::vector<PeerState> Seats::states() const {
    const std::lock_guard lock(mutex_);
    std::vector<PeerState> out;
    for (std::size_t i = 0; i < validator_count_; ++i) {
        const auto& state = peers_[i].state;
        if (state.index == self_) continue;
        out.push_back(state);
        out.back().ban_score = bans_.score(state.index, now());
    }
    return out;
}

std::vector<ValidatorIndex> Seats::visitors() const {
    const std::lock_guard lock(mutex_);
    std::vector<ValidatorIndex> out;
    for (std::size_t i = validator_count_; i < peers_.size(); ++i)
        if (peers_[i].state.connected) out.push_back(peers_[i].state.index);
    return out;
}

std::vector<BanState> Seats::bans() const {
    const std::lock_guard lock(mutex_);
    auto out = bans_.list(now());
    for (auto& ban : out) ban.name = peers_[ban.peer.value].state.name;
    return out;
}

} // namespace cairn::network
