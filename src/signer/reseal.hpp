// The file of sealed keys, sealed again: the same keys under another passphrase.
#pragma once

#include "signer/sealed_keys.hpp"

#include <string>
#include <string_view>

namespace cairn::signer {

/// What the TPM gives towards the key of this file; empty without a TPM.
Result<LockedBytes> release_share(const SealedKeys& keys);

/// Whole or not at all, whenever the process or the machine stops; then the content of the old file is overwritten, so that
/// neither a file that was deleted nor its blocks open with what opened it before, as far as the file system writes in place.
/// KeyFileRefused.
Status replace_sealed_keys(const std::string& path, const SealedKeys& keys);
/// The same for any text; mode 0600.
Status replace_file(const std::string& path, std::string_view text);

/// New salt, nonce and cost; keys, memory and TPM stay. A copy for recovery beside the file (path + ".recovery", of a file that
/// was bound to a TPM) is changed too, before the file itself: the command can be repeated after a crash. A signer that runs
/// is not disturbed. SealedKeysWrong; SealedKeysInvalid for keys on a token, whose PIN its own tools change.
Status change_passphrase(const std::string& path, BytesView passphrase, BytesView fresh, const SealCost& cost,
                         Random& random);

} // namespace cairn::signer
