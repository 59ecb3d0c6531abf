#include "node/epochs.hpp"

#include "base/assert.hpp"
#include "base/errors/storage.hpp"
#include "codec/wire.hpp"

namespace cairn::node {
namespace {

constexpr std::string_view kKeyPrefix = "epoch-";
constexpr std::size_t kPartBytesMax = 1u << 20;
constexpr std::size_t kVoteBytes = 2 + 64;

Bytes key_of(Epoch epoch) {
    auto key = to_bytes(as_bytes(kKeyPrefix));
    for (int shift = 56; shift >= 0; shift -= 8) key.push_back(static_cast<std::uint8_t>(epoch.value >> shift));
    return key;
}

} // namespace

Bytes encode_epoch(const EpochRecord& record) {
    codec::WireWriter out;
    out.string(ledger::encode_validator_set(record.validators));
    out.number(record.start.height);
    out.fixed(record.start.digest);
    out.fixed(record.start.header_hash);
    out.u64(record.start.timestamp_ms);
    out.string(record.handover.block);
    out.u64(record.handover.view);
    out.u32(static_cast<std::uint32_t>(record.handover.votes.size()));
    for (const auto& vote : record.handover.votes) {
        out.index(vote.voter);
        out.fixed(vote.signature);
    }
    return out.take();
}

Result<EpochRecord> decode_epoch(BytesView bytes) {
    codec::WireReader in{bytes};
    EpochRecord out;
    const auto set = in.string(kPartBytesMax);
    out.start.height = in.number<Height>();
    out.start.digest = in.fixed<Hash256>();
    out.start.header_hash = in.fixed<Hash256>();
    out.start.timestamp_ms = in.u64();
    out.handover.block = to_bytes(in.string(kPartBytesMax));
    out.handover.view = in.u64();
    const auto votes = in.count(ledger::kValidatorsMax, kVoteBytes);
    for (std::uint32_t i = 0; i < votes && !in.failed(); ++i) {
        ledger::Certificate::Entry entry;
        entry.voter = in.index();
        entry.signature = in.fixed<crypto::Signature>();
        out.handover.votes.push_back(entry);
    }
    if (!in.finish()) return fail(error::StorageCorrupt, "an epoch's record is malformed");
    auto validators = ledger::decode_validator_set(set);
    if (!validators) return fail(error::StorageCorrupt, "an epoch's record: " + validators.error().text());
    out.validators = std::move(*validators);
    out.handover.validators = to_bytes(set);
    return out;
}

Result<std::unique_ptr<Epochs>> Epochs::open(storage::KeyValueStore& store, const ledger::Genesis& genesis,
                                             const Hash256& genesis_header) {
    std::unique_ptr<Epochs> out{new Epochs(store)};
    out->records_.push_back(std::make_shared<const EpochRecord>(
        EpochRecord{genesis.validators, {Height{0}, genesis_header, genesis_header, 0}, {}}));
    for (;;) {
        const auto next = out->records_.back()->validators.epoch.next();
        CRN_TRY(bytes, store.get(storage::Column::index, key_of(next)));
        if (!bytes) return out;
        CRN_TRY(record, decode_epoch(*bytes));
        if (record.validators.epoch != next)
            return fail(error::StorageCorrupt, "an epoch's record is of another epoch");
        out->records_.push_back(std::make_shared<const EpochRecord>(std::move(record)));
    }
}

Status Epochs::append(EpochRecord record) {
    CRN_ASSERT(record.validators.epoch == current()->validators.epoch.next());
    storage::WriteBatch batch;
    batch.put(storage::Column::index, key_of(record.validators.epoch), encode_epoch(record));
    CRN_CHECK(store_.write(batch, /*sync=*/true));
    const std::lock_guard lock(mutex_);
    records_.push_back(std::make_shared<const EpochRecord>(std::move(record)));
    return {};
}

std::shared_ptr<const EpochRecord> Epochs::current() const {
    const std::lock_guard lock(mutex_);
    return records_.back();
}

std::shared_ptr<const EpochRecord> Epochs::of(Epoch epoch) const {
    const std::lock_guard lock(mutex_);
    const auto first = records_.front()->validators.epoch.value;
    if (epoch.value < first || epoch.value - first >= records_.size()) return nullptr;
    return records_[epoch.value - first];
}

} // namespace cairn::node
