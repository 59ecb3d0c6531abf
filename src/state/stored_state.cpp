// The state store over a key-value store: nodes in node_store.hpp, the work of a block in block_update.hpp.
//
// Column meta: "state/head" -> height, root; "state/history" -> HistoryWindow; "state/root/" height -> root of a retained height.
// Column code: code hash -> code, never deleted. All of a block goes into one batch.
#include "base/assert.hpp"
#include "base/errors/state.hpp"
#include "base/errors/storage.hpp"
#include "codec/wire.hpp"
#include "state/block_update.hpp"
#include "state/node_store.hpp"
#include "state/state_store.hpp"
#include "state/value_cache.hpp"

#include "base/log.hpp"

#include <set>

namespace cairn::state {
namespace {

using storage::Column;

constexpr std::string_view kHeadKey = "state/head";
constexpr std::string_view kWindowKey = "state/history";
constexpr std::string_view kRootPrefix = "state/root/";
/// How far the history may move on per block, when much of it falls out at once.
constexpr std::uint64_t kPrunedHeightsMax = 64;

struct SlotKeyHash {
    std::size_t operator()(const SlotKey& key) const noexcept {
        std::uint64_t mixed = std::hash<Address>{}(key.address);
        for (const auto limb : key.slot.limb) mixed = (mixed ^ limb ^ mixed >> 31) * 0x9e3779b97f4a7c15;
        return mixed ^ mixed >> 32;
    }
};

using AccountCache = ValueCache<Address, std::optional<AccountLeaf>, std::hash<Address>>;
using SlotCache = ValueCache<SlotKey, U256, SlotKeyHash>;

Bytes root_key(std::uint64_t height) {
    Bytes out = to_bytes(as_bytes(kRootPrefix));
    for (int shift = 56; shift >= 0; shift -= 8) out.push_back(static_cast<std::uint8_t>(height >> shift));
    return out;
}

Bytes encode_root(const TrieRoot& root) {
    codec::WireWriter out;
    out.fixed(root.hash);
    out.u64(root.version);
    return out.take();
}

TrieRoot take_root(codec::WireReader& in) {
    TrieRoot root;
    root.hash = in.fixed<Hash256>();
    root.version = in.u64();
    return root;
}

/// Everything in a difference, to tell whether two are the same without keeping a copy of the maps.
Bytes flat(const ledger::StateDiff& diff) {
    codec::WireWriter out;
    const auto number = [&](const U256& value) {
        for (const auto limb : value.limb) out.u64(limb);
    };
    for (const auto& [address, change] : diff) {
        out.fixed(address);
        out.boolean(change.storage_cleared);
        out.boolean(change.account.has_value());
        if (change.account) {
            out.u64(change.account->nonce);
            number(change.account->balance);
            out.fixed(change.account->code_hash);
        }
        out.boolean(change.code != nullptr);
        if (change.code) out.string(*change.code);
        out.u64(change.storage.size());
        for (const auto& [slot, value] : change.storage) {
            number(slot);
            number(value);
        }
    }
    return out.take();
}

/// A view cannot report an error, and must not answer wrongly: a damaged or unreadable store stops the node.
template <class T>
T or_stop(Result<T> result) {
    if (!result) log(LogLevel::error, "state", "cannot read the state", {{"error", result.error().text()}});
    CRN_ASSERT(result.has_value());
    return std::move(*result);
}

/// Everything that views share. Outlives them.
class StateReader {
public:
    StateReader(storage::KeyValueStore& s, const StateOptions& options)
        : store(s),
          nodes(s, options.node_cache_bytes),
          accounts(options.account_cache_entries),
          slots(options.slot_cache_entries),
          codes_(options.code_cache_bytes) {}

    storage::KeyValueStore& store;
    NodeStore nodes;
    AccountCache accounts;
    SlotCache slots;

