// The file of a backup: a header in the clear, then records, each sealed under a key of this file's own.
//
//     header   "CRNBKP1\n", u32 length, then: u16 cipher suite, u32 version of the backup key, the file's key as the vault wrapped it,
//              u64 chain id, 32 bytes hash of genesis, name of the node, u64 height, 32 bytes hash of the block there, u64 time in ms
//     record   u32 length, u8 last, sealed bytes; nonce: number of the record; associated: SHA-256 of all before the first record, last
//
// So a changed byte, a record that was moved, left out or added, and an end that is missing are all refused. Integers little-endian.
#pragma once

#include "base/types.hpp"
#include "storage/file.hpp"
#include "storage/file_cipher.hpp"
#include "storage/key_vault.hpp"

#include <memory>
#include <string>

namespace cairn::node {

inline constexpr std::size_t kBackupRecordBytesMax = 64u << 20;

struct BackupHeader {
    storage::CipherSuite suite = storage::CipherSuite::aes_256_gcm;
    storage::WrappedKey key;
    std::uint64_t chain_id = 0;
    Hash256 genesis;
    std::string node;
    Height height;
    Hash256 block;
    std::uint64_t time_ms = 0;
};
/// Everything before the first record.
Bytes encode_backup_header(const BackupHeader& header);
/// BackupInvalid; CipherSuiteUnknown. `size`: of the encoding.
Result<BackupHeader> decode_backup_header(BytesView bytes, std::size_t& size);
inline constexpr std::size_t kBackupHeaderBytesMax = 1024;

/// Writes to PATH.partial, which takes PATH's place when all is durable: a crash leaves no half backup under its name.
class BackupWriter {
public:
    /// Fills in key and suite. BackupInTheWay; storage errors; errors of the vault.
    static Result<BackupWriter> create(const std::string& path, BackupHeader header, storage::KeyVault& vault);
    Status add(BytesView record);
    /// The last record.
    Status finish(BytesView record);
    std::uint64_t bytes() const { return end_; }
    storage::KeyVersion key_version() const { return key_version_; }

private:
    Status put(BytesView record, std::uint8_t last);

    std::string path_;
    std::unique_ptr<storage::File> file_;
    std::unique_ptr<storage::FileCipher> cipher_;
    Hash256 header_hash_;
    storage::KeyVersion key_version_;
    std::uint64_t records_ = 0;
    std::uint64_t end_ = 0;
};

class BackupReader {
public:
    /// BackupInvalid, BackupTruncated, BackupForeign if it is not of the chain with this genesis; errors of the vault.
    static Result<BackupReader> open(const std::string& path, const Hash256& genesis, storage::KeyVault& vault);
    const BackupHeader& header() const { return header_; }
    struct Record {
        Bytes content;
        bool is_last = false;
    };
    /// BackupDamaged, BackupTruncated. Not behind the last one.
    Result<Record> next();
    std::uint64_t at() const { return at_; }
    std::uint64_t size() const { return size_; }

private:
    BackupHeader header_;
    std::string path_;
    std::unique_ptr<storage::File> file_;
    std::unique_ptr<storage::FileCipher> cipher_;
    Hash256 header_hash_;
    std::uint64_t records_ = 0;
    std::uint64_t at_ = 0, size_ = 0;
};

/// Context under which the vault wraps a backup's key.
Bytes backup_key_context(const Hash256& genesis);

} // namespace cairn::node
