#include "signer/secrets.hpp"

#include "base/errors/crypto.hpp"

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
        out.bytes()[128] = static_cast<std::uint8_t>(algorithm);
        out.bytes()[129] = static_cast<std::uint8_t>(crypto::CertificateKey::p256);
        // One in 2^32 scalars is not below the order.
        if (out.public_keys()) return out;
    }
}

void Secrets::set_tls_key(const crypto::TlsKey& key) {
    auto secret = key.secret();
    std::ranges::copy(secret, bytes().subspan(32, 32).begin());
    crypto::wipe(secret);
    bytes()[129] = static_cast<std::uint8_t>(key.algorithm());
}

Result<crypto::TlsKey> Secrets::tls_key() const {
    const auto algorithm = static_cast<crypto::CertificateKey>(view()[129]);
    if (algorithm != crypto::CertificateKey::p256 && algorithm != crypto::CertificateKey::ed25519)
        return fail(error::KeyInvalid, "the TLS key is of an unknown algorithm");
    return crypto::TlsKey::from_secret(algorithm, view().subspan(32, 32));
}

Result<PublicKeys> Secrets::public_keys() const {
    if (all_.empty()) return fail(error::KeyInvalid, "no memory that can be locked");
    CRN_TRY(tls, tls_key());
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
    out.tls = tls.public_key();
    if (std::ranges::equal(out.tls, out.consensus.bytes) || std::ranges::equal(out.tls, out.audit))
        return fail(error::KeyInvalid, "the TLS key is the voting key or the audit key too");
    return out;
}

} // namespace cairn::signer