    Result<std::shared_ptr<const Bytes>> code(const Hash256& hash) {
        if (hash == crypto::kEmptyKeccak) return std::make_shared<const Bytes>();
        {
            const std::lock_guard lock(codes_mutex_);
            if (auto found = codes_.get(hash)) return *found;
        }
        CRN_TRY(bytes, store.get(Column::code, hash));
        if (!bytes) return std::make_shared<const Bytes>();
        auto code = std::make_shared<const Bytes>(std::move(*bytes));
        const std::lock_guard lock(codes_mutex_);
        codes_.put(hash, code);
        return code;
    }

    void pin(std::uint64_t height) {
        const std::lock_guard lock(pins_mutex_);
        pins_.insert(height);
    }
    void unpin(std::uint64_t height) {
        const std::lock_guard lock(pins_mutex_);
        pins_.erase(pins_.find(height));
    }
    /// False if the height is not kept any more.
    bool pin_if_kept(std::uint64_t height) {
        const std::lock_guard lock(pins_mutex_);
        if (height < floor_) return false;
        pins_.insert(height);
        return true;
    }
    /// Raises the floor as far as `wanted` and the views that are held allow; the new floor.
    std::uint64_t raise_floor(std::uint64_t wanted) {
        const std::lock_guard lock(pins_mutex_);
        if (!pins_.empty()) wanted = std::min(wanted, *pins_.begin());
        return floor_ = std::max(floor_, wanted);
    }

private:
    struct CodeWeight {
        std::size_t operator()(const std::shared_ptr<const Bytes>& code) const { return code->size() + 128; }
    };
    std::mutex codes_mutex_;
    GenerationCache<Hash256, std::shared_ptr<const Bytes>, std::hash<Hash256>, CodeWeight>
        codes_; // guarded by codes_mutex_

    std::mutex pins_mutex_;
    std::multiset<std::uint64_t> pins_; // heights of the views that are held; guarded by pins_mutex_
    std::uint64_t floor_ = 0;           // guarded by pins_mutex_
};

class TrieView final : public ledger::StateView {
public:
    /// Takes over a pin of `height`.
    TrieView(std::shared_ptr<StateReader> reader, std::uint64_t height, const TrieRoot& root)
        : reader_(std::move(reader)), height_(height), root_(root) {}
    ~TrieView() override { reader_->unpin(height_); }
    TrieView(const TrieView&) = delete;
    TrieView& operator=(const TrieView&) = delete;

    std::optional<ledger::Account> account(const Address& address) const override {
        const auto found = leaf(address);
        return found ? std::optional{found->account} : std::nullopt;
    }
    std::shared_ptr<const Bytes> code(const Hash256& code_hash) const override {
        return or_stop(reader_->code(code_hash));
    }
    bool has_storage(const Address& address) const override {
        const auto found = leaf(address);
        return found && found->has_storage();
    }
    U256 storage(const Address& address, const U256& slot) const override {
        const SlotKey key{address, slot};
        if (const auto known = reader_->slots.get(key, height_)) return *known;
        U256 value;
        if (const auto found = leaf(address); found && found->has_storage()) {
            const auto bytes = or_stop(find_in_trie(reader_->nodes, crypto::keccak256(address), found->storage,
                                                    crypto::keccak256(to_big_endian(slot))));
            if (bytes) value = from_big_endian(*bytes);
        }
        reader_->slots.remember(key, value, height_);
        return value;
    }

    std::optional<AccountLeaf> leaf(const Address& address) const {
        if (const auto known = reader_->accounts.get(address, height_)) return *known;
        std::optional<AccountLeaf> leaf;
        const auto bytes = or_stop(find_in_trie(reader_->nodes, {}, root_, crypto::keccak256(address)));
        if (bytes) leaf = or_stop(decode_account(*bytes));
        reader_->accounts.remember(address, leaf, height_);
        return leaf;
    }
    const TrieRoot& root() const { return root_; }

private:
    const std::shared_ptr<StateReader> reader_;
    const std::uint64_t height_;
    const TrieRoot root_;
};

class StoredState final : public StateStore {
public:
    StoredState(storage::KeyValueStore& store, const StateOptions& options)
        : options_(options), store_(store), reader_(std::make_shared<StateReader>(store, options)) {}

