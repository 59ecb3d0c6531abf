// Where the signing keys of a validator are. Behind this interface nothing knows what is signed; before it nothing has keys.
#pragma once

#include "base/result.hpp"
#include "crypto/ed25519.hpp"
#include "signer/secrets.hpp"

#include <memory>

namespace cairn::signer {

/// One thread. A signature that leaves has been verified if it came from a device.
class Backend {
public:
    virtual ~Backend() = default;
    virtual Result<crypto::Signature> sign_consensus(BytesView message) = 0;
    /// With the TLS key, of whichever algorithm it is.
    virtual Result<Bytes> sign_handshake(BytesView message) = 0;
};

/// Keys in this process's locked memory. `secrets` must outlive it. KeyInvalid.
Result<std::unique_ptr<Backend>> memory_backend(const Secrets& secrets);

} // namespace cairn::signer
