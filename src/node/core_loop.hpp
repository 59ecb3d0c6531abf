// The core's thread: feeds consensus with what arrives, and carries out its actions: durable first, then sent.
#pragma once

#include "base/clock.hpp"
#include "consensus/core.hpp"
#include "network/network.hpp"
#include "node/inbox.hpp"
#include "node/own_batch.hpp"
#include "storage/log.hpp"

#include <functional>
#include <mutex>
#include <thread>

namespace cairn::node {

class CoreLoop {
public:
    /// What the loop needs from the rest of the node. Called on the core's thread.
    struct Ports {
        std::function<void(const consensus::Outgoing&)> send;
        std::function<void(consensus::FinalizedBlockPtr)> deliver;
        std::function<Status(const ledger::Certificate&)> certified;
        /// Transactions of at most so many body bytes for the own lane.
        std::function<consensus::LocalBatch(std::size_t bytes, std::size_t transactions)> take_batch;
        std::function<bool()> has_ready;
        std::function<void(Error)> on_failure;
        /// Proof against a validator, found here or by a peer.
        std::function<Status(const consensus::Evidence&)> on_evidence;
        /// A peer sent what no honest peer sends.
        std::function<void(const consensus::PeerReport&)> on_report;
        /// This node's result contradicts the certified one.
        std::function<void(const Error&, Height differs_at)> on_divergence; // 0: not about a result
        /// The epoch that has begun, as far as the chain is executed.
        std::function<Epoch()> epoch;
        /// The core of that epoch, recovered from the same log; everything of the old one has been carried out.
        std::function<Result<consensus::Core>()> next_core;
    };
    /// References must outlive the object; the core must have recovered.
    CoreLoop(consensus::Core core, storage::RecordLog& wal, OwnBatchFile own_batch, Inbox& inbox, const Clock& clock,
             Ports ports);
    ~CoreLoop();

    consensus::CoreStatus status() const;

private:
    struct Turn;
    void run();
    Status turn(std::optional<consensus::Input> first);
    void step(Turn& turn, consensus::Input input);
    Status pack(Turn& turn);
    Status carry_out(Turn& turn);
    Status shorten_log();
    Status change_epoch();

    consensus::Core core_;
    storage::RecordLog& wal_;
    OwnBatchFile own_batch_;
    std::optional<OwnBatch> unfinished_;   // of before the start: it may be signed already
    std::optional<consensus::Input> held_; // came when the core's epoch had ended
    Inbox& inbox_;
    const Clock& clock_;
    const Ports ports_;

    Microseconds wake_at_{};
    std::optional<Microseconds> batch_due_; // when waiting transactions are packed
    Microseconds batch_next_{};             // not before
    std::size_t logged_bytes_ = 0;          // since the last checkpoint
    Microseconds last_report_{};

    mutable std::mutex status_mutex_;
    consensus::CoreStatus status_; // guarded by status_mutex_
    std::jthread thread_;
};

} // namespace cairn::node
