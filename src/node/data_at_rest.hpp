// How a node's data lies on its disk: encrypted under keys of its own, and how those keys are rotated while it runs.
//
//     keys.sealed            the root, sealed; only the signer opens it
//     keys.sealed.state.*    the signer's memory: the versions of the storage key, under the root
//     data_dir/keys/         registry.a, registry.b: the file keys, wrapped by the storage key (storage/key_registry.hpp)
//     data_dir/...           everything else: encrypted files
//
// Root and storage key never leave the signer. This process has the keys of files, as the signer unwraps them; when the signer
// is gone, open files go on being readable and no further key is to be had.
//
// Rotation: `rotate` (seconds) -> `rewrap` (no data rewritten) -> `reencrypt` (in the background, at a limited rate) ->
// `retire` (refused while anything is under the old version; then the key is refused, and destroyed). Thread-safe.
#pragma once

#include "ledger/genesis.hpp"
#include "node/node.hpp"
#include "storage/cipher_file_system.hpp"

#include <atomic>
#include <condition_variable>
#include <memory>
#include <mutex>
#include <thread>

namespace cairn::node {

struct ReencryptProgress {
    bool running = false;
    std::uint64_t files_done = 0;
    std::uint64_t files_left = 0; // under an old version of the key, or another cipher suite
    std::uint64_t bytes_done = 0;
    std::optional<Error> failed; // of the last run
};

struct KeyStatus {
    bool encrypted = false;
    storage::CipherSuite suite = storage::CipherSuite::aes_256_gcm; // of new files
    std::vector<storage::KeyVersionInfo> versions;
    storage::RegistryCounts counts;
    Hash256 registry_hash;
    ReencryptProgress reencryption;
};

/// What is recorded when a version has been destroyed.
struct RetirementProof {
    storage::KeyVersion retired;
    crypto::KeyCheck retired_check;
    storage::KeyVersion current;
    crypto::KeyCheck current_check;
    std::size_t files = 0;
    std::size_t files_under_retired = 0; // always zero: otherwise there is no proof
    Hash256 registry_hash;
};

class DataAtRest {
public:
    /// Opens the registry with the vault, which is the signer, and takes stock of every file in the data directory. A new data
    /// directory gets a new registry. EncryptionOffRefused, RegistryMissing, VaultKeyUnknown and VaultKeyWrong (the signer has
    /// another root, or lost its memory), CipherPlain, and others of storage.
    static Result<std::unique_ptr<DataAtRest>> open(const NodeConfig& config, const ledger::Genesis& genesis,
                                                    std::shared_ptr<storage::KeyVault> vault);
    ~DataAtRest();

    storage::FileSystem& files();
    /// Of new files.
    storage::CipherSuite suite() const { return files_ ? files_->suite() : storage::CipherSuite::aes_256_gcm; }
    /// Null where encryption is off.
    storage::KeyVault* vault() { return vault_.get(); }
    /// Null where encryption is off.
    storage::CipherFileSystem* encryption() { return files_.get(); }

    KeyStatus status() const;
    /// Counts the rotations since the start: who keeps a key of its own looks here whether it is still under the current version.
    const std::atomic<std::uint64_t>& rotations() const { return rotations_; }
    /// Errors of the vault; EncryptionOffRefused where encryption is off.
    Result<storage::KeyVersion> rotate();
    Status rewrap();
    /// Starts; `status` tells how far it is. Does nothing if it runs already.
    Status reencrypt(std::uint64_t bytes_per_second_max);
    /// KeyStillUsed while files or keys are under it.
    Result<RetirementProof> retire(storage::KeyVersion version);

private:
    explicit DataAtRest(std::string directory) : directory_(std::move(directory)) {}
    std::vector<std::string> data_files() const;
    Status open_keys(storage::CipherSuite suite);
    void reencrypt_all(std::stop_token stop, std::uint64_t bytes_per_second_max);
    std::uint64_t files_left() const;
    Status must_be_encrypted() const;

    const std::string directory_;
    std::unique_ptr<storage::DirectoryLock> lock_; // of the keys: a second process must not take stock of our files
    std::shared_ptr<storage::KeyVault> vault_;     // null where encryption is off
    std::unique_ptr<storage::KeyRegistry> registry_;
    std::unique_ptr<storage::CipherFileSystem> files_;

    std::atomic<std::uint64_t> rotations_ = 0;
    std::mutex change_mutex_; // one change of keys at a time
    mutable std::mutex progress_mutex_;
    ReencryptProgress progress_; // guarded by progress_mutex_
    std::condition_variable_any pause_;
    std::mutex pause_mutex_;
    std::jthread worker_; // guarded by change_mutex_; ends before what it uses
};

/// For new files: what the configuration says, or what fits the chain's suite in genesis: SM4-GCM with `national`,
/// AES-256-GCM otherwise. A later vote does not change it, because it is needed before the chain is opened.
storage::CipherSuite cipher_of(const NodeConfig& config, const ledger::Genesis& genesis);

} // namespace cairn::node
