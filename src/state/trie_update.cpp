#include "state/trie_update.hpp"

#include "base/assert.hpp"
#include "crypto/hash.hpp"

#include <bit>

namespace cairn::state {
namespace {

struct WorkNode;

struct WorkLeaf {
    Hash256 key;
    Bytes value;
};

/// Where something may hang: below a branch, or the root of the trie.
struct WorkSlot {
    enum class Kind : std::uint8_t { none, leaf, branch };
    Kind kind = Kind::none;
    bool dirty = false;        // the reference must be computed anew
    NodeReference reference;   // valid unless dirty
    std::uint64_t version = 0; // of a branch that is not dirty
    std::unique_ptr<WorkLeaf> leaf;
    std::unique_ptr<WorkNode> node; // null for a branch that nobody had to look into
};

struct Stored {
    TriePath path;
    std::uint64_t version = 0;
    Record record;
};

struct WorkNode {
    TriePath branch;
    std::uint16_t mask = 0; // of children
    std::vector<WorkSlot> children;
    std::optional<Stored> stored; // the record this was read from

    bool has(unsigned nibble) const { return (mask >> nibble & 1) != 0; }
    std::size_t index(unsigned nibble) const {
        return static_cast<std::size_t>(std::popcount(static_cast<unsigned>(mask & ((1u << nibble) - 1))));
    }
    /// The child under `nibble`; made empty if there was none.
    WorkSlot& child(unsigned nibble) {
        const auto at = static_cast<std::ptrdiff_t>(index(nibble));
        if (!has(nibble)) {
            mask = static_cast<std::uint16_t>(mask | 1u << nibble);
            return *children.emplace(children.begin() + at);
        }
        return children[static_cast<std::size_t>(at)];
    }
    void remove_if_empty(unsigned nibble) {
        const auto at = index(nibble);
        if (children[at].kind != WorkSlot::Kind::none) return;
        children.erase(children.begin() + static_cast<std::ptrdiff_t>(at));
        mask = static_cast<std::uint16_t>(mask & ~(1u << nibble));
    }
};

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

    Keys keys; // while `apply` runs
    const Merge* merge = nullptr;

    Tree(const NodeSource& s, const Hash256& o, const TrieRoot& r, ValueRlp v)
        : source(s), owner(o), before(r), value_rlp(v) {}

