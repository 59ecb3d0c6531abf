// How the core signs and checks signatures. Interfaces, so that keys may live in another process and simulations run fast.
#pragma once

#include "crypto/voting_key.hpp"
#include "ledger/audit_statement.hpp"
#include "ledger/consensus_block.hpp"
#include "ledger/validators.hpp"

#include <optional>

namespace cairn::consensus {

/// Signs as this validator. Typed, so that an implementation can refuse what contradicts an earlier signature: then there is
/// nothing, and the core goes on as if it had not wanted to.
class Signer {
public:
    virtual ~Signer() = default;
    /// Over ledger::signed_bytes.
    virtual std::optional<crypto::Signature> sign_vote(const ledger::VoteStatement& statement) const = 0;
    /// Over ledger::batch_signed_bytes.
    virtual std::optional<crypto::Signature> sign_batch(const ledger::BatchHeader& header) const = 0;
    /// Over proposal_signed_bytes.
    virtual std::optional<crypto::Signature> sign_proposal(const ledger::ConsensusBlock& block) const = 0;
    /// Vouches for the key that seals this node's audit log; nothing if this signer does not do that.
    virtual std::optional<crypto::Signature> sign_seal_key(const ledger::SealKeyStatement&) const {
        return std::nullopt;
    }
};

class Verifier {
public:
    virtual ~Verifier() = default;
    virtual bool verify(const crypto::VotingKey& key, BytesView message, const crypto::Signature& signature) const = 0;
    /// Whether a transaction decodes and its signature is good: what every pool checks before it accepts one.
    virtual bool valid_transaction(BytesView raw) const;
};

/// "cairn-proposal-v1", chain id, epoch, view, digest of the block.
Bytes proposal_signed_bytes(std::uint64_t chain_id, const ledger::ConsensusBlock& block);

/// Holds the key in this process: for simulations and tests. A node's key is in its signer (signer/client.hpp).
class KeySigner final : public Signer {
public:
    KeySigner(crypto::VotingSecret key, std::uint64_t chain_id) : key_(std::move(key)), chain_id_(chain_id) {}
    std::optional<crypto::Signature> sign_vote(const ledger::VoteStatement& statement) const override;
    std::optional<crypto::Signature> sign_batch(const ledger::BatchHeader& header) const override;
    std::optional<crypto::Signature> sign_proposal(const ledger::ConsensusBlock& block) const override;
    std::optional<crypto::Signature> sign_seal_key(const ledger::SealKeyStatement& statement) const override;

private:
    std::optional<crypto::Signature> sign(BytesView message) const;

    crypto::VotingSecret key_;
    std::uint64_t chain_id_;
};

/// crypto::verify.
const Verifier& voting_verifier();

} // namespace cairn::consensus
