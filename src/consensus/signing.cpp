#include "consensus/signing.hpp"

#include "ledger/transaction.hpp"

#include "codec/wire.hpp"

namespace cairn::consensus {
namespace {

class VotingVerifier final : public Verifier {
public:
    bool verify(const crypto::VotingKey& key, BytesView message, const crypto::Signature& signature) const override {
        return crypto::verify(key, message, signature);
    }
};

} // namespace

Bytes proposal_signed_bytes(std::uint64_t chain_id, const ledger::ConsensusBlock& block) {
    codec::WireWriter out;
    out.raw(as_bytes("cairn-proposal-v1"));
    out.u64(chain_id);
    out.number(block.epoch);
    out.number(block.view);
    out.fixed(digest_of(block));
    return out.take();
}

std::optional<crypto::Signature> KeySigner::sign(BytesView message) const {
    const auto signature = key_.sign(message);
    if (!signature) return std::nullopt;
    return *signature;
}

std::optional<crypto::Signature> KeySigner::sign_vote(const ledger::VoteStatement& statement) const {
    return sign(ledger::signed_bytes(chain_id_, statement));
}

std::optional<crypto::Signature> KeySigner::sign_batch(const ledger::BatchHeader& header) const {
    return sign(ledger::batch_signed_bytes(chain_id_, digest_of(header)));
}

std::optional<crypto::Signature> KeySigner::sign_proposal(const ledger::ConsensusBlock& block) const {
    return sign(proposal_signed_bytes(chain_id_, block));
}

std::optional<crypto::Signature> KeySigner::sign_seal_key(const ledger::SealKeyStatement& statement) const {
    return sign(ledger::signed_bytes(statement));
}

bool Verifier::valid_transaction(BytesView raw) const { return ledger::decode_signed_transaction(raw).has_value(); }

const Verifier& voting_verifier() {
    static const VotingVerifier instance;
    return instance;
}

} // namespace cairn::consensus
