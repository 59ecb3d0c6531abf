// The epochs of a chain as this node knows them: who votes in each, and how each began. Durable, because nobody else may be asked:
// what a node believes about validators comes from genesis and from the handovers that it has verified itself.
#pragma once

#include "consensus/core.hpp"
#include "ledger/genesis.hpp"
#include "ledger/proof_bundle.hpp"
#include "storage/key_value.hpp"

#include <memory>
#include <mutex>
#include <vector>

namespace cairn::node {

struct EpochRecord {
    ledger::ValidatorSet validators;
    consensus::EpochStart start;
    /// How the epoch before handed over to this one; empty for epoch 0.
    ledger::EpochHandover handover;
};

/// One writer (the executor); reads from any thread.
class Epochs {
public:
    /// `store` must outlive the result. Epoch 0 is genesis, with `genesis_header` as the hash of its EVM header. StorageCorrupt.
    static Result<std::unique_ptr<Epochs>> open(storage::KeyValueStore& store, const ledger::Genesis& genesis,
                                                const Hash256& genesis_header);

    /// The next epoch; durable on success.
    Status append(EpochRecord record);
    std::shared_ptr<const EpochRecord> current() const;
    /// Null if not known.
    std::shared_ptr<const EpochRecord> of(Epoch epoch) const;

private:
    explicit Epochs(storage::KeyValueStore& store) : store_(store) {}

    storage::KeyValueStore& store_;
    mutable std::mutex mutex_;
    std::vector<std::shared_ptr<const EpochRecord>> records_; // by number; guarded by mutex_
};

Bytes encode_epoch(const EpochRecord& record);
/// StorageCorrupt.
Result<EpochRecord> decode_epoch(BytesView bytes);

} // namespace cairn::node
