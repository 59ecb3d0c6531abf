// Watches everything that honest members send, store and deliver, and names each broken invariant of consensus.md section 11.
#pragma once

#include "consensus/core.hpp"
#include "consensus/log.hpp"
#include "sim/model_rules.hpp"

#include <map>
#include <memory>
#include <set>
#include <string>

namespace cairn::sim {

class Checker {
public:
    /// `founders` of all `nodes` are the first set.
    Checker(std::size_t founders, std::size_t nodes, std::size_t byzantine);
    Checker(const Checker&) = delete;
    Checker& operator=(const Checker&) = delete;

    /// This member's disk will forget votes without knowing it: it counts as a liar. Before anything else happens.
    void excuse(ValidatorIndex index);
    /// The member's log was lost or is damaged: what it voted for in lanes no longer counts as stored.
    void forgot_log(ValidatorIndex node) {
        durable_batches_[node.value].clear();
        durable_bodies_[node.value].clear();
    }

    /// The vote is for a block that ends its epoch and was proposed in an earlier view.
    bool ends_earlier(const ledger::Vote& vote) const {
        const auto last = last_blocks_.find(vote.statement.digest);
        return last != last_blocks_.end() && vote.statement.number > last->second;
    }
    /// An honest member has left the epoch before for this one.
    void epoch_begins(ValidatorIndex node, const ledger::ValidatorSet& set, const consensus::EpochStart& start);

    bool honest(ValidatorIndex index) const { return index.value < nodes_ - byzantine_; }
    /// What became durable in a node's log.
    void durable(ValidatorIndex node, BytesView record);
    void sent(ValidatorIndex node, const consensus::Outgoing& message);
    void finalized(ValidatorIndex node, const consensus::FinalizedBlock& block);
    void executed(ValidatorIndex node, Height height, const Hash256& digest);
    void execution_certificate(ValidatorIndex node, const ledger::Certificate& certificate);
    void evidence(ValidatorIndex node, const consensus::Evidence& evidence);
    void report(ValidatorIndex node, const consensus::PeerReport& report);
    void broken(std::string what);

    const std::vector<std::string>& violations() const { return violations_; }
    std::uint64_t evidence_count() const { return evidence_count_; }
    /// Rules of safety that more than f liars have broken; with up to f liars these are violations.
    const std::vector<std::string>& forks() const { return forks_; }
    std::uint64_t model_steps() const;
    std::uint64_t epochs() const { return epochs_.size(); }

private:
    /// Breaks safety: a violation unless there are more than f liars.
    void unsafe(std::string what);
    bool keeps_votes(ValidatorIndex index) const { return honest(index) && !excused_.contains(index); }
    void vote_sent(ValidatorIndex node, const ledger::Vote& vote);
    void certificate_seen(const ledger::Certificate& certificate);

    std::size_t founders_, nodes_, byzantine_;
    std::set<ValidatorIndex> excused_;
    std::vector<std::string> violations_, forks_;
    std::uint64_t evidence_count_ = 0;

    /// Views and positions begin anew in each epoch.
    using Numbered = std::pair<Epoch, std::uint64_t>;
    using Own = std::tuple<std::uint16_t, Epoch, std::uint64_t>;
    ModelRules& model(Epoch epoch);
    std::map<Epoch, std::unique_ptr<ModelRules>> models_;
    std::map<Epoch, std::pair<ledger::ValidatorSet, consensus::EpochStart>> epochs_; // 11
    std::map<Epoch, std::pair<Height, Hash256>> handovers_;                          // 11
    std::map<Hash256, std::uint64_t> last_blocks_;                      // proposed to end an epoch, and their views
    std::map<Height, Hash256> chain_;                                   // 1
    std::map<Numbered, Hash256> notarized_, finalized_;                 // 2, by view
    std::set<Numbered> nullified_;                                      // 2
    std::map<Own, std::set<ledger::VoteStatement>> votes_;              // 3, by voter and number
    std::map<Own, Hash256> proposals_, batches_;                        // 3, by leader and view, owner and position
    std::vector<std::set<ledger::VoteStatement>> durable_votes_;        // 4
    std::vector<std::set<Hash256>> durable_bodies_, durable_proposals_; // 4
    std::vector<std::set<Hash256>> durable_batches_;                    // 4, 5: voted for
    std::map<Own, Hash256> lanes_;                                      // 5
    std::map<Height, Hash256> results_;                                 // 6
};

} // namespace cairn::sim
