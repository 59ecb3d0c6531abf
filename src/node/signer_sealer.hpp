// Seals the audit log with the key that only the signer has.
#pragma once

#include "audit/sealer.hpp"
#include "base/errors/signer.hpp"
#include "signer/client.hpp"

namespace cairn::node {

class SignerSealer final : public audit::Sealer {
public:
    explicit SignerSealer(std::shared_ptr<const signer::Client> signer) : signer_(std::move(signer)) {}
    crypto::ValidatorPublicKey key() const override { return signer_->keys().audit; }
    std::vector<ledger::SealSuccession> successions() const override { return signer_->successions(); }
    std::optional<ledger::KeyUses> uses_at_start() const override { return signer_->uses_at_start(); }
    std::optional<ledger::KeyUses> uses() const override { return signer_->uses_at_seal(); }
    Result<audit::Sealed> seal(const audit::SealStatement& s) override {
        CRN_TRY(content, signer_->ask(signer::SealRequest{s.node, s.sequence, s.head, s.time_ms, s.height}));
        codec::WireReader in{content};
        audit::Sealed out{in.fixed<crypto::Signature>(), ledger::decode_key_uses(in)};
        if (!in.finish()) return fail(error::SignerUnavailable, "its answer is malformed");
        return out;
    }
    Result<crypto::Signature> anchor(const ledger::AnchorStatement& s) override {
        return signer_->ask_signature(signer::AnchorRequest{s.node, s.sequence, s.head});
    }

private:
    std::shared_ptr<const signer::Client> signer_;
};

} // namespace cairn::node
