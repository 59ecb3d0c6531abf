// RocksDB's files through our own encrypted file system. Private to the files that include RocksDB.
//
// Tables (*.sst) are written once and read at random: pages of 4 KiB, so that reading one block opens little more than it.
// All others (write-ahead log, manifest, CURRENT, OPTIONS, IDENTITY) grow by records. A read of damaged data comes back as
// Status::Corruption with our own error's text, so nothing that fails its authentication reaches RocksDB's decoders.
#pragma once

#include "storage/cipher_file_system.hpp"

#include <rocksdb/file_system.h>

#include <memory>

namespace cairn::storage {

class EncryptedRocksFiles : public rocksdb::FileSystemWrapper {
public:
    using FileSystemWrapper::FileSystemWrapper;
    /// The first refusal of altered data since it was made. RocksDB goes on without some files (its IDENTITY), where we do
    /// not.
    virtual std::optional<Error> first_refusal() const = 0;
};

/// `files` must outlive the database.
std::shared_ptr<EncryptedRocksFiles> make_encrypted_rocksdb_files(CipherFileSystem& files);

} // namespace cairn::storage
