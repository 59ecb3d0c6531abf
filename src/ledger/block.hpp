// The Ethereum block: header, whose Keccak hash is the block hash, and transactions.
#pragma once

#include "base/bytes.hpp"
#include "base/result.hpp"
#include "base/types.hpp"
#include "base/u256.hpp"
#include "ledger/receipt.hpp"

namespace cairn::ledger {

/// Keccak-256(RLP of an empty list).
extern const Hash256 kEmptyOmmersHash;
/// Root of a trie without entries: Keccak-256(RLP of the empty string).
extern const Hash256 kEmptyTrieRoot;
/// SHA-256 of nothing: the requests hash without requests (EIP-7685).
extern const Hash256 kEmptyRequestsHash;

/// Header of the Osaka format, 21 fields. Fields of older forks are optional so that old vectors decode.
struct BlockHeader {
    Hash256 parent_hash;
    Hash256 ommers_hash;
    Address beneficiary;
    Hash256 state_root;
    Hash256 transactions_root;
    Hash256 receipts_root;
    Bloom logs_bloom;
    U256 difficulty;
    std::uint64_t number = 0;
    std::uint64_t gas_limit = 0;
    std::uint64_t gas_used = 0;
    std::uint64_t timestamp = 0; // seconds since 1970 UTC
    Bytes extra_data;            // at most 32 bytes
    Hash256 mix_hash;            // PREVRANDAO
    FixedBytes<8, struct NonceTag> nonce;
    std::optional<U256> base_fee_per_gas;
    std::optional<Hash256> withdrawals_root;
    std::optional<std::uint64_t> blob_gas_used;
    std::optional<std::uint64_t> excess_blob_gas;
    std::optional<Hash256> parent_beacon_block_root;
    std::optional<Hash256> requests_hash;
    bool operator==(const BlockHeader&) const = default;
};

Bytes encode_header(const BlockHeader& header);
Result<BlockHeader> decode_header(BytesView rlp);
Hash256 hash_of(const BlockHeader& header);

struct Block {
    BlockHeader header;
    std::vector<SignedTransaction> transactions;
};

/// RLP [header, [transactions], [ommers], [withdrawals]] as other clients exchange it.
Bytes encode_block(const Block& block);
/// Refuses ommers and withdrawals other than empty lists; recovers senders.
Result<Block> decode_block(BytesView rlp);

/// Root of the trie index -> item (transactions, receipts): key RLP(index).
Hash256 ordered_trie_root(const std::vector<Bytes>& items);
Hash256 ordered_trie_root(std::span<const BytesView> items);
/// Merkle proof of item `index` under ordered_trie_root(items): nodes from the root to the leaf.
std::vector<Bytes> prove_ordered_item(const std::vector<Bytes>& items, std::size_t index);

} // namespace cairn::ledger
