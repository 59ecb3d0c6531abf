// Where the signer's process gets a passphrase or PIN from: never an argument, never the environment.
#pragma once

#include "base/result.hpp"
#include "signer/secrets.hpp"

#include <optional>
#include <string>

namespace cairn::signer {

inline constexpr std::size_t kPassphraseMax = 1024;
/// Name of the systemd credential (LoadCredential=cairn-signer:PATH).
inline constexpr const char* kCredential = "cairn-signer";

struct Passphrase {
    LockedBytes text;   // without the end of line
    bool asked = false; // of a person, who may be asked again
    BytesView view() const { return text.view(); }
};

/// In this order: the descriptor (closed afterwards), the systemd credential, the terminal. The first line counts.
/// SignerPassphraseMissing.
Result<Passphrase> read_passphrase(std::optional<int> descriptor, const std::string& prompt);

} // namespace cairn::signer
