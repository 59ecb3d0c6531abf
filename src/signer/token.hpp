// Keys on a PKCS#11 token (HSM, smart card, SoftHSM). The vendor's module wants files, devices and threads, so it runs in a
// helper process with a wider sandbox; the signer asks that one to sign, checks each signature, and keeps all the rules.
#pragma once

#include "crypto/tls_key.hpp"
#include "signer/backend.hpp"
#include "signer/passphrase.hpp"

#include <memory>
#include <string>

namespace cairn::signer {

/// Labels of the two private keys: Ed25519, and P-256 or Ed25519.
inline constexpr const char* kTokenConsensusLabel = "cairn-consensus";
inline constexpr const char* kTokenTlsLabel = "cairn-tls";

struct TokenSetup {
    std::string module; // path of the library
    std::string label;  // of the token
};

/// Public keys of what is on the token; `audit` is not there and stays zero.
struct TokenKeys {
    crypto::ValidatorPublicKey consensus; // Ed25519: PKCS#11 has no mechanism for SM2
    crypto::TlsPublicKey tls;
};

class TokenBackend : public Backend {
public:
    virtual const TokenKeys& keys() const = 0;
};

/// Starts the helper, which logs in with the PIN. Call it before there is a secret in this process: the helper is a copy.
/// TokenModuleInvalid, TokenMissing, TokenPinWrong, TokenPinLocked, TokenKeyMissing. While it runs: TokenRemoved, TokenFault.
Result<std::unique_ptr<TokenBackend>> start_token(const TokenSetup& setup, BytesView pin);

/// TLS signatures of the token, for tools: a node's go through its signer.
std::shared_ptr<crypto::HandshakeSigner> handshakes_of(std::unique_ptr<TokenBackend> token);

/// Makes the two keys on the token, not extractable. Fails if keys of these labels are there. Used by people, once.
Result<TokenKeys> create_token_keys(const TokenSetup& setup, BytesView pin,
                                    crypto::CertificateKey tls = crypto::CertificateKey::p256);

/// Makes the keys on the token, and PATH (a sealed key file that names the token and holds what is not on it) with the
/// signer's first memory.
Result<PublicKeys> create_token_keys_file(const std::string& path, const TokenSetup& setup, BytesView pin,
                                          Random& random, crypto::CertificateKey tls = crypto::CertificateKey::p256);

/// Such a file again, without a memory (see restore_sealed_keys), from secrets of which only what is not on the token counts.
/// Start the token before the secrets are in this process.
Result<PublicKeys> restore_token_keys_file(const std::string& path, const TokenSetup& setup, TokenBackend& token,
                                           const Secrets& secrets, Random& random);

/// What seals the secrets that are not on the token: the token's own signature of a fixed text, which it gives to nobody
/// else, because everything else that it signs begins differently.
Result<LockedBytes> token_passphrase(Backend& token);

} // namespace cairn::signer
