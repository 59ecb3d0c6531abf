#include "state/trie_update.hpp"

#include "base/assert.hpp"
#include "base/errors/storage.hpp"
#include "crypto/hash.hpp"

#include <bit>
#include <deque>
#include <memory_resource>
#include <utility>

namespace cairn::state {
namespace {

// The part of the trie that a block touches. It lives in one arena and is dropped as a whole, so everything in it is trivial
// to destroy; values of leaves point into the records they were read from, or into the arena.

struct WorkNode;

struct WorkLeaf {
    Hash256 key;
    BytesView value;
};

/// Where something may hang: below a branch, or the root of the trie.
struct WorkSlot {
    enum class Kind : std::uint8_t { none, leaf, branch };
    Kind kind = Kind::none;
    bool dirty = false;        // the reference must be computed anew
    NodeReference reference;   // valid unless dirty
    std::uint64_t version = 0; // of a branch that is not dirty
    WorkLeaf* leaf = nullptr;
    WorkNode* node = nullptr; // null for a branch that nobody had to look into
};

/// The record that a node was read from, if any.
struct Stored {
    TriePath path;
    std::uint64_t version = 0;
    const Record* record = nullptr;
};

struct WorkNode {
    TriePath branch;
    std::uint16_t mask = 0; // of children
    std::uint8_t count = 0;
    std::uint8_t capacity = 0;
    WorkSlot* slots = nullptr; // of the children, ascending
    Stored stored;

    bool has(unsigned nibble) const { return (mask >> nibble & 1) != 0; }
    std::size_t index(unsigned nibble) const {
        return static_cast<std::size_t>(std::popcount(static_cast<unsigned>(mask & ((1u << nibble) - 1))));
    }
    std::span<WorkSlot> children() const { return {slots, count}; }
    WorkSlot& child(unsigned nibble) const { return slots[index(nibble)]; }
    void remove_if_empty(unsigned nibble) {
        const auto at = index(nibble);
        if (slots[at].kind != WorkSlot::Kind::none) return;
        std::copy(slots + at + 1, slots + count, slots + at);
        --count;
        mask = static_cast<std::uint16_t>(mask & ~(1u << nibble));
    }
};
static_assert(std::is_trivially_destructible_v<WorkNode> && std::is_trivially_copyable_v<WorkSlot>);

TriePath below(const TriePath& branch, unsigned nibble) {
    TriePath out = branch;
    set_nibble(out.nibbles, branch.depth, static_cast<std::uint8_t>(nibble));
    ++out.depth;
    return out;
}

} // namespace

struct TrieUpdate::Tree {
    using Kind = WorkSlot::Kind;
    using Keys = std::span<const Hash256>;

    const NodeSource& source;
    Hash256 owner;
    TrieRoot before;
    ValueRlp value_rlp;
    WorkSlot root;
    bool changed = false;
    std::vector<RetiredRecord> retired;
    Stored root_record; // of a lone leaf

    std::pmr::monotonic_buffer_resource arena;
    std::deque<Record> records; // that the arena points into

    Keys keys; // while `apply` runs
    const Merge* merge = nullptr;

    Tree(const NodeSource& s, const Hash256& o, const TrieRoot& r, ValueRlp v)
        : source(s), owner(o), before(r), value_rlp(v) {}

