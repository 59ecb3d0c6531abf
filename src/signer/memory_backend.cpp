#include "base/errors/crypto.hpp"
#include "signer/backend.hpp"

#include <sodium.h>

namespace cairn::signer {
namespace {

class MemoryBackend final : public Backend {
public:
    MemoryBackend(LockedBytes ed25519, std::optional<crypto::VotingSecret> sm2, crypto::TlsKey tls)
        : ed25519_(std::move(ed25519)), sm2_(std::move(sm2)), tls_(std::move(tls)) {}

    Result<crypto::Signature> sign_consensus(BytesView message) override {
        if (sm2_) return sm2_->sign(message);
        crypto::Signature out;
        ::crypto_sign_detached(out.data(), nullptr, message.data(), message.size(), ed25519_.view().data());
        return out;
    }
    Result<Bytes> sign_handshake(BytesView message) override { return tls_.sign(message); }

private:
    LockedBytes ed25519_; // seed and public key, as libsodium wants them
    std::optional<crypto::VotingSecret> sm2_;
    crypto::TlsKey tls_;
};

} // namespace

Result<std::unique_ptr<Backend>> memory_backend(const Secrets& secrets) {
    CRN_TRY(tls, secrets.tls_key());
    if (secrets.voting_algorithm() == crypto::VotingAlgorithm::sm2) {
        CRN_TRY(voting, crypto::VotingSecret::from(secrets.voting_algorithm(), secrets.voting_secret()));
        return std::make_unique<MemoryBackend>(LockedBytes{}, std::move(voting), std::move(tls));
    }
    LockedBytes consensus(crypto_sign_SECRETKEYBYTES);
    if (consensus.empty()) return fail(error::KeyInvalid, "no memory that can be locked");
    crypto::ValidatorPublicKey ignored;
    ::crypto_sign_seed_keypair(ignored.data(), consensus.bytes().data(), secrets.voting_secret().data());
    return std::make_unique<MemoryBackend>(std::move(consensus), std::nullopt, std::move(tls));
}

} // namespace cairn::signer
