// The key-value store on RocksDB: one column family per column, one write-ahead log, small and bounded memory.
#include "base/errors/storage.hpp"
#include "storage/key_value.hpp"

#include "storage/file.hpp"
#include "storage/rocksdb_files.hpp"

#include <rocksdb/cache.h>
#include <rocksdb/db.h>
#include <rocksdb/env.h>
#include <rocksdb/filter_policy.h>
#include <rocksdb/options.h>
#include <rocksdb/table.h>
#include <rocksdb/write_batch.h>
#include <rocksdb/write_buffer_manager.h>

#include <array>

namespace cairn::storage {
namespace {

constexpr std::size_t kBlockCacheBytes = 32u << 20;
constexpr std::size_t kWriteBufferBytes = 8u << 20;
constexpr std::size_t kWriteBuffersBytesMax = 48u << 20;
constexpr std::uint64_t kWalBytesMax = 96u << 20;

// In the order of Column. RocksDB insists on a family named "default".
constexpr std::array<const char*, kColumns> kFamilyNames = {"accounts",     "slots",   "code",  "account_trie",
                                                            "storage_trie", "history", "index", "default"};

std::unexpected<Error> failed(const rocksdb::Status& status, const std::string& doing,
                              ErrorCode otherwise = error::StorageIo) {
    auto code = otherwise;
    const auto text = status.ToString();
    // A quota or a limit on file sizes is reported as a plain input/output error.
    const bool quota =
        text.find("quota exceeded") != std::string::npos || text.find("File too large") != std::string::npos;
    if (status.IsNoSpace() || (status.IsIOError() && quota))
        code = error::StorageFull;
    else if (status.IsCorruption())
        code = error::StorageCorrupt;
    for (const auto own : {error::CipherDamaged, error::CipherPlain, error::RegistryMissing, error::VaultKeyRetired,
                           error::VaultKeyWrong, error::VaultKeyUnknown, error::VaultUnavailable})
        if (text.find(error_id(own)) != std::string::npos) code = own;
    if (status.IsIOError() && (text.find("lock hold") != std::string::npos || text.find("LOCK:") != std::string::npos))
        code = error::StorageLocked;
    return fail(code, doing + " (" + text + ")");
}

rocksdb::Slice slice(BytesView view) { return {reinterpret_cast<const char*>(view.data()), view.size()}; }
BytesView view(const rocksdb::Slice& slice) {
    return {reinterpret_cast<const std::uint8_t*>(slice.data()), slice.size()};
}

/// RocksDB's own log may quote keys and values in clear; what goes wrong comes back as a status anyway.
class NoLog final : public rocksdb::Logger {
public:
    using Logger::Logv;
    void Logv(const char*, va_list) override {}
};

rocksdb::DBOptions database_options(const std::shared_ptr<rocksdb::Cache>& cache) {
    rocksdb::DBOptions options;
    options.create_if_missing = true;
    options.create_missing_column_families = true;
    options.paranoid_checks = true;
    // A torn end of the log is what a crash leaves; damage before it must not pass for one.
    options.wal_recovery_mode = rocksdb::WALRecoveryMode::kTolerateCorruptedTailRecords;
    options.max_background_jobs = 2;
    options.max_open_files = 256;
    options.max_file_opening_threads = 1;
    options.max_total_wal_size = kWalBytesMax;
    options.write_buffer_manager = std::make_shared<rocksdb::WriteBufferManager>(kWriteBuffersBytesMax, cache);
    options.bytes_per_sync = 1u << 20;
    options.allow_concurrent_memtable_write = false; // one writer
    options.enable_write_thread_adaptive_yield = false;
    options.stats_dump_period_sec = 0; // an idle node shall be idle
    options.stats_persist_period_sec = 0;
    options.info_log = std::make_shared<NoLog>();
    return options;
}

rocksdb::ColumnFamilyOptions family_options(Column column, const std::shared_ptr<rocksdb::Cache>& cache) {
    rocksdb::ColumnFamilyOptions options;
    options.write_buffer_size = kWriteBufferBytes;
    options.max_write_buffer_number = 3;
    options.target_file_size_base = 16u << 20;
    options.max_bytes_for_level_base = 64u << 20;
    options.level_compaction_dynamic_level_bytes = true;
    // Tries and history are mostly hashes, which do not shrink.
    const bool compressible = column == Column::code || column == Column::index;
    options.compression = compressible ? rocksdb::kLZ4Compression : rocksdb::kNoCompression;

    rocksdb::BlockBasedTableOptions table;
    table.block_cache = cache;
    table.cache_index_and_filter_blocks = true;
    table.pin_l0_filter_and_index_blocks_in_cache = true;
    table.format_version = 5;
    if (column != Column::history && column != Column::meta)
        table.filter_policy.reset(rocksdb::NewBloomFilterPolicy(10, false));
    options.table_factory.reset(rocksdb::NewBlockBasedTableFactory(table));
    return options;
}

class RocksStore final : public KeyValueStore {
public:
    explicit RocksStore(std::string directory) : directory_(std::move(directory)) {}
    ~RocksStore() override {
        if (!database_) return;
        for (auto* family : families_)
            if (family != nullptr) (void)database_->DestroyColumnFamilyHandle(family);
        (void)database_->Close();
    }

