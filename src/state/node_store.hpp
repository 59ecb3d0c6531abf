// Every version of every trie node that a retained height can reach, on a key-value store.
//
// Columns account_trie and storage_trie hold the newest version per path: key NodeId::key(), value u64 version, record.
// Column history holds, by first byte of the key:
//   'b' height page   all records that block `height` wrote, ascending by key, in pages of some 16 KiB (see block_pages.hpp)
//   'c' node version  a retired record whose block is too old for its pages to be relied on
//   'd' height        the 'c' keys that block `height` retired, so that they can be deleted in time
// A record (node, version) that block b replaces or removes is needed by heights below b. Its text stands in the pages of
// block `version` already: if these will be kept for long enough nothing is written, otherwise it is saved as 'c'.
#pragma once

#include "state/generation_cache.hpp"
#include "state/trie_lookup.hpp"
#include "state/trie_update.hpp"
#include "storage/key_value.hpp"

#include <mutex>

namespace cairn::state {

/// Which part of history is there. Stored under "history" in column meta.
struct HistoryWindow {
    std::uint64_t floor = 0;      // lowest height that can be read
    std::uint64_t pages_from = 0; // pages of blocks from here on are kept
    std::uint64_t reach = 0;      // pages of block v are kept while floor < v + reach
    bool operator==(const HistoryWindow&) const = default;
};

/// `node` is thread-safe. The others are for the writer.
class NodeStore final : public NodeSource {
public:
    NodeStore(storage::KeyValueStore& store, std::size_t cache_bytes);

    Result<Record> node(const NodeId& id) const override;

    /// Adds what block `height` changes to `batch`.
    void add_block(std::uint64_t height, TrieChanges& changes, const HistoryWindow& window,
                   storage::WriteBatch& batch) const;
    /// Adds to `batch` the deletions that follow from raising window.floor to `floor`, and updates `window`.
    Status prune(std::uint64_t floor, HistoryWindow& window, storage::WriteBatch& batch) const;
    /// After the batch is written: keeps the new records at hand, and forgets those that the block before retired.
    void remember(std::uint64_t height, TrieChanges& changes);

private:
    struct RecordWeight {
        std::size_t operator()(const Record& record) const { return record->size() + 256; }
    };
    static constexpr std::size_t kShards = 16;
    struct Shard {
        std::mutex mutex;
        GenerationCache<NodeId, Record, NodeIdHash, RecordWeight> records{0}; // guarded by mutex
    };

    Shard& shard_of(const NodeId& id) const { return shards_[NodeIdHash{}(id) >> 28 & (kShards - 1)]; }
    Result<std::optional<Bytes>> read(const NodeId& id) const;

    storage::KeyValueStore& store_;
    mutable std::array<Shard, kShards> shards_;
    std::vector<NodeId> retired_before_; // writer only
};

} // namespace cairn::state