    template <class T>
    T* make(T value) {
        return new (arena.allocate(sizeof(T), alignof(T))) T(std::move(value));
    }
    BytesView keep(const Bytes& value) {
        if (value.empty()) return {};
        auto* copy = static_cast<std::uint8_t*>(arena.allocate(value.size(), 1));
        std::ranges::copy(value, copy);
        return {copy, value.size()};
    }
    void reserve(WorkNode& node, std::size_t capacity) {
        if (capacity <= node.capacity) return;
        auto* slots = static_cast<WorkSlot*>(arena.allocate(capacity * sizeof(WorkSlot), alignof(WorkSlot)));
        std::uninitialized_copy_n(node.slots, node.count, slots);
        node.slots = slots;
        node.capacity = static_cast<std::uint8_t>(capacity);
    }
    /// The child under `nibble`; made empty if there was none. Invalidates references to other children.
    WorkSlot& child_or_new(WorkNode& node, unsigned nibble) {
        if (node.has(nibble)) return node.child(nibble);
        reserve(node, std::min(16, node.count < node.capacity ? node.capacity : node.count + 2));
        const auto at = node.index(nibble);
        std::construct_at(node.slots + node.count);
        std::copy_backward(node.slots + at, node.slots + node.count, node.slots + node.count + 1);
        node.slots[at] = {};
        ++node.count;
        node.mask = static_cast<std::uint16_t>(node.mask | 1u << nibble);
        return node.slots[at];
    }

    Result<WorkNode*> load(const TriePath& slot, std::uint64_t version) {
        CRN_TRY(record, source.node({owner, slot, version}));
        CRN_TRY(view, RecordView::parse(*record, slot));
        records.push_back(std::move(record));
        auto* node = make(WorkNode{});
        node->branch = view.branch();
        node->stored = {slot, version, &records.back()};
        reserve(*node, view.child_count());
        CRN_CHECK(view.for_each_child([&](unsigned nibble, const ChildView& child) {
            node->mask = static_cast<std::uint16_t>(node->mask | 1u << nibble);
            auto& out = *std::construct_at(node->slots + node->count++);
            out.reference = NodeReference::of(child.reference);
            if (child.is_leaf) {
                out.kind = Kind::leaf;
                out.leaf = make(WorkLeaf{child.key, child.value});
            } else {
                out.kind = Kind::branch;
                out.version = child.version;
            }
            return true;
        }));
        return node;
    }

    Status load_root() {
        if (before == empty_trie()) return {};
        CRN_TRY(node, load({}, before.version));
        if (node->count == 1) { // a lone leaf, see trie_record.hpp
            if (node->slots[0].kind != Kind::leaf) return fail(error::StorageCorrupt, "a root has one branch");
            root = node->slots[0];
            root_record = node->stored;
            return {};
        }
        root.kind = Kind::branch;
        root.reference = NodeReference::of(before.hash);
        root.version = before.version;
        root.node = node;
        return {};
    }

    void retire(Stored& stored, Successor successor = Successor::none) {
        if (stored.record == nullptr) return;
        retired.push_back({{owner, stored.path, stored.version}, *stored.record, successor});
        stored.record = nullptr;
    }

    std::optional<Bytes> merged(std::size_t index, std::optional<BytesView> old) const { return (*merge)(index, old); }

    /// Brings the keys [low, high), which all start with the `depth` nibbles above `slot`, up to date. True if anything changed.
    Result<bool> update(WorkSlot& slot, unsigned depth, std::size_t low, std::size_t high) {
        if (low == high) return false;
        if (slot.kind == Kind::branch) return update_branch(slot, depth, low, high);
        return update_leaf(slot, depth, low, high);
    }

    Result<bool> update_leaf(WorkSlot& slot, unsigned depth, std::size_t low, std::size_t high) {
        std::vector<WorkLeaf*> leaves;
        WorkLeaf* existing = slot.leaf;
        bool different = false;
        for (std::size_t i = low; i < high; ++i) {
            if (existing != nullptr && existing->key < keys[i]) leaves.push_back(std::exchange(existing, nullptr));
            const bool same_key = existing != nullptr && existing->key == keys[i];
            const auto value = merged(i, same_key ? std::optional{existing->value} : std::nullopt);
            if (same_key && value && std::ranges::equal(*value, existing->value)) {
                leaves.push_back(std::exchange(existing, nullptr));
                continue;
            }
            if (same_key) existing = nullptr;
            different = different || same_key || value;
            if (value) leaves.push_back(make(WorkLeaf{keys[i], keep(*value)}));
        }
        if (!different) return false;
        if (existing != nullptr) leaves.push_back(existing);
        slot = {};
        build(slot, depth, leaves);
        return true;
    }

