// Signatures for simulations: a keyed hash that only the simulator could forge, and does not. Fifty times faster than Ed25519.
#pragma once

#include "consensus/signing.hpp"

#include <memory>

namespace cairn::sim {

class FakeSigner final : public consensus::Signer {
public:
    FakeSigner(const crypto::VotingKey& key, std::uint64_t chain_id) : key_(key), chain_id_(chain_id) {}
    std::optional<crypto::Signature> sign_vote(const ledger::VoteStatement& statement) const override;
    std::optional<crypto::Signature> sign_batch(const ledger::BatchHeader& header) const override;
    std::optional<crypto::Signature> sign_proposal(const ledger::ConsensusBlock& block) const override;

private:
    crypto::VotingKey key_;
    std::uint64_t chain_id_;
};

const consensus::Verifier& fake_verifier();

} // namespace cairn::sim
