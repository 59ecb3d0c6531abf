// The next batch of the own lane, written down before the signer is asked to sign it.
//
// The signer signs one batch per position, ever. Without this file a crash between its signature and the write-ahead log
// would leave the lane with a position whose content is lost, and so at its end.
//
// The content is encrypted (AES-256-GCM) under a key of the file's own, which is made anew at each opening and stands wrapped by
// the vault at the beginning; the nonce counts the writes since then, so it never serves twice.
#pragma once

#include "base/result.hpp"
#include "base/types.hpp"
#include "consensus/events.hpp"
#include "storage/key_vault.hpp"

#include <atomic>
#include <optional>
#include <string>

namespace cairn::node {

struct OwnBatch {
    Position position;
    consensus::LocalBatch batch;
};

/// One file, overwritten; made anew under the current version of the storage key when that has changed, so that no retired
/// version is needed. One thread. The vault must outlive it.
class OwnBatchFile {
public:
    /// Without a vault (encryption is off for measuring) the content lies in the clear. `rotations` counts the vault's new versions and
    /// must outlive it. StorageOpen, StorageIo, errors of the vault.
    static Result<OwnBatchFile> open(const std::string& path, storage::KeyVault* vault,
                                     const std::atomic<std::uint64_t>& rotations);
    OwnBatchFile(OwnBatchFile&& other) noexcept;
    OwnBatchFile& operator=(OwnBatchFile&& other) noexcept;
    ~OwnBatchFile();

    /// Durable on success. StorageIo, errors of the vault.
    Status write(Position position, const consensus::LocalBatch& batch);
    /// What was written last; nothing if there is none, or if a crash tore it: then it was not signed.
    std::optional<OwnBatch> read() const;

private:
    OwnBatchFile(int file, std::optional<storage::DataKey> key) : file_(file), key_(std::move(key)) {}
    Status follow_rotation();
    Status write_content(BytesView content);
    std::optional<Bytes> read_content() const;

    int file_;
    std::optional<storage::DataKey> key_;
    std::uint64_t writes_ = 0;
    std::string path_;
    storage::KeyVault* vault_ = nullptr;
    const std::atomic<std::uint64_t>* rotations_ = nullptr;
    std::uint64_t rotation_ = 0; // when key_ was made
};

} // namespace cairn::node
