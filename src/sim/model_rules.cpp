#include "sim/model_rules.hpp"

namespace cairn::sim {

using ledger::VoteKind;

ModelRules::ModelRules(std::size_t nodes, std::size_t byzantine, Broken broken) : broken_(std::move(broken)) {
    const auto faults = (nodes - 1) / 3;
    const auto quorum = (nodes + faults) / 2 + 1;
    needed_ = quorum > byzantine ? quorum - byzantine : 0;
    enterable_.insert(1);
}

void ModelRules::durable(std::uint16_t node, const consensus::Record& record) {
    if (const auto* proposal = std::get_if<consensus::ProposalPtr>(&record)) {
        const auto& block = (*proposal)->block();
        Block known{block.view.value, block.parent_view.value, block.parent, block.cut,
                    block.next_validators.has_value()};
        for (std::uint16_t lane = 0; lane < block.cut.size(); ++lane)
            ordered_[lane][block.cut[lane].position.value].insert(block.cut[lane].digest);
        blocks_.try_emplace((*proposal)->digest, std::move(known));
    } else if (const auto* vote_record = std::get_if<ledger::Vote>(&record)) {
        if (vote_record->voter.value == node) vote(node, vote_record->statement);
    } else if (const auto* batch_record = std::get_if<consensus::BatchRecord>(&record)) {
        if (batch_record->voted) batch(node, batch_record->batch.header);
    }
}

void ModelRules::refuse(std::uint16_t node, const std::string& rule, std::uint64_t view) {
    broken_("(model) node " + std::to_string(node) + " breaks " + rule + " at " + std::to_string(view));
}

void ModelRules::vote(std::uint16_t node, const ledger::VoteStatement& statement) {
    const auto view = statement.number;
    const auto& digest = statement.digest;
    auto& own = own_[{node, view}];
    switch (statement.kind) {
    case VoteKind::notarize: {
        if (own.notarized.contains(digest)) return; // repeated in a checkpoint
        ++steps_;
        const auto block = blocks_.find(digest);
        if (block == blocks_.end()) return refuse(node, "EXISTS", view);
        // The block that ends an epoch is voted for again in later views, as if it were proposed there on top of itself.
        const bool again = block->second.ends && view > block->second.view;
        if (block->second.view != view && !again) return refuse(node, "EXISTS", view);
        if (!own.notarized.empty() || own.nullified) refuse(node, "MAY_NOTARIZE", view);
        if (!enterable(view)) refuse(node, "ENTERABLE", view);
        if (again ? !carried(view, digest, block->second.view) : !justified(block->second))
            refuse(node, "JUSTIFIED", view);
        own.notarized.insert(digest);
        notarized_[{view, digest}].insert(node);
        if (enough(notarized_, view, digest)) enterable_.insert(view + 1);
        return;
    }
    case VoteKind::nullify:
        if (own.nullified) return;
        ++steps_;
        if (!own.finalized.empty()) refuse(node, "NULLIFY", view);
        if (!enterable(view)) refuse(node, "ENTERABLE", view);
        own.nullified = true;
        nullified_[view].insert(node);
        if (nullified_[view].size() >= needed_) {
            skipped_.insert(view);
            enterable_.insert(view + 1);
        }
        return;
    case VoteKind::finalize:
        if (own.finalized.contains(digest)) return;
        ++steps_;
        if (!blocks_.contains(digest)) refuse(node, "EXISTS", view);
        if (!own.finalized.empty()) refuse(node, "FINALIZE", view);
        if (own.nullified) refuse(node, "NOT_NULLIFIED", view);
        if (own.notarized.size() > (own.notarized.contains(digest) ? 1u : 0u)) refuse(node, "NO_OTHER_NOTARIZED", view);
        if (!enough(notarized_, view, digest)) refuse(node, "NOTARIZATION", view);
        own.finalized.insert(digest);
        finalized_[{view, digest}].insert(node);
        if (enough(finalized_, view, digest)) enterable_.insert(view + 1);
        return;
    default: return; // execution votes are not in the model
    }
}

void ModelRules::batch(std::uint16_t node, const ledger::BatchHeader& header) {
    const auto lane = header.lane.value;
    const auto position = header.position.value;
    auto& voted = lanes_[{node, lane}];
    const auto digest = digest_of(header);
    if (const auto known = voted.find(position); known != voted.end()) {
        if (known->second != digest) refuse(node, "L2 (one digest)", position);
        return;
    }
    ++steps_;
    voted.emplace(position, digest);
    if (position == 1) {
        if (header.parent != Hash256{}) refuse(node, "L2 (first parent)", position);
        return;
    }
    const auto before = voted.find(position - 1);
    const bool follows = before != voted.end() && before->second == header.parent;
    if (!follows && !ordered(lane, position - 1, header.parent)) refuse(node, "L2 (parent)", position);
}

bool ModelRules::ordered(std::uint16_t lane, std::uint64_t position, const Hash256& digest) const {
    const auto cuts = ordered_.find(lane);
    if (cuts == ordered_.end()) return false;
    const auto tips = cuts->second.find(position);
    return tips != cuts->second.end() && tips->second.contains(digest);
}

bool ModelRules::enough(const std::map<std::pair<std::uint64_t, Hash256>, ByVoter>& votes, std::uint64_t view,
                        const Hash256& digest) const {
    const auto found = votes.find({view, digest});
    return (found == votes.end() ? 0 : found->second.size()) >= needed_;
}

bool ModelRules::certified(std::uint64_t view, const Hash256& digest) const {
    return view == 0 || enough(notarized_, view, digest) || enough(finalized_, view, digest);
}

bool ModelRules::carried(std::uint64_t view, const Hash256& digest, std::uint64_t from) const {
    for (auto below = view - 1; below >= from; --below) {
        if (certified(below, digest)) return true;
        if (!skipped(below)) return false;
    }
    return false;
}

bool ModelRules::justified(const Block& block) const {
    if (block.parent_view >= block.view || !certified(block.parent_view, block.parent)) return false;
    for (auto view = block.parent_view + 1; view < block.view; ++view)
        if (!skipped(view)) return false;
    return true;
}

} // namespace cairn::sim
