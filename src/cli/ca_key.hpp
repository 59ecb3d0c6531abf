// The private key of an organisation's CA on disk: PKCS#8 PEM, or that sealed under a passphrase (crypto/passphrase.hpp). The
// file, of mode 0600, then has two lines:
//
//     cairn sealed CA key 1
//     sealed: hex; its context is the line above
//
// The passphrase comes from a file, a credential of systemd or a terminal, never from an argument or the environment.
#pragma once

#include "cli/invocation.hpp"
#include "crypto/certificate.hpp"
#include "crypto/passphrase.hpp"

#include <functional>
#include <string>

namespace cairn::cli {

/// Name of the systemd credential (LoadCredential=cairn-ca:PATH).
inline constexpr const char* kCaCredential = "cairn-ca";
/// How a passphrase is come by; asked only if the key is sealed. The one who asks wipes it.
using CaPassphrase = std::function<Result<std::string>()>;

bool is_sealed_ca_key(std::string_view text);
std::string seal_ca_key(std::string_view pem, std::string_view passphrase, const crypto::PassphraseCost& cost);
/// CaKeyInvalid, before any work is done; CaPassphraseWrong.
Result<crypto::SecretText> open_ca_key(std::string_view text, std::string_view passphrase);
/// PEM of the file, whichever form it has. KeyFileRefused, errors of open_ca_key and of `passphrase`, CliPassphraseMissing
/// without one.
Result<crypto::SecretText> read_ca_key(const std::string& path, const CaPassphrase& passphrase);

/// --ca-passphrase-file.
FlagSpec ca_passphrase_flag();
/// From the flag, the credential or the terminal, in this order. `invocation` must outlive it.
CaPassphrase ca_passphrase(const Invocation& invocation);

} // namespace cairn::cli
