// The private keys of one validator, in memory that is locked, guarded and wiped (libsodium).
#pragma once

#include "base/bytes.hpp"
#include "base/clock.hpp"
#include "base/result.hpp"
#include "crypto/secret_key.hpp"
#include "crypto/tls_key.hpp"
#include "crypto/voting_key.hpp"

#include <memory>

namespace cairn::signer {

/// Bytes from sodium_malloc. Empty if the system has no memory to lock.
class LockedBytes {
public:
    explicit LockedBytes(std::size_t size = 0);
    LockedBytes(LockedBytes&& other) noexcept;
    LockedBytes& operator=(LockedBytes&& other) noexcept;
    ~LockedBytes();

    std::span<std::uint8_t> bytes() { return {data_, size_}; }
    BytesView view() const { return {data_, size_}; }
    bool empty() const { return size_ == 0; }

private:
    std::uint8_t* data_ = nullptr;
    std::size_t size_ = 0;
};

struct PublicKeys {
    crypto::VotingKey consensus;
    crypto::TlsPublicKey tls;
    crypto::ValidatorPublicKey audit; // seals the audit log
    bool operator==(const PublicKeys&) const = default;
};

/// Secret of the voting key (Ed25519 seed or SM2 key), that of the TLS key (P-256 scalar or Ed25519 seed), seed of the audit seal, root
/// of storage: 32 bytes each, in this order; then the algorithms of the voting key and of the TLS key (u8 each).
class Secrets {
public:
    static constexpr std::size_t kBytes = 130;
    static constexpr std::size_t kBytesMin = 128; // without the algorithms

    Secrets() : all_(kBytes) {}
    /// Fresh ones, the TLS key of P-256. KeyInvalid if there is no memory that can be locked.
    static Result<Secrets> generate(Random& random,
                                    crypto::VotingAlgorithm algorithm = crypto::VotingAlgorithm::ed25519);

    /// Takes over a key made elsewhere.
    void set_tls_key(const crypto::TlsKey& key);
    /// KeyInvalid.
    Result<crypto::TlsKey> tls_key() const;

    std::span<std::uint8_t> bytes() { return all_.bytes(); }
    BytesView view() const { return all_.view(); }
    /// What files hold: algorithms only if they are not the first ones, as it was before there was a choice.
    BytesView stored() const { return view().first(view()[129] != 0 ? 130 : view()[128] != 0 ? 129 : 128); }
    BytesView voting_secret() const { return view().subspan(0, 32); }
    /// Not one of the two if the secrets are of no use; public_keys() says so.
    crypto::VotingAlgorithm voting_algorithm() const { return static_cast<crypto::VotingAlgorithm>(view()[kBytesMin]); }
    BytesView audit_seed() const { return view().subspan(64, 32); }
    BytesView storage_root() const { return view().subspan(96, 32); }

    /// KeyInvalid if a scalar is out of range, an algorithm is unknown, or the TLS key is one of the others too: it must sign nothing
    /// but handshakes.
    Result<PublicKeys> public_keys() const;

private:
    LockedBytes all_;
};

} // namespace cairn::signer