    /// A fresh subtree over `leaves`, ascending by key.
    void build(WorkSlot& slot, unsigned depth, std::span<WorkLeaf*> leaves) {
        if (leaves.empty()) return;
        slot.dirty = true;
        if (leaves.size() == 1) {
            slot.kind = Kind::leaf;
            slot.leaf = leaves[0];
            return;
        }
        const auto shared = common_nibbles(leaves.front()->key, leaves.back()->key, kKeyNibbles);
        CRN_ASSERT(shared >= depth && shared < kKeyNibbles);
        slot.kind = Kind::branch;
        slot.node = make(WorkNode{});
        slot.node->branch = TriePath::prefix_of(leaves.front()->key, shared);
        while (!leaves.empty()) {
            const auto nibble = nibble_of(leaves.front()->key, shared);
            std::size_t count = 1;
            while (count < leaves.size() && nibble_of(leaves[count]->key, shared) == nibble) ++count;
            build(child_or_new(*slot.node, nibble), shared + 1, leaves.first(count));
            leaves = leaves.subspan(count);
        }
    }

    Result<bool> update_branch(WorkSlot& slot, unsigned depth, std::size_t low, std::size_t high) {
        if (slot.node == nullptr) {
            CRN_TRY(node, load(TriePath::prefix_of(keys[low], depth), slot.version));
            slot.node = node;
        }
        bool different = split_extension(slot, depth, low, high);
        auto& node = *slot.node;
        const unsigned at = node.branch.depth;
        for (std::size_t i = low; i < high;) {
            if (common_nibbles(keys[i], node.branch.nibbles, at) < at) { // removal of what is not there
                ++i;
                continue;
            }
            const auto nibble = nibble_of(keys[i], at);
            std::size_t end = i + 1;
            while (end < high && common_nibbles(keys[end], keys[i], at + 1) == at + 1) ++end;
            CRN_TRY(child_changed, update(child_or_new(node, nibble), at + 1, i, end));
            different = different || child_changed;
            node.remove_if_empty(nibble);
            i = end;
        }
        if (!different) return false;
        slot.dirty = true;
        CRN_CHECK(collapse(slot));
        return true;
    }

    /// If new keys leave the extension above the branch, puts a branch where the first of them leaves it.
    bool split_extension(WorkSlot& slot, unsigned depth, std::size_t low, std::size_t high) {
        const auto branch = slot.node->branch;
        unsigned leaves_at = branch.depth;
        for (std::size_t i = low; i < high && branch.depth > depth; ++i) {
            const auto common = common_nibbles(keys[i], branch.nibbles, branch.depth);
            if (common < leaves_at && merged(i, std::nullopt)) leaves_at = common;
        }
        if (leaves_at == branch.depth) return false;
        auto* upper = make(WorkNode{});
        upper->branch = TriePath::prefix_of(branch.nibbles, leaves_at);
        retire(slot.node->stored); // it hangs elsewhere from here on
        auto& lower = child_or_new(*upper, nibble_of(branch.nibbles, leaves_at));
        lower.kind = Kind::branch;
        lower.dirty = true;
        lower.node = slot.node;
        slot.node = upper;
        return true;
    }

    /// A branch with fewer than two children must not stand.
    Status collapse(WorkSlot& slot) {
        auto& node = *slot.node;
        if (node.count > 1) return {};
        retire(node.stored);
        if (node.count == 0) {
            slot = {};
            return {};
        }
        WorkSlot only = node.slots[0];
        if (only.kind == Kind::branch) {
            if (only.node == nullptr) {
                const auto nibble = static_cast<unsigned>(std::countr_zero(node.mask));
                CRN_TRY(loaded, load(below(node.branch, nibble), only.version));
                only.node = loaded;
            }
            retire(only.node->stored);
        }
        only.dirty = true;
        slot = only;
        return {};
    }

