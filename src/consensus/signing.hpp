// How the core signs and checks signatures. Interfaces, so that keys may live in another process and simulations run fast.
#pragma once

#include "crypto/ed25519.hpp"
#include "ledger/consensus_block.hpp"
#include "ledger/validators.hpp"

namespace cairn::consensus {

/// Signs as this validator. Typed, so that an implementation can refuse what contradicts an earlier signature.
class Signer {
public:
    virtual ~Signer() = default;
    /// Over ledger::signed_bytes.
    virtual crypto::Signature sign_vote(const ledger::VoteStatement& statement) const = 0;
    /// Over ledger::batch_signed_bytes.
    virtual crypto::Signature sign_batch(const ledger::BatchHeader& header) const = 0;
    /// Over proposal_signed_bytes.
    virtual crypto::Signature sign_proposal(const ledger::ConsensusBlock& block) const = 0;
};

class Verifier {
public:
    virtual ~Verifier() = default;
    virtual bool verify(const crypto::ValidatorPublicKey& key, BytesView message,
                        const crypto::Signature& signature) const = 0;
    /// Whether a transaction decodes and its signature is good: what every pool checks before it accepts one.
    virtual bool valid_transaction(BytesView raw) const;
};

/// "cairn-proposal-v1", chain id, epoch, view, digest of the block.
Bytes proposal_signed_bytes(std::uint64_t chain_id, const ledger::ConsensusBlock& block);

/// Holds the key in this process.
class KeySigner final : public Signer {
public:
    KeySigner(crypto::ValidatorKey key, std::uint64_t chain_id) : key_(key), chain_id_(chain_id) {}
    crypto::Signature sign_vote(const ledger::VoteStatement& statement) const override;
    crypto::Signature sign_batch(const ledger::BatchHeader& header) const override;
    crypto::Signature sign_proposal(const ledger::ConsensusBlock& block) const override;

private:
    crypto::ValidatorKey key_;
    std::uint64_t chain_id_;
};

/// crypto::verify.
const Verifier& ed25519_verifier();

} // namespace cairn::consensus
