// Restart from the write-ahead log, checkpoints, and rejoining after the log was lost (consensus.md section 7).
#include "base/errors/consensus.hpp"
#include "consensus/machine.hpp"

namespace cairn::consensus {

Identity Machine::identity() const {
    return {config_.chain_id, config_.validators.epoch, self(), hash_of(config_.validators)};
}

void Machine::reset() {
    view_ = View{1};
    forgotten_ = {};
    entry_.reset();
    nullified_in_row_ = 0;
    views_.clear();
    blocks_.clear();
    header_wants_.clear();
    lanes_.assign(n(), {});
    store_.clear();
    wants_.clear();
    lane_votes_.clear();
    pending_.clear();
    unsaved_.clear();
    executions_.clear();
    peers_.assign(n(), {});
    waiting_for_certificates_ = false;
    lane_silent_ = false;
    abstain_.reset();
    forgotten_epochs_.reset();

    // As if the epoch's parent were a block of view 0 of this epoch, without lanes: they begin anew.
    const auto& start = config_.start;
    ConsensusBlock parent;
    parent.epoch = epoch();
    parent.height = start.height;
    parent.cut.resize(n());
    parent.executed = {start.height, start.header_hash};
    parent.timestamp_ms = start.timestamp_ms;
    // A later epoch begins with a few empty blocks: their certificates vouch for the last results of the epoch before.
    const auto trailing = start.height.value == 0 ? config_.limits.trailing_empty_blocks : 0;
    anchor_ = {parent, start.digest, std::nullopt, trailing};
    delivered_ = durable_ = start.height;
    delivered_cut_ = durable_cut_ = parent.cut;
    execution_floor_ = executed_ = recovered_ = start.height.value;
    asked_.clear();
    certified_ = parent.executed;
    certified_by_.reset();
}

/// trailing_empty() of the store's tip, where headers are not in memory yet.
std::uint64_t Machine::stored_trailing_empty(const FinalizedBlock& tip) const {
    const auto enough = config_.limits.trailing_empty_blocks;
    auto cut = tip.block.cut;
    auto height = tip.block.height.value;
    const auto first = config_.start.height.value + 1;
    for (std::uint64_t count = 0; count < enough && height > first; ++count) {
        const auto parent = history_.block(Height{--height});
        if (!parent) return enough;
        if (parent->block.cut != cut) return count;
    }
    const auto first_has_data =
        height == first && std::ranges::any_of(cut, [](const LaneTip& t) { return t != LaneTip{}; });
    return first_has_data || first > 1 ? std::min(enough, tip.block.height.value - first + (first_has_data ? 0 : 1))
                                       : enough;
}

/// The tip of the driver's store is the anchor; the log adds what came after.
void Machine::load_history() {
    const auto tip = history_.tip();
    if (tip <= config_.start.height) return;
    const auto block = history_.block(tip);
    if (!block || block->block.epoch != epoch()) return;
    anchor_ = {block->block, block->digest, block->certificate, stored_trailing_empty(*block)};
    delivered_ = durable_ = tip;
    delivered_cut_ = durable_cut_ = block->block.cut;
    view_ = anchor_.block.view.next();
    entry_ = anchor_.certificate;
    executed_ = recovered_ = execution_floor_ = tip.value;
    certified_ = block->block.executed;
    // Of the epoch's first reference there is no certificate by this set.
    if (certified_.height > config_.start.height) certified_by_ = history_.execution_certificate(certified_.height);
    const auto low = tip.value - std::min(tip.value - config_.start.height.value, kExecutionWindow);
    for (auto height = tip.value; height > low; --height) {
        const auto certificate = history_.execution_certificate(Height{height});
        if (!certificate) {
            execution_floor_ = height - 1;
            continue;
        }
        executions_[height].certificate = certificate;
        if (height > certified_.height.value) {
            certified_ = {Height{height}, certificate->statement.digest};
            certified_by_ = certificate;
        }
    }
    executions_.erase(executions_.begin(), executions_.upper_bound(execution_floor_));
}

Status Machine::recover(std::span<const BytesView> records, Memory memory) {
    reset();
    load_history();
    if (durable_ != history_.tip())
        return fail(error::LogInvalid, "the store does not have its own highest block, or not that before this epoch");
    const bool begun = history_.tip() > config_.start.height;
    if (memory == Memory::fresh && begun) memory = Memory::lost;
    if (memory == Memory::complete && records.empty()) memory = history_.tip().value > 0 ? Memory::lost : Memory::fresh;
    if (memory != Memory::complete) {
        fresh_log_ = true;
        waiting_for_certificates_ = lane_silent_ = memory == Memory::lost;
        return {};
    }
    CRN_CHECK(apply_all(records));
    for (std::size_t i = 0; i < n(); ++i) recount(lanes_[i], committed(i).position.value);
    commit();
    return {};
}

Status Machine::apply_all(std::span<const BytesView> records) {
    std::vector<BytesView> parts;
    enum class Epochs { none, earlier, this_one } seen = Epochs::none;
    std::optional<Amnesia> before; // of the last epoch before this one
    const auto take = [&](const Record& record) -> Status {
        if (const auto* whose = std::get_if<Identity>(&record)) {
            const bool earlier = whose->chain_id == config_.chain_id && whose->epoch < epoch();
            seen = earlier ? Epochs::earlier : Epochs::this_one;
            before.reset();
        }
        if (seen == Epochs::none) return fail(error::LogInvalid, "the log does not begin with its identity");
        if (seen == Epochs::this_one) return apply(record);
        if (const auto* amnesia = std::get_if<Amnesia>(&record)) before = *amnesia;
        return {};
    };
    for (const auto& bytes : records) {
        CRN_TRY(record, decode_record(bytes));
        if (const auto* part = std::get_if<Part>(&record)) {
            if (part->index == 0) parts.clear();
            if (part->index != parts.size()) return fail(error::LogInvalid, "checkpoint out of order");
            parts.push_back(part->record);
            if (parts.size() < part->total) continue;
            // Complete: it replaces everything before.
            reset();
            load_history();
            for (const auto& inner : parts) {
                CRN_TRY(inner_record, decode_record(inner));
                if (std::holds_alternative<Part>(inner_record)) return fail(error::LogInvalid, "part in a part");
                CRN_CHECK(take(inner_record));
            }
            parts.clear();
            continue;
        }
        parts.clear(); // a checkpoint that a crash cut off
        CRN_CHECK(take(record));
    }
    // A log whose only content is an unfinished checkpoint has lost what it should have replaced.
    if (seen == Epochs::none) return fail(error::LogInvalid, "the log has no identity");
    if (seen == Epochs::this_one) return {};
    // The identity is durable before anything of its epoch is sent. But a log that was begun after a loss tells nothing of what was
    // signed before.
    fresh_log_ = true;
    if (before && (!before->last || epoch() <= *before->last)) {
        waiting_for_certificates_ = lane_silent_ = true;
        forgotten_epochs_ = before->last;
    }
    return {};
}

Status Machine::apply(const Record& record) {
    if (const auto* value = std::get_if<Identity>(&record)) {
        if (*value != identity()) return fail(error::LogInvalid, "of another chain, epoch, validator or set");
    } else if (const auto* batch = std::get_if<BatchRecord>(&record)) {
        const auto& header = batch->batch.header;
        if (header.lane.value >= n()) return fail(error::LogInvalid, "batch of an unknown lane");
        if (header.position <= durable_cut_[header.lane.value].position) return {};
        const auto digest = digest_of(header);
        store_.insert_or_assign(digest, batch->batch);
        if (batch->voted)
            lanes_[header.lane.value].chain.insert_or_assign(
                header.position.value, Link{digest, true, batch->batch.body->size(), Microseconds{0}});
    } else if (const auto* vote = std::get_if<Vote>(&record)) {
        const auto number = vote->statement.number;
        if (vote->voter != self() || vote->statement.epoch != config_.validators.epoch)
            return fail(error::LogInvalid, "vote of another");
        if (vote->statement.kind == VoteKind::execution) {
            if (number <= execution_floor_) return {};
            executions_[number].mine = *vote;
            executions_[number].votes.add(*vote, true);
            return {};
        }
        view_ = std::max(view_, View{number});
        if (number <= floor_view().value) return {};
        auto& state = views_[number];
        switch (vote->statement.kind) {
        case VoteKind::notarize:
            state.mine.notarize = *vote;
            state.notarize.add(*vote, true);
            break;
        case VoteKind::nullify:
            state.mine.nullify = *vote;
            state.nullify.add(*vote, true);
            break;
        case VoteKind::finalize:
            state.mine.finalize = *vote;
            state.finalize.add(*vote, true);
            break;
        default: return fail(error::LogInvalid, "vote of a kind that is not logged");
        }
    } else if (const auto* proposal = std::get_if<ProposalPtr>(&record)) {
        const auto& block = (*proposal)->block();
        if (block.view <= floor_view() || block.cut.size() != n()) return {};
        keep_block(*proposal);
        auto& state = views_[block.view.value];
        if (!state.proposal) state.proposal = *proposal;
        if (block.leader == self()) {
            state.proposed = true;
            view_ = std::max(view_, block.view);
        }
    } else if (const auto* certificate = std::get_if<Certificate>(&record)) {
        if (!absorb(*certificate, Trust::own)) return fail(error::LogInvalid, "certificate of another epoch");
    } else if (const auto* entered = std::get_if<Entered>(&record)) {
        view_ = std::max(view_, entered->view);
        forgotten_ = std::max(forgotten_, entered->forgotten);
    } else if (const auto* amnesia = std::get_if<Amnesia>(&record)) {
        lane_silent_ = true;
        abstain_ = amnesia->abstain;
        forgotten_epochs_ = amnesia->last;
        waiting_for_certificates_ = !abstain_;
    }
    return {};
}

/// Amnesia: once Q others have shown certificates, one of them is honest and was in the highest view that we can have voted
/// in; two views further nothing of ours can exist.
void Machine::remember_abstention(ValidatorIndex peer, const PeerStatus& status) {
    if (status.entry) {
        if (!check_.certificate(*status.entry, quorum())) return;
        peers_[peer.value].certified = View{status.entry->statement.number};
    } else {
        if (status.view.value > 1) return;
        peers_[peer.value].certified = View{0};
    }
    std::size_t answers = 0;
    View highest{};
    for (const auto& other : peers_) {
        if (!other.certified) continue;
        ++answers;
        highest = std::max(highest, *other.certified);
    }
    if (answers < config_.validators.quorum()) return;
    abstain_ = View{std::max(highest, view_.previous()).value + 2};
    waiting_for_certificates_ = false;
    if (!forgotten_epochs_) forgotten_epochs_ = epoch().next();
    log(record_amnesia({abstain_, forgotten_epochs_}), Barrier::sync);
    changed_ = true;
}

std::vector<SharedBytes> Machine::snapshot() const {
    std::vector<SharedBytes> out;
    out.push_back(record_identity(identity()));
    if (lane_silent_) out.push_back(record_amnesia({abstain_, forgotten_epochs_}));
    // Headers before the certificates that name them.
    for (const auto& block : unsaved_) out.push_back(record_proposal(*block->proposal));
    for (const auto& pending : pending_) out.push_back(record_proposal(*pending.proposal->encoded));
    for (const auto& [digest, node] : blocks_) out.push_back(record_proposal(*node.proposal->encoded));
    const auto keep = [&](const std::optional<Certificate>& certificate) {
        if (certificate) out.push_back(record_certificate(*certificate));
    };
    for (const auto& block : unsaved_)
        if (block->certificate.statement.kind == VoteKind::finalize) keep(block->certificate);
    for (const auto& pending : pending_)
        if (pending.certificate.statement.kind == VoteKind::finalize) keep(pending.certificate);
    for (const auto& [number, state] : views_) {
        keep(state.notarization);
        keep(state.nullification);
        keep(state.finalization);
        for (const auto* vote : {&state.mine.notarize, &state.mine.nullify, &state.mine.finalize})
            if (*vote) out.push_back(record_vote(**vote));
    }
    keep(entry_);
    for (const auto& [height, execution] : executions_) {
        keep(execution.certificate);
        if (execution.mine) out.push_back(record_vote(*execution.mine));
    }
    for (const auto& lane : lanes_)
        for (const auto& [position, proof] : lane.proofs) keep(proof);
    for (const auto& [digest, batch] : store_) {
        const auto& chain = lanes_[batch.header.lane.value].chain;
        const auto link = chain.find(batch.header.position.value);
        out.push_back(record_batch(batch, link != chain.end() && link->second.voted && link->second.digest == digest));
    }
    out.push_back(record_entered({view_, floor_view()}));
    return out;
}

std::vector<SharedBytes> Machine::checkpoint() const {
    const auto records = snapshot();
    std::vector<SharedBytes> out;
    const auto total = static_cast<std::uint32_t>(records.size());
    for (std::uint32_t i = 0; i < total; ++i) out.push_back(record_part(i, total, *records[i]));
    return out;
}

} // namespace cairn::consensus
