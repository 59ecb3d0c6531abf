// Root and proofs of a hexary Merkle Patricia trie that is given whole, as a sorted list: transaction and receipt
// tries, fixtures, checks of the state trie. Pure functions without a database (yellow paper, appendix D).
#pragma once

#include "base/bytes.hpp"

#include <span>
#include <vector>

namespace cairn::ledger {

/// A view of one entry. Keys are taken as they are: hash them first for a secure trie. Values must not be empty.
struct TrieEntry {
    BytesView key;
    BytesView value;
};

/// `sorted`: strictly ascending by key (checked by assertion). kEmptyTrieRoot without entries.
Hash256 trie_root(std::span<const TrieEntry> sorted);
/// The nodes from the root towards `key`, as eth_getProof gives them: nodes embedded in their parent are not listed.
/// Shows absence if `key` is not among the entries. Empty without entries.
std::vector<Bytes> trie_proof(std::span<const TrieEntry> sorted, BytesView key);

} // namespace cairn::ledger
