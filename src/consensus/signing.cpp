#include "consensus/signing.hpp"

#include "ledger/transaction.hpp"

#include "codec/wire.hpp"

namespace cairn::consensus {
namespace {

class Ed25519Verifier final : public Verifier {
public:
    bool verify(const crypto::ValidatorPublicKey& key, BytesView message,
                const crypto::Signature& signature) const override {
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

crypto::Signature KeySigner::sign_vote(const ledger::VoteStatement& statement) const {
    return key_.sign(ledger::signed_bytes(chain_id_, statement));
}

crypto::Signature KeySigner::sign_batch(const ledger::BatchHeader& header) const {
    return key_.sign(ledger::batch_signed_bytes(chain_id_, digest_of(header)));
}

crypto::Signature KeySigner::sign_proposal(const ledger::ConsensusBlock& block) const {
    return key_.sign(proposal_signed_bytes(chain_id_, block));
}

bool Verifier::valid_transaction(BytesView raw) const { return ledger::decode_signed_transaction(raw).has_value(); }

const Verifier& ed25519_verifier() {
    static const Ed25519Verifier instance;
    return instance;
}

} // namespace cairn::consensus
