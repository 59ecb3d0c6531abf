// Finalized blocks with their batches on disk, as consensus delivered them: what peers that fall behind are served from.
#pragma once

#include "consensus/core.hpp"
#include "node/block_store.hpp"
#include "storage/key_value.hpp"
#include "storage/log.hpp"

#include <map>
#include <memory>
#include <mutex>

namespace cairn::node {

/// One writer (the executor); the core reads through consensus::History from its own thread.
class OrderedStore final : public consensus::History {
public:
    /// All three must outlive the result. Blocks that reached the log but not the index are indexed.
    static Result<std::unique_ptr<OrderedStore>> open(storage::RecordLog& log, storage::KeyValueStore& index,
                                                      const BlockStore& certificates);

    /// Heights ascend without gaps; a height that is stored already is passed over. Durable after sync().
    Status append(const consensus::FinalizedBlockPtr& block);
    Status sync();

    /// Last durable height.
    Height tip() const override;
    consensus::FinalizedBlockPtr block(Height height) const override;
    std::optional<ledger::Certificate> execution_certificate(Height height) const override;

private:
    OrderedStore(storage::RecordLog& log, storage::KeyValueStore& index, const BlockStore& certificates)
        : log_(log), index_(index), certificates_(certificates) {}
    Status index_up_to_durable();

    storage::RecordLog& log_;
    storage::KeyValueStore& index_;
    const BlockStore& certificates_;
    std::map<Height, storage::RecordPosition> unsynced_; // writer only
    mutable std::mutex mutex_;
    Height tip_;                                            // guarded by mutex_: durable
    std::map<Height, consensus::FinalizedBlockPtr> recent_; // guarded by mutex_; bounded
    Height appended_;                                       // writer only
};

} // namespace cairn::node
