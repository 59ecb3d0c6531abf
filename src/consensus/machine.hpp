// The state behind Core. Private to this folder; its parts lie in lanes.cpp (section 3), ordering.cpp (section 4),
// commit.cpp (section 5), results.cpp (execution votes), catch_up.cpp (status and fetching) and recovery.cpp (section 7).
#pragma once

#include "consensus/core.hpp"
#include "consensus/guards.hpp"
#include "consensus/lane_level.hpp"
#include "consensus/log.hpp"
#include "consensus/messages.hpp"
#include "consensus/round_trip.hpp"
#include "consensus/votes.hpp"

#include <deque>
#include <map>
#include <set>

namespace cairn::consensus {

inline constexpr std::uint64_t kViewsAhead = 32;      // votes for views further ahead are not kept
inline constexpr std::uint64_t kViewsKept = 4096;     // without any finalization
inline constexpr std::uint64_t kVoteBoxesKept = 128;  // views behind the current one whose single votes are kept
inline constexpr std::uint64_t kExecutionWindow = 64; // heights delivered beyond the own execution
inline constexpr std::uint64_t kLagInStep = 3;        // one block is voted on, one executed, one certified
inline constexpr std::size_t kWantsMax = 1024;        // batches asked for at a time
inline constexpr std::size_t kPendingMax = 256;       // finalized blocks waiting for bodies
inline constexpr std::size_t kBroadcastAlways = 16;   // up to this many validators, every entry certificate goes to all
inline constexpr std::uint64_t kServeBytesMax = 64u << 20; // read and sent for one peer: burst, and refill per second
inline constexpr std::size_t kConsensusBytes =
    192u << 10;                               // longer proposals (hundreds of skipped views) take the sync stream
inline constexpr std::uint32_t kJunkMax = 32; // bad messages before a peer is not listened to for a while
inline constexpr Microseconds kMuteTime{5'000'000};
inline constexpr std::uint32_t kSilentViews = 2;         // a leader silent this often gets no time to propose
inline constexpr std::uint64_t kCertifiedOnlyViews = 16; // a lane whose optimistic tip failed

class Machine {
public:
    Machine(const CoreConfig& config, const Signer& signer, const History& history, const Verifier& verifier,
            const Guards& guards);

    Status recover(std::span<const BytesView> records, Memory memory);
    Actions step(const Event& event);
    LaneRoom lane_room() const;
    CoreStatus status() const;
    Epoch epoch() const { return config_.validators.epoch; }
    std::vector<SharedBytes> checkpoint() const;

private:
    using Certificate = ledger::Certificate;
    using ConsensusBlock = ledger::ConsensusBlock;
    using LaneTip = ledger::LaneTip;
    using Vote = ledger::Vote;
    using VoteKind = ledger::VoteKind;

    struct ViewState {
        OwnVotes mine;
        VoteBox notarize, nullify, finalize;
        std::optional<Certificate> notarization, nullification, finalization;
        ProposalPtr proposal; // first one that its leader signed
        bool refused = false; // that proposal is invalid
        bool proposed = false;
    };
    /// Highest block known final, with its whole chain known; genesis at first.
    struct Anchor {
        ConsensusBlock block;
        Hash256 digest;
        std::optional<Certificate> certificate; // absent for genesis
        std::uint64_t trailing_empty = 0;       // as trailing_empty() gives for it
    };
    struct BlockNode {
        ProposalPtr proposal;
        Microseconds seen{};
        bool announced = false; // given out as notarized
    };
    struct Link {
        Hash256 digest;
        bool voted = false;
        std::uint64_t bytes = 0;
        Microseconds since{}; // when it was appended
    };
    struct Lane {
        std::map<std::uint64_t, Link> chain;          // by position: what we hold and (unless amnesic) voted for
        std::map<std::uint64_t, ledger::Batch> early; // not connected to the chain yet, or beyond the window's bytes
        std::map<std::uint64_t, Certificate> proofs;  // above the committed position
        std::uint64_t bytes = 0;                      // of chain above the committed position
        std::uint64_t early_bytes = 0;
        std::uint64_t certified_only_until = 0; // view
        bool guilty = false;                    // its owner signed two batches at one position
    };
    struct Want {
        std::uint16_t lane = 0;
        std::uint64_t position = 0;
        Height height;
        std::uint16_t depth = 0;
        ValidatorIndex first; // whom to ask first
        Microseconds due{};
        std::uint32_t tries = 0;
    };
    struct HeaderWant {
        Microseconds due{};
        std::uint32_t tries = 0;
    };
    struct Pending {
        ProposalPtr proposal;
        Certificate certificate;
    };
    struct Execution {
        VoteBox votes;
        std::optional<Certificate> certificate;
        std::optional<Vote> mine;
        std::optional<Hash256> result; // own
    };
    struct Peer {
        PeerStatus status;
        std::uint32_t junk = 0;
        Microseconds muted_until{};
        std::uint64_t serve_bytes = kServeBytesMax;
        Microseconds refilled{};
        std::uint32_t silent_views = 0; // as leader
        std::optional<View> certified;  // amnesia: view of the certificate it showed
    };
    /// The way from one tip of a lane up to another through the batches held.
    struct Path {
        enum class State { complete, missing, broken } state = State::complete;
        LaneTip lacking;                           // if missing: highest batch that is not held
        std::vector<const ledger::Batch*> batches; // if complete: positions ascending
    };
    struct Parent {
        const ConsensusBlock* block = nullptr; // null: not known yet
        Hash256 digest;
        std::optional<Certificate> certificate;
        std::vector<Certificate> skipped;
        std::optional<View> gap; // no certificate of this view is held
    };
    enum class Verdict { valid, wait, invalid };

