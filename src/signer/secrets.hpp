// The private keys of one validator, in memory that is locked, guarded and wiped (libsodium).
#pragma once

#include "base/bytes.hpp"
#include "base/clock.hpp"
#include "base/result.hpp"
#include "crypto/ed25519.hpp"
#include "crypto/secret_key.hpp"

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
    crypto::ValidatorPublicKey consensus;
    TlsPublicKey tls;
    crypto::ValidatorPublicKey audit; // seals the audit log
    bool operator==(const PublicKeys&) const = default;
};

/// Consensus seed, TLS scalar, seed of the audit seal, root of storage: 32 bytes each, in this order.
class Secrets {
public:
    static constexpr std::size_t kBytes = 128;

    Secrets() : all_(kBytes) {}
    /// Fresh ones. KeyInvalid if there is no memory that can be locked.
    static Result<Secrets> generate(Random& random);

    /// Takes over a scalar made elsewhere, and wipes it there.
    Status set_tls_scalar(Bytes scalar);

    std::span<std::uint8_t> bytes() { return all_.bytes(); }
    BytesView view() const { return all_.view(); }
    BytesView consensus_seed() const { return view().subspan(0, 32); }
    BytesView tls_scalar() const { return view().subspan(32, 32); }
    BytesView audit_seed() const { return view().subspan(64, 32); }
    BytesView storage_root() const { return view().subspan(96, 32); }

    /// KeyInvalid if the scalar is zero or not below the order of P-256.
    Result<PublicKeys> public_keys() const;

private:
    LockedBytes all_;
};

} // namespace cairn::signer
