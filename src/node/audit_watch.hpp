// The node's audit log at work: follows the chain and notes its acts, notes refusals, and anchors the log.
#pragma once

#include "audit/repeats.hpp"
#include "audit/trail.hpp"
#include "node/alarm_push.hpp"
#include "node/live_chain.hpp"
#include "node/voting_keys.hpp"

#include <condition_variable>
#include <memory>
#include <thread>

namespace cairn::node {

struct AuditSettings {
    std::uint32_t retention_days = 366; // at least audit::kRetentionDaysMin
    std::uint32_t anchor_seconds = 600; // between two anchors; 0: none
    /// Private key of the account that pays for anchors where gas has a price: mode 0600, 64 hex digits, "sm2:" before them for
    /// SM2. It is no key of the validator and needs no role. Empty: anchors come from an account made for each.
    std::string anchor_account_file;
    AlarmSink alarms;
};

/// Owns the trail, one thread, and the one that sends alarms. The network, the RPC server and the management listener report here.
class AuditWatch {
public:
    /// `directory` is made if it is not there. Errors of audit::open_trail and start_alarm_push.
    static Result<std::unique_ptr<AuditWatch>> open(storage::FileSystem& files, const std::string& directory,
                                                    std::unique_ptr<audit::Sealer> sealer,
                                                    const ledger::Genesis& genesis, const Hash256& genesis_hash,
                                                    const ledger::Validator& self, const AuditSettings& settings);
    ~AuditWatch();

    audit::Trail& trail() { return *trail_; }
    /// For what may come in floods: refusals, connections.
    void note(audit::Event event) { repeats_->note(std::move(event)); }
    /// A client's read of what has a label; it comes in floods too, which are counted apart: what reads fill hides no refusal. `account`:
    /// the sender that the read names without proof. AuditSinkFailed.
    Status read(audit::Event event, const std::optional<Address>& account);
    /// Both must outlive `stop`.
    void follow(LiveChain& chain, const VotingKeys& keys);
    /// Ends the thread; the trail stays open.
    void stop();
    /// Checks the sink by writing to it: the refusal that a privileged act gets.
    Status submitted(const ledger::SignedTransaction& transaction);
    /// Sends an anchor if there is something new to anchor. Number of the event up to which the log is anchored or was sent.
    Result<std::uint64_t> anchor_now();

private:
    AuditWatch() = default;
    void run(std::stop_token stop);
    void tell_repeats();
    Status take_block(Height height, std::uint64_t already);
    std::string organisation_of(const Address& account) const;
    struct Carrier;
    Result<Carrier> carrier(const ledger::StateView& state, const ledger::ChainParameters& parameters) const;

    std::string node_;
    std::string organisation_;
    AuditSettings settings_;
    std::uint64_t chain_id_ = 0;
    std::unique_ptr<audit::Sealer> sealer_;
    std::unique_ptr<audit::Trail> trail_;
    std::unique_ptr<audit::Repeats> repeats_;
    std::unique_ptr<audit::Repeats> reads_;
    std::unique_ptr<AlarmPush> alarms_;
    audit::ChainCover cover_;

    LiveChain* chain_ = nullptr;
    const VotingKeys* keys_ = nullptr;
    std::uint64_t listener_ = 0;
    std::mutex anchor_mutex_;
    std::uint64_t anchored_ = 0; // event; guarded by anchor_mutex_

    std::mutex mutex_;
    std::condition_variable_any wake_;
    bool news_ = false; // guarded by mutex_
    std::jthread thread_;
};

} // namespace cairn::node
