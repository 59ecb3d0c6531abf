#include "consensus/votes.hpp"

namespace cairn::consensus {

bool SignatureCheck::vote(const ledger::Vote& vote) const {
    if (vote.statement.epoch != set_.epoch || vote.voter.value >= set_.size()) return false;
    return verifier_.verify(set_.members[vote.voter.value].key, ledger::signed_bytes(chain_id_, vote.statement),
                            vote.signature);
}

bool SignatureCheck::certificate(const ledger::Certificate& certificate, std::size_t quorum) const {
    if (certificate.statement.epoch != set_.epoch || certificate.entries.size() < quorum) return false;
    for (std::size_t i = 0; i < certificate.entries.size(); ++i) {
        if (certificate.entries[i].voter.value >= set_.size()) return false;
        if (i > 0 && certificate.entries[i - 1].voter >= certificate.entries[i].voter) return false;
    }
    const auto message = ledger::signed_bytes(chain_id_, certificate.statement);
    for (const auto& entry : certificate.entries)
        if (!verifier_.verify(set_.members[entry.voter.value].key, message, entry.signature)) return false;
    return true;
}

bool SignatureCheck::batch(const ledger::BatchHeader& header, const Hash256& digest) const {
    return header.epoch == set_.epoch && header.lane.value < set_.size() &&
           verifier_.verify(set_.members[header.lane.value].key, ledger::batch_signed_bytes(chain_id_, digest),
                            header.signature);
}

bool SignatureCheck::proposal(const SignedBlock& block) const {
    return block.block.epoch == set_.epoch && block.block.leader.value < set_.size() &&
           verifier_.verify(set_.members[block.block.leader.value].key, proposal_signed_bytes(chain_id_, block.block),
                            block.signature);
}

VoteBox::Outcome VoteBox::add(const ledger::Vote& vote, bool trusted) {
    const auto [slot, fresh] = slots_.try_emplace(vote.voter, Slot{vote, trusted});
    if (fresh) return Outcome::added;
    return slot->second.vote.statement.digest == vote.statement.digest ? Outcome::known : Outcome::conflicting;
}

const ledger::Vote* VoteBox::of(ValidatorIndex voter) const {
    const auto slot = slots_.find(voter);
    return slot == slots_.end() ? nullptr : &slot->second.vote;
}

std::size_t VoteBox::count(const Hash256& digest) const {
    std::size_t out = 0;
    for (const auto& [voter, slot] : slots_) out += slot.vote.statement.digest == digest ? 1u : 0u;
    return out;
}

std::optional<ledger::Certificate> VoteBox::certificate(const Hash256& digest, std::size_t quorum,
                                                        const SignatureCheck& check, std::vector<ValidatorIndex>& bad) {
    if (count(digest) < quorum) return std::nullopt;
    ledger::Certificate out;
    for (auto slot = slots_.begin(); slot != slots_.end();) {
        if (slot->second.vote.statement.digest != digest) {
            ++slot;
            continue;
        }
        if (!slot->second.verified && !check.vote(slot->second.vote)) {
            bad.push_back(slot->first);
            slot = slots_.erase(slot);
            continue;
        }
        slot->second.verified = true;
        out.statement = slot->second.vote.statement;
        out.entries.push_back({slot->first, slot->second.vote.signature});
        ++slot;
    }
    if (out.entries.size() < quorum) return std::nullopt;
    return out;
}

} // namespace cairn::consensus
