// The registry of file keys: which key belongs to which encrypted file, wrapped by the vault.
//
// DIRECTORY/registry.a and registry.b (sealed_pair.hpp, magic "CRNREG1"), sealed with a fresh key per save that the vault
// wraps. Content: u32 count, then per file 16 bytes id, u32 version under which the key was made, u32 version that wraps it,
// u16 length and the wrapped key; ascending by id.
//
// What holds:
// 1. A key is durable in the registry before a file uses it: keys are made and saved in lots ahead of need, so that making
//    a file waits for no disk. A key of the lot is used once or, after a restart, never.
// 2. A file whose id is not here is refused with RegistryMissing: a lost, foreign or older registry shows at the first file.
// 3. `rewrap` changes only this file; the data stays as it is. A key that was made under an old version is still known to
//    whoever had the old version and an old registry: only new keys (CipherFileSystem::reencrypt) end that.
//
// Thread-safe. Errors: RegistryDamaged, RegistryMissing, those of KeyVault and of FileSystem.
#pragma once

#include "storage/cipher_format.hpp"
#include "storage/file.hpp"
#include "storage/key_vault.hpp"

#include <map>
#include <memory>
#include <mutex>
#include <set>

namespace cairn::storage {

struct FileKey {
    FileId id;
    KeyVersion made_under;
    std::shared_ptr<const DataKey> key;
};

/// Files per version of the purpose key.
struct RegistryCounts {
    std::map<KeyVersion, std::size_t> made_under;
    std::map<KeyVersion, std::size_t> wrapped_by;
    std::size_t files = 0;
};

inline constexpr std::size_t kRegistryFilesMax = 250'000;

struct RegistryEntry {
    KeyVersion made_under;
    WrappedKey wrapped;
};
/// The content of the registry file; nothing if it is not of this form.
std::optional<std::map<FileId, RegistryEntry>> decode_registry(BytesView content);
Bytes encode_registry(const std::map<FileId, RegistryEntry>& entries);

class KeyRegistry {
public:
    /// `directory` must exist; `files` is the file system below encryption. Both must outlive the registry. A registry that
    /// is not there is made with IfAbsent::create.
    enum class IfAbsent : std::uint8_t { create, refuse };
    static Result<std::unique_ptr<KeyRegistry>> open(FileSystem& files, const std::string& directory, KeyVault& vault,
                                                     IfAbsent absent);

    /// A key for a new file, under the current version.
    Result<FileKey> take();
    Result<FileKey> find(const FileId& id);
    /// The file is gone; durable with the next save.
    void release(const FileId& id);
    /// Forgets all files but these; durable on return. Only before any `take`.
    Status keep_only(const std::set<FileId>& present);

    /// Keys that are made from now on are under the current version. To be called after make_version.
    Status follow_rotation();
    /// Wraps all keys with the current version; durable on return.
    Status rewrap();
    /// Saves now, so that what was released is gone from the disk.
    Status save();

    RegistryCounts counts() const;
    Result<KeyVersion> current_version() const;
    /// SHA-256 of the content as saved last.
    Hash256 hash() const;
    KeyVault& vault() { return vault_; }

private:
    KeyRegistry(FileSystem& files, std::string directory, KeyVault& vault)
        : files_(files), directory_(std::move(directory)), vault_(vault) {}
    Status load(IfAbsent absent);
    Status make_lot();
    Status save_locked();

    FileSystem& files_;
    const std::string directory_;
    KeyVault& vault_;
    mutable std::mutex mutex_; // guards all below
    std::uint64_t sequence_ = 0;
    std::map<FileId, RegistryEntry> entries_;
    std::map<FileId, std::shared_ptr<const DataKey>> open_; // unwrapped once, kept while the file is there
    std::vector<FileId> lot_;                               // saved, not used yet
    Hash256 hash_;
};

} // namespace cairn::storage