    Status retire_all(WorkSlot& slot, const TriePath& path) {
        if (slot.kind != Kind::branch) return {};
        if (slot.node == nullptr) {
            CRN_TRY(node, load(path, slot.version));
            slot.node = node;
        }
        auto& node = *slot.node;
        for (unsigned nibble = 0; nibble < 16; ++nibble)
            if (node.has(nibble)) CRN_CHECK(retire_all(node.child(nibble), below(node.branch, nibble)));
        retire(node.stored);
        return {};
    }

    void write_lone_leaf(TrieChanges& out) const {
        auto record = std::make_shared<Bytes>();
        const auto mask = static_cast<std::uint16_t>(1u << nibble_of(root.leaf->key, 0));
        put_record_header(*record, {}, 0, mask, mask);
        put_record_leaf(*record, root.reference, root.leaf->key, 0, root.leaf->value);
        out.written.push_back({owner, {}, std::move(record)});
    }

    /// The records of a changed branch and of what changed below it.
    void write(WorkNode& node, const TriePath& path, std::uint64_t version, TrieChanges& out) {
        auto record = std::make_shared<Bytes>();
        record->reserve(16 + 80u * node.count);
        std::uint16_t leaf_mask = 0;
        unsigned nibble = 0;
        for (auto& child : node.children()) {
            while (!node.has(nibble)) ++nibble;
            if (child.kind == Kind::leaf) leaf_mask = static_cast<std::uint16_t>(leaf_mask | 1u << nibble);
            if (child.kind == Kind::branch && child.dirty) write(*child.node, below(node.branch, nibble), version, out);
            ++nibble;
        }
        put_record_header(*record, node.branch, path.depth, node.mask, leaf_mask);
        for (const auto& child : node.children()) {
            if (child.kind == Kind::leaf)
                put_record_leaf(*record, child.reference, child.leaf->key, node.branch.depth, child.leaf->value);
            else
                put_record_branch(*record, child.reference, child.dirty ? version : child.version);
        }
        retire(node.stored, Successor::same_path);
        out.written.push_back({owner, path, std::move(record)});
    }
};

namespace {

/// The slots of several tries whose references are to be computed, by depth: children come before parents.
class LevelHasher {
public:
    void add(WorkSlot& slot, unsigned depth, ValueRlp value_rlp) {
        if (!slot.dirty) return;
        if (slot.kind == WorkSlot::Kind::leaf) {
            leaves_.push_back({&slot, depth, value_rlp});
            return;
        }
        if (slot.kind != WorkSlot::Kind::branch) return;
        levels_[depth].push_back(&slot);
        for (auto& child : slot.node->children()) add(child, slot.node->branch.depth + 1u, value_rlp);
    }

    Status run() {
        for (const auto& leaf : leaves_) {
            CRN_TRY(value, leaf.value_rlp(leaf.slot->leaf->value));
            put_leaf_rlp(start(*leaf.slot), leaf.slot->leaf->key, leaf.depth, value);
            flush_if_full();
        }
        flush();
        for (unsigned depth = kKeyNibbles; depth-- > 0;) {
            for (auto* slot : levels_[depth]) {
                std::array<BytesView, 16> references{};
                unsigned nibble = 0;
                for (const auto& child : slot->node->children()) {
                    while (!slot->node->has(nibble)) ++nibble;
                    references[nibble++] = child.reference.view();
                }
                put_branch_rlp(start(*slot), references);
                flush_if_full();
            }
            flush();
            for (auto* slot : levels_[depth]) {
                const auto& branch = slot->node->branch;
                if (branch.depth == depth) continue;
                const auto below = slot->reference;
                put_extension_rlp(start(*slot), branch.nibbles, depth, branch.depth, below.view());
            }
            flush();
        }
        return {};
    }

private:
    struct DirtyLeaf {
        WorkSlot* slot;
        unsigned depth;
        ValueRlp value_rlp;
    };
    static constexpr std::size_t kBatchBytes = 1 << 16; // stays in the second-level cache

