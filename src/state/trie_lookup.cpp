#include "state/trie_lookup.hpp"

#include "base/errors/storage.hpp"
#include "crypto/hash.hpp"

namespace cairn::state {
namespace {

std::unexpected<Error> bad(const char* what) { return fail(error::StorageCorrupt, what); }

TriePath below(const TriePath& branch, unsigned nibble) {
    TriePath out = branch;
    set_nibble(out.nibbles, branch.depth, static_cast<std::uint8_t>(nibble));
    ++out.depth;
    return out;
}

/// A root record with one child stands for a single leaf that hangs at depth 0.
bool is_lone_leaf(const RecordView& view, unsigned slot_depth) { return slot_depth == 0 && view.child_count() == 1; }

/// Collects the nodes of a proof and checks each against the reference above it.
class ProofBuilder {
public:
    explicit ProofBuilder(const Hash256& root) : expected_(NodeReference::of(root)) {}

    Status add_branch(const RecordView& view, unsigned slot_depth, bool stop_at_extension) {
        std::array<BytesView, 16> references{};
        CRN_CHECK(view.for_each_child([&](unsigned nibble, const ChildView& child) {
            references[nibble] = child.reference;
            return true;
        }));
        Bytes branch;
        put_branch_rlp(branch, references);
        if (view.branch_depth() == slot_depth) return add(std::move(branch));
        Bytes extension;
        const auto name = name_of(branch);
        put_extension_rlp(extension, view.branch().nibbles, slot_depth, view.branch_depth(), name.view());
        CRN_CHECK(add(std::move(extension)));
        if (stop_at_extension) return {};
        expected_ = name;
        return add(std::move(branch));
    }
    Status add_leaf(const ChildView& leaf, unsigned depth, ValueRlp value_rlp) {
        CRN_TRY(value, value_rlp(leaf.value));
        Bytes encoded;
        put_leaf_rlp(encoded, leaf.key, depth, value);
        return add(std::move(encoded));
    }
    void expect(BytesView reference) { expected_ = NodeReference::of(reference); }
    std::vector<Bytes> take() { return std::move(nodes_); }

private:
    static NodeReference name_of(BytesView encoded) {
        return encoded.size() < 32 ? NodeReference::of(encoded) : NodeReference::of(crypto::keccak256(encoded));
    }
    Status add(Bytes encoded) {
        const bool is_root = nodes_.empty();
        const auto name = is_root ? NodeReference::of(crypto::keccak256(encoded)) : name_of(encoded);
        if (name != expected_) return bad("a trie record does not have the hash that its parent names");
        if (is_root || encoded.size() >= 32) nodes_.push_back(std::move(encoded));
        return {};
    }

    NodeReference expected_;
    std::vector<Bytes> nodes_;
};

Status walk_below(const NodeSource& source, const NodeId& id,
                  const std::function<bool(const Hash256&, BytesView)>& visit, bool& go_on) {
    CRN_TRY(record, source.node(id));
    CRN_TRY(view, RecordView::parse(*record, id.path));
    Status status;
    CRN_CHECK(view.for_each_child([&](unsigned nibble, const ChildView& child) {
        if (child.is_leaf)
            go_on = visit(child.key, child.value);
        else
            status = walk_below(source, {id.owner, below(view.branch(), nibble), child.version}, visit, go_on);
        return go_on && status.has_value();
    }));
    return status;
}

} // namespace

Result<Bytes> account_value_rlp(BytesView value) {
    CRN_TRY(leaf, decode_account(value));
    return account_rlp(leaf);
}

Result<Bytes> slot_value_rlp(BytesView value) { return slot_rlp(value); }

Result<std::optional<Bytes>> find_in_trie(const NodeSource& source, const Hash256& owner, const TrieRoot& root,
                                          const Hash256& key) {
    const std::optional<Bytes> absent;
    if (root == empty_trie()) return absent;
    NodeId id{owner, {}, root.version};
    for (;;) {
        CRN_TRY(record, source.node(id));
        CRN_TRY(view, RecordView::parse(*record, id.path));
        if (common_nibbles(view.branch().nibbles, key, view.branch_depth()) < view.branch_depth()) return absent;
        const unsigned nibble = nibble_of(key, view.branch_depth());
        if (!view.has_child(nibble)) return absent;
        CRN_TRY(child, view.child(nibble));
        if (child.is_leaf) return child.key == key ? std::optional{to_bytes(child.value)} : absent;
        id.path = below(view.branch(), nibble);
        id.version = child.version;
    }
}

Result<std::vector<Bytes>> prove_in_trie(const NodeSource& source, const Hash256& owner, const TrieRoot& root,
                                         const Hash256& key, ValueRlp value_rlp) {
    if (root == empty_trie()) return std::vector<Bytes>{};
    ProofBuilder proof{root.hash};
    NodeId id{owner, {}, root.version};
    for (;;) {
        CRN_TRY(record, source.node(id));
        CRN_TRY(view, RecordView::parse(*record, id.path));
        const unsigned depth = view.branch_depth();
        if (is_lone_leaf(view, id.path.depth)) {
            Status status;
            CRN_CHECK(view.for_each_child([&](unsigned, const ChildView& child) {
                status = proof.add_leaf(child, 0, value_rlp);
                return true;
            }));
            CRN_CHECK(status);
            return proof.take();
        }
        const bool diverges = common_nibbles(view.branch().nibbles, key, depth) < depth;
        CRN_CHECK(proof.add_branch(view, id.path.depth, diverges));
        const unsigned nibble = nibble_of(key, depth);
        if (diverges || !view.has_child(nibble)) return proof.take();
        CRN_TRY(child, view.child(nibble));
        proof.expect(child.reference);
        if (child.is_leaf) {
            CRN_CHECK(proof.add_leaf(child, depth + 1, value_rlp));
            return proof.take();
        }
        id.path = below(view.branch(), nibble);
        id.version = child.version;
    }
}

Status walk_trie(const NodeSource& source, const Hash256& owner, const TrieRoot& root,
                 const std::function<bool(const Hash256&, BytesView)>& visit) {
    if (root == empty_trie()) return {};
    bool go_on = true;
    return walk_below(source, {owner, {}, root.version}, visit, go_on);
}

} // namespace cairn::state
