// Reading from a trie by walking down from a root: values, and proofs of their presence or absence.
#pragma once

#include "state/account_leaf.hpp"
#include "state/trie_record.hpp"

#include <functional>
#include <optional>
#include <vector>

namespace cairn::state {

/// Where records come from. Thread-safe.
class NodeSource {
public:
    virtual ~NodeSource() = default;
    /// Never null. StorageCorrupt if a record that must exist does not.
    virtual Result<Record> node(const NodeId& id) const = 0;
};

/// RLP of a leaf's value, from the value as records hold it.
using ValueRlp = Result<Bytes> (*)(BytesView value);
Result<Bytes> account_value_rlp(BytesView value);
Result<Bytes> slot_value_rlp(BytesView value);

/// Value under `key` in the trie of `owner`, as records hold it.
Result<std::optional<Bytes>> find_in_trie(const NodeSource& source, const Hash256& owner, const TrieRoot& root,
                                          const Hash256& key);

/// Nodes from the root towards `key`, as eth_getProof lists them: those embedded in their parent are left out.
/// Empty for an empty trie. StorageCorrupt if a record does not have the hash its parent names.
Result<std::vector<Bytes>> prove_in_trie(const NodeSource& source, const Hash256& owner, const TrieRoot& root,
                                         const Hash256& key, ValueRlp value_rlp);

/// Every entry, ascending by key; stops when `visit` returns false.
Status walk_trie(const NodeSource& source, const Hash256& owner, const TrieRoot& root,
                 const std::function<bool(const Hash256& key, BytesView value)>& visit);

} // namespace cairn::state
