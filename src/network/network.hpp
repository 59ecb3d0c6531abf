// Mutual TLS 1.3 connections between the validators: framed, typed, length-limited messages on separate priority streams.
#pragma once

#include "base/bytes.hpp"
#include "base/clock.hpp"
#include "base/result.hpp"
#include "base/token_bucket.hpp"
#include "base/types.hpp"
#include "crypto/tls_key.hpp"
#include "ledger/genesis.hpp"
#include "network/peer_trust.hpp"

#include <array>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

namespace cairn::network {

/// Each stream has its own connection, queue and limits, so that votes never wait behind transactions.
enum class Stream : std::uint8_t { consensus = 0, data = 1, sync = 2 };
inline constexpr std::size_t kStreams = 3;

struct Frame {
    std::uint8_t type = 0; // meaning belongs to the caller
    std::shared_ptr<const Bytes> payload;
};

/// Called on the network's thread; must not block.
struct Handler {
    std::function<void(ValidatorIndex from, Stream stream, Frame frame)> on_frame;
    // Indices are those of the seating that the network was given last; see Network::seat.
    std::function<void(ValidatorIndex peer)> on_connected;    // all streams are up
    std::function<void(ValidatorIndex peer)> on_disconnected; // at least one stream is down
    /// A connection was refused or cut for a reason that security cares about; `peer` is empty if it is not known who.
    std::function<void(const std::string& remote, const std::string& peer, const Error& error)> on_refused = {};
};

/// Largest payload of one frame. `send` refuses what is larger, and a peer that sends it is cut off.
inline constexpr std::size_t payload_max(Stream stream) {
    constexpr std::array<std::size_t, kStreams> kLimits{256u << 10, 2u << 20, 16u << 20};
    return kLimits[static_cast<std::size_t>(stream)];
}

/// Unsent frames per peer and stream; above it the newest is dropped. Payloads that many peers get are held once.
struct QueueLimit {
    std::size_t frames = 0;
    std::size_t bytes = 0;
};

/// Limits and intervals. The defaults suit production; tests choose smaller ones.
struct NetworkTuning {
    std::array<QueueLimit, kStreams> queues{QueueLimit{16'384, 32u << 20}, QueueLimit{1024, 32u << 20},
                                            QueueLimit{64, 64u << 20}};
    Milliseconds ping_interval{2'000};
    Milliseconds silence_max{10'000};     // then the connection is dead
    Milliseconds write_stall_max{30'000}; // a peer that takes nothing for so long is cut off
    Milliseconds handshake_max{5'000};    // from the first byte to the hello
    Milliseconds redial_min{50};          // back-off, doubled up to redial_max, each with jitter
    Milliseconds redial_max{2'000};
    /// Who should dial this node and has not for so long is dialled: it may have forgotten that this node is a validator, or rather
    /// know better. One that has not closes again.
    Milliseconds call_after{5'000};
    std::size_t visits_max = 4;                   // former validators at a time
    Milliseconds visit_max{60'000};               // so long each, and then so long not
    Rate visit_read_bytes{32u << 10, 256u << 10}; // each stream of a former validator; questions are small
    Rate visit_read_frames{40, 80};
    /// Incoming connections before their hello; above it the oldest goes, a stranger's first.
    std::size_t half_open_max = 64;
    // Above these the connection is closed before TLS.
    Rate handshakes_of_strangers{256, 256}; // of all sources from which no member has come yet
    Rate handshakes_per_source{16, 96};
    std::size_t half_open_per_source_max = 48;
    std::size_t sources_max = 4096; // remembered; when all are busy, new ones share one budget
    /// What is read from one peer and stream. Above it reading pauses, so TCP slows the peer down; nothing is lost.
    std::array<Rate, kStreams> read_bytes{Rate{32u << 20, 64u << 20}, Rate{256u << 20, 512u << 20},
                                          Rate{256u << 20, 512u << 20}};
    std::array<Rate, kStreams> read_frames{Rate{20'000, 40'000}, Rate{20'000, 40'000}, Rate{2'000, 4'000}};
    Milliseconds ban{60'000};           // first ban, 0: never; each further one lasts twice as long, at most 64 times
    Milliseconds renewal_check{1'000};  // looks whether the certificate file has changed
    Milliseconds renewal_retry{60'000}; // tries a refused one again
    /// So long without connections to a quorum, and what the node shows evidently counts for too few of the others.
    Milliseconds cut_off_after{10'000};
    Milliseconds judgement_interval{30'000}; // live connections are judged anew, also without a change of trust
    std::uint64_t rekey_bytes = std::uint64_t{1} << 35; // new TLS traffic keys after so many bytes
    /// TLS messages of a peer after the handshake: new traffic keys, of which an honest one sends few, and session tickets, of which
    /// it sends none. No read budget sees them; above this one the connection is cut.
    Rate tls_controls{1, 16};
};

/// Who votes in an epoch, and who once did.
struct Seating {
    ledger::ValidatorSet validators;
    /// As many as there are validators, for who is not of the set: it is connected as soon as the others know it as one of them.
    ValidatorIndex self;
    /// Had a seat in an earlier epoch and have none now. Never dialled, told nothing that all are told, let in few at a time and not
    /// for long (NetworkTuning): their frames come under the indices that follow those of the validators, in this order.
    std::vector<ledger::Validator> former;
};

struct NetworkConfig {
    std::string listen_address = "127.0.0.1";
    std::uint16_t listen_port = 0;
    std::string certificate_file;                              // PEM: node certificate, then its CA
    std::shared_ptr<crypto::HandshakeSigner> handshake_signer; // has the private key of the TLS certificate
    /// Of the epoch in which the node starts; no validators: those of genesis. See Network::seat for those that follow.
    Seating seating;
    /// Null: what genesis says, for ever.
    std::shared_ptr<const PeerTrust> trust;
    /// Where to reach peers instead of their address in genesis: address translation, tunnels, tests.
    std::map<ValidatorIndex, std::string> peer_addresses;
    NetworkTuning tuning;
};

struct PeerState {
    ValidatorIndex index;
    std::string name;
    std::string organisation;
    bool connected = false;
    std::uint64_t bytes_sent = 0;
    std::uint64_t bytes_received = 0;
    std::uint64_t frames_dropped = 0; // queue full
    std::uint64_t read_pauses = 0;    // its read budget was used up
    std::uint64_t ban_score = 0;
    std::string last_error;
};

struct BanState {
    ValidatorIndex peer;
    std::string name;    // of the peer
    std::string address; // where it connected from, without port; empty if it never did
    std::string reason;
    std::uint64_t seconds_left = 0;
};
/// Somebody who began more handshakes than one source may. Not proven hostile: many may share an address.
struct ThrottledSource {
    std::string address;
    std::uint64_t refused = 0;
};

/// Events since the start, for metrics and alarms.
struct NetworkCounters {
    std::uint64_t accepted = 0;             // incoming connections, before anything is known of them
    std::uint64_t certificates_refused = 0; // for any reason
    std::uint64_t handshakes_failed = 0;    // plaintext, other TLS versions, no certificate, too slow
    std::uint64_t half_open_evicted = 0;
    std::uint64_t handshakes_throttled = 0; // closed before TLS: the source's budget was used up
    std::uint64_t banned = 0;
    std::uint64_t mismatches_refused = 0; // PeerMismatch
    std::uint64_t frames_invalid = 0;     // connections cut for FrameInvalid
    std::uint64_t silent_cut = 0;         // PeerSilent
    std::uint64_t certificates_cut = 0;   // live connections whose certificate is revoked, expired or trusted no more
    std::uint64_t renewals = 0;           // own certificates taken into use while running
    std::uint64_t renewals_refused = 0;   // changed certificate files that would not be accepted, once for each reason
    std::uint64_t visits = 0;             // of former validators
    std::uint64_t visits_refused = 0;     // VisitRefused
    std::uint64_t replaced = 0;           // connections replaced by a newer one of the same peer and stream
};

/// The own certificate that new handshakes show.
struct OwnCertificate {
    std::int64_t not_before = 0; // seconds
    std::int64_t not_after = 0;
    Hash256 fingerprint;
};

/// Owns one thread. A changed certificate file is taken into use for new handshakes without a restart. Identity of a peer: its TLS certificate chains to the CA of its organisation in genesis and names its
/// consensus key (see crypto/certificate.hpp). Between two nodes the one of lower name dials, one connection per stream: names, unlike
/// indices and keys, are the same in all epochs.
/// Reconnects with back-off. Queues are bounded: `send` never blocks. The destructor ends all connections and the thread;
/// the handler is not called any more once it has begun.
class Network {
public:
    virtual ~Network() = default;
    /// Drops the frame (and counts it) when the peer's queue of this stream is full or it is not connected.
    virtual void send(ValidatorIndex to, Stream stream, Frame frame) = 0;
    /// To all other validators.
    virtual void broadcast(Stream stream, Frame frame) = 0;
    /// Another epoch has begun. Connections of those who stay, or now are former validators, are kept, each after its certificate was
    /// judged again; what was queued on them is still sent, bans and budgets stay with who has them. All others are cut.
    /// `seated` is called on the network's thread in between: before it, indices and calls of the handler are those of the old
    /// seating, after it those of the new one. Returns when that has happened; `send` by an index of either from another thread
    /// meanwhile may reach the wrong peer. CertificateForeign: the own certificate is not that of the own seat; nothing has changed.
    virtual Status seat(Seating seating, std::function<void()> seated) = 0;
    /// The other validators; neither this node nor former ones.
    virtual std::vector<PeerState> peers() const = 0;
    /// The former validators that are connected.
    virtual std::vector<ValidatorIndex> visitors() const = 0;
    /// On which it listens.
    virtual std::uint16_t port() const = 0;
    virtual NetworkCounters counters() const { return {}; }
    virtual OwnCertificate certificate() const { return {}; }
    /// Trust has changed: judges the certificate behind each live connection again, soon, and a refused renewal of the own one.
    virtual void judge_again() {}
    /// The peer sent, over its own authenticated connection, what proves that it is faulty: counts towards a ban.
    virtual void accuse(ValidatorIndex, const Error&) {}
    virtual std::vector<BanState> bans() const { return {}; }
    virtual std::vector<ThrottledSource> throttled() const { return {}; }
};

/// PortInUse, CertificateInvalid, CertificateForeign, KeyInvalid.
Result<std::unique_ptr<Network>> start_network(const NetworkConfig& config, const ledger::Genesis& genesis,
                                               Handler handler);

} // namespace cairn::network
