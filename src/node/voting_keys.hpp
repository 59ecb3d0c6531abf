// The voting keys of this validator. One at a time is in a set; the next one is made before the change and the last one is kept until
// it is over, each in a signer process of its own with its own memory of what it signed.
#pragma once

#include "signer/client.hpp"

#include <atomic>
#include <memory>
#include <vector>

namespace cairn::node {

/// Thread-safe.
class VotingKeys final : public consensus::Signer {
public:
    /// The first one also seals the audit log. Not empty.
    explicit VotingKeys(std::vector<std::shared_ptr<signer::Client>> signers) : signers_(std::move(signers)) {}

    /// Takes the key that is in `set` into use, and says which validator it makes this node; nothing if none is.
    std::optional<ValidatorIndex> choose(const ledger::ValidatorSet& set) {
        for (std::size_t i = 0; i < signers_.size(); ++i)
            if (const auto index = set.index_of(signers_[i]->keys().consensus)) {
                in_use_ = i;
                return index;
            }
        return std::nullopt;
    }
    const crypto::VotingKey& in_use() const { return signers_[in_use_]->keys().consensus; }

    std::optional<crypto::Signature> sign_vote(const ledger::VoteStatement& statement) const override {
        return signers_[in_use_]->sign_vote(statement);
    }
    std::optional<crypto::Signature> sign_batch(const ledger::BatchHeader& header) const override {
        return signers_[in_use_]->sign_batch(header);
    }
    std::optional<crypto::Signature> sign_proposal(const ledger::ConsensusBlock& block) const override {
        return signers_[in_use_]->sign_proposal(block);
    }
    std::optional<crypto::Signature> sign_seal_key(const ledger::SealKeyStatement& statement) const override {
        return vouch(in_use(), statement);
    }
    /// With this voting key: the one that the chain has for the validator, which the next epoch takes into use. Nothing if no signer
    /// has it, or it does not know the seal key.
    std::optional<crypto::Signature> vouch(const crypto::VotingKey& key,
                                           const ledger::SealKeyStatement& statement) const {
        for (const auto& signer : signers_)
            if (signer->keys().consensus == key) return signer->sign_seal_key(statement);
        return std::nullopt;
    }

private:
    const std::vector<std::shared_ptr<signer::Client>> signers_;
    std::atomic<std::size_t> in_use_ = 0;
};

} // namespace cairn::node
