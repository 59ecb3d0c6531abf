// The private keys of one validator, in memory that is locked, guarded and wiped (libsodium).
#pragma once

#include "base/bytes.hpp"
#include "base/clock.hpp"
#include "base/result.hpp"
#include "crypto/secret_key.hpp"
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

/// P-256 point, uncompressed: 0x04, x, y.
using TlsPublicKey = FixedBytes<65, struct TlsPublicKeyTag>;

struct PublicKeys {
    crypto::VotingKey consensus;
    TlsPublicKey tls;
    crypto::ValidatorPublicKey audit; // seals the audit log
    bool operator==(const PublicKeys&) const = default;
};

/// Secret of the voting key (Ed25519 seed or SM2 key), TLS scalar, seed of the audit seal, root of storage: 32 bytes each, in this
/// order; then the voting key's algorithm (u8).
class Secrets {
public:
    static constexpr std::size_t kBytes = 129;
    static constexpr std::size_t kBytesMin = 128; // without the algorithm

    Secrets() : all_(kBytes) {}
    /// Fresh ones. KeyInvalid if there is no memory that can be locked.
    static Result<Secrets> generate(Random& random,
                                    crypto::VotingAlgorithm algorithm = crypto::VotingAlgorithm::ed25519);

    /// Takes over a scalar made elsewhere, and wipes it there.
    Status set_tls_scalar(Bytes scalar);

    std::span<std::uint8_t> bytes() { return all_.bytes(); }
    BytesView view() const { return all_.view(); }
    /// What files hold: the algorithm only if it is not Ed25519, as it was before there was a choice.
    BytesView stored() const { return view().first(kBytesMin + (view()[kBytesMin] == 0 ? 0 : 1)); }
    BytesView voting_secret() const { return view().subspan(0, 32); }
    /// Not one of the two if the secrets are of no use; public_keys() says so.
    crypto::VotingAlgorithm voting_algorithm() const { return static_cast<crypto::VotingAlgorithm>(view()[kBytesMin]); }
    BytesView tls_scalar() const { return view().subspan(32, 32); }
    BytesView audit_seed() const { return view().subspan(64, 32); }
    BytesView storage_root() const { return view().subspan(96, 32); }

    /// KeyInvalid if a scalar is out of range, or the algorithm is unknown.
    Result<PublicKeys> public_keys() const;

private:
    LockedBytes all_;
};

} // namespace cairn::signer