    // machine.cpp: dispatch, sending, logging
    void on_message(const MessageReceived& message);
    void progress();
    Microseconds next_wake() const;
    void send(std::optional<ValidatorIndex> to, Channel channel, MessageType type, SharedBytes payload);
    void send(std::optional<ValidatorIndex> to, Channel channel, MessageType type, Bytes payload);
    void send_proposal(std::optional<ValidatorIndex> to, MessageType type, const SharedBytes& encoded);
    enum class Barrier { none, sync };
    void log(SharedBytes record, Barrier barrier);
    void report(ValidatorIndex peer, ErrorCode code, std::string detail);
    void report(ValidatorIndex peer, const Error& error) { report(peer, error.code, error.detail); }
    void halt(ErrorCode code, std::string detail);
    void differs(std::uint64_t height, const Hash256& own, const Hash256& certified);
    void found(Evidence evidence);
    std::size_t n() const { return config_.validators.size(); }
    std::size_t quorum() const { return guards_.quorum(config_.validators); }
    ValidatorIndex self() const { return config_.self; }
    /// Of this epoch's set, or only following.
    bool is_member() const { return self().value < n(); }
    /// The block that ends the epoch is final: what is left is to serve what others lack.
    bool has_ended() const { return anchor_.block.next_validators.has_value(); }
    ValidatorIndex leader_of(View view) const;
    ValidatorIndex peer_after(ValidatorIndex first, std::uint32_t tries) const;
    /// Without the back-off.
    Microseconds base_delta() const;
    /// Nor with what load adds: work that follows it does not make room for itself.
    Microseconds unloaded_delta() const;
    Microseconds delta_of(std::optional<Microseconds> round_trip) const;
    Microseconds delta() const;
    struct Rules {
        std::uint64_t block_gas_max = 0;
        Microseconds min_block_interval{};
        std::shared_ptr<const std::vector<std::uint64_t>> lane_weights;
        std::uint64_t weight_of(std::uint16_t lane) const {
            return lane_weights && lane < lane_weights->size() ? (*lane_weights)[lane] : 1;
        }
        std::uint64_t weight_of_all(std::size_t lanes) const {
            std::uint64_t out = 0;
            for (std::uint16_t lane = 0; lane < lanes; ++lane) out += weight_of(lane);
            return out;
        }
    };
    void on_rules(const RulesChanged& change);
    const Rules& rules_at(std::uint64_t height) const;
    /// Of the block that would follow the highest notarized one.
    const Rules& next_rules() const { return rules_at(highest_notarized().block.height.value + 1); }
    /// What a block may hold if some validators have not heard of a change yet.
    std::uint64_t gas_bound(std::uint64_t height) const;
    void on_stopped(const VotersStopped& change);
    bool is_stopped(ValidatorIndex index) const;
    void on_invalid(const InvalidInBatch& invalid);
    /// Nothing if the signer refuses.
    std::optional<Vote> sign(VoteKind kind, std::uint64_t number, std::uint16_t lane, const Hash256& digest) const;

