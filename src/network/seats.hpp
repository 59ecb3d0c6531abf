// Who may be on the other end, by index: the validators of the epoch, then former ones. What waits for each of them, what may be
// read from it, how long it may visit, and whether it is banned. For this folder's .cpp files only.
#pragma once

#include "network/admission.hpp"
#include "network/events.hpp"

namespace cairn::network {

/// One stream to one peer.
struct Link {
    // Guarded by the lock of Seats.
    std::deque<Frame> queue;
    std::size_t frames = 0; // queued and in writing
    std::size_t bytes = 0;
    bool up = false;
    bool flush_posted = false;
    // Network thread only.
    std::shared_ptr<Connection> current;
    std::unique_ptr<boost::asio::steady_timer> redial;
    Milliseconds back_off{0};
    TokenBucket bytes_in{{}, {}};
    TokenBucket frames_in{{}, {}};
};

struct Peer {
    PeerState state; // guarded by the lock of Seats, but for index, name and organisation
    std::array<Link, kStreams> links;
    std::optional<Microseconds> visit; // network thread only: when the last one began, of a former validator

    Link& link(Stream stream) { return links[static_cast<std::size_t>(stream)]; }
    bool is_here() const;
    void close(const Error& error);
};

/// On the network's thread, but for what says otherwise.
class Seats {
public:
    /// `tuning` and `events` must outlive it.
    Seats(boost::asio::io_context& io, const NetworkTuning& tuning, Events& events)
        : io_(io), tuning_(tuning), events_(events), bans_(0, tuning) {}

    const Seating& seating() const { return seating_; }
    /// What waits for a timer or a name is of one seating.
    std::uint64_t number() const { return number_; }
    std::vector<Peer>& peers() { return peers_; }
    Peer& operator[](ValidatorIndex index) { return peers_[index.value]; }
    /// Empty if this node is not of the validators.
    const std::optional<ValidatorIndex>& self() const { return self_; }
    bool is_former(ValidatorIndex peer) const { return peer.value >= seating_.validators.size(); }

    /// For each index of `next` the one that this validator or former one has now.
    std::vector<std::optional<std::size_t>> before(const Seating& next) const;
    /// Returns whom nobody needs any more: its timers end with it.
    std::vector<Peer> take(Seating next);

    /// A ready connection is the one of its peer and stream from now on; true if no stream of the peer is down.
    bool connect(Connection& connection, Stream stream);
    /// It is not any more; true if the peer was connected on all streams.
    bool disconnect(Connection& connection, const Error& error);
    void note_error(ValidatorIndex peer, const Error& error);

    /// Few former validators at a time, and not again and again. VisitRefused.
    Status admit_visitor(ValidatorIndex peer);
    void end_visits(Microseconds time);
    bool is_banned(ValidatorIndex peer) const;
    /// Counts what the peer is proven to have done; `address` may be empty.
    void note_violation(ValidatorIndex peer, const std::string& address, const Error& error);

    /// Writes what was enqueued, if its seat is still there.
    void flush(ValidatorIndex to, Stream stream);
    // As Connection::Owner asks.
    std::vector<Frame> next_frames(Connection& connection, std::size_t bytes_max);
    void on_written(Connection& connection, std::size_t frames, std::size_t bytes);
    void on_read(Connection& connection, std::size_t bytes);
    Microseconds read_pause(Connection& connection, std::size_t frames, std::size_t bytes);

    // Any thread.
    /// Whether the network's thread must flush.
    bool enqueue(ValidatorIndex to, Stream stream, Frame frame);
    /// For all validators; those for whom it must flush.
    std::vector<ValidatorIndex> enqueue_for_all(Stream stream, const Frame& frame);
    std::vector<PeerState> states() const;
    std::vector<ValidatorIndex> visitors() const;
    std::vector<BanState> bans() const;

private:
    /// As enqueue; the caller holds mutex_.
    bool push(ValidatorIndex to, Stream stream, Frame frame);
    Link& link_of(const Connection& connection) { return (*this)[*connection.peer()].link(connection.stream()); }

    boost::asio::io_context& io_;
    const NetworkTuning& tuning_;
    Events& events_;
    Seating seating_;          // network thread only
    std::uint64_t number_ = 0; // network thread only
    mutable std::mutex mutex_;
    Bans bans_; // guarded by mutex_
    /// Changed by the network's thread under mutex_, which it need not hold to look; so are the next two.
    std::vector<Peer> peers_;
    std::uint16_t validator_count_ = 0;
    std::optional<ValidatorIndex> self_;
};

} // namespace cairn::network
