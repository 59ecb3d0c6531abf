// What the account trie keeps per account: in consensus form (RLP, what is hashed) and in the compact form of our records.
#pragma once

#include "base/result.hpp"
#include "ledger/account.hpp"

namespace cairn::state {

/// The storage trie of one account: its root hash, and the block that wrote its root node (see trie_record.hpp).
struct TrieRoot {
    Hash256 hash;
    std::uint64_t version = 0;
    bool operator==(const TrieRoot&) const = default;
};
/// The root of a trie without entries; no node is stored for it.
TrieRoot empty_trie();

struct AccountLeaf {
    ledger::Account account;
    TrieRoot storage = empty_trie();
    bool operator==(const AccountLeaf&) const = default;

    bool has_storage() const { return storage != empty_trie(); }
};

/// RLP [nonce, balance, storage root, code hash], the trie's value (yellow paper, section 4.1).
Bytes account_rlp(const AccountLeaf& leaf);
/// RLP of a slot's value as a minimal big-endian string, the storage trie's value.
Bytes slot_rlp(BytesView minimal_value);

/// Leaves out what most accounts lack: an account without code and storage takes some 10 bytes instead of 70.
Bytes encode_account(const AccountLeaf& leaf);
/// StorageCorrupt for anything that encode_account does not write.
Result<AccountLeaf> decode_account(BytesView record);

} // namespace cairn::state