    // lanes.cpp
    void on_local_batch(const LocalBatch& local);
    void on_batch(ValidatorIndex from, BatchMessage message);
    void on_batch_answer(ValidatorIndex from, BatchMessage message);
    void on_lane_vote(const Vote& vote);
    bool needs_proof(const ledger::Certificate& proof) const;
    bool absorb_proof(const Certificate& certificate, bool trusted);
    void offer(const ledger::Batch& batch, const Hash256& digest);
    void vote_in_lanes();
    void vote_in_lane(std::uint16_t index);
    void extend(std::uint16_t index, const ledger::Batch& batch, const Hash256& digest, bool voted);
    void send_lane_vote(std::uint16_t lane, std::uint64_t position, const Hash256& digest);
    void send_proof_if_due();
    void recount(Lane& lane, std::uint64_t committed);
    Path path(const LaneTip& from, const LaneTip& to) const;
    LaneTip held_tip(std::uint16_t index, const LaneTip& from) const;
    LaneTip certified_tip(std::uint16_t index, const LaneTip& from) const;
    bool acceptable(std::uint16_t index, const LaneTip& tip) const;
    const ledger::Batch* held(const Hash256& digest) const;
    const LaneTip& committed(std::size_t lane) const { return anchor_.block.cut[lane]; }
    LaneTip own_tip() const;

    // ordering.cpp
    void on_vote(ValidatorIndex from, const Vote& vote);
    void on_view_vote(const Vote& vote);
    void on_proposal(ValidatorIndex from, const ProposalPtr& proposal, bool answer);
    /// False only if its signatures are bad.
    enum class Trust { check, own };
    bool absorb(const Certificate& certificate, Trust trust = Trust::check);
    bool absorb_in_view(const Certificate& certificate, Trust trust);
    void certify(View view, VoteKind kind, const Hash256& digest);
    void enter(View view, const Certificate& certificate);
    void cast(View view, VoteKind kind, const Hash256& digest);
    void nullify();
    void finalize_if_allowed(View view);
    const Certificate* held_certificate(const ledger::VoteStatement& statement) const;
    ProposalPtr with_sound_certificates(const ProposalPtr& proposal) const;
    void consider_proposal();
    Verdict examine(const Proposal& proposal);
    bool justified(const Proposal& proposal) const;
    Parent find_parent(View view) const;
    ledger::Cut choose_cut(const ConsensusBlock& parent) const;
    void count_work(const ConsensusBlock& parent, const ConsensusBlock& block);
    void propose();
    void vote_for_end();
    bool end_is_due(const ConsensusBlock& parent) const;
    void run_timers();
    void resend();
    bool has_work() const;
    ledger::ExecutionReference best_execution(const ConsensusBlock& parent) const;
    bool lag_allows(const ConsensusBlock& parent) const;
    Microseconds due_after(const ConsensusBlock& parent, const Hash256& digest) const;
    std::uint64_t trailing_empty(Hash256 digest) const;
    std::optional<Microseconds> trailing_block_due(const ConsensusBlock& parent, const Hash256& digest) const;
    struct Top {
        const ConsensusBlock& block;
        const Hash256& digest;
    };
    Top highest_notarized() const;
    bool may_vote_in(View view) const;
    void keep_block(const ProposalPtr& proposal);
    const ConsensusBlock* header(const Hash256& digest) const;
    Microseconds seen_at(const Hash256& digest) const;
    View floor_view() const { return std::max(anchor_.block.view, forgotten_); }
    void check_contradiction(const Vote& vote, const Vote* earlier);

    // commit.cpp
    void commit();
    void move_anchor(const std::vector<Pending>& blocks);
    void deliver();
    void announce_notarized();
    std::optional<std::vector<ledger::Batch>> ordered_batches(const ConsensusBlock& block, const ledger::Cut& before,
                                                              const Height* want_for);
    void on_durable(Height through);

    // results.cpp
    void on_execution(const ExecutionFinished& done);
    void on_execution_vote(const Vote& vote);
    bool absorb_execution(const Certificate& certificate, bool trusted);
    void settle_execution(std::uint64_t height, const Certificate& certificate);
    void certify_execution(std::uint64_t height, const Hash256& digest);
    void vote_for_result(std::uint64_t height, Execution& execution);
    void advance_execution_floor();