    Result<std::unique_ptr<WorkNode>> load(const TriePath& slot, std::uint64_t version) const {
        CRN_TRY(record, source.node({owner, slot, version}));
        CRN_TRY(view, RecordView::parse(*record, slot));
        auto node = std::make_unique<WorkNode>();
        node->branch = view.branch();
        node->stored = Stored{slot, version, record};
        node->children.reserve(view.child_count() + 1);
        CRN_CHECK(view.for_each_child([&](unsigned nibble, const ChildView& child) {
            node->mask = static_cast<std::uint16_t>(node->mask | 1u << nibble);
            auto& out = node->children.emplace_back();
            out.reference = NodeReference::of(child.reference);
            if (child.is_leaf) {
                out.kind = Kind::leaf;
                out.leaf = std::make_unique<WorkLeaf>(child.key, to_bytes(child.value));
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
        if (node->children.size() == 1) { // a lone leaf, see trie_record.hpp
            if (node->children[0].kind != Kind::leaf) return fail(ErrorCode::StorageCorrupt, "a root has one branch");
            root = std::move(node->children[0]);
            root_record = std::move(node->stored);
            return {};
        }
        root.kind = Kind::branch;
        root.reference = NodeReference::of(before.hash);
        root.version = before.version;
        root.node = std::move(node);
        return {};
    }
    std::optional<Stored> root_record; // of a lone leaf

    void retire(std::optional<Stored>& stored, Successor successor = Successor::none) {
        if (!stored) return;
        retired.push_back({{owner, stored->path, stored->version}, std::move(stored->record), successor});
        stored.reset();
    }

    std::optional<Bytes> merged(std::size_t index, std::optional<BytesView> old) const { return (*merge)(index, old); }

    /// Brings the keys [low, high), which all start with the `depth` nibbles above `slot`, up to date. True if anything changed.
    Result<bool> update(WorkSlot& slot, unsigned depth, std::size_t low, std::size_t high) {
        if (low == high) return false;
        if (slot.kind == Kind::branch) return update_branch(slot, depth, low, high);
        return update_leaf(slot, depth, low, high);
    }

    Result<bool> update_leaf(WorkSlot& slot, unsigned depth, std::size_t low, std::size_t high) {
        std::vector<std::unique_ptr<WorkLeaf>> leaves;
        std::unique_ptr<WorkLeaf> existing = std::move(slot.leaf);
        bool different = false;
        const auto keep_existing = [&] { leaves.push_back(std::move(existing)); };
        for (std::size_t i = low; i < high; ++i) {
            if (existing && existing->key < keys[i]) keep_existing();
            const bool same_key = existing && existing->key == keys[i];
            auto value = merged(i, same_key ? std::optional<BytesView>{existing->value} : std::nullopt);
            if (same_key && value && *value == existing->value) {
                keep_existing();
                continue;
            }
            if (same_key) existing.reset();
            different = different || same_key || value;
            if (value) leaves.push_back(std::make_unique<WorkLeaf>(keys[i], std::move(*value)));
        }
        if (existing) keep_existing();
        if (!different) { // at most the leaf that was there
            if (!leaves.empty()) slot.leaf = std::move(leaves[0]);
            return false;
        }
        slot = {};
        build(slot, depth, leaves);
        return true;
    }

    /// A fresh subtree over `leaves`, ascending by key.
    void build(WorkSlot& slot, unsigned depth, std::span<std::unique_ptr<WorkLeaf>> leaves) {
        if (leaves.empty()) return;
        slot.dirty = true;
        if (leaves.size() == 1) {
            slot.kind = Kind::leaf;
            slot.leaf = std::move(leaves[0]);
            return;
        }
        const auto shared = common_nibbles(leaves.front()->key, leaves.back()->key, kKeyNibbles);
        CRN_ASSERT(shared >= depth && shared < kKeyNibbles);
        slot.kind = Kind::branch;
        slot.node = std::make_unique<WorkNode>();
        slot.node->branch = TriePath::prefix_of(leaves.front()->key, shared);
        while (!leaves.empty()) {
            const auto nibble = nibble_of(leaves.front()->key, shared);
            std::size_t count = 1;
            while (count < leaves.size() && nibble_of(leaves[count]->key, shared) == nibble) ++count;
            build(slot.node->child(nibble), shared + 1, leaves.first(count));
            leaves = leaves.subspan(count);
        }
    }

    Result<bool> update_branch(WorkSlot& slot, unsigned depth, std::size_t low, std::size_t high) {
        if (!slot.node) {
            CRN_TRY(node, load(TriePath::prefix_of(keys[low], depth), slot.version));
            slot.node = std::move(node);
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
            CRN_TRY(child_changed, update(node.child(nibble), at + 1, i, end));
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
        auto upper = std::make_unique<WorkNode>();
        upper->branch = TriePath::prefix_of(branch.nibbles, leaves_at);
        retire(slot.node->stored); // it hangs elsewhere from here on
        auto& lower = upper->child(nibble_of(branch.nibbles, leaves_at));
        lower.kind = Kind::branch;
        lower.dirty = true;
        lower.node = std::move(slot.node);
        slot.node = std::move(upper);
        return true;
    }

    /// A branch with fewer than two children must not stand.
    Status collapse(WorkSlot& slot) {
        auto& node = *slot.node;
        if (node.children.size() > 1) return {};
        retire(node.stored);
        if (node.children.empty()) {
            slot = {};
            return {};
        }
        WorkSlot only = std::move(node.children[0]);
        if (only.kind == Kind::branch) {
            if (!only.node) {
                const auto nibble = static_cast<unsigned>(std::countr_zero(node.mask));
                CRN_TRY(loaded, load(below(node.branch, nibble), only.version));
                only.node = std::move(loaded);
            }
            retire(only.node->stored);
        }
        only.dirty = true;
        slot = std::move(only);
        return {};
    }

    Status retire_all(WorkSlot& slot, const TriePath& path) {
        if (slot.kind != Kind::branch) return {};
        if (!slot.node) {
            CRN_TRY(node, load(path, slot.version));
            slot.node = std::move(node);
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
        record->reserve(16 + 80 * node.children.size());
        std::uint16_t leaf_mask = 0;
        unsigned nibble = 0;
        for (auto& child : node.children) {
            while (!node.has(nibble)) ++nibble;
            if (child.kind == Kind::leaf) leaf_mask = static_cast<std::uint16_t>(leaf_mask | 1u << nibble);
            if (child.kind == Kind::branch && child.dirty) write(*child.node, below(node.branch, nibble), version, out);
            ++nibble;
        }
        put_record_header(*record, node.branch, path.depth, node.mask, leaf_mask);
        for (const auto& child : node.children) {
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
        for (auto& child : slot.node->children) add(child, slot.node->branch.depth + 1u, value_rlp);
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
                for (const auto& child : slot->node->children) {
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
