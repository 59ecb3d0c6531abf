#include "node/ordered_store.hpp"

#include "codec/wire.hpp"

namespace cairn::node {
namespace {

constexpr std::size_t kRecentBlocksMax = 64;

Bytes height_key(Height height) {
    Bytes key{'f'};
    for (int shift = 56; shift >= 0; shift -= 8) key.push_back(static_cast<std::uint8_t>(height.value >> shift));
    return key;
}

Bytes encode_position(Height height, storage::RecordPosition position) {
    codec::WireWriter out;
    out.number(height);
    out.u32(position.segment);
    out.u64(position.offset);
    return out.take();
}

} // namespace

Result<std::unique_ptr<OrderedStore>> OrderedStore::open(storage::RecordLog& log, storage::KeyValueStore& index,
                                                         const BlockStore& certificates) {
    std::unique_ptr<OrderedStore> store{new OrderedStore(log, index, certificates)};
    storage::RecordPosition start;
    CRN_TRY(last, index.get(storage::Column::index, as_bytes("f-last")));
    if (last) {
        codec::WireReader in{*last};
        store->appended_ = in.number<Height>();
        start.segment = in.u32();
        start.offset = in.u64();
        CRN_CHECK(in.finish());
    }
    Status status;
    CRN_CHECK(log.replay(start, [&](storage::RecordPosition position, BytesView record) {
        const auto block = consensus::decode_finalized_block(record);
        if (!block) {
            status = std::unexpected(block.error());
            return false;
        }
        if (block->block.height > store->appended_) {
            store->appended_ = block->block.height;
            store->unsynced_[store->appended_] = position;
        }
        return true;
    }));
    CRN_CHECK(status);
    CRN_CHECK(store->index_up_to_durable());
    return store;
}

Status OrderedStore::append(const consensus::FinalizedBlockPtr& block) {
    if (block->block.height <= appended_) return {};
    CRN_TRY(position, log_.append(consensus::encode_finalized_block(*block)));
    appended_ = block->block.height;
    unsynced_[appended_] = position;
    const std::lock_guard lock(mutex_);
    recent_[appended_] = block;
    if (recent_.size() > kRecentBlocksMax) recent_.erase(recent_.begin());
    return {};
}

Status OrderedStore::sync() {
    CRN_CHECK(log_.sync());
    return index_up_to_durable();
}

Status OrderedStore::index_up_to_durable() {
    if (!unsynced_.empty()) {
        storage::WriteBatch batch;
        for (const auto& [height, position] : unsynced_)
            batch.put(storage::Column::index, height_key(height), encode_position(height, position));
        const auto& [height, position] = *unsynced_.rbegin();
        batch.put(storage::Column::index, as_bytes("f-last"), encode_position(height, position));
        CRN_CHECK(index_.write(batch, /*sync=*/false));
        unsynced_.clear();
    }
    const std::lock_guard lock(mutex_);
    tip_ = appended_;
    return {};
}

Height OrderedStore::tip() const {
    const std::lock_guard lock(mutex_);
    return tip_;
}

consensus::FinalizedBlockPtr OrderedStore::block(Height height) const {
    {
        const std::lock_guard lock(mutex_);
        if (height > tip_ || height.value == 0) return nullptr;
        if (const auto found = recent_.find(height); found != recent_.end()) return found->second;
    }
    const auto entry = index_.get(storage::Column::index, height_key(height));
    if (!entry || !*entry) return nullptr;
    codec::WireReader in{**entry};
    in.number<Height>();
    storage::RecordPosition position;
    position.segment = in.u32();
    position.offset = in.u64();
    const auto record = log_.read(position);
    if (!record) return nullptr;
    auto block = consensus::decode_finalized_block(*record);
    if (!block) return nullptr;
    return std::make_shared<const consensus::FinalizedBlock>(std::move(*block));
}

std::optional<ledger::Certificate> OrderedStore::execution_certificate(Height height) const {
    return certificates_.certificate(height);
}

} // namespace cairn::node