    // catch_up.cpp
    void on_status(ValidatorIndex from, PeerStatus status);
    void send_status(std::optional<ValidatorIndex> to);
    void on_fetch_blocks(ValidatorIndex from, const FetchRange& range);
    void on_blocks(ValidatorIndex from, const BlocksAnswer& answer);
    void on_fetch_batches(ValidatorIndex from, const FetchBatches& fetch);
    void on_fetch_certificates(ValidatorIndex from, const FetchCertificates& fetch);
    void on_fetch_proposal(ValidatorIndex from, const Hash256& digest);
    void want_batch(const LaneTip& tip, std::uint16_t lane, Height height, std::uint16_t depth, ValidatorIndex first,
                    Microseconds delay);
    void want_header(const Hash256& digest);
    void fetch();
    void fetch_blocks();
    void fetch_certificates();
    std::uint64_t lowest_uncertified() const;
    bool serve(ValidatorIndex peer, std::size_t bytes);
    std::optional<BlocksAnswer::Item> finalized_item(std::uint64_t height, std::size_t& bytes_read) const;
    void push_own_batches(ValidatorIndex to);
    Microseconds fetch_timeout() const { return 4 * base_delta(); }

    // recovery.cpp
    void load_history();
    std::uint64_t stored_trailing_empty(const FinalizedBlock& tip) const;
    Status apply(const Record& record);
    Status apply_all(std::span<const BytesView> records);
    void reset();
    Identity identity() const;
    void remember_abstention(ValidatorIndex peer, const PeerStatus& status);
    std::vector<SharedBytes> snapshot() const;

    CoreConfig config_;
    const Signer& signer_;
    const History& history_;
    const Guards& guards_;
    SignatureCheck check_;

    // of the current step
    Microseconds now_{};
    Milliseconds wall_{};
    Actions out_;
    bool changed_ = false;
    bool recovering_ = true; // until the first step
    bool started_ = false;
    bool fresh_log_ = false; // identity is still to be logged

    // ordering
    View view_{1};
    View forgotten_{}; // votes in views up to here are not remembered
    std::optional<Certificate> entry_;
    Microseconds entered_at_{};
    std::optional<Microseconds> active_since_; // since when there is work in this view
    Microseconds sent_at_{};                   // last send or re-send of votes in this view
    std::uint32_t nullified_in_row_ = 0;
    std::map<std::uint64_t, ViewState> views_; // above floor_view()
    std::map<Hash256, BlockNode> blocks_;      // not final yet
    std::map<Hash256, HeaderWant> header_wants_;
    Anchor anchor_;
    Microseconds anchor_seen_{}; // when its proposal came

    // lanes
    std::vector<Lane> lanes_;
    std::map<Hash256, ledger::Batch> store_;
    std::map<Hash256, Want> wants_;
    std::map<std::uint64_t, VoteBox> lane_votes_; // own lane, by position
    std::uint64_t proof_sent_ = 0;                // highest own position whose proof went out
    std::optional<Microseconds> proof_due_;
    bool lane_silent_ = false; // amnesic: no lane votes and no batches in this epoch

    // finalized
    std::deque<Pending> pending_;           // finalized, not delivered
    std::deque<FinalizedBlockPtr> unsaved_; // delivered, not durable
    Height delivered_;
    ledger::Cut delivered_cut_;
    Height durable_;
    ledger::Cut durable_cut_;

    // execution
    std::map<std::uint64_t, Execution> executions_;
    std::uint64_t execution_floor_ = 0; // certified and executed here
    std::uint64_t executed_ = 0;        // highest own result, or what was durable at the start
    std::uint64_t recovered_ = 0;       // durable at the start: own results may be unknown below
    /// By height, from the last final block's execution reference on: the set that the own state asks for, if another.
    std::map<std::uint64_t, std::optional<Hash256>> asked_;
    ledger::ExecutionReference certified_;
    std::optional<Certificate> certified_by_;

    std::map<std::uint64_t, Rules> rules_; // by first height; never empty
    LaneLevel level_{config_.validators.members.size()};
    std::vector<crypto::VotingKey> stopped_;

    // peers
    std::vector<Peer> peers_;
    RoundTrips round_trips_;
    std::set<std::pair<std::uint16_t, std::size_t>> accused_; // offender, kind of proof
    Microseconds status_due_{};
    std::optional<Microseconds> behind_since_;
    struct {
        bool active = false;
        ValidatorIndex peer;
        Microseconds asked{};
        std::uint32_t tries = 0;
    } block_fetch_;
    Microseconds certificate_fetch_due_{};
    std::uint64_t uncertified_ = 0; // lowest height without execution certificate, and since when it is that
    Microseconds uncertified_since_{};
    std::uint32_t certificate_fetch_tries_ = 0;

    // amnesia
    bool waiting_for_certificates_ = false;
    std::optional<View> abstain_;           // no vote in views up to here
    std::optional<Epoch> forgotten_epochs_; // Amnesia::last
};

} // namespace cairn::consensus