    Status load() {
        CRN_TRY(head, store_.get(Column::meta, as_bytes(kHeadKey)));
        CRN_TRY(window, store_.get(Column::meta, as_bytes(kWindowKey)));
        if (head.has_value() != window.has_value())
            return fail(error::StorageCorrupt, "the head of the state or its history is missing");
        if (head) {
            codec::WireReader in{*head};
            height_ = in.u64();
            root_ = take_root(in);
            codec::WireReader from{*window};
            window_ = {from.u64(), from.u64(), from.u64()};
            if (!in.finish() || !from.finish())
                return fail(error::StorageCorrupt, "the head of the state is malformed");
            initialised_ = true;
            reader_->raise_floor(window_.floor);
        }
        window_.reach = std::max(window_.reach, std::clamp<std::uint64_t>(options_.history_blocks, 16, 1024));
        reader_->accounts.advance(height_, std::vector<std::pair<Address, std::optional<AccountLeaf>>>{});
        reader_->slots.advance(height_, std::vector<std::pair<SlotKey, U256>>{});
        publish(height_, root_, initialised_);
        return {};
    }

    Height height() const override {
        const std::lock_guard lock(head_mutex_);
        return Height{height_};
    }
    Hash256 root() const override {
        const std::lock_guard lock(head_mutex_);
        return root_.hash;
    }
    bool is_initialised() const override {
        const std::lock_guard lock(head_mutex_);
        return initialised_;
    }

    Result<Hash256> initialise(const ledger::StateDiff& accounts) override {
        CRN_ASSERT(!initialised_);
        CRN_TRY(update, update_block(reader_->nodes, empty_trie(), accounts, 0));
        CRN_CHECK(write(0, update, Durability::synced));
        return update.root.hash;
    }

    Result<Hash256> prepare(const ledger::StateDiff& diff) override {
        CRN_ASSERT(initialised_);
        auto content = flat(diff);
        if (prepared_ && prepared_->diff == content) return prepared_->update.root.hash;
        prepared_.reset();
        CRN_TRY(update, update_block(reader_->nodes, root_, diff, height_ + 1));
        prepared_ = Prepared{std::move(content), std::move(update)};
        return prepared_->update.root.hash;
    }

    Result<Hash256> commit(const ledger::StateDiff& diff) override {
        CRN_TRY(hash, prepare(diff));
        CRN_CHECK(write(height_ + 1, prepared_->update, Durability::with_next_sync));
        prepared_.reset();
        return hash;
    }

    std::shared_ptr<const ledger::StateView> latest() const override {
        const std::lock_guard lock(head_mutex_);
        return latest_;
    }

    Result<std::shared_ptr<const ledger::StateView>> at(Height height) const override { return view(height.value); }

    Result<AccountProof> prove(Height height, const Address& address, const std::vector<U256>& slots) const override {
        CRN_TRY(state, view(height.value));
        const auto key = crypto::keccak256(address);
        CRN_TRY(nodes, prove_in_trie(reader_->nodes, {}, state->root(), key, account_value_rlp));
        const auto leaf = state->leaf(address).value_or(AccountLeaf{});
        AccountProof out{address, leaf.account, leaf.storage.hash, std::move(nodes), {}};
        for (const auto& slot : slots) {
            CRN_TRY(path, prove_in_trie(reader_->nodes, key, leaf.storage, crypto::keccak256(to_big_endian(slot)),
                                        slot_value_rlp));
            out.storage.push_back({slot, state->storage(address, slot), std::move(path)});
        }
        return out;
    }

private:
    enum class Durability { with_next_sync, synced };
    struct Prepared {
        Bytes diff; // flat
        BlockUpdate update;
    };