    Bytes& start(WorkSlot& slot) {
        slots_.push_back(&slot);
        offsets_.push_back(buffer_.size());
        return buffer_;
    }
    void flush_if_full() {
        if (buffer_.size() >= kBatchBytes) flush();
    }
    void flush() {
        messages_.clear();
        long_.clear();
        offsets_.push_back(buffer_.size());
        for (std::size_t i = 0; i < slots_.size(); ++i) {
            const auto encoded = BytesView{buffer_}.subspan(offsets_[i], offsets_[i + 1] - offsets_[i]);
            if (encoded.size() < 32) {
                slots_[i]->reference = NodeReference::of(encoded);
            } else {
                messages_.push_back(encoded);
                long_.push_back(slots_[i]);
            }
        }
        hashes_.resize(messages_.size());
        crypto::keccak256_many(messages_, hashes_);
        for (std::size_t i = 0; i < long_.size(); ++i) long_[i]->reference = NodeReference::of(hashes_[i]);
        slots_.clear();
        offsets_.clear();
        buffer_.clear();
    }

    std::vector<DirtyLeaf> leaves_;
    std::array<std::vector<WorkSlot*>, kKeyNibbles> levels_;

    std::vector<WorkSlot*> slots_; // whose nodes lie in the buffer
    std::vector<std::size_t> offsets_;
    Bytes buffer_;
    std::vector<BytesView> messages_;
    std::vector<WorkSlot*> long_;
    std::vector<Hash256> hashes_;
};

} // namespace

TrieUpdate::TrieUpdate(const NodeSource& source, const Hash256& owner, const TrieRoot& root, ValueRlp value_rlp)
    : tree_(std::make_unique<Tree>(source, owner, root, value_rlp)) {}
TrieUpdate::~TrieUpdate() = default;
TrieUpdate::TrieUpdate(TrieUpdate&&) noexcept = default;

Status TrieUpdate::apply(std::span<const Hash256> keys, const Merge& merge) {
    CRN_CHECK(tree_->load_root());
    tree_->keys = keys;
    tree_->merge = &merge;
    CRN_TRY(changed, tree_->update(tree_->root, 0, 0, keys.size()));
    tree_->changed = changed;
    if (changed) tree_->retire(tree_->root_record);
    return {};
}

Status TrieUpdate::clear() {
    CRN_CHECK(tree_->load_root());
    CRN_CHECK(tree_->retire_all(tree_->root, {}));
    tree_->retire(tree_->root_record);
    tree_->changed = tree_->before != empty_trie();
    tree_->root = {};
    return {};
}

Status TrieUpdate::hash_all(std::span<TrieUpdate> updates) {
    LevelHasher hasher;
    for (auto& update : updates) hasher.add(update.tree_->root, 0, update.tree_->value_rlp);
    return hasher.run();
}

TrieRoot TrieUpdate::root(std::uint64_t version) const {
    const auto& tree = *tree_;
    if (!tree.changed) return tree.before;
    if (tree.root.kind == WorkSlot::Kind::none) return empty_trie();
    // Keys are hashes, so the topmost node is always too long to be embedded.
    CRN_ASSERT(tree.root.reference.size == Hash256::kSize);
    return {Hash256{tree.root.reference.bytes}, version};
}

void TrieUpdate::collect(std::uint64_t version, TrieChanges& out) {
    auto& tree = *tree_;
    if (tree.changed && tree.root.kind == WorkSlot::Kind::leaf) tree.write_lone_leaf(out);
    if (tree.changed && tree.root.kind == WorkSlot::Kind::branch) tree.write(*tree.root.node, {}, version, out);
    out.retired.insert(out.retired.end(), std::make_move_iterator(tree.retired.begin()),
                       std::make_move_iterator(tree.retired.end()));
    tree.retired.clear();
}

} // namespace cairn::state
