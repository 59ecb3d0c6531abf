// From finalizations to delivered blocks (consensus.md section 5).
#include "base/errors/consensus.hpp"
#include "consensus/machine.hpp"

#include "base/assert.hpp"

namespace cairn::consensus {

/// The highest finalization whose chain down to the anchor is known moves the anchor.
void Machine::commit() {
    for (auto entry = views_.rbegin(); entry != views_.rend(); ++entry) {
        if (entry->first <= anchor_.block.view.value) return;
        if (!entry->second.finalization) continue;
        std::vector<Pending> chain;
        auto digest = entry->second.finalization->statement.digest;
        auto certificate = *entry->second.finalization;
        while (digest != anchor_.digest) {
            const auto found = blocks_.find(digest);
            if (found == blocks_.end()) break;
            const auto& proposal = found->second.proposal;
            if (const auto state = views_.find(proposal->block().view.value);
                state != views_.end() && state->second.finalization)
                certificate = *state->second.finalization;
            chain.push_back({proposal, certificate});
            if (proposal->block().height <= anchor_.block.height)
                return halt(error::PeerMisbehaves,
                            "two finalized blocks conflict: more validators lie than the network tolerates");
            digest = proposal->block().parent;
            if (proposal->parent_certificate) certificate = *proposal->parent_certificate;
        }
        if (digest != anchor_.digest) {
            want_header(digest);
            continue;
        }
        // A quorum that finalizes one block in two views is made of liars, but that harms nobody.
        if (chain.empty()) continue;
        if (pending_.size() + chain.size() > kPendingMax + kRangeMax) return;
        std::reverse(chain.begin(), chain.end());
        return move_anchor(chain);
    }
}

/// `blocks` are final, follow the anchor without gap, and each certificate is of its block.
void Machine::move_anchor(const std::vector<Pending>& blocks) {
    CRN_ASSERT(!blocks.empty() && blocks.front().proposal->block().parent == anchor_.digest);
    for (const auto& block : blocks) pending_.push_back(block);
    const auto& top = blocks.back();
    // The next leader counts the block interval from when its parent was seen.
    anchor_seen_ = blocks_.contains(top.proposal->digest) ? seen_at(top.proposal->digest) : now_;
    auto trailing = anchor_.trailing_empty;
    for (const auto* cut = &anchor_.block.cut; const auto& block : blocks) {
        const auto& next = block.proposal->block().cut;
        trailing = next == *cut ? std::min(trailing + 1, config_.limits.trailing_empty_blocks) : 0;
        cut = &next;
    }
    anchor_ = {top.proposal->block(), top.proposal->digest, top.certificate, trailing};
    asked_.erase(asked_.begin(), asked_.lower_bound(anchor_.block.executed.height.value));
    nullified_in_row_ = 0;
    behind_since_.reset();
    changed_ = true;

    views_.erase(views_.begin(), views_.upper_bound(anchor_.block.view.value));
    std::erase_if(blocks_,
                  [&](const auto& entry) { return entry.second.proposal->block().view <= anchor_.block.view; });
    header_wants_.clear(); // those still needed are asked for again
    for (std::uint16_t i = 0; i < n(); ++i) {
        recount(lanes_[i], committed(i).position.value);
        std::erase_if(lanes_[i].early, [&](const auto& entry) {
            if (entry.first > committed(i).position.value) return false;
            lanes_[i].early_bytes -= entry.second.body->size();
            return true;
        });
    }
    if (is_member())
        lane_votes_.erase(lane_votes_.begin(), lane_votes_.upper_bound(committed(self().value).position.value));
    std::erase_if(wants_, [&](const auto& entry) {
        return entry.second.height.value == 0 && entry.second.position <= committed(entry.second.lane).position.value;
    });
}

/// New batches between `before` and the block's cut in the order of execution; nothing while some are missing, which are
/// asked for if `want_for` names the block's height.
std::optional<std::vector<ledger::Batch>> Machine::ordered_batches(const ConsensusBlock& block,
                                                                   const ledger::Cut& before, const Height* want_for) {
    std::vector<ledger::Batch> out;
    bool complete = true;
    for (std::size_t i = 0; i < n(); ++i) {
        const auto lane = static_cast<std::uint16_t>((block.view.value + i) % n());
        const auto way = path(before[lane], block.cut[lane]);
        if (way.state == Path::State::broken) {
            if (want_for)
                halt(error::PeerMisbehaves, "lane " + std::to_string(lane) + " was ordered along two branches");
            return std::nullopt;
        }
        if (way.state == Path::State::missing) {
            complete = false;
            if (want_for)
                want_batch(way.lacking, lane, *want_for,
                           static_cast<std::uint16_t>(std::min<std::uint64_t>(
                               way.lacking.position.value - before[lane].position.value - 1, kRangeMax)),
                           ValidatorIndex{lane}, Microseconds{0});
            continue;
        }
        for (const auto* batch : way.batches) out.push_back(*batch);
    }
    if (!complete) return std::nullopt;
    return out;
}

void Machine::deliver() {
    const auto& limits = config_.limits;
    while (!pending_.empty()) {
        const auto& [proposal, certificate] = pending_.front();
        const auto height = proposal->block().height;
        if (height.value > durable_.value + limits.delivery_window || height.value > executed_ + kExecutionWindow)
            return;
        auto batches = ordered_batches(proposal->block(), delivered_cut_, &height);
        if (!batches) break;
        auto block = std::make_shared<FinalizedBlock>();
        block->block = proposal->block();
        block->digest = proposal->digest;
        block->certificate = certificate;
        block->proposal = proposal->encoded;
        block->batches = std::move(*batches);
        delivered_ = height;
        delivered_cut_ = block->block.cut;
        unsaved_.push_back(block);
        out_.finalized.push_back(std::move(block));
        pending_.pop_front();
        changed_ = true;
    }
    // Ask for the bodies of the next few blocks together.
    constexpr std::size_t kAhead = 16;
    for (std::size_t i = 1; i < std::min(pending_.size(), kAhead); ++i) {
        const auto height = pending_[i].proposal->block().height;
        ordered_batches(pending_[i].proposal->block(), pending_[i - 1].proposal->block().cut, &height);
    }
}

void Machine::announce_notarized() {
    for (auto entry = views_.rbegin(); entry != views_.rend(); ++entry) {
        const auto& certificate = entry->second.notarization;
        if (!certificate) continue;
        const auto found = blocks_.find(certificate->statement.digest);
        if (found == blocks_.end() || found->second.announced) return;
        const auto& block = found->second.proposal->block();
        const auto* parent = header(block.parent);
        if (parent == nullptr) return;
        auto batches = ordered_batches(block, parent->cut, nullptr);
        if (!batches) return;
        found->second.announced = true;
        out_.notarized.push_back({block, found->first, std::move(*batches)});
        return;
    }
}

void Machine::on_durable(Height through) {
    if (through > delivered_) return; // the driver cannot have stored what it was not given
    while (!unsaved_.empty() && unsaved_.front()->block.height <= through) {
        durable_ = unsaved_.front()->block.height;
        durable_cut_ = unsaved_.front()->block.cut;
        unsaved_.pop_front();
    }
    std::erase_if(store_, [&](const auto& entry) {
        const auto& header = entry.second.header;
        return header.position <= durable_cut_[header.lane.value].position;
    });
    for (std::size_t i = 0; i < n(); ++i) {
        auto& chain = lanes_[i].chain;
        chain.erase(chain.begin(), chain.upper_bound(durable_cut_[i].position.value));
    }
}

} // namespace cairn::consensus
