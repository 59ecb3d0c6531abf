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

/// Writes that become visible and durable together or not at all. Later ones of the same key win.
class WriteBatch {
public:
    /// Views into the batch, good until it is changed.
    struct Write {
        Column column;
        BytesView key;
        std::optional<BytesView> value; // nothing: delete
    };
    void put(Column column, BytesView key, BytesView value) {
        entries_.push_back({column, false, bytes_.size(), key.size(), value.size()});
        append(bytes_, key);
        append(bytes_, value);
    }
    void erase(Column column, BytesView key) {
        entries_.push_back({column, true, bytes_.size(), key.size(), 0});
        append(bytes_, key);
    }
    /// In the order they were made.
    std::vector<Write> writes() const {
        std::vector<Write> out;
        out.reserve(entries_.size());
        for (const auto& entry : entries_) {
            const BytesView key = BytesView{bytes_}.subspan(entry.offset, entry.key_bytes);
            const BytesView value = BytesView{bytes_}.subspan(entry.offset + entry.key_bytes, entry.value_bytes);
            out.push_back({entry.column, key, entry.is_erase ? std::nullopt : std::optional{value}});
        }
        return out;
    }
    bool empty() const { return entries_.empty(); }
    /// Of all keys and values together.
    std::size_t bytes() const { return bytes_.size(); }
    void clear() {
        entries_.clear();
        bytes_.clear();
    }

private:
    struct Entry {
        Column column;
        bool is_erase;
        std::size_t offset;
        std::size_t key_bytes;
        std::size_t value_bytes;
    };
    std::vector<Entry> entries_;
    Bytes bytes_; // key, value, key, value, ...
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
class CipherFileSystem;
/// Opens or creates the directory. Errors name the path: StorageOpen, StorageCorrupt, StorageFull, StorageLocked, and those of
/// `encryption`, through which all files go if it is given; it must outlive the store.
Result<std::unique_ptr<KeyValueStore>> open_rocksdb(const std::string& directory,
                                                    CipherFileSystem* encryption = nullptr);

} // namespace cairn::storage
