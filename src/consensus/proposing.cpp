// Proposals (consensus.md section 4): when and what a leader proposes, and when others vote for it.
#include "base/errors/codec.hpp"
#include "base/errors/consensus.hpp"
#include "base/errors/crypto.hpp"
#include "consensus/machine.hpp"

namespace cairn::consensus {

namespace {

/// What a batch counts against the gas of a block. A batch alone may be over the limit: it was made before the limit was lowered, or its
/// owner declared too much; execution keeps to the limit, and no lane is stuck for ever.
std::uint64_t counted_gas(const ledger::BatchHeader& header) {
    constexpr std::uint64_t kNoOverflow = 1ull << 50;
    return std::min(header.gas_limit_sum, kNoOverflow);
}

} // namespace

const ledger::ConsensusBlock* Machine::header(const Hash256& digest) const {
    if (digest == anchor_.digest) return &anchor_.block;
    const auto found = blocks_.find(digest);
    return found == blocks_.end() ? nullptr : &found->second.proposal->block();
}

Microseconds Machine::seen_at(const Hash256& digest) const {
    if (digest == anchor_.digest) return anchor_seen_;
    const auto found = blocks_.find(digest);
    return found == blocks_.end() ? Microseconds{0} : found->second.seen;
}

void Machine::keep_block(const ProposalPtr& proposal) {
    if (!blocks_.try_emplace(proposal->digest, BlockNode{proposal, now_, false}).second) return;
    header_wants_.erase(proposal->digest);
    log(record_proposal(*proposal->encoded), Barrier::none);
    const auto& block = proposal->block();
    if (const auto* parent = header(block.parent)) count_work(*parent, block);
    changed_ = true;
}

// Leading --------------------------------------------------------------------------------------------------------------

Machine::Parent Machine::find_parent(View view) const {
    Parent out;
    for (auto number = view.value - 1; number > anchor_.block.view.value; --number) {
        const auto found = views_.find(number);
        if (found == views_.end()) {
            out.gap = View{number};
            return out;
        }
        const auto& state = found->second;
        if (const auto& certificate = state.notarization ? state.notarization : state.finalization) {
            out.certificate = certificate;
            out.digest = certificate->statement.digest;
            out.block = header(out.digest);
            std::reverse(out.skipped.begin(), out.skipped.end());
            return out;
        }
        if (!state.nullification) {
            out.gap = View{number};
            return out;
        }
        out.skipped.push_back(*state.nullification);
    }
    out.block = &anchor_.block;
    out.digest = anchor_.digest;
    out.certificate = anchor_.certificate;
    std::reverse(out.skipped.begin(), out.skipped.end());
    return out;
}

/// The certified result that a child of `parent` refers to.
ledger::ExecutionReference Machine::best_execution(const ConsensusBlock& parent) const {
    const bool newer = certified_.height > parent.executed.height && certified_.height <= parent.height;
    return newer ? certified_ : parent.executed;
}

bool Machine::lag_allows(const ConsensusBlock& parent) const {
    return parent.height.value + 1 <= best_execution(parent).height.value + config_.limits.execution_lag_max;
}

/// A child of `parent` has to end the epoch, as far as this member has executed.
bool Machine::end_is_due(const ConsensusBlock& parent) const {
    if (parent.next_validators) return false;
    const auto asked = asked_.find(best_execution(parent).height.value);
    return asked != asked_.end() && asked->second;
}

/// When a leader may propose a child of `parent`. While more blocks lack results than are voted on, executed and certified at a
/// time, another one only waits behind them, so it gives results a moment: far shorter than others wait for a leader.
Microseconds Machine::due_after(const ConsensusBlock& parent, const Hash256& digest) const {
    const auto due = seen_at(digest) + rules_at(parent.height.value + 1).min_block_interval;
    const auto lag = parent.height.value + 1 - best_execution(parent).height.value;
    return lag > kLagInStep ? due + base_delta() / 2 : due;
}

/// How many blocks without data end the chain at `digest`, by the cuts alone and at most as many as are wanted. Genesis, and
/// what is not known, needs none to follow.
std::uint64_t Machine::trailing_empty(Hash256 digest) const {
    const auto enough = config_.limits.trailing_empty_blocks;
    std::uint64_t count = 0;
    for (; digest != anchor_.digest; ++count) {
        const auto* block = header(digest);
        const auto* parent = block == nullptr ? nullptr : header(block->parent);
        if (parent == nullptr || count >= enough) return enough;
        if (block->cut != parent->cut) return count;
        digest = block->parent;
    }
    return std::min(enough, count + anchor_.trailing_empty);
}

/// When an empty block should follow `parent`; nothing once enough of them did.
std::optional<Microseconds> Machine::trailing_block_due(const ConsensusBlock& parent, const Hash256& digest) const {
    if (parent.next_validators || !lag_allows(parent) || trailing_empty(digest) >= config_.limits.trailing_empty_blocks)
        return std::nullopt;
    return seen_at(digest) + config_.timing.empty_block_interval;
}

/// What the data that `block` adds to its parent asks of execution, and what waits behind it; nothing if we do not hold all of it.
void Machine::count_work(const ConsensusBlock& parent, const ConsensusBlock& block) {
    const auto& rules = rules_at(block.height.value);
    const auto weights = rules.weight_of_all(n());
    std::vector<std::uint64_t> gave, wanted;
    const auto work_between = [&](const ledger::LaneTip& from,
                                  const ledger::LaneTip& to) -> std::optional<std::uint64_t> {
        const auto added = path(from, to);
        if (added.state != Path::State::complete) return std::nullopt;
        std::uint64_t work = 0;
        for (const auto* batch : added.batches) work += work_of(batch->header);
        return work;
    };
    for (std::uint16_t lane = 0; lane < n(); ++lane) {
        const auto work = work_between(parent.cut[lane], block.cut[lane]);
        if (!work) return;
        const auto waiting = work_between(block.cut[lane], held_tip(lane, block.cut[lane]));
        gave.push_back(of_mean_weight(*work, rules.weight_of(lane), weights, n()));
        wanted.push_back(of_mean_weight(*work + waiting.value_or(0), rules.weight_of(lane), weights, n()));
    }
    level_.ordered(block.height, gave, wanted, now_);
}

/// Per lane the highest tip that is certified, or held and not distrusted; as many batches as fit. Next comes the lane which,
/// with its next batch, has given least work for its weight, so short lanes are emptied. A lane's last batch may go beyond the
/// level, so that none is too large for ever.
ledger::Cut Machine::choose_cut(const ConsensusBlock& parent) const {
    struct Source {
        std::uint16_t lane;
        std::uint64_t weight;
        std::vector<const ledger::Batch*> batches;
        std::size_t taken = 0;
        std::uint64_t given = 0; // work so far,
        std::uint64_t work = 0;  // and with the next batch
        bool waits() const { return taken < batches.size(); }
    };
    const auto& rules = rules_at(parent.height.value + 1);
    std::vector<Source> sources;
    for (std::uint16_t i = 0; i < n(); ++i) {
        const auto lane = static_cast<std::uint16_t>((parent.view.value + 1 + i) % n());
        const auto& base = parent.cut[lane];
        auto tip = certified_tip(lane, base);
        if (!lanes_[lane].guilty && !is_stopped({lane}) && view_.value >= lanes_[lane].certified_only_until)
            if (const auto optimistic = held_tip(lane, base); optimistic.position > tip.position) tip = optimistic;
        if (tip.position <= base.position) continue;
        auto& source = sources.emplace_back(lane, rules.weight_of(lane), path(base, tip).batches);
        if (source.waits()) source.work = work_of(source.batches.front()->header);
    }
    const auto level = level_.value();
    const auto weights = rules.weight_of_all(n());
    auto cut = parent.cut;
    const auto& limits = config_.limits;
    std::uint64_t count = 0, bytes = 0, gas = 0;
    for (;;) {
        Source* next = nullptr;
        for (auto& source : sources)
            if (source.waits() && (next == nullptr || source.work * next->weight < next->work * source.weight))
                next = &source;
        if (next == nullptr) break;
        const auto& header = next->batches[next->taken]->header;
        if (count + 1 > limits.block_batches_max || bytes + header.body_bytes > limits.block_bytes_max ||
            (count > 0 && gas + counted_gas(header) > rules.block_gas_max) || next->taken >= limits.window_positions ||
            of_mean_weight(next->given, next->weight, weights, n()) >= level) {
            next->batches.resize(next->taken);
            continue;
        }
        ++count;
        bytes += header.body_bytes;
        gas += counted_gas(header);
        next->given = next->work;
        cut[next->lane] = {header.position, digest_of(header)};
        if (++next->taken < next->batches.size()) next->work += work_of(next->batches[next->taken]->header);
    }
    return cut;
}

void Machine::propose() {
    if (leader_of(view_) != self() || is_stopped(self()) || !may_vote_in(view_)) return;
    auto& state = views_[view_.value];
    if (state.proposed || state.proposal || state.mine.nullify || state.mine.notarize) return;
    const auto parent = find_parent(view_);
    if (parent.block == nullptr) {
        if (!parent.gap) want_header(parent.digest);
        return; // fetch_certificates() closes a gap
    }
    if (parent.skipped.size() > kSkippedViewsMax) return;
    if (parent.block->next_validators) return; // nothing follows it: vote_for_end()
    if (parent.block->height.value > 0 && now_ < due_after(*parent.block, parent.digest)) return;

    ConsensusBlock block;
    const bool ends = end_is_due(*parent.block);
    block.cut = !ends && lag_allows(*parent.block) ? choose_cut(*parent.block) : parent.block->cut;
    if (ends) {
        block.next_validators = asked_.at(best_execution(*parent.block).height.value);
    } else if (block.cut == parent.block->cut) {
        // Without data a block helps to finalize its ancestors, if they do not come to it by themselves, or it is one of the
        // few that follow the last data.
        const bool helps =
            parent.block->height > anchor_.block.height && active_since_ && now_ >= *active_since_ + delta();
        const auto due = trailing_block_due(*parent.block, parent.digest);
        if (!helps && (!due || now_ < *due)) return;
    }
    block.epoch = config_.validators.epoch;
    block.view = view_;
    block.height = parent.block->height.next();
    block.parent = parent.digest;
    block.parent_view = parent.block->view;
    block.executed = best_execution(*parent.block);
    std::optional<Certificate> execution;
    if (block.executed != parent.block->executed) execution = certified_by_;
    block.timestamp_ms =
        std::max(static_cast<std::uint64_t>(std::max<std::int64_t>(wall_.count(), 0)), parent.block->timestamp_ms + 1);
    block.leader = self();
    const auto signature = signer_.sign_proposal(block);
    if (!signature) return;
    const auto proposal = make_proposal({std::move(block), *signature}, parent.certificate, parent.skipped, execution);
    state.proposed = true;
    state.proposal = proposal;
    keep_block(proposal);
    out_.sync = true; // a leader must not propose another block in this view after a restart
    send_proposal(std::nullopt, MessageType::proposal, proposal->encoded);
    changed_ = true;
}

/// Nothing follows the block that ends the epoch, and not every view that notarizes it can finalize it. So whoever enters a view above
/// it votes for it again: it takes the place of a proposal, and its own certificates that of a justification.
void Machine::vote_for_end() {
    if (has_ended() || !may_vote_in(view_) || !highest_notarized().block.next_validators) return;
    const auto parent = find_parent(view_);
    if (parent.block == nullptr || !parent.block->next_validators) return;
    auto& state = views_[view_.value];
    if (!guards_.may_notarize(state.mine, parent.digest)) return;
    // No proposal carries the certificate on to who never saw it, and without everybody's votes the chain may stand still here.
    if (parent.certificate)
        send(std::nullopt, Channel::consensus, MessageType::certificate,
             encode_certificate_message(*parent.certificate));
    cast(view_, VoteKind::notarize, parent.digest);
}

/// A certificate that we hold for the statement of a received one; its signatures were checked.
const ledger::Certificate* Machine::held_certificate(const ledger::VoteStatement& statement) const {
    const auto same = [&](const std::optional<Certificate>& certificate) {
        return certificate && certificate->statement == statement;
    };
    if (same(anchor_.certificate)) return &*anchor_.certificate;
    if (same(certified_by_)) return &*certified_by_;
    if (statement.kind == VoteKind::execution) {
        const auto known = executions_.find(statement.number);
        return known != executions_.end() && same(known->second.certificate) ? &*known->second.certificate : nullptr;
    }
    const auto known = views_.find(statement.number);
    if (known == views_.end()) return nullptr;
    for (const auto* certificate :
         {&known->second.notarization, &known->second.nullification, &known->second.finalization})
        if (same(*certificate)) return &**certificate;
    return nullptr;
}

/// We keep proposals and pass them on, so every signature in them must be good, not only the statements known to be true.
/// Certificates that differ from ours are replaced by ours, which is cheaper than to check them. Null if one is bad.
ProposalPtr Machine::with_sound_certificates(const ProposalPtr& proposal) const {
    auto copy = *proposal;
    bool replaced = false, good = true;
    const auto settle = [&](Certificate& certificate) {
        if (const auto* ours = held_certificate(certificate.statement)) {
            if (*ours == certificate) return;
            certificate = *ours;
            replaced = true;
        } else {
            good = good && check_.certificate(certificate, quorum());
        }
    };
    if (copy.parent_certificate) settle(*copy.parent_certificate);
    for (auto& certificate : copy.skipped) settle(certificate);
    if (copy.execution) settle(*copy.execution);
    if (!good) return nullptr;
    if (!replaced) return proposal;
    return make_proposal(std::move(copy.signed_block), std::move(copy.parent_certificate), std::move(copy.skipped),
                         std::move(copy.execution));
}

// Following ------------------------------------------------------------------------------------------------------------

void Machine::on_proposal(ValidatorIndex from, const ProposalPtr& received, bool answer) {
    const auto& block = received->block();
    if (block.epoch != epoch()) return; // its leader is not in this epoch yet, or no more
    if (block.cut.size() != n() || block.leader != leader_of(block.view) || (!answer && from != block.leader))
        return report(from, error::WireInvalid, "proposal of a wrong leader or for other lanes");
    if (block.view <= floor_view()) return;
    const bool wanted = header_wants_.contains(received->digest);
    if (answer && !wanted) return;
    if (!wanted) {
        if (const auto known = views_.find(block.view.value); known != views_.end() && known->second.proposal)
            if (known->second.proposal->digest == received->digest) return;
        if (block.view < view_) return;
    }
    if (!check_.proposal(received->signed_block)) return report(from, error::SignatureInvalid, "proposal");
    // The justification moves us on if we are behind.
    bool good = !received->parent_certificate || absorb(*received->parent_certificate);
    for (const auto& certificate : received->skipped) good = good && absorb(certificate);
    if (received->execution) good = good && absorb(*received->execution);
    const auto whole = good ? with_sound_certificates(received) : nullptr;
    if (!whole) return report(from, error::SignatureInvalid, "justification of a proposal");
    if (!wanted && block.view < view_) return;

    const auto& proposal = whole;
    auto& state = views_[block.view.value];
    if (state.proposal && state.proposal->digest != proposal->digest) {
        found({block.leader, ProposalPair{state.proposal->signed_block, proposal->signed_block}});
        if (block.view == view_) state.refused = true;
    }
    if (!state.proposal) state.proposal = proposal;
    if (wanted || state.proposal == proposal) keep_block(proposal);
    changed_ = true;
    finalize_if_allowed(block.view);
}

void Machine::consider_proposal() {
    const auto found = views_.find(view_.value);
    if (found == views_.end()) return;
    auto& state = found->second;
    if (!state.proposal || state.refused || is_stopped(state.proposal->block().leader) || !may_vote_in(view_)) return;
    if (!guards_.may_notarize(state.mine, state.proposal->digest)) return;
    switch (examine(*state.proposal)) {
    case Verdict::wait: return;
    case Verdict::invalid:
        state.refused = true;
        report(state.proposal->block().leader, error::PeerMisbehaves, "proposal breaks a rule");
        return nullify();
    case Verdict::valid: keep_block(state.proposal); return cast(view_, VoteKind::notarize, state.proposal->digest);
    }
}

/// The certificates were checked on receipt; here: does what they prove lead to this block?
bool Machine::justified(const Proposal& proposal) const {
    const auto& block = proposal.block();
    if (block.parent_view < anchor_.block.view) return false;
    if (block.parent_view == anchor_.block.view) return block.parent == anchor_.digest;
    const auto state = views_.find(block.parent_view.value);
    if (state == views_.end()) return false;
    const auto names = [&](const std::optional<Certificate>& c) { return c && c->statement.digest == block.parent; };
    return names(state->second.notarization) || names(state->second.finalization);
}

Machine::Verdict Machine::examine(const Proposal& proposal) {
    const auto& block = proposal.block();
    if (!justified(proposal)) return Verdict::invalid;
    const auto* parent = header(block.parent);
    if (parent == nullptr) {
        want_header(block.parent);
        return Verdict::wait;
    }
    const auto& limits = config_.limits;
    if (block.height != parent->height.next() || block.parent_view != parent->view ||
        block.timestamp_ms <= parent->timestamp_ms || parent->next_validators)
        return Verdict::invalid;

    // Execution reference: certified, never falling, of an ancestor.
    const auto& executed = block.executed;
    if (executed.height < parent->executed.height || executed.height > parent->height) return Verdict::invalid;
    if (executed.height == parent->executed.height) {
        if (executed != parent->executed) return Verdict::invalid;
    } else if (!proposal.execution) {
        return Verdict::invalid;
    }
    const bool empty = block.cut == parent->cut;
    // The state that the block refers to decides whether it ends the epoch, and with which set.
    const auto asked = asked_.find(executed.height.value);
    if (block.next_validators) {
        if (!empty) return Verdict::invalid;
        if (asked == asked_.end()) return Verdict::wait;
        if (asked->second != block.next_validators) return Verdict::invalid;
    } else if (asked != asked_.end() && asked->second) {
        return Verdict::wait; // its leader may not have executed so far itself; the view passes
    }
    if (!empty && block.height.value > executed.height.value + limits.execution_lag_max) return Verdict::invalid;

    std::uint64_t count = 0, bytes = 0, gas = 0;
    bool complete = true;
    for (std::uint16_t i = 0; i < n(); ++i) {
        const auto& from = parent->cut[i];
        const auto& to = block.cut[i];
        if (to == from) continue;
        if (to.position <= from.position || to.position.value - from.position.value > limits.window_positions)
            return Verdict::invalid;
        count += to.position.value - from.position.value;
        if (!acceptable(i, to)) {
            complete = false;
            const auto gap = path(from, to);
            if (gap.state == Path::State::missing)
                want_batch(gap.lacking, i, {},
                           static_cast<std::uint16_t>(std::min<std::uint64_t>(
                               gap.lacking.position.value - from.position.value - 1, kRangeMax)),
                           block.leader, Microseconds{0});
            continue;
        }
        const auto way = path(from, to);
        if (way.state == Path::State::broken) return Verdict::invalid;
        for (const auto* batch : way.batches) {
            bytes += batch->header.body_bytes;
            gas += counted_gas(batch->header);
        }
    }
    if (count > limits.block_batches_max || bytes > limits.block_bytes_max ||
        (count > 1 && gas > gas_bound(block.height.value)))
        return Verdict::invalid;
    if (!complete) return Verdict::wait;
    if (block.timestamp_ms >
        static_cast<std::uint64_t>(std::max<std::int64_t>((wall_ + config_.timing.drift).count(), 0)))
        return Verdict::wait;
    return Verdict::valid;
}

} // namespace cairn::consensus
