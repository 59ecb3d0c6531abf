// Applying many changes to a trie at once: only what lies above a change is read, and each level is hashed in one batch.
#pragma once

#include "state/trie_lookup.hpp"

#include <functional>
#include <span>
#include <vector>

namespace cairn::state {

/// A record that a block adds; its version is the block's height.
struct NewRecord {
    Hash256 owner;
    TriePath path;
    Record record;
};
/// What comes after a record that is the newest no more: a new version at the same path, or nothing that follows from it
/// (an unrelated record may be written there even so).
enum class Successor : std::uint8_t { none, same_path };
struct RetiredRecord {
    NodeId id;
    Record record;
    Successor successor = Successor::none;
};
struct TrieChanges {
    std::vector<NewRecord> written;
    std::vector<RetiredRecord> retired;
};

/// The changes of one block to one trie, worked out in memory. Not thread-safe.
class TrieUpdate {
public:
    /// What a key holds after the block: given its value before it, if any. Must be a pure function.
    using Merge = std::function<std::optional<Bytes>(std::size_t index, std::optional<BytesView> before)>;

    /// `source` must outlive the object.
    TrieUpdate(const NodeSource& source, const Hash256& owner, const TrieRoot& root, ValueRlp value_rlp);
    ~TrieUpdate();
    TrieUpdate(TrieUpdate&&) noexcept;

    /// `keys`: strictly ascending; `merge` gets indices into it. Once per object.
    Status apply(std::span<const Hash256> keys, const Merge& merge);
    /// Instead of `apply`: removes every entry.
    Status clear();

    /// Computes all hashes of several updated tries together.
    static Status hash_all(std::span<TrieUpdate> updates);
    /// After `hash_all`. The old root if nothing changed.
    TrieRoot root(std::uint64_t version) const;
    /// After `hash_all`: the records to write and those they replace, appended to `out`. Once per object.
    void collect(std::uint64_t version, TrieChanges& out);

private:
    struct Tree;
    std::unique_ptr<Tree> tree_;
};

} // namespace cairn::state
