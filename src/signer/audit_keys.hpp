// The key that seals the audit log is replaced: the old one introduces the new one, and is gone.
//
// The introductions lie in clear beside the sealed keys (path + ".successions"): one line each, with the old key, the new key
// and the signature in hex. The node reads them at its start and writes what its log lacks into the next segment.
#pragma once

#include "base/clock.hpp"
#include "ledger/seal_succession.hpp"
#include "signer/sealed_keys.hpp"

#include <string>
#include <vector>

namespace cairn::signer {

std::string successions_path(const std::string& sealed_keys_path);

/// Oldest first; none if there is no file. SealedKeysInvalid if it is malformed; signatures are not looked at.
Result<std::vector<ledger::SealSuccession>> read_successions(const std::string& sealed_keys_path);

/// A new seal key; all other keys, the passphrase, the memory and the TPM stay. Taken up at the node's next start. Can be
/// repeated after a crash. `passphrase`: the PIN of keys on a token. SealedKeysWrong, KeyFileRefused; errors of token and TPM.
Result<ledger::SealSuccession> replace_audit_key(const std::string& path, BytesView passphrase, Random& random);

} // namespace cairn::signer
