// The other validators as this node meets them: the connections, which outlive epochs, what peers may ask of it, and what it asks of them.
#pragma once

#include "base/token_bucket.hpp"
#include "network/network.hpp"
#include "node/audit_watch.hpp"
#include "node/block_store.hpp"
#include "node/divergence.hpp"
#include "node/door.hpp"
#include "node/flow_status.hpp"
#include "node/inbox.hpp"
#include "node/node.hpp"
#include "node/session.hpp"

#include <atomic>
#include <map>
#include <memory>
#include <mutex>
#include <shared_mutex>

namespace cairn::node {

/// Thread-safe, but for `begin_epoch`, which is for the core's thread.
class Peers {
public:
    /// References must outlive the object.
    struct Parts {
        const NodeConfig& config;
        const ledger::Genesis& genesis;
        std::shared_ptr<crypto::HandshakeSigner> signer;
        std::shared_ptr<const network::PeerTrust> trust;
        const Epochs& epochs;
        const consensus::History& ordered; // may be read from the network's thread
        const BlockStore& blocks;
        Inbox& inbox;
        AuditWatch& audit;
        /// A session with this validator was made; on the network's thread.
        std::function<void(const ledger::Validator&)> met;
    };
    /// Listens and dials from here on. The errors of network::start_network.
    static Result<std::unique_ptr<Peers>> open(Parts parts, std::shared_ptr<const Session> session);
    /// Ends all connections; nothing of `parts` is called any more when it returns.
    ~Peers();

    /// Connections stay with those who have a seat in both epochs; who left is told so and nothing else (door.hpp). When this returns,
    /// all indices are those of the new session, and the inbox holds nothing of the old one.
    Status begin_epoch(std::shared_ptr<const Session> session);
    std::shared_ptr<const Session> session() const;

    void send(const consensus::Outgoing& message);
    void accuse(ValidatorIndex peer, const Error& error);
    /// Whose certificates count has changed.
    void judge_again();
    /// This node can answer for its results from now on.
    void answer_results() { answers_results_ = true; }
    /// The block that f+1 others have at this height; nothing if they do not answer, or `stopping` says that nobody waits.
    std::optional<StoredBlock> ask_result(Height height, const std::atomic<bool>& stopping);

    network::OwnCertificate certificate() const;
    std::uint16_t port() const;
    void add_to(NodeStatus& status) const;
    void add_to(FlowStatus& flow) const;

private:
    struct RequestBudget {
        RequestBudget(const Rate& rate, Microseconds now) : bucket(rate, now) {}
        TokenBucket bucket;
        std::uint64_t refused = 0;
    };

    Peers(Parts parts, std::shared_ptr<const Session> session);
    network::Seating seating_of(const Session& session) const;
    network::Handler handler();
    template <typename F>
    void with_network(F&& use) const {
        const std::shared_lock lock(mutex_);
        if (network_) use(*network_);
    }
    /// Network's thread.
    void seated(std::shared_ptr<const Session> session);
    void connected(ValidatorIndex peer);
    void disconnected(ValidatorIndex peer);
    void receive(ValidatorIndex from, network::Stream stream, network::Frame frame);
    void answer_result_request(ValidatorIndex from, BytesView payload);
    bool may_ask(ValidatorIndex from);

    const Parts parts_;
    /// Guards the two pointers, not what they point to. Who holds it never waits for the network's thread.
    mutable std::shared_mutex mutex_;
    std::shared_ptr<const Session> session_;    // guarded by mutex_; changed on the network's thread
    std::unique_ptr<network::Network> network_; // guarded by mutex_; the same from `open` to the end
    Door door_;                                 // network's thread, after `open`
    Inquiry inquiry_;
    std::atomic<bool> answers_results_ = false;
    std::map<ValidatorIndex, Microseconds> last_result_request_; // network's thread only
    mutable std::mutex requests_mutex_;
    std::map<ValidatorIndex, RequestBudget> requests_; // guarded by requests_mutex_
};

} // namespace cairn::node
