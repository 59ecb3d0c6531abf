// The file keys.sealed: the private keys of one validator, encrypted under a passphrase (Argon2id, XChaCha20-Poly1305), and
// its public keys in the clear. JSON, mode 0600. The clear part is authenticated with the sealed part.
#pragma once

#include "base/result.hpp"
#include "signer/entry.hpp"
#include "signer/secrets.hpp"

#include <string>

namespace cairn::signer {

/// Work that a guess at the passphrase costs.
struct SealCost {
    std::uint32_t passes = 3;
    std::uint32_t memory_kib = 256 * 1024;
};
/// For a passphrase that is 256 random bits: nobody guesses it, so work would only slow the start.
inline constexpr SealCost kCostForRandomPassphrase{1, 64};
inline constexpr std::size_t kSealedBytesMax = 64 * 1024;
inline constexpr std::uint32_t kSealPassesMax = 16;
inline constexpr std::uint32_t kSealMemoryKibMax = 1024 * 1024;

/// How the key that opens the sealed part comes about.
struct Protection {
    SealCost cost;
    FixedBytes<16, struct SaltTag> salt;
    /// Sealed to the TPM's registers: a part of the key that only this machine in this state releases. Empty: none.
    Bytes tpm_blob;
    std::string tpm_interface; // as Tpm::open wants it
    /// The TPM's counter that says how often these keys were started; 0: none.
    std::uint32_t tpm_counter = 0;
};

struct SealedKeys {
    PublicKeys public_keys;
    Protection protection;
    Bytes sealed; // nonce and ciphertext
    /// Keys on a PKCS#11 token: their module and label; then `sealed` holds only what the token has not.
    std::string token_module;
    std::string token_label;
    bool on_token() const { return !token_module.empty(); }
};

/// `tpm_share`: what the TPM released; empty without a TPM.
Result<SealedKeys> seal(const Secrets& secrets, const PublicKeys& public_keys, BytesView passphrase,
                        BytesView tpm_share, Protection protection, const std::string& token_module,
                        const std::string& token_label, Random& random);
/// SealedKeysWrong.
Result<Secrets> unseal(const SealedKeys& keys, BytesView passphrase, BytesView tpm_share);

std::string to_json(const SealedKeys& keys);
/// SealedKeysInvalid; limits are checked before any work is done.
Result<SealedKeys> sealed_keys_from_json(std::string_view text);
/// SealedKeysInvalid, also if others may read the file.
Result<SealedKeys> read_sealed_keys(const std::string& path);

/// A fresh TLS key, of either algorithm, in place of the old one, which leaked or is too old; the other keys, the passphrase and the TPM stay. The file
/// is replaced; a signer that runs uses the new key from its next start. SealedKeysInvalid for keys on a token.
Result<PublicKeys> replace_tls_key(const std::string& path, BytesView passphrase, const crypto::TlsKey& key,
                                   Random& random);

/// Seals under a passphrase and writes path (never over an existing file) and the signer's first memory beside it.
Result<PublicKeys> create_sealed_keys(const std::string& path, const Secrets& secrets, BytesView passphrase,
                                      const SealCost& cost, Random& random);
/// The file alone, for secrets that have signed before: their memory is beside it already, or was lost (SignerAmnesia at the
/// start, and `cairn signer reset`). A fresh memory here would let them contradict themselves. Never over an existing file:
/// KeyFileRefused. KeyInvalid for secrets that were beside a token (token.hpp).
Result<PublicKeys> restore_sealed_keys(const std::string& path, const Secrets& secrets, BytesView passphrase,
                                       const SealCost& cost, Random& random);
/// Authenticates the signer's memory; derived from the root of storage.
SlotKey state_key(const Secrets& secrets);
/// Where the memory of the signer of these keys lies: path + ".state" (two files, .0 and .1).
std::string state_path(const std::string& sealed_keys_path);

} // namespace cairn::signer
