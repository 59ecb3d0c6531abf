// The small interface to a sorted key-value store; RocksDB in production, an ordered map in tests and simulation.
#pragma once

#include "base/bytes.hpp"
#include "base/result.hpp"

#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

namespace cairn::storage {

/// Named parts of one store that are written together.
enum class Column : std::uint8_t { accounts, slots, code, account_trie, storage_trie, history, index, meta };
inline constexpr std::size_t kColumns = 8;

/// Writes that become visible and durable together or not at all.
class WriteBatch {
public:
    struct Write {
        Column column;
        Bytes key;
        std::optional<Bytes> value; // nothing: delete
    };
    void put(Column column, BytesView key, BytesView value) {
        writes_.push_back({column, to_bytes(key), to_bytes(value)});
    }
    void erase(Column column, BytesView key) { writes_.push_back({column, to_bytes(key), std::nullopt}); }
    const std::vector<Write>& writes() const { return writes_; }
    bool empty() const { return writes_.empty(); }
    void clear() { writes_.clear(); }

private:
    std::vector<Write> writes_;
};

class KeyValueStore {
public:
    virtual ~KeyValueStore() = default;
    virtual Result<std::optional<Bytes>> get(Column column, BytesView key) const = 0;
    /// Calls `visit` for keys with `prefix`, ascending, from `start` on (start = prefix for all); stops when it returns false.
    virtual Status scan(Column column, BytesView prefix, BytesView start,
                        const std::function<bool(BytesView key, BytesView value)>& visit) const = 0;
    /// Atomic. Durable on return if `sync`, otherwise after the next synced write.
    virtual Status write(const WriteBatch& batch, bool sync) = 0;
};

std::unique_ptr<KeyValueStore> make_memory_store();
/// Opens or creates the directory. Errors name the path: StorageOpen, StorageCorrupt, StorageFull, StorageLocked.
Result<std::unique_ptr<KeyValueStore>> open_rocksdb(const std::string& directory);

} // namespace cairn::storage
