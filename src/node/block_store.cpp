#include "node/block_store.hpp"

#include "base/errors/storage.hpp"
#include "codec/wire.hpp"
#include "ledger/account_key.hpp"
#include "ledger/consensus_block.hpp"

namespace cairn::node {
namespace {

constexpr std::size_t kRecentBlocksMax = 128;
constexpr std::uint8_t kRecordVersion = 3;
constexpr std::uint8_t kRecordVersionWithoutMade = 2;
constexpr std::uint8_t kRecordVersionWithoutSigner = 1;

Bytes big_endian_key(char tag, std::uint64_t number) {
    Bytes key{static_cast<std::uint8_t>(tag)};
    for (int shift = 56; shift >= 0; shift -= 8) key.push_back(static_cast<std::uint8_t>(number >> shift));
    return key;
}
Bytes hash_key(char tag, const Hash256& hash) {
    Bytes key{static_cast<std::uint8_t>(tag)};
    append(key, hash);
    return key;
}

void put_u256(codec::WireWriter& out, const U256& value) { out.fixed(to_big_endian(value)); }
U256 get_u256(codec::WireReader& in) { return from_big_endian(in.fixed<Hash256>()); }

void put_receipt(codec::WireWriter& out, const ledger::Receipt& receipt) {
    out.u8(static_cast<std::uint8_t>(receipt.type));
    out.boolean(receipt.success);
    out.u64(receipt.cumulative_gas_used);
    out.u64(receipt.gas_used);
    put_u256(out, receipt.effective_gas_price);
    out.boolean(receipt.contract_address.has_value());
    if (receipt.contract_address) out.fixed(*receipt.contract_address);
    out.u32(static_cast<std::uint32_t>(receipt.logs.size()));
    for (const auto& log : receipt.logs) {
        out.fixed(log.address);
        out.u8(static_cast<std::uint8_t>(log.topics.size()));
        for (const auto& topic : log.topics) out.fixed(topic);
        out.string(log.data);
    }
}

ledger::Receipt get_receipt(codec::WireReader& in) {
    ledger::Receipt receipt;
    receipt.type = static_cast<ledger::TransactionType>(in.u8());
    receipt.success = in.boolean();
    receipt.cumulative_gas_used = in.u64();
    receipt.gas_used = in.u64();
    receipt.effective_gas_price = get_u256(in);
    if (in.boolean()) receipt.contract_address = in.fixed<Address>();
    receipt.logs.resize(in.count(1u << 24, 25));
    for (auto& log : receipt.logs) {
        log.address = in.fixed<Address>();
        const auto topics = in.u8();
        if (topics > 4) in.set_failed();
        for (unsigned i = 0; i < topics && !in.failed(); ++i) log.topics.push_back(in.fixed<Hash256>());
        log.data = to_bytes(in.string(1u << 30));
    }
    return receipt;
}

} // namespace

Bytes encode_stored_block(const StoredBlock& stored) {
    codec::WireWriter out;
    out.u8(kRecordVersion);
    out.string(ledger::encode_header(stored.block.header));
    out.u32(static_cast<std::uint32_t>(stored.block.transactions.size()));
    for (const auto& transaction : stored.block.transactions) {
        out.string(transaction.raw);
        out.fixed(transaction.hash);
        out.fixed(transaction.sender);
        const auto& signer = ledger::signing_key_of(transaction);
        out.boolean(signer != transaction.sender);
        if (signer != transaction.sender) out.fixed(signer);
    }
    for (const auto& receipt : stored.receipts) put_receipt(out, receipt);
    out.u32(static_cast<std::uint32_t>(stored.made.size()));
    for (const auto& [transaction, contract] : stored.made) {
        out.u32(transaction);
        out.fixed(contract);
    }
    return out.take();
}

Result<StoredBlock> decode_stored_block(BytesView record) {
    codec::WireReader in{record};
    const auto version = in.u8();
    if (version < kRecordVersionWithoutSigner || version > kRecordVersion)
        return fail(error::StorageCorrupt, "block record of an unknown version");
    StoredBlock stored;
    CRN_TRY(header, ledger::decode_header(in.string(1u << 16)));
    stored.block.header = std::move(header);
    stored.hash = ledger::hash_of(stored.block.header);
    stored.block.transactions.resize(in.count(1u << 24, 56));
    for (auto& transaction : stored.block.transactions) {
        transaction.raw = to_bytes(in.string(ledger::kTransactionBytesMax));
        transaction.hash = in.fixed<Hash256>();
        transaction.sender = transaction.signer = in.fixed<Address>();
        if (version != kRecordVersionWithoutSigner && in.boolean()) transaction.signer = in.fixed<Address>();
        if (in.failed()) break;
        CRN_TRY(body, ledger::decode_transaction(transaction.raw));
        transaction.body = std::move(body);
    }
    stored.receipts.resize(stored.block.transactions.size());
    for (auto& receipt : stored.receipts) receipt = get_receipt(in);
    if (version > kRecordVersionWithoutMade) stored.made.resize(in.count(1u << 24, 24));
    for (auto& [transaction, contract] : stored.made) {
        transaction = in.u32();
        if (transaction >= stored.receipts.size()) in.set_failed();
        contract = in.fixed<Address>();
    }
    CRN_CHECK(in.finish());
    return stored;
}

Result<std::unique_ptr<BlockStore>> BlockStore::open(storage::RecordLog& log, storage::KeyValueStore& index) {
    std::unique_ptr<BlockStore> store{new BlockStore(log, index)};
    storage::RecordPosition start;
    if (const auto last = store->get(as_bytes("l"))) {
        codec::WireReader in{*last};
        store->last_ = in.number<Height>();
        start = {in.u32(), in.u64()};
        CRN_CHECK(in.finish());
    }
    if (const auto certified = store->get(as_bytes("c-last")))
        store->last_certified_ = codec::WireReader{*certified}.number<Height>();
    Status status;
    CRN_CHECK(log.replay(start, [&](storage::RecordPosition position, BytesView record) {
        auto block = decode_stored_block(record);
        if (!block) {
            status = std::unexpected(block.error());
            return false;
        }
        const Height height{block->block.header.number};
        if (store->last_ && height <= *store->last_) return true;
        status = store->index_block(*block, position);
        if (status) store->last_ = height;
        return status.has_value();
    }));
    CRN_CHECK(status);
    return store;
}

std::optional<Height> BlockStore::last() const {
    const std::lock_guard lock(mutex_);
    return last_;
}

Status BlockStore::index_block(const StoredBlock& stored, storage::RecordPosition position) {
    const auto height = stored.block.header.number;
    storage::WriteBatch batch;
    codec::WireWriter entry;
    entry.u32(position.segment);
    entry.u64(position.offset);
    entry.fixed(stored.hash);
    batch.put(storage::Column::index, big_endian_key('h', height), entry.bytes());
    codec::WireWriter number;
    number.u64(height);
    batch.put(storage::Column::index, hash_key('b', stored.hash), number.bytes());
    for (std::size_t i = 0; i < stored.block.transactions.size(); ++i) {
        codec::WireWriter location;
        location.u64(height);
        location.u32(static_cast<std::uint32_t>(i));
        batch.put(storage::Column::index, hash_key('t', stored.block.transactions[i].hash), location.bytes());
    }
    codec::WireWriter last;
    last.u64(height);
    last.u32(position.segment);
    last.u64(position.offset);
    batch.put(storage::Column::index, as_bytes("l"), last.bytes());
    return index_.write(batch, /*sync=*/false);
}

Status BlockStore::append(std::shared_ptr<const StoredBlock> block) {
    CRN_TRY(position, log_.append(encode_stored_block(*block)));
    // The index must never be durable before what it points to.
    CRN_CHECK(log_.sync());
    CRN_CHECK(index_block(*block, position));
    const std::lock_guard lock(mutex_);
    last_ = Height{block->block.header.number};
    recent_[*last_] = std::move(block);
    if (recent_.size() > kRecentBlocksMax) recent_.erase(recent_.begin());
    return {};
}

Status BlockStore::put_certificate(Height height, const ledger::Certificate& certificate) {
    codec::WireWriter out;
    ledger::encode(out, certificate);
    storage::WriteBatch batch;
    batch.put(storage::Column::index, big_endian_key('c', height.value), out.bytes());
    const std::lock_guard lock(mutex_);
    if (height > last_certified_) {
        last_certified_ = height;
        codec::WireWriter last;
        last.number(height);
        batch.put(storage::Column::index, as_bytes("c-last"), last.bytes());
    }
    return index_.write(batch, /*sync=*/false);
}

Height BlockStore::last_certified() const {
    const std::lock_guard lock(mutex_);
    return last_certified_;
}

std::optional<Bytes> BlockStore::get(BytesView key) const {
    auto value = index_.get(storage::Column::index, key);
    return value ? std::move(*value) : std::nullopt;
}

std::shared_ptr<const StoredBlock> BlockStore::block(Height height) const {
    {
        const std::lock_guard lock(mutex_);
        if (const auto found = recent_.find(height); found != recent_.end()) return found->second;
    }
    const auto entry = get(big_endian_key('h', height.value));
    if (!entry) return nullptr;
    codec::WireReader in{*entry};
    const storage::RecordPosition position{in.u32(), in.u64()};
    const auto record = log_.read(position);
    if (!record) return nullptr;
    auto decoded = decode_stored_block(*record);
    if (!decoded) return nullptr;
    return std::make_shared<const StoredBlock>(std::move(*decoded));
}

std::optional<Height> BlockStore::height_of(const Hash256& block_hash) const {
    const auto value = get(hash_key('b', block_hash));
    if (!value) return std::nullopt;
    return codec::WireReader{*value}.number<Height>();
}

std::optional<TransactionLocation> BlockStore::find_transaction(const Hash256& hash) const {
    const auto value = get(hash_key('t', hash));
    if (!value) return std::nullopt;
    codec::WireReader in{*value};
    TransactionLocation location;
    location.height = in.number<Height>();
    location.index = in.u32();
    return location;
}

std::optional<ledger::Certificate> BlockStore::certificate(Height height) const {
    const auto value = get(big_endian_key('c', height.value));
    if (!value) return std::nullopt;
    codec::WireReader in{*value};
    auto certificate = ledger::decode_certificate(in);
    if (!in.finish()) return std::nullopt;
    return certificate;
}

Hash256 BlockStore::hash_of(Height height) const {
    {
        const std::lock_guard lock(mutex_);
        if (const auto found = recent_.find(height); found != recent_.end()) return found->second->hash;
    }
    const auto entry = get(big_endian_key('h', height.value));
    if (!entry) return {};
    codec::WireReader in{*entry};
    in.u32();
    in.u64();
    return in.fixed<Hash256>();
}

} // namespace cairn::node
