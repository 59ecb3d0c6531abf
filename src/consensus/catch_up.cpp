// Status, and fetching what is missing: bodies, headers, certificates, whole ranges of final blocks. Nothing that a peer claims
// is believed: a claim only decides whom to ask, every answer is checked, every question goes to someone else after a while.
#include "base/errors/codec.hpp"
#include "base/errors/consensus.hpp"
#include "base/errors/crypto.hpp"
#include "consensus/machine.hpp"
#include "consensus/serving.hpp"

namespace cairn::consensus {

// Status ---------------------------------------------------------------------------------------------------------------

void Machine::send_status(std::optional<ValidatorIndex> to) {
    PeerStatus status;
    status.epoch = epoch();
    status.view = view_;
    status.finalized = anchor_.block.height;
    status.executed = certified_.height;
    for (std::uint16_t i = 0; i < n(); ++i) status.lanes.push_back(held_tip(i, committed(i)).position);
    status.entry = entry_;
    status.number = round_trips_.sending(now_);
    status.echoes = round_trips_.echoes(now_);
    send(to, Channel::consensus, MessageType::status, encode_status(status));
}

void Machine::on_status(ValidatorIndex from, PeerStatus status) {
    if (status.epoch != epoch()) {
        // Who is ahead can be asked for the blocks in between; who is behind will ask.
        peers_[from.value].status.finalized = status.epoch > epoch() ? status.finalized : Height{};
        return;
    }
    if (status.lanes.size() != n() || (!status.echoes.empty() && status.echoes.size() != n()))
        return report(from, error::WireInvalid, "status of other lanes");
    if (status.entry && status.entry->statement.kind != VoteKind::notarize &&
        status.entry->statement.kind != VoteKind::nullify && status.entry->statement.kind != VoteKind::finalize)
        return report(from, error::WireInvalid, "status with a certificate that is not of a view");
    if (status.entry && !absorb(*status.entry)) return report(from, error::SignatureInvalid, "certificate of a status");
    round_trips_.received(from, status, self(), now_);
    if (waiting_for_certificates_) remember_abstention(from, status);
    if (status.view < view_ && entry_)
        send(from, Channel::consensus, MessageType::certificate, encode_certificate_message(*entry_));
    const auto lane = is_member() ? status.lanes[self().value] : Position{};
    peers_[from.value].status = std::move(status);
    if (is_member() && lane < own_tip().position) push_own_batches(from);
}

/// What a peer has not voted for although it had the time. A few at once; the next status asks for more.
void Machine::push_own_batches(ValidatorIndex to) {
    constexpr int kPushMax = 4;
    const auto& lane = lanes_[self().value];
    auto link = lane.chain.upper_bound(
        std::max(peers_[to.value].status.lanes[self().value], committed(self().value).position).value);
    for (int pushed = 0; link != lane.chain.end() && pushed < kPushMax; ++link, ++pushed) {
        if (now_ - link->second.since < 2 * base_delta()) return;
        const auto* batch = held(link->second.digest);
        if (batch == nullptr || !serve(to, batch->body->size())) return;
        send(to, Channel::data, MessageType::batch, encode_batch_message(*batch, std::nullopt));
    }
}

// Asking ---------------------------------------------------------------------------------------------------------------

void Machine::want_batch(const LaneTip& tip, std::uint16_t lane, Height height, std::uint16_t depth,
                         ValidatorIndex first, Microseconds delay) {
    if (held(tip.digest)) return;
    if (const auto early = lanes_[lane].early.find(tip.position.value);
        early != lanes_[lane].early.end() && digest_of(early->second.header) == tip.digest) {
        store_.try_emplace(tip.digest, early->second);
        changed_ = true;
        return;
    }
    if (const auto known = wants_.find(tip.digest); known != wants_.end()) {
        known->second.height = std::max(known->second.height, height);
        known->second.due =
            std::min(known->second.due, std::max(now_ + delay, now_ + fetch_timeout() * (known->second.tries > 0)));
        return;
    }
    if (wants_.size() >= kWantsMax) return;
    wants_.emplace(tip.digest, Want{lane, tip.position.value, height, depth, first, now_ + delay, 0});
}

void Machine::want_header(const Hash256& digest) {
    if (header_wants_.size() < kRangeMax) header_wants_.try_emplace(digest, HeaderWant{now_, 0});
}

void Machine::fetch() {
    if (n() == 1 && is_member()) return;
    constexpr std::uint32_t kTriesMax = 16;
    std::map<ValidatorIndex, FetchBatches> questions;
    std::erase_if(wants_, [&](auto& entry) {
        auto& want = entry.second;
        // Data that is only proposed may vanish for ever; what is ordered is held by a quorum.
        return held(entry.first) != nullptr || (want.height.value == 0 && want.tries > kTriesMax);
    });
    for (auto& [digest, want] : wants_) {
        if (want.due > now_) continue;
        const auto peer = peer_after(want.first, want.tries);
        auto& question = questions[peer];
        if (question.items.size() >= kRangeMax) continue;
        question.items.push_back({digest, want.height, want.depth});
        ++want.tries;
        want.due = now_ + fetch_timeout() * std::min<std::uint32_t>(want.tries, 8);
    }
    for (const auto& [peer, question] : questions)
        send(peer, Channel::consensus, MessageType::fetch_batches, encode_fetch_batches(question));

    std::erase_if(header_wants_, [&](const auto& entry) { return entry.second.tries > kTriesMax; });
    for (auto& [digest, want] : header_wants_) {
        if (want.due > now_) continue;
        send(peer_after({static_cast<std::uint16_t>((self().value + 1) % n())}, want.tries), Channel::consensus,
             MessageType::fetch_proposal, to_bytes(digest));
        ++want.tries;
        want.due = now_ + fetch_timeout();
    }
    fetch_blocks();
    fetch_certificates();
}

void Machine::fetch_blocks() {
    if (has_ended()) return;
    const auto height = anchor_.block.height.value;
    std::vector<ValidatorIndex> ahead;
    std::uint64_t claimed = 0;
    for (std::uint16_t i = 0; i < n(); ++i) {
        if (peers_[i].status.finalized.value <= height) continue;
        ahead.push_back({i});
        claimed = std::max(claimed, peers_[i].status.finalized.value);
    }
    if (ahead.empty()) {
        behind_since_.reset();
        return;
    }
    if (!behind_since_) behind_since_ = now_;
    constexpr std::uint64_t kFarBehind = 4;
    if (claimed < height + kFarBehind && now_ < *behind_since_ + base_delta()) return;
    if (block_fetch_.active && now_ < block_fetch_.asked + fetch_timeout()) return;
    if (pending_.size() >= kRangeMax) return;
    if (block_fetch_.active) ++block_fetch_.tries; // no answer in time: ask another
    const auto peer = ahead[block_fetch_.tries % ahead.size()];
    block_fetch_.active = true;
    block_fetch_.peer = peer;
    block_fetch_.asked = now_;
    send(peer, Channel::consensus, MessageType::fetch_blocks, encode_fetch_range({height + 1, height + kRangeMax}));
}

/// Certificates that a leader lacks to justify its block, and execution certificates of old heights.
void Machine::fetch_certificates() {
    if (now_ < certificate_fetch_due_) return;
    const auto ask = [&](FetchCertificates::Kind kind, std::uint64_t from, std::uint64_t to) {
        const auto peer =
            peer_after({static_cast<std::uint16_t>((self().value + 1) % n())}, certificate_fetch_tries_++);
        send(peer, Channel::consensus, MessageType::fetch_certificates, encode_fetch_certificates({kind, {from, to}}));
        certificate_fetch_due_ = now_ + fetch_timeout();
    };
    if (active_since_ && (leader_of(view_) == self() || highest_notarized().block.next_validators)) {
        const auto state = views_.find(view_.value);
        if (state == views_.end() || (!state->second.proposed && !state->second.mine.notarize))
            if (const auto gap = find_parent(view_).gap) {
                const auto low =
                    std::max(anchor_.block.view.value + 1, gap->value - std::min(gap->value, kRangeMax - 1));
                ask(FetchCertificates::Kind::views, low, gap->value);
            }
    }
    // The lowest height that lacks one although it should have one by now.
    const auto next = lowest_uncertified();
    auto highest = std::max(certified_.height.value, executed_);
    for (const auto& peer : peers_) highest = std::max(highest, peer.status.executed.value);
    highest = std::min(highest, anchor_.block.height.value);
    if (next > highest) return;
    if (uncertified_ != next) {
        uncertified_ = next;
        uncertified_since_ = now_;
    }
    if (next + config_.limits.execution_lag_max <= highest || now_ >= uncertified_since_ + fetch_timeout())
        ask(FetchCertificates::Kind::executions, next, std::min(highest, next + kRangeMax - 1));
}

std::uint64_t Machine::lowest_uncertified() const {
    auto height = execution_floor_ + 1;
    for (auto known = executions_.find(height);
         known != executions_.end() && known->first == height && known->second.certificate; ++known)
        ++height;
    return height;
}

// Answering ------------------------------------------------------------------------------------------------------------

/// Takes from the peer's budget, so that nobody makes us read and send without end.
bool Machine::serve(ValidatorIndex peer, std::size_t bytes) {
    auto& state = peers_[peer.value];
    const auto elapsed = static_cast<std::uint64_t>(std::max<std::int64_t>((now_ - state.refilled).count(), 0));
    state.serve_bytes = std::min(kServeBytesMax, state.serve_bytes + std::min<std::uint64_t>(elapsed, 1'000'000) *
                                                                         (kServeBytesMax / 1'000'000));
    state.refilled = now_;
    constexpr std::size_t kQuestionCost = 4096;
    const auto cost = bytes + kQuestionCost;
    if (state.serve_bytes < cost) return false;
    state.serve_bytes -= cost;
    return true;
}

std::optional<BlocksAnswer::Item> Machine::finalized_item(std::uint64_t height, std::size_t& bytes_read) const {
    std::optional<BlocksAnswer::Item> item;
    if (height <= durable_.value) {
        const auto block = history_.block(Height{height});
        if (!block) return std::nullopt;
        item = item_of(*block);
        bytes_read += body_bytes(*block);
    } else if (height <= delivered_.value) {
        item = item_of(*unsaved_[height - durable_.value - 1]);
    } else if (height <= delivered_.value + pending_.size()) {
        const auto& pending = pending_[height - delivered_.value - 1];
        item = BlocksAnswer::Item{pending.proposal, pending.certificate, std::nullopt};
    }
    if (!item) return std::nullopt;
    if (const auto known = executions_.find(height); known != executions_.end() && known->second.certificate)
        item->execution = known->second.certificate;
    else
        item->execution = history_.execution_certificate(Height{height});
    return item;
}

void Machine::on_fetch_blocks(ValidatorIndex from, const FetchRange& range) {
    const auto answer = answer_blocks(
        range, [&](std::uint64_t height, std::size_t& bytes_read) { return finalized_item(height, bytes_read); },
        [&](std::size_t bytes) { return serve(from, bytes); });
    send(from, Channel::sync, MessageType::blocks, encode_blocks_answer(answer));
}

void Machine::on_blocks(ValidatorIndex from, const BlocksAnswer& answer) {
    if (!block_fetch_.active || block_fetch_.peer != from) return; // late
    block_fetch_.active = false;
    ++block_fetch_.tries; // spread the next questions, and leave a peer that has nothing
    const auto* parent = &anchor_.block;
    auto parent_digest = anchor_.digest;
    std::vector<const BlocksAnswer::Item*> chain;
    for (const auto& item : answer.items) {
        const auto& block = item.proposal->block();
        if (block.height <= anchor_.block.height) continue;
        bool follows = block.height == parent->height.next() && block.parent == parent_digest &&
                       block.parent_view == parent->view && block.epoch == epoch() && !parent->next_validators &&
                       block.cut.size() == n() && block.leader == leader_of(block.view);
        for (std::size_t i = 0; follows && i < n(); ++i) {
            const auto &before = parent->cut[i], &after = block.cut[i];
            follows =
                after == before || (after.position > before.position &&
                                    after.position.value - before.position.value <= config_.limits.window_positions);
        }
        if (!follows) return report(from, error::PeerMisbehaves, "blocks do not follow ours");
        chain.push_back(&item);
        parent = &block;
        parent_digest = item.proposal->digest;
    }
    if (chain.empty()) return;
    if (chain.back()->certificate.statement.kind != VoteKind::finalize ||
        !check_.certificate(chain.back()->certificate, quorum()))
        return report(from, error::SignatureInvalid, "blocks without finalization");
    // The blocks are final. We pass their proposals on to others, so these must be whole too.
    for (const auto* item : chain) {
        const auto& proposal = *item->proposal;
        bool good = check_.proposal(proposal.signed_block) &&
                    (!proposal.parent_certificate || check_.certificate(*proposal.parent_certificate, quorum()));
        for (const auto& certificate : proposal.skipped) good = good && check_.certificate(certificate, quorum());
        if (!good) return report(from, error::SignatureInvalid, "justification of a final block");
    }
    for (const auto* item : chain) keep_block(item->proposal);
    absorb(chain.back()->certificate, Trust::own);
    for (const auto* item : chain)
        if (item->certificate.statement.kind == VoteKind::finalize && !absorb(item->certificate))
            report(from, error::SignatureInvalid, "finalization");
    commit();
    for (const auto* item : chain)
        if (item->execution && !absorb(*item->execution))
            report(from, error::SignatureInvalid, "execution certificate");
}

void Machine::on_fetch_batches(ValidatorIndex from, const FetchBatches& fetch) {
    const Pay pay = [&](std::size_t bytes) { return serve(from, bytes); };
    StoredBatches stored{history_, durable_, pay};
    answer_batches(
        fetch,
        [&](const Hash256& digest, Height height) -> const ledger::Batch* {
            if (const auto* batch = held(digest)) return batch;
            for (const auto& lane : lanes_)
                for (const auto& [position, batch] : lane.early)
                    if (digest_of(batch.header) == digest) return &batch;
            return stored.find(digest, height);
        },
        pay,
        [&](const ledger::Batch& batch) {
            send(from, Channel::data, MessageType::batch_answer, encode_batch_message(batch, std::nullopt));
        });
}

void Machine::on_fetch_certificates(ValidatorIndex from, const FetchCertificates& fetch) {
    const auto answer = [&](const std::optional<Certificate>& certificate) {
        if (certificate && serve(from, 0))
            send(from, Channel::sync, MessageType::certificate, encode_certificate_message(*certificate));
    };
    if (!serve(from, 0)) return;
    if (fetch.kind == FetchCertificates::Kind::views) {
        if (fetch.range.from <= anchor_.block.view.value) answer(anchor_.certificate);
        for (auto state = views_.lower_bound(fetch.range.from); state != views_.end() && state->first <= fetch.range.to;
             ++state) {
            answer(state->second.notarization);
            answer(state->second.nullification);
            answer(state->second.finalization);
        }
        return;
    }
    for (auto height = fetch.range.from; height <= fetch.range.to && height <= anchor_.block.height.value; ++height) {
        const auto known = executions_.find(height);
        if (known != executions_.end() && known->second.certificate) {
            answer(known->second.certificate);
        } else if (const auto stored = history_.execution_certificate(Height{height})) {
            answer(stored);
        } else if (known != executions_.end() && known->second.mine && serve(from, 0)) {
            // Perhaps nobody has the certificate, and this vote was lost.
            send(from, Channel::consensus, MessageType::vote, encode_vote(*known->second.mine));
        }
    }
}

void Machine::on_fetch_proposal(ValidatorIndex from, const Hash256& digest) {
    const auto answer = [&](const SharedBytes& encoded) {
        if (serve(from, encoded->size())) send_proposal(from, MessageType::proposal_answer, encoded);
    };
    if (!serve(from, 0)) return;
    if (const auto found = blocks_.find(digest); found != blocks_.end()) return answer(found->second.proposal->encoded);
    for (const auto& pending : pending_)
        if (pending.proposal->digest == digest) return answer(pending.proposal->encoded);
    for (const auto& block : unsaved_)
        if (block->digest == digest) return answer(block->proposal);
}

} // namespace cairn::consensus
