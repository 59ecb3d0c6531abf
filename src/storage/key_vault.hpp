// The keys that protect data keys:  root -> purpose key with a version -> data key of one file.
//
// A vault holds the purpose keys and never hands one out: it wraps and unwraps data keys, as the signer's process or a
// hardware token can. Every purpose has versions 1, 2, 3, ...; a number is never given twice. Life of a version
// (design security.md 1.1, 1.5):
//
//     current --make_version--> superseded --retire--> retired --destroy--> destroyed
//
//   current     wraps and unwraps; exactly one per purpose
//   superseded  unwraps only: old data is still read, nothing new is protected with it
//   retired     neither, refused with VaultKeyRetired; the key exists, so that a mistake shows before it is final
//   destroyed   the key is gone and what it wrapped is gone with it; the number stays listed
//
// `context` is authenticated with the data key (the file's id and use): a wrapped key that was moved to another file does
// not open. Thread rule: implementations are thread-safe. Errors: VaultKeyUnknown (no such version), VaultKeyRetired
// (retired or destroyed), VaultKeyWrong (altered, or wrapped by another vault or for another context), VaultState (the
// change of state is not allowed), VaultUnavailable (the process or token does not answer), VaultDamaged.
#pragma once

#include "base/result.hpp"
#include "crypto/secret_key.hpp"

#include <vector>

namespace cairn::storage {

/// What the keys below protect. The values are stored.
enum class KeyPurpose : std::uint8_t { storage = 1, backup = 2, snapshot = 3, audit = 4, vault = 5 };
std::string_view name_of(KeyPurpose purpose);

struct KeyVersion {
    std::uint32_t value = 0; // the first is 1
    constexpr auto operator<=>(const KeyVersion&) const = default;
};

/// The values are stored.
enum class KeyState : std::uint8_t { current = 1, superseded = 2, retired = 3, destroyed = 4 };
std::string_view name_of(KeyState state);

struct KeyVersionInfo {
    KeyVersion version;
    KeyState state = KeyState::current;
    crypto::KeyCheck check; // names the key without telling it: its id in the key-touch graph
};

using DataKey = crypto::SecretKey;

struct WrappedKey {
    KeyVersion version;
    Bytes bytes; // at most kWrappedKeyBytesMax
};
inline constexpr std::size_t kWrappedKeyBytesMax = 128;
inline constexpr std::size_t kWrapContextBytesMax = 256;
inline constexpr std::uint32_t kKeyVersionsMax = 10'000;

class KeyVault {
public:
    virtual ~KeyVault() = default;
    /// Under the current version of the purpose; its first use makes version 1.
    virtual Result<WrappedKey> wrap(KeyPurpose purpose, BytesView context, const DataKey& key) = 0;
    virtual Result<DataKey> unwrap(KeyPurpose purpose, BytesView context, const WrappedKey& key) = 0;
    /// A new current version, durable on return; the one before becomes superseded.
    virtual Result<KeyVersion> make_version(KeyPurpose purpose) = 0;
    /// Of a superseded version; durable on return.
    virtual Status retire(KeyPurpose purpose, KeyVersion version) = 0;
    /// Of a retired version; durable on return, and not to be undone.
    virtual Status destroy(KeyPurpose purpose, KeyVersion version) = 0;
    /// Ascending; empty for a purpose that was never used.
    virtual Result<std::vector<KeyVersionInfo>> versions(KeyPurpose purpose) const = 0;
};

} // namespace cairn::storage
