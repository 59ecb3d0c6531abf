#include "base/errors/crypto.hpp"
#include "crypto/p256_key.hpp"
#include "signer/backend.hpp"

#include <sodium.h>

namespace cairn::signer {
namespace {

class MemoryBackend final : public Backend {
public:
    MemoryBackend(LockedBytes consensus, crypto::P256Key tls)
        : consensus_(std::move(consensus)), tls_(std::move(tls)) {}

    Result<crypto::Signature> sign_consensus(BytesView message) override {
        crypto::Signature out;
        ::crypto_sign_detached(out.data(), nullptr, message.data(), message.size(), consensus_.view().data());
        return out;
    }
    Result<Bytes> sign_handshake(const Hash256& digest) override { return tls_.sign(digest); }

private:
    LockedBytes consensus_; // seed and public key, as libsodium wants them
    crypto::P256Key tls_;
};

} // namespace

Result<std::unique_ptr<Backend>> memory_backend(const Secrets& secrets) {
    CRN_TRY(tls, crypto::P256Key::from_scalar(secrets.tls_scalar()));
    LockedBytes consensus(crypto_sign_SECRETKEYBYTES);
    if (consensus.empty()) return fail(error::KeyInvalid, "no memory that can be locked");
    crypto::ValidatorPublicKey ignored;
    ::crypto_sign_seed_keypair(ignored.data(), consensus.bytes().data(), secrets.consensus_seed().data());
    return std::make_unique<MemoryBackend>(std::move(consensus), std::move(tls));
}

} // namespace cairn::signer
