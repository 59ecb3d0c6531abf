// Ordering (consensus.md section 4): votes, certificates, views. Proposals are in proposing.cpp.
#include "base/errors/codec.hpp"
#include "base/errors/crypto.hpp"
#include "consensus/machine.hpp"

namespace cairn::consensus {

// Votes ----------------------------------------------------------------------------------------------------------------

void Machine::on_vote(ValidatorIndex from, const Vote& vote) {
    if (vote.statement.epoch != epoch()) return;
    if (vote.voter != from) return report(from, error::WireInvalid, "vote of another");
    switch (vote.statement.kind) {
    case VoteKind::lane: return on_lane_vote(vote);
    case VoteKind::execution: return on_execution_vote(vote);
    default: return on_view_vote(vote);
    }
}

void Machine::on_view_vote(const Vote& vote) {
    const auto number = vote.statement.number;
    if (number <= floor_view().value || number > view_.value + kViewsAhead) return;
    peers_[vote.voter.value].silent_views = 0;
    if (number + kVoteBoxesKept < view_.value) return;
    auto& state = views_[number];
    auto& box = vote.statement.kind == VoteKind::notarize  ? state.notarize
                : vote.statement.kind == VoteKind::nullify ? state.nullify
                                                           : state.finalize;
    const auto outcome = box.add(vote, false);
    if (outcome == VoteBox::Outcome::known) return;
    // Pairs that no honest replica signs; the second vote of a pair does not count.
    if (outcome == VoteBox::Outcome::conflicting) return check_contradiction(vote, box.of(vote.voter));
    for (const auto* other : {&state.notarize, &state.nullify, &state.finalize})
        if (other != &box) check_contradiction(vote, other->of(vote.voter));
    changed_ = true;
    certify(View{number}, vote.statement.kind, vote.statement.digest);
}

void Machine::check_contradiction(const Vote& vote, const Vote* earlier) {
    if (earlier == nullptr || !contradict(vote.statement, earlier->statement)) return;
    Evidence evidence{vote.voter, VotePair{*earlier, vote}};
    if (accused_.contains({evidence.offender.value, evidence.proof.index()})) return;
    if (check_.evidence(evidence))
        found(std::move(evidence));
    else
        report(vote.voter, error::SignatureInvalid, "vote");
}

void Machine::certify(View view, VoteKind kind, const Hash256& digest) {
    auto& state = views_[view.value];
    auto& box = kind == VoteKind::notarize  ? state.notarize
                : kind == VoteKind::nullify ? state.nullify
                                            : state.finalize;
    const auto& done = kind == VoteKind::notarize  ? state.notarization
                       : kind == VoteKind::nullify ? state.nullification
                                                   : state.finalization;
    if (done) return;
    std::vector<ValidatorIndex> bad;
    const auto certificate = box.certificate(digest, quorum(), check_, bad);
    for (const auto voter : bad) report(voter, error::SignatureInvalid, "vote");
    if (certificate) absorb(*certificate, Trust::own);
}

/// Signs, remembers, logs and sends a vote that the caller knows is allowed.
void Machine::cast(View view, VoteKind kind, const Hash256& digest) {
    auto& state = views_[view.value];
    const auto signed_vote = sign(kind, view.value, 0, digest);
    if (!signed_vote) return;
    const auto& vote = *signed_vote;
    auto& mine = kind == VoteKind::notarize  ? state.mine.notarize
                 : kind == VoteKind::nullify ? state.mine.nullify
                                             : state.mine.finalize;
    auto& box = kind == VoteKind::notarize  ? state.notarize
                : kind == VoteKind::nullify ? state.nullify
                                            : state.finalize;
    mine = vote;
    box.add(vote, true);
    log(record_vote(vote), Barrier::sync);
    send(std::nullopt, Channel::consensus, MessageType::vote, encode_vote(vote));
    sent_at_ = now_;
    changed_ = true;
    certify(view, kind, digest);
}

bool Machine::may_vote_in(View view) const {
    if (recovering_ || waiting_for_certificates_ || view <= floor_view()) return false;
    return !abstain_ || view > *abstain_;
}

void Machine::nullify() {
    auto& state = views_[view_.value];
    if (state.mine.nullify || !may_vote_in(view_) || !guards_.may_nullify(state.mine)) return;
    cast(view_, VoteKind::nullify, {});
}

void Machine::finalize_if_allowed(View view) {
    const auto found = views_.find(view.value);
    if (found == views_.end() || !found->second.notarization || !may_vote_in(view)) return;
    const auto digest = found->second.notarization->statement.digest;
    if (found->second.mine.finalize || !guards_.may_finalize(found->second.mine, digest)) return;
    if (header(digest) == nullptr) return want_header(digest);
    cast(view, VoteKind::finalize, digest);
}

// Certificates ---------------------------------------------------------------------------------------------------------

bool Machine::absorb(const Certificate& certificate, Trust trust) {
    if (certificate.statement.epoch != config_.validators.epoch) return false;
    switch (certificate.statement.kind) {
    case VoteKind::lane: return absorb_proof(certificate, trust == Trust::own);
    case VoteKind::execution: return absorb_execution(certificate, trust == Trust::own);
    default: return absorb_in_view(certificate, trust);
    }
}

bool Machine::absorb_in_view(const Certificate& certificate, Trust trust) {
    const auto& statement = certificate.statement;
    const View view{statement.number};
    if (view <= floor_view()) return true; // decided
    const auto place = [&](ViewState& state) -> std::optional<Certificate>& {
        return statement.kind == VoteKind::notarize  ? state.notarization
               : statement.kind == VoteKind::nullify ? state.nullification
                                                     : state.finalization;
    };
    if (const auto known = views_.find(view.value); known != views_.end())
        if (const auto& have = place(known->second); have && have->statement == statement) return true;
    if (trust == Trust::check && !check_.certificate(certificate, quorum())) return false;
    auto& slot = place(views_[view.value]);
    // Two notarizations in one view need more than f traitors; keep the first, evidence comes from the votes.
    if (slot) return true;
    slot = certificate;
    changed_ = true;
    log(record_certificate(certificate), Barrier::none);
    if (view >= view_) enter(view.next(), certificate);
    if (statement.kind != VoteKind::nullify) {
        if (header(statement.digest) == nullptr) want_header(statement.digest);
        finalize_if_allowed(view);
    }
    return true;
}

void Machine::enter(View view, const Certificate& certificate) {
    const auto left = views_.find(view.value - 1);
    if (certificate.statement.kind == VoteKind::nullify) {
        ++nullified_in_row_;
        // A leader that lets its views pass, and lanes whose uncertified tip may have been the reason.
        const auto leader = leader_of(view.previous());
        const bool proposed = left != views_.end() && left->second.proposal;
        if (!proposed && leader != self()) ++peers_[leader.value].silent_views;
        if (proposed && leader == self()) {
            const auto& cut = left->second.proposal->block().cut;
            for (std::uint16_t i = 0; i < n(); ++i)
                if (cut[i].position > committed(i).position && !lanes_[i].proofs.contains(cut[i].position.value))
                    lanes_[i].certified_only_until = view.value + kCertifiedOnlyViews;
        }
    }
    view_ = view;
    entry_ = certificate;
    entered_at_ = sent_at_ = now_;
    active_since_.reset();
    while (views_.size() > kViewsKept) {
        forgotten_ = std::max(forgotten_, View{views_.begin()->first});
        views_.erase(views_.begin());
    }
    if (view.value > kVoteBoxesKept)
        if (const auto old = views_.find(view.value - kVoteBoxesKept); old != views_.end()) {
            old->second.notarize = {};
            old->second.nullify = {};
            old->second.finalize = {};
        }
    const auto payload = std::make_shared<const Bytes>(encode_certificate_message(certificate));
    if (n() <= kBroadcastAlways) return send(std::nullopt, Channel::consensus, MessageType::certificate, payload);
    for (std::uint16_t i = 0; i < n(); ++i)
        if (ValidatorIndex{i} != self() && peers_[i].status.view < view)
            send(ValidatorIndex{i}, Channel::consensus, MessageType::certificate, payload);
}

// Timers ---------------------------------------------------------------------------------------------------------------

Machine::Top Machine::highest_notarized() const {
    for (auto state = views_.rbegin(); state != views_.rend(); ++state) {
        if (state->first <= anchor_.block.view.value) break;
        const auto& certificate = state->second.notarization ? state->second.notarization : state->second.finalization;
        if (!certificate) continue;
        if (const auto* block = header(certificate->statement.digest)) return {*block, certificate->statement.digest};
    }
    return {anchor_.block, anchor_.digest};
}

/// Whether this view should come to an end: an idle network starts no timers.
bool Machine::has_work() const {
    if (has_ended()) return false;
    const auto [top, digest] = highest_notarized();
    if (top.height > anchor_.block.height || end_is_due(top)) return true;
    if (const auto state = views_.find(view_.value); state != views_.end())
        if (state->second.proposal || !state->second.notarize.empty() || !state->second.nullify.empty()) return true;
    if (!lag_allows(top)) return false;
    if (const auto due = trailing_block_due(top, digest); due && now_ >= *due) return true;
    for (std::uint16_t i = 0; i < n(); ++i) {
        const auto& tip = top.cut[i];
        const auto& lane = lanes_[i];
        if (!lane.proofs.empty() && lane.proofs.rbegin()->first > tip.position.value) return true;
        if (!lane.guilty && !is_stopped({i}) && held_tip(i, tip) != tip) return true;
    }
    return false;
}

void Machine::run_timers() {
    if (!has_work()) {
        active_since_.reset();
        return;
    }
    if (!active_since_) active_since_ = sent_at_ = now_;
    auto& state = views_[view_.value];
    const auto leader = leader_of(view_);
    const auto waited = now_ - *active_since_ - next_rules().min_block_interval;
    const bool silent = leader != self() && peers_[leader.value].silent_views >= kSilentViews;
    const bool late =
        is_stopped(leader) || (!state.proposal && (silent || waited >= 2 * delta())) || waited >= 3 * delta();
    const auto against = state.nullify.size() - (state.mine.nullify ? 1 : 0);
    const bool others_gave_up =
        against > config_.validators.faults_tolerated() || (leader != self() && state.nullify.of(leader) != nullptr);
    if (late || state.refused || others_gave_up) nullify();
    if (now_ >= sent_at_ + 2 * delta()) resend();
}

/// While stuck: own votes of this view, the reason to be here, and what earlier views still lack.
void Machine::resend() {
    sent_at_ = now_;
    if (is_stopped(self())) return;
    constexpr int kEarlierMax = 4;
    const auto again = [&](const std::optional<Vote>& vote) {
        if (vote) send(std::nullopt, Channel::consensus, MessageType::vote, encode_vote(*vote));
    };
    if (entry_) send(std::nullopt, Channel::consensus, MessageType::certificate, encode_certificate_message(*entry_));
    int earlier = 0;
    for (auto entry = views_.rbegin(); entry != views_.rend() && earlier < kEarlierMax; ++entry) {
        const auto& state = entry->second;
        if (entry->first > view_.value) continue;
        if (entry->first == view_.value) {
            if (state.proposed && state.proposal)
                send_proposal(std::nullopt, MessageType::proposal, state.proposal->encoded);
            again(state.mine.notarize);
            again(state.mine.nullify);
            again(state.mine.finalize);
        } else if (state.mine.finalize && !state.finalization) {
            again(state.mine.finalize);
            ++earlier;
        }
    }
    for (const auto& [height, execution] : executions_) {
        if (execution.certificate || earlier >= 2 * kEarlierMax) continue;
        again(execution.mine);
        if (execution.mine) ++earlier;
    }
}

} // namespace cairn::consensus