    Result<std::shared_ptr<const TrieView>> view(std::uint64_t height) const {
        TrieRoot root;
        {
            const std::lock_guard lock(head_mutex_);
            if (!initialised_ || height > height_)
                return fail(error::StateUnknown,
                            "block " + std::to_string(height) + ", head " + std::to_string(height_));
            if (height == height_) return latest_;
            if (height + options_.history_blocks < height_ || !reader_->pin_if_kept(height))
                return fail(error::StatePruned, "block " + std::to_string(height) + ", head " +
                                                    std::to_string(height_) + ", kept " +
                                                    std::to_string(options_.history_blocks));
        }
        auto bytes = store_.get(Column::meta, root_key(height));
        if (bytes && *bytes) {
            codec::WireReader in{**bytes};
            root = take_root(in);
            if (in.finish()) return std::make_shared<const TrieView>(reader_, height, root);
        }
        reader_->unpin(height);
        if (!bytes) return std::unexpected(std::move(bytes).error());
        return fail(error::StorageCorrupt, "the root of block " + std::to_string(height) + " is missing or malformed");
    }

    /// Writes block `height` and makes it the head.
    Status write(std::uint64_t height, BlockUpdate& update, Durability durability) {
        storage::WriteBatch batch;
        auto window = window_;
        const auto wanted = height > options_.history_blocks ? height - options_.history_blocks : 0;
        const auto floor =
            reader_->raise_floor(std::min({wanted, window.floor + kPrunedHeightsMax, height == 0 ? 0 : height - 1}));
        for (auto old = window.floor; old < floor; ++old) batch.erase(Column::meta, root_key(old));
        CRN_CHECK(reader_->nodes.prune(floor, window, batch));
        reader_->nodes.add_block(height, update.tries, window, batch);
        for (const auto& [hash, code] : update.codes) batch.put(Column::code, hash, *code);
        batch.put(Column::meta, root_key(height), encode_root(update.root));
        codec::WireWriter head;
        head.u64(height);
        head.raw(encode_root(update.root));
        batch.put(Column::meta, as_bytes(kHeadKey), head.bytes());
        codec::WireWriter kept;
        for (const auto value : {window.floor, window.pages_from, window.reach}) kept.u64(value);
        batch.put(Column::meta, as_bytes(kWindowKey), kept.bytes());
        CRN_CHECK(store_.write(batch, durability == Durability::synced));

        window_ = window;
        reader_->nodes.remember(height, update.tries);
        if (update.storage_was_cleared) reader_->slots.clear();
        reader_->accounts.advance(height, update.accounts);
        reader_->slots.advance(height, update.slots);
        publish(height, update.root, true);
        return {};
    }

    /// Makes a state the head, for all threads at once.
    void publish(std::uint64_t height, const TrieRoot& root, bool initialised) {
        reader_->pin(height);
        auto view = std::make_shared<const TrieView>(reader_, height, root);
        const std::lock_guard lock(head_mutex_);
        height_ = height;
        root_ = root;
        initialised_ = initialised;
        latest_.swap(view);
    }

    const StateOptions options_;
    storage::KeyValueStore& store_;
    const std::shared_ptr<StateReader> reader_;
    HistoryWindow window_;             // writer only
    std::optional<Prepared> prepared_; // writer only

    mutable std::mutex head_mutex_;
    // Written by the writer under the lock; so it may read them without.
    bool initialised_ = false;
    std::uint64_t height_ = 0;
    TrieRoot root_ = empty_trie();
    std::shared_ptr<const TrieView> latest_;
};

} // namespace

Result<std::unique_ptr<StateStore>> open_state(storage::KeyValueStore& store, const StateOptions& options) {
    auto state = std::make_unique<StoredState>(store, options);
    CRN_CHECK(state->load());
    return state;
}

} // namespace cairn::state
