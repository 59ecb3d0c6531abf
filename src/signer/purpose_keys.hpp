// The purpose keys of storage (storage/key_vault.hpp), held by the signer. Encrypted under the root they lie in the signer's
// memory; a destroyed one is overwritten there.
//
// Those of backups are derived from the root instead of drawn: whoever recovers the root on another machine, without this memory,
// opens the backups. Such a version that this memory has retired or destroyed is refused here all the same; what ends it for whoever has
// the root is to delete the backups.
#pragma once

#include "crypto/secret_key.hpp"
#include "signer/entry.hpp"
#include "signer/protocol.hpp"
#include "storage/key_vault.hpp"

#include <map>

namespace cairn::signer {

class PurposeKeys {
public:
    explicit PurposeKeys(crypto::SecretKey root) : root_(std::move(root)) {}

    /// An entry of the memory: key_made, key_retired, key_destroyed. SignerStateDamaged.
    Status apply(const Entry& entry);
    /// What apply() needs to come to the same state; nothing of destroyed keys but their number.
    std::vector<Entry> snapshot() const;

    struct Outcome {
        Bytes content;               // of the reply
        std::optional<Entry> change; // to be made durable, then applied, before the reply leaves
    };
    /// The errors of storage::KeyVault. A wrap without any version asks for one to be made first: `change` is then set and
    /// `content` empty; apply it and call again.
    Result<Outcome> perform(const VaultRequest& request) const;

private:
    struct Version {
        storage::KeyState state = storage::KeyState::current;
        std::optional<crypto::SecretKey> key; // nothing once destroyed
        crypto::KeyCheck check;
    };
    using Versions = std::map<std::uint32_t, Version>;

    Entry make_entry(std::uint8_t purpose, std::uint32_t version, const crypto::SecretKey& key) const;
    Result<crypto::SecretKey> open_entry(const Entry& entry) const;

    crypto::SecretKey new_key(std::uint8_t purpose, std::uint32_t version) const;

    crypto::SecretKey root_;
    std::map<std::uint8_t, Versions> purposes_;
};

/// Of the reply to VaultRequest::list.
Result<std::vector<storage::KeyVersionInfo>> decode_versions(BytesView bytes);

} // namespace cairn::signer
