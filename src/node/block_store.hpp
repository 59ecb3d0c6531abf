// Executed blocks on disk: one append-only log of records, and an index from heights and hashes into it.
#pragma once

#include "base/result.hpp"
#include "base/types.hpp"
#include "node/chain.hpp"
#include "storage/key_value.hpp"
#include "storage/log.hpp"

#include <map>
#include <memory>
#include <mutex>

namespace cairn::node {

/// Encodes a block with receipts and senders, so that reading it back needs neither execution nor signature checks.
Bytes encode_stored_block(const StoredBlock& block);
Result<StoredBlock> decode_stored_block(BytesView record);

/// One writer, many readers. `append` order is height order without gaps.
class BlockStore {
public:
    /// Both must outlive the result. Blocks that are in the log but missed the index (a crash between the two) are indexed.
    static Result<std::unique_ptr<BlockStore>> open(storage::RecordLog& log, storage::KeyValueStore& index);

    /// Height of the last block; nothing before genesis is appended.
    std::optional<Height> last() const;
    /// Durable on return; the index follows with the store's next sync, and is rebuilt from the log otherwise.
    Status append(std::shared_ptr<const StoredBlock> block);
    /// The execution certificate of a block. Certificates may come later than their block.
    Status put_certificate(Height height, const ledger::Certificate& certificate);
    /// Highest height with a certificate; 0 if there is none. It vouches for all blocks below by their parent hashes.
    Height last_certified() const;

    std::shared_ptr<const StoredBlock> block(Height height) const;
    std::optional<Height> height_of(const Hash256& block_hash) const;
    std::optional<TransactionLocation> find_transaction(const Hash256& hash) const;
    std::optional<ledger::Certificate> certificate(Height height) const;
    /// Zero for unknown heights.
    Hash256 hash_of(Height height) const;

private:
    BlockStore(storage::RecordLog& log, storage::KeyValueStore& index) : log_(log), index_(index) {}
    Status index_block(const StoredBlock& block, storage::RecordPosition position);
    std::optional<Bytes> get(BytesView key) const;

    storage::RecordLog& log_;
    storage::KeyValueStore& index_;
    mutable std::mutex mutex_;
    std::optional<Height> last_;                                          // guarded by mutex_
    Height last_certified_;                                               // guarded by mutex_
    mutable std::map<Height, std::shared_ptr<const StoredBlock>> recent_; // guarded by mutex_; bounded
};

} // namespace cairn::node
