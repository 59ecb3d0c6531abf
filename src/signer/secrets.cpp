#include "signer/secrets.hpp"

#include "base/errors/crypto.hpp"
#include "crypto/p256_key.hpp"

#include <sodium.h>
#include <utility>

namespace cairn::signer {

LockedBytes::LockedBytes(std::size_t size) {
    if (size == 0 || ::sodium_init() < 0) return;
    data_ = static_cast<std::uint8_t*>(::sodium_malloc(size));
    if (data_ == nullptr) return;
    size_ = size;
    ::sodium_memzero(data_, size_);
}

LockedBytes::LockedBytes(LockedBytes&& other) noexcept { *this = std::move(other); }

LockedBytes& LockedBytes::operator=(LockedBytes&& other) noexcept {
    std::swap(data_, other.data_);
    std::swap(size_, other.size_);
    return *this;
}

LockedBytes::~LockedBytes() { ::sodium_free(data_); }

Result<Secrets> Secrets::generate(Random& random, crypto::VotingAlgorithm algorithm) {
    Secrets out;
    if (out.all_.empty()) return fail(error::KeyInvalid, "no memory that can be locked");
    while (true) {
        random.fill(out.bytes());
        out.bytes()[kBytesMin] = static_cast<std::uint8_t>(algorithm);
        // One in 2^32 scalars is not below the order.
        if (out.public_keys()) return out;
    }
}

Status Secrets::set_tls_scalar(Bytes scalar) {
    const bool fits = scalar.size() == 32;
    if (fits) std::ranges::copy(scalar, bytes().subspan(32, 32).begin());
    crypto::wipe(scalar);
    return fits ? Status{} : fail(error::KeyInvalid, "not a P-256 scalar");
}

Result<PublicKeys> Secrets::public_keys() const {
    if (all_.empty()) return fail(error::KeyInvalid, "no memory that can be locked");
    CRN_TRY(tls, crypto::P256Key::from_scalar(tls_scalar()));
    PublicKeys out;
    LockedBytes expanded(crypto_sign_SECRETKEYBYTES);
    if (expanded.empty()) return fail(error::KeyInvalid, "no memory that can be locked");
    if (voting_algorithm() == crypto::VotingAlgorithm::sm2) {
        CRN_TRY(voting, crypto::VotingSecret::from(voting_algorithm(), voting_secret()));
        out.consensus = voting.public_key();
    } else if (voting_algorithm() == crypto::VotingAlgorithm::ed25519) {
        ::crypto_sign_seed_keypair(out.consensus.bytes.data(), expanded.bytes().data(), voting_secret().data());
    } else {
        return fail(error::KeyInvalid, "the voting key is of an unknown algorithm");
    }
    ::crypto_sign_seed_keypair(out.audit.data(), expanded.bytes().data(), audit_seed().data());
    out.tls = *TlsPublicKey::from(tls.public_point());
    return out;
}

} // namespace cairn::signer
