// Lanes (consensus.md section 3): own batches, votes for the batches of others, proofs of availability.
#include "base/errors/codec.hpp"
#include "base/errors/consensus.hpp"
#include "base/errors/crypto.hpp"
#include "base/errors/ledger.hpp"
#include "consensus/machine.hpp"

#include "base/assert.hpp"
#include "crypto/hash.hpp"

namespace cairn::consensus {

using ledger::Batch;

const Batch* Machine::held(const Hash256& digest) const {
    const auto found = store_.find(digest);
    return found == store_.end() ? nullptr : &found->second;
}

ledger::LaneTip Machine::own_tip() const {
    const auto& chain = lanes_[self().value].chain;
    const auto& base = committed(self().value);
    if (chain.empty() || chain.rbegin()->first <= base.position.value) return base;
    return {Position{chain.rbegin()->first}, chain.rbegin()->second.digest};
}

LaneRoom Machine::lane_room() const {
    if (!is_member() || has_ended() || lane_silent_ || waiting_for_certificates_ || is_stopped(self())) return {};
    const auto& lane = lanes_[self().value];
    const auto used = own_tip().position.value - committed(self().value).position.value;
    const auto& limits = config_.limits;
    if (used >= limits.window_positions || lane.bytes >= limits.window_bytes) return {};
    return {limits.window_positions - used,
            std::min<std::uint64_t>(ledger::kBatchBytesMax, limits.window_bytes - lane.bytes),
            own_tip().position.next(), level_.batch_transactions(), level_.giving()};
}

void Machine::on_local_batch(const LocalBatch& local) {
    std::vector<BytesView> transactions{local.transactions.begin(), local.transactions.end()};
    auto body = std::make_shared<const Bytes>(ledger::encode_batch_body(transactions));
    const auto room = lane_room();
    if (room.batches == 0 || body->size() > room.bytes ||
        local.gas_limit_sum > gas_bound(highest_notarized().block.height.value + 1) ||
        !ledger::split_batch_body(*body)) {
        out_.batch_refused = true;
        return;
    }
    const auto tip = own_tip();
    Batch batch;
    batch.header.epoch = config_.validators.epoch;
    batch.header.lane = self();
    batch.header.position = tip.position.next();
    batch.header.parent = tip.digest;
    batch.header.body_hash = crypto::keccak256(*body);
    batch.header.transaction_count = static_cast<std::uint32_t>(transactions.size());
    batch.header.body_bytes = static_cast<std::uint32_t>(body->size());
    batch.header.gas_limit_sum = local.gas_limit_sum;
    const auto signature = signer_.sign_batch(batch.header);
    if (!signature) {
        out_.batch_refused = true;
        return;
    }
    batch.header.signature = *signature;
    batch.body = std::move(body);
    const auto digest = digest_of(batch.header);

    extend(self().value, batch, digest, true);
    std::optional<Certificate> proof;
    const auto& proofs = lanes_[self().value].proofs;
    if (!proofs.empty() && proofs.rbegin()->first > proof_sent_) {
        proof = proofs.rbegin()->second;
        proof_sent_ = proofs.rbegin()->first;
        proof_due_.reset();
    }
    send(std::nullopt, Channel::data, MessageType::batch, encode_batch_message(batch, proof));
    if (const auto vote = sign(VoteKind::lane, batch.header.position.value, self().value, digest)) on_lane_vote(*vote);
}

/// Appends to the chain of a lane. The record of the body is also the memory of the vote.
void Machine::extend(std::uint16_t index, const Batch& batch, const Hash256& digest, bool voted) {
    auto& lane = lanes_[index];
    store_.insert_or_assign(digest, batch);
    lane.chain.insert_or_assign(batch.header.position.value, Link{digest, voted, batch.body->size(), now_});
    lane.bytes += batch.body->size();
    wants_.erase(digest);
    log(record_batch(batch, voted), Barrier::sync);
    changed_ = true;
}

/// What we vouch for ourselves needs no proof, and the check of one is dear, unless leaders take nothing else from the lane.
bool Machine::needs_proof(const Certificate& proof) const {
    const auto& statement = proof.statement;
    if (statement.kind != VoteKind::lane || statement.lane >= n()) return true;
    const auto& lane = lanes_[statement.lane];
    const auto link = lane.chain.find(statement.number);
    return link == lane.chain.end() || !link->second.voted || link->second.digest != statement.digest ||
           view_.value < lane.certified_only_until;
}

void Machine::on_batch(ValidatorIndex from, BatchMessage message) {
    if (message.batch.header.epoch != epoch()) return; // its owner is not in this epoch yet, or no more
    if (message.batch.header.lane != from) return report(from, error::WireInvalid, "batch of another's lane");
    if (message.proof && needs_proof(*message.proof) && !absorb(*message.proof))
        return report(from, error::SignatureInvalid, "proof of a batch");
    const auto& header = message.batch.header;
    const auto digest = digest_of(header);
    const auto& lane = lanes_[from.value];
    const auto link = lane.chain.find(header.position.value);
    if (link != lane.chain.end() && link->second.digest == digest) {
        // It asks because our vote was lost.
        if (link->second.voted) send_lane_vote(from.value, header.position.value, digest);
        return;
    }
    if (!check_.batch(header, digest)) return report(from, error::SignatureInvalid, "batch");
    offer(message.batch, digest);
}

void Machine::on_batch_answer(ValidatorIndex from, BatchMessage message) {
    const auto& header = message.batch.header;
    const auto digest = digest_of(header);
    const auto want = wants_.find(digest);
    if (want == wants_.end()) return; // late, or nobody asked
    if (header.lane.value != want->second.lane || header.position.value != want->second.position)
        return report(from, error::BatchInvalid, "not at the position that was ordered");
    wants_.erase(want);
    store_.try_emplace(digest, message.batch);
    changed_ = true;
    if (check_.batch(header, digest)) offer(message.batch, digest);
}

/// A batch with its owner's signature: keep it until it can be voted for, or show that the owner signed two.
void Machine::offer(const Batch& batch, const Hash256& digest) {
    const auto& header = batch.header;
    const auto position = header.position.value;
    auto& lane = lanes_[header.lane.value];
    const auto base = committed(header.lane.value).position.value;

    if (const auto link = lane.chain.find(position); link != lane.chain.end()) {
        if (link->second.digest == digest) return;
        if (const auto* other = held(link->second.digest))
            return found({header.lane, BatchPair{other->header, header}});
        return;
    }
    if (position <= base || position > base + config_.limits.window_positions) return;
    if (const auto other = lane.early.find(position); other != lane.early.end()) {
        if (digest_of(other->second.header) == digest) return;
        return found({header.lane, BatchPair{other->second.header, header}});
    }
    if (lane.early_bytes + batch.body->size() > config_.limits.window_bytes) return;
    lane.early_bytes += batch.body->size();
    lane.early.emplace(position, batch);
    changed_ = true;
}

void Machine::vote_in_lanes() {
    for (std::uint16_t i = 0; i < n(); ++i)
        if (!lanes_[i].early.empty()) vote_in_lane(i);
}

void Machine::vote_in_lane(std::uint16_t index) {
    auto& lane = lanes_[index];
    const auto base = committed(index);
    while (!lane.early.empty()) {
        const auto first = lane.early.begin();
        const auto position = first->first;
        const auto drop = [&] {
            lane.early_bytes -= first->second.body->size();
            lane.early.erase(first);
        };
        if (position <= base.position.value || lane.chain.contains(position)) {
            drop();
            continue;
        }
        // L2: the parent must be what we voted for, or committed.
        const auto before = lane.chain.find(position - 1);
        const bool on_base = position - 1 == base.position.value;
        if (!on_base && before == lane.chain.end()) {
            want_batch(
                {Position{position - 1}, first->second.header.parent}, index, {},
                static_cast<std::uint16_t>(std::min<std::uint64_t>(position - 2 - base.position.value, kRangeMax)),
                {index}, Microseconds{0});
            return;
        }
        if (first->second.header.parent != (on_base ? base.digest : before->second.digest)) {
            drop();
            continue;
        }
        // L1: beyond the window the vote is withheld, and taken up again when the lane is committed further.
        if (lane.bytes + first->second.body->size() > config_.limits.window_bytes) return;
        const Batch batch = first->second;
        const auto digest = digest_of(batch.header);
        drop();
        const bool votes = !lane_silent_ && !is_stopped({index});
        extend(index, batch, digest, votes);
        if (votes) send_lane_vote(index, position, digest);
    }
}

void Machine::send_lane_vote(std::uint16_t lane, std::uint64_t position, const Hash256& digest) {
    if (lane == self().value) return;
    if (const auto vote = sign(VoteKind::lane, position, lane, digest))
        send(ValidatorIndex{lane}, Channel::consensus, MessageType::vote, encode_vote(*vote));
}

void Machine::on_lane_vote(const Vote& vote) {
    const auto& statement = vote.statement;
    if (!is_member() || statement.lane != self().value) return; // votes go to the owner only
    auto& lane = lanes_[self().value];
    const auto link = lane.chain.find(statement.number);
    if (link == lane.chain.end() || lane.proofs.contains(statement.number)) return;
    if (link->second.digest != statement.digest) {
        // We never signed another batch here, so this vote is for nothing that exists.
        return report(vote.voter, error::PeerMisbehaves, "vote for a batch that was never sent");
    }
    auto& box = lane_votes_[statement.number];
    box.add(vote, vote.voter == self());
    std::vector<ValidatorIndex> bad;
    const auto certificate = box.certificate(statement.digest, quorum(), check_, bad);
    for (const auto voter : bad) report(voter, error::SignatureInvalid, "lane vote");
    if (!certificate) return;
    absorb_proof(*certificate, true);
    lane_votes_.erase(lane_votes_.begin(), lane_votes_.upper_bound(statement.number));
    proof_due_ = now_ + config_.timing.certify_idle;
}

void Machine::send_proof_if_due() {
    if (!proof_due_ || now_ < *proof_due_) return;
    proof_due_.reset();
    const auto& proofs = lanes_[self().value].proofs;
    if (proofs.empty() || proofs.rbegin()->first <= proof_sent_) return;
    proof_sent_ = proofs.rbegin()->first;
    send(std::nullopt, Channel::consensus, MessageType::certificate,
         encode_certificate_message(proofs.rbegin()->second));
}

bool Machine::absorb_proof(const Certificate& certificate, bool trusted) {
    const auto& statement = certificate.statement;
    if (statement.lane >= n()) return false;
    auto& lane = lanes_[statement.lane];
    const auto base = committed(statement.lane).position.value;
    if (statement.number <= base || statement.number > base + 2 * config_.limits.window_positions) return true;
    if (const auto known = lane.proofs.find(statement.number); known != lane.proofs.end())
        if (known->second.statement == statement) return true;
    if (!trusted && !check_.certificate(certificate, quorum())) return false;
    lane.proofs.insert_or_assign(statement.number, certificate);
    changed_ = true;
    // The batch itself travels on another stream; ask only if it does not come.
    if (!held(statement.digest) && statement.number <= base + config_.limits.window_positions)
        want_batch({Position{statement.number}, statement.digest}, statement.lane, {}, 0, {statement.lane},
                   base_delta());
    return true;
}

Machine::Path Machine::path(const LaneTip& from, const LaneTip& to) const {
    Path out;
    auto position = to.position.value;
    auto digest = to.digest;
    while (position > from.position.value) {
        const auto* batch = held(digest);
        if (batch == nullptr) {
            out.state = Path::State::missing;
            out.lacking = {Position{position}, digest};
            out.batches.clear();
            return out;
        }
        out.batches.push_back(batch);
        digest = batch->header.parent;
        --position;
    }
    if (position != from.position.value || digest != from.digest) out.state = Path::State::broken;
    std::reverse(out.batches.begin(), out.batches.end());
    return out;
}

/// Highest tip above `from` along what we hold in order.
ledger::LaneTip Machine::held_tip(std::uint16_t index, const LaneTip& from) const {
    auto tip = from;
    const auto& chain = lanes_[index].chain;
    for (auto link = chain.find(from.position.value + 1); link != chain.end(); ++link) {
        if (link->first != tip.position.value + 1) break;
        const auto* batch = held(link->second.digest);
        if (batch == nullptr || batch->header.parent != tip.digest) break;
        tip = {Position{link->first}, link->second.digest};
    }
    return tip;
}

/// Highest tip above `from` that is proved available and whose batches we hold.
ledger::LaneTip Machine::certified_tip(std::uint16_t index, const LaneTip& from) const {
    const auto& proofs = lanes_[index].proofs;
    for (auto proof = proofs.rbegin(); proof != proofs.rend() && proof->first > from.position.value; ++proof) {
        const LaneTip tip{Position{proof->first}, proof->second.statement.digest};
        if (path(from, tip).state == Path::State::complete) return tip;
    }
    return from;
}

bool Machine::acceptable(std::uint16_t index, const LaneTip& tip) const {
    const auto& lane = lanes_[index];
    const auto position = tip.position.value;
    if (const auto link = lane.chain.find(position);
        link != lane.chain.end() && link->second.voted && link->second.digest == tip.digest)
        return true;
    // A proof of this batch, or of a later one that it leads to.
    for (auto proof = lane.proofs.lower_bound(position); proof != lane.proofs.end(); ++proof) {
        const LaneTip proved{Position{proof->first}, proof->second.statement.digest};
        if (proved == tip || path(tip, proved).state == Path::State::complete) return true;
    }
    return false;
}

/// After the lane was committed further.
void Machine::recount(Lane& lane, std::uint64_t committed) {
    lane.proofs.erase(lane.proofs.begin(), lane.proofs.upper_bound(committed));
    lane.bytes = 0;
    for (auto link = lane.chain.upper_bound(committed); link != lane.chain.end(); ++link)
        lane.bytes += link->second.bytes;
}

} // namespace cairn::consensus
