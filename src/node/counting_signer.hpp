// Counts the uses of the consensus key, for the audit log: one event an interval says how often it signed what.
#pragma once

#include "consensus/signing.hpp"

#include <atomic>
#include <string>

namespace cairn::node {

/// Thread-safe as far as `inner` is; it must outlive this.
class CountingSigner final : public consensus::Signer {
public:
    explicit CountingSigner(const consensus::Signer& inner) : inner_(inner) {}

    crypto::Signature sign_vote(const ledger::VoteStatement& statement) const override {
        ++votes_;
        return inner_.sign_vote(statement);
    }
    crypto::Signature sign_batch(const ledger::BatchHeader& header) const override {
        ++batches_;
        return inner_.sign_batch(header);
    }
    crypto::Signature sign_proposal(const ledger::ConsensusBlock& block) const override {
        ++proposals_;
        return inner_.sign_proposal(block);
    }
    std::optional<crypto::Signature> sign_seal_key(const ledger::SealKeyStatement& statement) const override {
        ++seal_keys_;
        return inner_.sign_seal_key(statement);
    }

    /// "votes 12, batches 1, proposals 3, seal keys 0" since the last time; empty if it signed nothing.
    std::string take_counts() {
        const auto votes = votes_.exchange(0), batches = batches_.exchange(0), proposals = proposals_.exchange(0),
                   seal_keys = seal_keys_.exchange(0);
        if (votes + batches + proposals + seal_keys == 0) return {};
        return "votes " + std::to_string(votes) + ", batches " + std::to_string(batches) + ", proposals " +
               std::to_string(proposals) + ", seal keys " + std::to_string(seal_keys);
    }

private:
    const consensus::Signer& inner_;
    mutable std::atomic<std::uint64_t> votes_ = 0, batches_ = 0, proposals_ = 0, seal_keys_ = 0;
};

} // namespace cairn::node
