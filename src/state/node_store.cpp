#include "state/node_store.hpp"

#include "base/errors/storage.hpp"
#include "codec/wire.hpp"
#include "state/block_pages.hpp"

namespace cairn::state {
namespace {

using storage::Column;

Column column_of(const NodeId& id) { return id.in_account_trie() ? Column::account_trie : Column::storage_trie; }

void put_big_endian(Bytes& out, std::uint64_t value, int bytes) {
    for (int i = bytes - 1; i >= 0; --i) out.push_back(static_cast<std::uint8_t>(value >> (8 * i)));
}

Bytes page_key(std::uint64_t height, std::uint32_t page) {
    Bytes out{'b'};
    put_big_endian(out, height, 8);
    put_big_endian(out, page, 4);
    return out;
}

Bytes saved_key(const NodeId& id) {
    Bytes out{'c'};
    append(out, id.key());
    put_big_endian(out, id.version, 8);
    return out;
}

Bytes saved_list_key(std::uint64_t height) {
    Bytes out{'d'};
    put_big_endian(out, height, 8);
    return out;
}

/// Keys of the account trie are shorter than an owner, so the two kinds of keys cannot be confused.
constexpr std::size_t kSavedKeyBytesMax = 128;

} // namespace

NodeStore::NodeStore(storage::KeyValueStore& store, std::size_t cache_bytes) : store_(store) {
    for (auto& shard : shards_) shard.records = decltype(shard.records){cache_bytes / kShards};
}

Result<Record> NodeStore::node(const NodeId& id) const {
    auto& shard = shard_of(id);
    {
        const std::lock_guard lock(shard.mutex);
        if (auto found = shard.records.get(id)) return *found;
    }
    CRN_TRY(bytes, read(id));
    if (!bytes) return fail(error::StorageCorrupt, "a trie node is missing at " + to_hex(id.key()));
    Record record = std::make_shared<const Bytes>(std::move(*bytes));
    const std::lock_guard lock(shard.mutex);
    shard.records.put(id, record);
    return record;
}

// A record can move from "newest" to the history while this runs, but not back: hence the order.
Result<std::optional<Bytes>> NodeStore::read(const NodeId& id) const {
    const auto key = id.key();
    CRN_TRY(newest, store_.get(column_of(id), key));
    if (newest) {
        codec::WireReader in{*newest};
        const auto version = in.u64();
        if (in.failed()) return fail(error::StorageCorrupt, "a trie node is cut short at " + to_hex(key));
        if (version == id.version) return std::optional{to_bytes(in.rest())};
    }
    const auto read_page = [&](std::uint32_t page) { return store_.get(Column::history, page_key(id.version, page)); };
    CRN_TRY(paged, find_in_pages(read_page, key));
    if (paged) return std::move(paged);
    return store_.get(Column::history, saved_key(id));
}

void NodeStore::add_block(std::uint64_t height, TrieChanges& changes, const HistoryWindow& window,
                          storage::WriteBatch& batch) const {
    codec::WireWriter saved;
    for (const auto& retired : changes.retired) {
        const auto version = retired.id.version;
        if (retired.successor == Successor::none) batch.erase(column_of(retired.id), retired.id.key());
        if (version >= window.pages_from && version + window.reach >= height) continue;
        const auto key = saved_key(retired.id);
        batch.put(Column::history, key, *retired.record);
        saved.u8(static_cast<std::uint8_t>(key.size()));
        saved.raw(key);
    }
    if (!saved.bytes().empty()) batch.put(Column::history, saved_list_key(height), saved.bytes());

    if (changes.written.empty()) return;
    std::vector<PageEntry> entries;
    entries.reserve(changes.written.size());
    for (const auto& written : changes.written) {
        const NodeId id{written.owner, written.path, height};
        entries.push_back({id.key(), *written.record, column_of(id)});
    }
    std::ranges::sort(entries, {}, &PageEntry::key);
    Bytes value;
    for (const auto& entry : entries) {
        value.clear();
        for (int i = 0; i < 8; ++i) value.push_back(static_cast<std::uint8_t>(height >> (8 * i)));
        append(value, entry.record);
        batch.put(entry.column, entry.key, value);
    }
    const auto pages = encode_pages(entries);
    for (std::size_t i = 0; i < pages.size(); ++i)
        batch.put(Column::history, page_key(height, static_cast<std::uint32_t>(i)), pages[i]);
}

Status NodeStore::prune(std::uint64_t floor, HistoryWindow& window, storage::WriteBatch& batch) const {
    // What block h retired is needed by heights below h only.
    for (auto height = window.floor + 1; height <= floor; ++height) {
        const auto list_key = saved_list_key(height);
        CRN_TRY(list, store_.get(Column::history, list_key));
        if (!list) continue;
        codec::WireReader in{*list};
        while (!in.rest().empty()) {
            const std::size_t length = in.u8();
            const auto key = in.raw(length);
            if (in.failed() || length > kSavedKeyBytesMax)
                return fail(error::StorageCorrupt, "a list of the state history is malformed");
            batch.erase(Column::history, key);
        }
        batch.erase(Column::history, list_key);
    }
    window.floor = floor;
    for (; window.pages_from + window.reach <= floor; ++window.pages_from) {
        CRN_TRY(first, store_.get(Column::history, page_key(window.pages_from, 0)));
        if (!first) continue; // a block that changed nothing
        CRN_TRY(count, count_pages(*first));
        for (std::uint32_t page = 0; page < count; ++page)
            batch.erase(Column::history, page_key(window.pages_from, page));
    }
    return {};
}

void NodeStore::remember(std::uint64_t height, TrieChanges& changes) {
    // Readers of the state just replaced are many; those of older ones can go to the store.
    for (const auto& old : retired_before_) {
        auto& shard = shard_of(old);
        const std::lock_guard lock(shard.mutex);
        shard.records.erase(old);
    }
    retired_before_.clear();
    for (const auto& retired : changes.retired) retired_before_.push_back(retired.id);
    for (const auto& written : changes.written) {
        const NodeId id{written.owner, written.path, height};
        auto& shard = shard_of(id);
        const std::lock_guard lock(shard.mutex);
        shard.records.put(id, written.record);
    }
}

} // namespace cairn::state
