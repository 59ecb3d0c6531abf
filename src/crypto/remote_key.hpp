// A key for OpenSSL whose signatures are made elsewhere: by another process, or by a device.
#pragma once

#include "crypto/tls_key.hpp"

namespace cairn::crypto {

/// Its signatures are asked of `signer`, which gets the whole message. KeyInvalid.
Result<std::shared_ptr<evp_pkey_st>> remote_key(std::shared_ptr<HandshakeSigner> signer);

} // namespace cairn::crypto
