// From the difference that a block makes to the records, root and values of the state after it.
#pragma once

#include "base/types.hpp"
#include "state/trie_update.hpp"

#include <utility>
#include <vector>

namespace cairn::state {

struct SlotKey {
    Address address;
    U256 slot;
    bool operator==(const SlotKey&) const = default;
};

struct BlockUpdate {
    TrieRoot root;
    TrieChanges tries;
    /// New values, for the caches.
    std::vector<std::pair<Address, std::optional<AccountLeaf>>> accounts;
    std::vector<std::pair<SlotKey, U256>> slots;
    /// Code that may be new, by its hash.
    std::vector<std::pair<Hash256, std::shared_ptr<const Bytes>>> codes;
    /// Slots changed that `slots` does not list.
    bool storage_was_cleared = false;
};

/// Works out `diff` on top of the account trie `root`; the result is what block `height` writes.
Result<BlockUpdate> update_block(const NodeSource& source, const TrieRoot& root, const ledger::StateDiff& diff,
                                 std::uint64_t height);

} // namespace cairn::state
