#include "sim/checker.hpp"

namespace cairn::sim {

using consensus::MessageType;
using ledger::VoteKind;

Checker::Checker(std::size_t founders, std::size_t nodes, std::size_t byzantine)
    : founders_(founders),
      nodes_(nodes),
      byzantine_(byzantine),
      durable_votes_(nodes),
      durable_bodies_(nodes),
      durable_proposals_(nodes),
      durable_batches_(nodes) {}

void Checker::excuse(ValidatorIndex index) {
    excused_.insert(index);
    models_.clear();
}

ModelRules& Checker::model(Epoch epoch) {
    auto& out = models_[epoch];
    const auto known = epochs_.find(epoch);
    if (!out)
        out = std::make_unique<ModelRules>(known == epochs_.end() ? founders_ : known->second.first.size(),
                                           byzantine_ + excused_.size(),
                                           [this](std::string what) { broken(std::move(what)); });
    return *out;
}

std::uint64_t Checker::model_steps() const {
    std::uint64_t out = 0;
    for (const auto& [epoch, model] : models_) out += model->steps();
    return out;
}

void Checker::epoch_begins(ValidatorIndex node, const ledger::ValidatorSet& set, const consensus::EpochStart& start) {
    if (!honest(node)) return;
    const auto [known, fresh] = epochs_.try_emplace(set.epoch, set, start);
    if (known->second != std::pair{set, start})
        unsafe("(11) epoch " + std::to_string(set.epoch.value) + " begins in two ways");
    if (const auto handover = handovers_.find(Epoch{set.epoch.value - 1});
        handover == handovers_.end() || handover->second != std::pair{start.height, start.digest})
        unsafe("(11) epoch " + std::to_string(set.epoch.value) + " begins without a final handover");
}

constexpr std::size_t kViolationsMax = 20;

void Checker::broken(std::string what) {
    if (violations_.size() < kViolationsMax) violations_.push_back(std::move(what));
}

void Checker::unsafe(std::string what) {
    if (byzantine_ <= (nodes_ - 1) / 3) return broken(std::move(what));
    if (forks_.size() < kViolationsMax) forks_.push_back(std::move(what));
}

void Checker::durable(ValidatorIndex node, BytesView bytes) {
    if (!honest(node)) return;
    const auto record = consensus::decode_record(bytes);
    if (!record) return broken("node " + std::to_string(node.value) + " wrote a record that does not decode");
    if (const auto* part = std::get_if<consensus::Part>(&*record)) return durable(node, part->record);
    if (const auto* vote = std::get_if<ledger::Vote>(&*record)) durable_votes_[node.value].insert(vote->statement);
    if (const auto* batch = std::get_if<consensus::BatchRecord>(&*record)) {
        const auto digest = digest_of(batch->batch.header);
        durable_bodies_[node.value].insert(digest);
        if (batch->voted) durable_batches_[node.value].insert(digest);
    }
    if (const auto* proposal = std::get_if<consensus::ProposalPtr>(&*record);
        proposal != nullptr && (*proposal)->block().next_validators)
        last_blocks_.emplace((*proposal)->digest, (*proposal)->block().view.value);
    if (const auto* proposal = std::get_if<consensus::ProposalPtr>(&*record))
        durable_proposals_[node.value].insert((*proposal)->digest);
    if (!keeps_votes(node)) return;
    if (const auto* proposal = std::get_if<consensus::ProposalPtr>(&*record))
        model((*proposal)->block().epoch).durable(node.value, *record);
    if (const auto* vote = std::get_if<ledger::Vote>(&*record))
        model(vote->statement.epoch).durable(node.value, *record);
    if (const auto* batch = std::get_if<consensus::BatchRecord>(&*record))
        model(batch->batch.header.epoch).durable(node.value, *record);
}

void Checker::sent(ValidatorIndex node, const consensus::Outgoing& message) {
    if (!keeps_votes(node)) return;
    const auto who = "node " + std::to_string(node.value);
    switch (static_cast<MessageType>(message.type)) {
    case MessageType::vote: {
        const auto vote = consensus::decode_vote_message(*message.payload);
        if (!vote) return broken(who + " sent a vote that does not decode");
        return vote_sent(node, *vote);
    }
    case MessageType::certificate: {
        const auto certificate = consensus::decode_certificate_message(*message.payload);
        if (!certificate) return broken(who + " sent a certificate that does not decode");
        return certificate_seen(*certificate);
    }
    case MessageType::proposal: {
        const auto proposal = consensus::decode_proposal(message.payload);
        if (!proposal) return broken(who + " sent a proposal that does not decode");
        const auto view = (*proposal)->block().view.value;
        const auto [known, fresh] =
            proposals_.try_emplace({node.value, (*proposal)->block().epoch, view}, (*proposal)->digest);
        if (known->second != (*proposal)->digest)
            broken("(3) " + who + " proposed twice in view " + std::to_string(view));
        if (!durable_proposals_[node.value].contains((*proposal)->digest))
            broken("(4) " + who + " sent a proposal that was not durable");
        if ((*proposal)->parent_certificate) certificate_seen(*(*proposal)->parent_certificate);
        for (const auto& certificate : (*proposal)->skipped) certificate_seen(certificate);
        return;
    }
    case MessageType::batch: {
        const auto batch = consensus::decode_batch_message(*message.payload);
        if (!batch) return broken(who + " sent a batch that does not decode");
        const auto& header = batch->batch.header;
        const auto digest = digest_of(header);
        const auto [known, fresh] = batches_.try_emplace({node.value, header.epoch, header.position.value}, digest);
        if (known->second != digest)
            broken("(3) " + who + " made two batches at position " + std::to_string(header.position.value));
        if (!durable_bodies_[node.value].contains(digest)) broken("(4) " + who + " sent a batch that was not durable");
        return;
    }
    default: return;
    }
}

void Checker::vote_sent(ValidatorIndex node, const ledger::Vote& vote) {
    const auto& statement = vote.statement;
    const auto who = "node " + std::to_string(node.value);
    if (vote.voter != node) return broken(who + " sent another's vote");
    const auto epoch = epochs_.find(statement.epoch);
    const auto members = epoch == epochs_.end() ? founders_ : epoch->second.first.size();
    if ((statement.epoch.value > 0 && epoch == epochs_.end()) || node.value >= members)
        broken("(11) " + who + " votes in epoch " + std::to_string(statement.epoch.value) + ", of which it is not");
    auto& of_number = votes_[{node.value, statement.epoch, statement.number}];
    for (const auto& earlier : of_number)
        if (consensus::contradict(earlier, statement))
            broken("(3) " + who + " contradicts itself: kinds " + std::to_string(static_cast<int>(earlier.kind)) +
                   " and " + std::to_string(static_cast<int>(statement.kind)) + " at " +
                   std::to_string(statement.number));
    of_number.insert(statement);
    const bool stored = statement.kind == VoteKind::lane ? durable_batches_[node.value].contains(statement.digest)
                                                         : durable_votes_[node.value].contains(statement);
    if (!stored)
        broken("(4) " + who + " sent a vote of kind " + std::to_string(static_cast<int>(statement.kind)) +
               " that was not durable");
}

void Checker::certificate_seen(const ledger::Certificate& certificate) {
    const auto& statement = certificate.statement;
    const Numbered view{statement.epoch, statement.number};
    const auto at = " in view " + std::to_string(statement.number);
    if (statement.kind == VoteKind::notarize) {
        if (notarized_.try_emplace(view, statement.digest).first->second != statement.digest)
            unsafe("(2) two notarized blocks" + at);
    } else if (statement.kind == VoteKind::finalize) {
        if (finalized_.try_emplace(view, statement.digest).first->second != statement.digest)
            unsafe("(2) two finalized blocks" + at);
        if (nullified_.contains(view)) unsafe("(2) finalized and nullified" + at);
        if (const auto known = notarized_.find(view); known != notarized_.end() && known->second != statement.digest)
            unsafe("(2) finalized another block than the notarized one" + at);
    } else if (statement.kind == VoteKind::nullify) {
        nullified_.insert(view);
        if (finalized_.contains(view)) unsafe("(2) finalized and nullified" + at);
    }
}

void Checker::finalized(ValidatorIndex node, const consensus::FinalizedBlock& block) {
    if (!honest(node)) return;
    const auto height = block.block.height;
    if (chain_.try_emplace(height, block.digest).first->second != block.digest)
        unsafe("(1) node " + std::to_string(node.value) + " finalized another block at height " +
               std::to_string(height.value));
    certificate_seen(block.certificate);
    const auto ended = handovers_.find(block.block.epoch);
    const bool ends = block.block.next_validators.has_value();
    if (ended != handovers_.end() && ended->second.second != block.digest && (ends || height > ended->second.first))
        unsafe("(11) epoch " + std::to_string(block.block.epoch.value) + " goes on or ends twice");
    if (ends) handovers_.try_emplace(block.block.epoch, height, block.digest);
    for (const auto& batch : block.batches) {
        const auto digest = digest_of(batch.header);
        const Own key{batch.header.lane.value, batch.header.epoch, batch.header.position.value};
        if (lanes_.try_emplace(key, digest).first->second != digest)
            unsafe("(5) two batches were ordered at one position of lane " + std::to_string(batch.header.lane.value));
        std::size_t holders = 0;
        for (std::size_t i = 0; i < nodes_ - byzantine_; ++i) holders += durable_batches_[i].contains(digest) ? 1u : 0u;
        if (holders < (nodes_ - 1) / 3 + 1)
            unsafe("(5) an ordered batch is durable at " + std::to_string(holders) + " honest nodes only");
    }
}

void Checker::executed(ValidatorIndex node, Height height, const Hash256& digest) {
    if (!honest(node)) return;
    if (results_.try_emplace(height, digest).first->second != digest)
        unsafe("(6) results differ at height " + std::to_string(height.value));
}

void Checker::execution_certificate(ValidatorIndex node, const ledger::Certificate& certificate) {
    if (!honest(node)) return;
    const Height height{certificate.statement.number};
    const auto result = results_.find(height);
    if (result == results_.end() || result->second != certificate.statement.digest)
        unsafe("(7) certified result of height " + std::to_string(height.value) + " is not the honest one");
}

void Checker::evidence(ValidatorIndex node, const consensus::Evidence& evidence) {
    if (!honest(node)) return;
    ++evidence_count_;
    if (keeps_votes(evidence.offender))
        broken("(13) honest node " + std::to_string(evidence.offender.value) + " is accused");
}

void Checker::report(ValidatorIndex node, const consensus::PeerReport& report) {
    if (!keeps_votes(node) || !keeps_votes(report.peer) || !forks_.empty()) return;
    broken("node " + std::to_string(node.value) + " reports honest node " + std::to_string(report.peer.value) + ": " +
           report.error.text());
}

} // namespace cairn::sim
