// A file system whose files are all encrypted (cipher_file.hpp), each under a key of its own (key_registry.hpp).
//
// New files are under the given cipher suite, old ones are read under the one that they name.
//
// A file that is not encrypted is refused, never read: otherwise whoever can write to the disk could put plain data in place
// of encrypted data. All handles of one path share one CipherFile, so a file can get another key while it is in use.
// Thread-safe as far as FileSystem is.
#pragma once

#include "storage/cipher_file.hpp"

#include <functional>
#include <map>
#include <string>
#include <vector>

namespace cairn::storage {

class CipherFileSystem final : public FileSystem {
public:
    /// Both must outlive it.
    CipherFileSystem(FileSystem& below, KeyRegistry& registry, CipherSuite suite = CipherSuite::aes_256_gcm)
        : below_(below), registry_(registry), suite_(suite) {}

    Status make_directory(const std::string& path) override { return below_.make_directory(path); }
    Result<std::unique_ptr<DirectoryLock>> lock_directory(const std::string& path) override {
        return below_.lock_directory(path);
    }
    Result<std::vector<std::string>> list(const std::string& path) override;
    Result<std::unique_ptr<File>> create(const std::string& path) override;
    Result<std::unique_ptr<File>> open(const std::string& path) override;
    Result<std::unique_ptr<File>> open_last(const std::string& path) override;
    Status remove(const std::string& path) override;
    Status rename(const std::string& from, const std::string& to) override;
    Status sync_directory(const std::string& path) override { return below_.sync_directory(path); }

    Result<std::unique_ptr<File>> create_as(const std::string& path, const CipherLayout& layout);

    /// To be called once, before anything is opened, with every file that should be encrypted. Removes what an interrupted
    /// re-encryption left, refuses plain files and files without a key, and forgets the keys of files that are gone.
    Status take_inventory(const std::vector<std::string>& paths);

    /// Gives a file a new key under the current version, and this file system's suite, in use or not, unless it has both
    /// already. `pause` as in CipherFile::move_to. A file that vanishes meanwhile is no error. True if it was rewritten.
    Result<bool> reencrypt(const std::string& path, const std::function<bool(std::size_t bytes)>& pause);

    KeyRegistry& registry() { return registry_; }
    CipherSuite suite() const { return suite_; }
    /// Files of the inventory that are still there under another suite, though their keys are of `version` or later.
    std::size_t files_of_other_suites(KeyVersion version) const;

private:
    Result<std::shared_ptr<CipherFile>> shared(const std::string& path, TornEnd torn);
    std::shared_ptr<CipherFile> opened(const std::string& path); // mutex_ held
    Result<std::optional<FileId>> id_of(const std::string& path);
    void forget(const FileId& id);

    FileSystem& below_;
    KeyRegistry& registry_;
    const CipherSuite suite_;
    std::mutex mutex_; // taken after a CipherFile's write lock, never before it
    std::map<std::string, std::weak_ptr<CipherFile>> open_;
    mutable std::mutex others_mutex_;
    std::map<FileId, KeyVersion> others_; // guarded by others_mutex_: files under another suite
};

} // namespace cairn::storage
