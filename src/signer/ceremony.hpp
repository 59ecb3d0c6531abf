// Opens sealed keys outside of a signer's process, for what people do with them by hand: sharing them among officers. No node
// runs this.
#pragma once

#include "signer/sealed_keys.hpp"

#include <string>

namespace cairn::signer {

/// The secrets of a sealed key file, in locked memory. `passphrase`: of the file, or the PIN of the token that it names. Keys
/// that are bound to a TPM open on their machine alone; their `.recovery` file opens everywhere. Of keys on a token the first 64
/// bytes are zeros: the token keeps those keys. SealedKeysInvalid, SealedKeysWrong, errors of the TPM and of the token.
Result<Secrets> open_for_ceremony(const std::string& path, BytesView passphrase);

} // namespace cairn::signer
