// Seals the audit log with the key that only the signer has.
#pragma once

#include "audit/sealer.hpp"
#include "signer/client.hpp"

namespace cairn::node {

class SignerSealer final : public audit::Sealer {
public:
    explicit SignerSealer(std::shared_ptr<const signer::Client> signer) : signer_(std::move(signer)) {}
    crypto::ValidatorPublicKey key() const override { return signer_->keys().audit; }
    std::vector<ledger::SealSuccession> successions() const override { return signer_->successions(); }
    Result<crypto::Signature> seal(const audit::SealStatement& s) override {
        return signer_->ask_signature(signer::SealRequest{s.node, s.sequence, s.head, s.time_ms, s.height});
    }
    Result<crypto::Signature> anchor(const ledger::AnchorStatement& s) override {
        return signer_->ask_signature(signer::AnchorRequest{s.node, s.sequence, s.head});
    }

private:
    std::shared_ptr<const signer::Client> signer_;
};

} // namespace cairn::node
