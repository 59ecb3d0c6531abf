// Execution votes and certificates (consensus.md sections 5 and 6): a quorum vouches for the header of every height.
#include "base/errors/consensus.hpp"
#include "base/errors/crypto.hpp"
#include "consensus/machine.hpp"

namespace cairn::consensus {

void Machine::on_execution(const ExecutionFinished& done) {
    const auto height = done.height.value;
    if (height > delivered_.value) return;
    if (height >= anchor_.block.executed.height.value) {
        asked_.insert_or_assign(height, done.next_validators);
        changed_ = true;
    }
    if (height == 0) return;
    executed_ = std::max(executed_, height);
    if (height <= execution_floor_) return;
    auto& execution = executions_[height];
    execution.result = done.header_hash;
    if (execution.mine && execution.mine->statement.digest != done.header_hash)
        return halt(error::VoteContradicts,
                    "execution of height " + std::to_string(height) + " gave another result before");
    if (execution.certificate && execution.certificate->statement.digest != done.header_hash)
        return differs(height, done.header_hash, execution.certificate->statement.digest);
    vote_for_result(height, execution);
    changed_ = true;
}

void Machine::vote_for_result(std::uint64_t height, Execution& execution) {
    // A certified result needs no further vote.
    if (execution.certificate || is_stopped(self())) return;
    if (!execution.mine) {
        execution.mine = sign(VoteKind::execution, height, 0, *execution.result);
        if (!execution.mine) return;
        log(record_vote(*execution.mine), Barrier::sync);
    }
    send(std::nullopt, Channel::consensus, MessageType::vote, encode_vote(*execution.mine));
    on_execution_vote(*execution.mine);
}

void Machine::on_execution_vote(const Vote& vote) {
    const auto height = vote.statement.number;
    if (height <= execution_floor_ || height > anchor_.block.height.value + kExecutionWindow) return;
    auto& execution = executions_[height];
    const auto outcome = execution.votes.add(vote, vote.voter == self());
    if (outcome == VoteBox::Outcome::conflicting) check_contradiction(vote, execution.votes.of(vote.voter));
    if (outcome == VoteBox::Outcome::added) certify_execution(height, vote.statement.digest);
}

void Machine::certify_execution(std::uint64_t height, const Hash256& digest) {
    auto& execution = executions_[height];
    if (execution.certificate) return;
    std::vector<ValidatorIndex> bad;
    const auto certificate = execution.votes.certificate(digest, quorum(), check_, bad);
    for (const auto voter : bad) report(voter, error::SignatureInvalid, "execution vote");
    if (certificate) settle_execution(height, *certificate);
}

bool Machine::absorb_execution(const Certificate& certificate, bool trusted) {
    const auto height = certificate.statement.number;
    if (height <= execution_floor_) return true;
    if (const auto known = executions_.find(height); known != executions_.end() && known->second.certificate)
        if (known->second.certificate->statement == certificate.statement) return true;
    if (certified_by_ && certified_by_->statement == certificate.statement) return true;
    if (!trusted && !check_.certificate(certificate, quorum())) return false;
    // Far ahead of us it is worth nothing yet: it comes again with the blocks.
    if (height > anchor_.block.height.value + kExecutionWindow) return true;
    settle_execution(height, certificate);
    return true;
}

void Machine::settle_execution(std::uint64_t height, const Certificate& certificate) {
    auto& execution = executions_[height];
    if (execution.certificate) return;
    execution.certificate = certificate;
    changed_ = true;
    level_.certified(Height{height}, now_, 2 * unloaded_delta());
    log(record_certificate(certificate), Barrier::none);
    if (!recovering_) out_.execution_certificates.push_back(certificate);
    if (height > certified_.height.value) {
        certified_ = {Height{height}, certificate.statement.digest};
        certified_by_ = certificate;
    }
    if (execution.result && *execution.result != certificate.statement.digest)
        differs(height, *execution.result, certificate.statement.digest);
}

void Machine::differs(std::uint64_t height, const Hash256& own, const Hash256& certified) {
    if (!out_.halt) out_.differs_at = Height{height};
    halt(error::ResultDiffers,
         "height " + std::to_string(height) + ": own " + to_hex(own) + ", certified " + to_hex(certified));
}

void Machine::advance_execution_floor() {
    while (true) {
        const auto next = executions_.find(execution_floor_ + 1);
        if (next == executions_.end() || !next->second.certificate) return;
        if (!next->second.result && next->first > recovered_) return;
        // The driver's history answers for what lies below.
        if (next->first > durable_.value) return;
        executions_.erase(next);
        ++execution_floor_;
    }
}

} // namespace cairn::consensus
