#include "consensus/machine.hpp"

#include "base/assert.hpp"
#include "base/errors/codec.hpp"
#include "base/errors/crypto.hpp"

#include <algorithm>

namespace cairn::consensus {

Machine::Machine(const CoreConfig& config, const Signer& signer, const History& history, const Verifier& verifier,
                 const Guards& guards)
    : config_(config),
      signer_(signer),
      history_(history),
      guards_(guards),
      check_(config.chain_id, config_.validators, verifier),
      rules_{{0, {config.limits.block_gas_max, config.timing.min_block_interval}}},
      round_trips_(config_.validators.size()) {
    CRN_ASSERT(n() >= 1 && n() <= ledger::kValidatorsMax);
    reset();
}

Actions Machine::step(const Event& event) {
    out_ = {};
    now_ = event.now;
    wall_ = event.wall;
    if (!started_) {
        started_ = true;
        recovering_ = false;
        entered_at_ = sent_at_ = status_due_ = certificate_fetch_due_ = now_;
        for (auto& peer : peers_) peer.refilled = now_;
        for (auto& [digest, node] : blocks_) node.seen = now_;
        anchor_seen_ = now_;
        if (fresh_log_) {
            log(record_identity(identity()), Barrier::sync);
            if (lane_silent_) log(record_amnesia({abstain_, forgotten_epochs_}), Barrier::sync);
        }
        // Votes that the last run had no time for.
        std::vector<View> notarized;
        for (const auto& [number, state] : views_)
            if (state.notarization) notarized.push_back(View{number});
        for (const auto view : notarized) finalize_if_allowed(view);
    }
    std::visit(
        [this](const auto& input) {
            using T = std::decay_t<decltype(input)>;
            if constexpr (std::is_same_v<T, MessageReceived>) on_message(input);
            if constexpr (std::is_same_v<T, LocalBatch>) on_local_batch(input);
            if constexpr (std::is_same_v<T, ExecutionFinished>) on_execution(input);
            if constexpr (std::is_same_v<T, BlocksDurable>) on_durable(input.through);
            if constexpr (std::is_same_v<T, PeerConnected>) send_status(input.peer);
            if constexpr (std::is_same_v<T, InvalidInBatch>) on_invalid(input);
            if constexpr (std::is_same_v<T, RulesChanged>) on_rules(input);
            if constexpr (std::is_same_v<T, VotersStopped>) on_stopped(input);
        },
        event.input);
    progress();
    out_.wake_at = next_wake();
    return std::move(out_);
}

void Machine::on_message(const MessageReceived& message) {
    const auto from = message.from;
    if (from.value >= n() || from == self() || !message.payload) return;
    if (is_stopped(from) || now_ < peers_[from.value].muted_until) return;
    if (message.payload->size() > kMessageBytesMax) return report(from, error::WireInvalid, "message too long");
    const auto& bytes = *message.payload;
    // Decodes, then hands on; what does not decode is reported.
    const auto handle = [&](auto&& decoded, auto&& then) {
        if (decoded)
            then(std::move(*decoded));
        else
            report(from, decoded.error());
    };
    switch (static_cast<MessageType>(message.type)) {
    case MessageType::batch:
        return handle(decode_batch_message(bytes), [&](BatchMessage m) { on_batch(from, std::move(m)); });
    case MessageType::batch_answer:
        return handle(decode_batch_message(bytes), [&](BatchMessage m) { on_batch_answer(from, std::move(m)); });
    case MessageType::vote: return handle(decode_vote_message(bytes), [&](const Vote& v) { on_vote(from, v); });
    case MessageType::certificate:
        return handle(decode_certificate_message(bytes), [&](const Certificate& c) {
            if (c.statement.epoch != epoch()) return; // its sender is in another epoch, and may well be honest
            if (!absorb(c)) report(from, error::SignatureInvalid, "certificate");
        });
    case MessageType::proposal:
    case MessageType::proposal_answer:
        return handle(decode_proposal(message.payload), [&](const ProposalPtr& p) {
            on_proposal(from, p, static_cast<MessageType>(message.type) == MessageType::proposal_answer);
        });
    case MessageType::status: return handle(decode_status(bytes), [&](PeerStatus s) { on_status(from, std::move(s)); });
    case MessageType::fetch_blocks:
        return handle(decode_fetch_range(bytes), [&](const FetchRange& r) { on_fetch_blocks(from, r); });
    case MessageType::blocks:
        return handle(decode_blocks_answer(bytes), [&](const BlocksAnswer& a) { on_blocks(from, a); });
    case MessageType::fetch_batches:
        return handle(decode_fetch_batches(bytes), [&](const FetchBatches& f) { on_fetch_batches(from, f); });
    case MessageType::fetch_certificates:
        return handle(decode_fetch_certificates(bytes),
                      [&](const FetchCertificates& f) { on_fetch_certificates(from, f); });
    case MessageType::fetch_proposal:
        if (const auto digest = Hash256::from(bytes)) return on_fetch_proposal(from, *digest);
        return report(from, error::WireInvalid, "not a digest");
    case MessageType::evidence:
        return handle(decode_evidence(bytes), [&](Evidence e) {
            if (accused_.contains({e.offender.value, e.proof.index()}) || epoch_of(e) != epoch()) return;
            if (!check_.evidence(e)) return report(from, error::SignatureInvalid, "evidence proves nothing");
            found(std::move(e));
        });
    }
    report(from, error::WireInvalid, "unknown message type " + std::to_string(message.type));
}

/// Everything that follows from the new state, until nothing more does. Each round either changes something of which there is
/// a bounded amount or is the last.
void Machine::progress() {
    constexpr int kRoundsMax = 64;
    for (int round = 0; round < kRoundsMax; ++round) {
        changed_ = false;
        commit();
        deliver();
        vote_in_lanes();
        consider_proposal();
        propose();
        vote_for_end();
        if (!changed_) break;
    }
    announce_notarized();
    run_timers();
    send_proof_if_due();
    advance_execution_floor();
    fetch();
    if (now_ >= status_due_) {
        send_status(std::nullopt);
        status_due_ = now_ + config_.timing.status_interval;
    }
}

Microseconds Machine::next_wake() const {
    auto wake = status_due_;
    const auto sooner = [&](Microseconds when) {
        // What is overdue was looked at in this step and waits for something else.
        if (when > now_) wake = std::min(wake, when);
    };
    if (active_since_) {
        const auto interval = next_rules().min_block_interval;
        sooner(*active_since_ + 2 * delta() + interval);
        sooner(*active_since_ + 3 * delta() + interval);
        sooner(*active_since_ + delta());
        sooner(sent_at_ + 2 * delta());
        if (leader_of(view_) == self()) {
            const auto [top, digest] = highest_notarized();
            sooner(due_after(top, digest));
        }
    }
    if (const auto [top, digest] = highest_notarized(); const auto due = trailing_block_due(top, digest)) sooner(*due);
    if (proof_due_) sooner(*proof_due_);
    for (const auto& [digest, want] : wants_) sooner(want.due);
    for (const auto& [digest, want] : header_wants_) sooner(want.due);
    if (block_fetch_.active) sooner(block_fetch_.asked + fetch_timeout());
    if (uncertified_since_ > Microseconds{0}) sooner(uncertified_since_ + fetch_timeout());
    if (behind_since_) sooner(*behind_since_ + base_delta());
    return wake;
}

void Machine::send(std::optional<ValidatorIndex> to, Channel channel, MessageType type, SharedBytes payload) {
    if (recovering_) return;
    if (!to && n() == 1 && is_member()) return;
    out_.messages.push_back({to, channel, static_cast<std::uint8_t>(type), std::move(payload)});
}

void Machine::send(std::optional<ValidatorIndex> to, Channel channel, MessageType type, Bytes payload) {
    send(to, channel, type, std::make_shared<const Bytes>(std::move(payload)));
}

void Machine::send_proposal(std::optional<ValidatorIndex> to, MessageType type, const SharedBytes& encoded) {
    send(to, encoded->size() > kConsensusBytes ? Channel::sync : Channel::consensus, type, encoded);
}

void Machine::log(SharedBytes record, Barrier barrier) {
    if (recovering_) return;
    out_.records.push_back(std::move(record));
    if (barrier == Barrier::sync) out_.sync = true;
}

void Machine::report(ValidatorIndex peer, ErrorCode code, std::string detail) {
    auto& state = peers_[peer.value];
    if (++state.junk >= kJunkMax) {
        state.junk = 0;
        state.muted_until = now_ + kMuteTime;
    }
    out_.reports.push_back({peer, {code, std::move(detail)}});
}

void Machine::halt(ErrorCode code, std::string detail) {
    if (!out_.halt) out_.halt = Error{code, std::move(detail)};
}

void Machine::found(Evidence evidence) {
    if (!accused_.insert({evidence.offender.value, evidence.proof.index()}).second) return;
    if (const auto* batches = std::get_if<BatchPair>(&evidence.proof)) lanes_[batches->first.lane.value].guilty = true;
    auto encoded = encode_evidence(evidence);
    const auto channel = encoded.size() > kConsensusBytes ? Channel::sync : Channel::consensus;
    send(std::nullopt, channel, MessageType::evidence, std::move(encoded));
    out_.evidence.push_back(std::move(evidence));
}

/// The owner signed the batch, and a transaction of it is one that it must not have accepted: proof enough (rule L4).
void Machine::on_invalid(const InvalidInBatch& invalid) {
    const auto& [header, body] = *invalid.batch;
    Evidence evidence{header.lane, InvalidTransaction{header, body, invalid.index}};
    if (accused_.contains({evidence.offender.value, evidence.proof.index()})) return;
    if (check_.evidence(evidence)) found(std::move(evidence));
}

/// Like a crash of these validators, as far as this one is concerned: their votes in hand go, and nothing new comes in.
void Machine::on_stopped(const VotersStopped& change) {
    stopped_ = change.keys;
    changed_ = true;
    for (std::uint16_t i = 0; i < n(); ++i) {
        const ValidatorIndex voter{i};
        if (!is_stopped(voter)) continue;
        peers_[i].status = {};
        for (auto& [view, state] : views_)
            for (auto* box : {&state.notarize, &state.nullify, &state.finalize}) box->remove(voter);
        for (auto& [position, box] : lane_votes_) box.remove(voter);
        for (auto& [height, execution] : executions_) execution.votes.remove(voter);
    }
}

bool Machine::is_stopped(ValidatorIndex index) const {
    return index.value < n() &&
           std::ranges::find(stopped_, config_.validators.members[index.value].key) != stopped_.end();
}

void Machine::on_rules(const RulesChanged& change) {
    constexpr std::size_t kRulesMax = 64;
    rules_.insert_or_assign(change.from.value,
                            Rules{change.block_gas_max, change.min_block_interval, change.lane_weights});
    // Keep what still binds: the last change before the bound that gas_bound() looks back to, and all later ones.
    const auto low =
        anchor_.block.height.value - std::min(anchor_.block.height.value, config_.limits.execution_lag_max);
    while (rules_.size() > 1 && (std::next(rules_.begin())->first <= low || rules_.size() > kRulesMax))
        rules_.erase(rules_.begin());
    changed_ = true;
}

const Machine::Rules& Machine::rules_at(std::uint64_t height) const {
    const auto after = rules_.upper_bound(height);
    return (after == rules_.begin() ? after : std::prev(after))->second;
}

std::uint64_t Machine::gas_bound(std::uint64_t height) const {
    auto out = rules_at(height).block_gas_max;
    const auto low = height - std::min(height, config_.limits.execution_lag_max);
    out = std::max(out, rules_at(low).block_gas_max);
    for (auto rule = rules_.upper_bound(low); rule != rules_.end() && rule->first <= height; ++rule)
        out = std::max(out, rule->second.block_gas_max);
    return out;
}

ValidatorIndex Machine::leader_of(View view) const {
    return {static_cast<std::uint16_t>((view.value + config_.validators.epoch.value) % n())};
}

ValidatorIndex Machine::peer_after(ValidatorIndex first, std::uint32_t tries) const {
    // Every other validator once before anyone is asked again.
    std::vector<ValidatorIndex> others;
    for (std::size_t i = 0; i < n(); ++i) {
        const ValidatorIndex peer{static_cast<std::uint16_t>((first.value + i) % n())};
        if (peer != self() && !is_stopped(peer)) others.push_back(peer);
    }
    return others.empty() ? self() : others[tries % others.size()];
}

Microseconds Machine::base_delta() const { return delta_of(round_trips_.within(config_.validators.quorum())); }

Microseconds Machine::unloaded_delta() const {
    return delta_of(round_trips_.least_within(config_.validators.quorum()));
}

Microseconds Machine::delta_of(std::optional<Microseconds> round_trip) const {
    if (n() == 1 || !round_trip) return config_.timing.delta;
    return std::clamp(2 * *round_trip, config_.timing.delta_min, config_.timing.delta_max);
}

Microseconds Machine::delta() const {
    auto out = base_delta();
    for (std::uint32_t i = 0; i < nullified_in_row_ && out < config_.timing.delta_max; ++i) out += out / 2;
    return std::min(out, config_.timing.delta_max);
}

std::optional<ledger::Vote> Machine::sign(VoteKind kind, std::uint64_t number, std::uint16_t lane,
                                          const Hash256& digest) const {
    if (!is_member() || is_stopped(self())) return std::nullopt;
    const ledger::VoteStatement statement{kind, config_.validators.epoch, number, lane, digest};
    const auto signature = signer_.sign_vote(statement);
    if (!signature) return std::nullopt;
    return ledger::Vote{statement, self(), *signature};
}

CoreStatus Machine::status() const {
    CoreStatus out;
    out.view = view_;
    out.leader = leader_of(view_);
    out.notarized = highest_notarized().block.height;
    out.finalized = anchor_.block.height;
    out.delivered = delivered_;
    out.executed = certified_.height;
    out.delta = base_delta();
    for (const auto& peer : peers_) out.highest_claimed = std::max(out.highest_claimed, peer.status.finalized);
    out.abstaining = !is_member() || waiting_for_certificates_ || (abstain_ && view_ <= *abstain_);
    out.ended = has_ended();
    return out;
}

// Core: the public face.

Core::Core(const CoreConfig& config, const Signer& signer, const History& history, const Verifier& verifier,
           const Guards* guards) {
    static const Guards production;
    machine_ = std::make_unique<Machine>(config, signer, history, verifier, guards ? *guards : production);
}
Core::~Core() = default;
Core::Core(Core&&) noexcept = default;
Core& Core::operator=(Core&&) noexcept = default;

Status Core::recover(std::span<const BytesView> records, Memory memory) { return machine_->recover(records, memory); }
Actions Core::step(const Event& event) { return machine_->step(event); }
LaneRoom Core::lane_room() const { return machine_->lane_room(); }
CoreStatus Core::status() const { return machine_->status(); }
Epoch Core::epoch() const { return machine_->epoch(); }
std::vector<SharedBytes> Core::checkpoint() const { return machine_->checkpoint(); }

} // namespace cairn::consensus