    Status open(CipherFileSystem* encryption) {
        CRN_CHECK(posix_file_system().make_directory(directory_));
        const auto cache = rocksdb::NewLRUCache(kBlockCacheBytes);
        std::vector<rocksdb::ColumnFamilyDescriptor> descriptors;
        for (std::size_t i = 0; i < kColumns; ++i)
            descriptors.emplace_back(kFamilyNames[i], family_options(static_cast<Column>(i), cache));
        std::vector<rocksdb::ColumnFamilyHandle*> handles;
        rocksdb::DB* database = nullptr;
        auto options = database_options(cache);
        std::shared_ptr<EncryptedRocksFiles> files;
        if (encryption != nullptr) {
            files = make_encrypted_rocksdb_files(*encryption);
            env_ = rocksdb::NewCompositeEnv(files);
            options.env = env_.get();
        }
        const auto status = rocksdb::DB::Open(options, directory_, descriptors, &handles, &database);
        if (!status.ok()) return failed(status, "open " + directory_, error::StorageOpen);
        database_.reset(database);
        std::ranges::copy(handles, families_.begin());
        if (files)
            if (auto refusal = files->first_refusal()) return std::unexpected(*std::move(refusal));
        return {};
    }

    Result<std::optional<Bytes>> get(Column column, BytesView key) const override {
        rocksdb::PinnableSlice value;
        const auto status = database_->Get({}, family(column), slice(key), &value);
        if (status.IsNotFound()) return std::optional<Bytes>{};
        if (!status.ok()) return failed(status, "read " + directory_);
        return std::optional{to_bytes(view(value))};
    }

    Status scan(Column column, BytesView prefix, BytesView start,
                const std::function<bool(BytesView, BytesView)>& visit) const override {
        const auto begin =
            std::max(slice(prefix), slice(start), [](const auto& a, const auto& b) { return a.compare(b) < 0; });
        const std::unique_ptr<rocksdb::Iterator> at{database_->NewIterator({}, family(column))};
        for (at->Seek(begin); at->Valid() && at->key().starts_with(slice(prefix)); at->Next())
            if (!visit(view(at->key()), view(at->value()))) return {};
        if (!at->status().ok()) return failed(at->status(), "read " + directory_);
        return {};
    }

    Status write(const WriteBatch& batch, bool sync) override {
        const auto writes = batch.writes();
        rocksdb::WriteBatch out{batch.bytes() + 16 * writes.size()};
        for (const auto& write : writes) {
            const auto status = write.value ? out.Put(family(write.column), slice(write.key), slice(*write.value))
                                            : out.Delete(family(write.column), slice(write.key));
            if (!status.ok()) return failed(status, "write " + directory_);
        }
        rocksdb::WriteOptions options;
        options.sync = sync;
        const auto status = database_->Write(options, &out);
        if (!status.ok()) return failed(status, "write " + directory_);
        return {};
    }

private:
    rocksdb::ColumnFamilyHandle* family(Column column) const { return families_[static_cast<std::size_t>(column)]; }

    const std::string directory_;
    std::unique_ptr<rocksdb::Env> env_; // of an encrypted store; outlives the database
    std::unique_ptr<rocksdb::DB> database_;
    std::array<rocksdb::ColumnFamilyHandle*, kColumns> families_{};
};

} // namespace

Result<std::unique_ptr<KeyValueStore>> open_rocksdb(const std::string& directory, CipherFileSystem* encryption) {
    auto store = std::make_unique<RocksStore>(directory);
    CRN_CHECK(store->open(encryption));
    return store;
}

} // namespace cairn::storage
