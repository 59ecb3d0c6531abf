#include "ledger/trie_root.hpp"

#include "base/assert.hpp"
#include "codec/rlp.hpp"
#include "crypto/hash.hpp"
#include "ledger/block.hpp"

namespace cairn::ledger {
namespace {

using codec::RlpWriter;
using Entries = std::span<const TrieEntry>;

std::uint8_t nibble(BytesView key, std::size_t index) {
    const auto byte = key[index / 2];
    return index % 2 == 0 ? byte >> 4 : byte & 15;
}

std::size_t nibble_count(BytesView key) { return key.size() * 2; }

std::size_t common_nibbles(BytesView a, BytesView b, std::size_t from) {
    const std::size_t limit = std::min(nibble_count(a), nibble_count(b));
    std::size_t i = from;
    while (i < limit && nibble(a, i) == nibble(b, i)) ++i;
    return i - from;
}

constexpr std::uint32_t kNone = ~std::uint32_t{0};

struct Node {
    enum class Kind : std::uint8_t { leaf, extension, branch };
    Kind kind = Kind::leaf;
    std::uint32_t entry = 0;     // first of the entries below
    std::uint32_t depth = 0;     // nibbles of the key that lie above this node
    std::uint32_t path = 0;      // leaf and extension: nibbles in the node itself
    std::uint32_t child = kNone; // extension: the child; branch: index of its sixteen in `children`
    std::uint32_t height = 0;    // 0 for leaves, else one more than the highest child
    bool has_value = false;      // branch: `entry` ends here
    std::uint8_t reference_size = 0;
    std::array<std::uint8_t, 33> reference{}; // how the parent names this node: itself if short, else its hash
    std::size_t begin = 0;                    // of its encoding among those of the same height
    std::size_t size = 0;
};

/// Lays out all nodes, then encodes and hashes them height by height, so that many hashes are computed at once.
class Trie {
public:
    explicit Trie(Entries entries) : entries_(entries) {
        CRN_ASSERT(entries.size() < kNone / 2);
        root_ = lay_out(0, static_cast<std::uint32_t>(entries.size()), 0);
        by_height_.resize(nodes_[root_].height + 1);
        for (std::uint32_t i = 0; i < nodes_.size(); ++i) by_height_[nodes_[i].height].push_back(i);
        for (const auto& level : by_height_) encode_level(level);
    }

    Hash256 root_hash() const { return crypto::keccak256(encoding(nodes_[root_])); }

    /// Nodes on the way to `key` that stand for themselves: the root, and those too long to be embedded.
    std::vector<Bytes> proof(BytesView key) const {
        std::vector<Bytes> out;
        for (std::uint32_t at = root_; at != kNone; at = next(nodes_[at], key)) {
            const auto view = encoding(nodes_[at]);
            if (out.empty() || view.size() >= Hash256::kSize) out.push_back(to_bytes(view));
        }
        return out;
    }

private:
    std::uint32_t lay_out(std::uint32_t first, std::uint32_t count, std::uint32_t depth) {
        Node node;
        node.entry = first;
        node.depth = depth;
        const BytesView key = entries_[first].key;
        const auto left = static_cast<std::uint32_t>(nibble_count(key)) - depth;
        if (count == 1) {
            node.path = left;
        } else if (const auto shared = common_nibbles(key, entries_[first + count - 1].key, depth); shared != 0) {
            // Sorted, so what the first and the last share is shared by all.
            node.kind = Node::Kind::extension;
            node.path = static_cast<std::uint32_t>(shared);
            node.child = lay_out(first, count, depth + node.path);
            node.height = nodes_[node.child].height + 1;
        } else {
            node.kind = Node::Kind::branch;
            node.has_value = left == 0;
            lay_out_children(node, first + (node.has_value ? 1 : 0), first + count);
        }
        nodes_.push_back(node);
        return static_cast<std::uint32_t>(nodes_.size() - 1);
    }

    void lay_out_children(Node& node, std::uint32_t first, std::uint32_t end) {
        node.child = static_cast<std::uint32_t>(children_.size());
        children_.emplace_back().fill(kNone);
        while (first < end) {
            const auto digit = nibble(entries_[first].key, node.depth);
            std::uint32_t count = 1;
            while (first + count < end && nibble(entries_[first + count].key, node.depth) == digit) ++count;
            const auto child = lay_out(first, count, node.depth + 1);
            children_[node.child][digit] = child;
            node.height = std::max(node.height, nodes_[child].height + 1);
            first += count;
        }
    }

    void encode_level(const std::vector<std::uint32_t>& level) {
        auto& out = encodings_.emplace_back();
        for (const auto index : level) {
            auto& node = nodes_[index];
            node.begin = out.size();
            encode(out, node);
            node.size = out.size() - node.begin;
        }
        std::vector<BytesView> long_ones;
        for (const auto index : level)
            if (nodes_[index].size >= Hash256::kSize) long_ones.push_back(encoding(nodes_[index]));
        std::vector<Hash256> hashes(long_ones.size());
        crypto::keccak256_many(long_ones, hashes);
        auto hash = hashes.begin();
        for (const auto index : level) {
            auto& node = nodes_[index];
            if (node.size >= Hash256::kSize) {
                node.reference[0] = 0x80 + Hash256::kSize;
                std::memcpy(node.reference.data() + 1, (hash++)->data(), Hash256::kSize);
                node.reference_size = 1 + Hash256::kSize;
            } else {
                std::memcpy(node.reference.data(), encoding(node).data(), node.size);
                node.reference_size = static_cast<std::uint8_t>(node.size);
            }
        }
    }

    void encode(RlpWriter& out, const Node& node) {
        if (node.kind == Node::Kind::branch) return encode_branch(out, node);
        const auto path = hex_prefix(node);
        const auto path_size = codec::rlp_string_size(path);
        if (node.kind == Node::Kind::extension) {
            const auto child = reference(node.child);
            out.begin_list(path_size + child.size());
            out.put(path);
            out.put_raw(child);
        } else {
            const auto value = entries_[node.entry].value;
            out.begin_list(path_size + codec::rlp_string_size(value));
            out.put(path);
            out.put(value);
        }
    }

    void encode_branch(RlpWriter& out, const Node& node) {
        const auto& children = children_[node.child];
        const BytesView value = node.has_value ? entries_[node.entry].value : BytesView{};
        std::size_t payload = codec::rlp_string_size(value);
        for (const auto child : children) payload += child == kNone ? 1 : reference(child).size();
        out.begin_list(payload);
        for (const auto child : children) {
            if (child == kNone)
                out.put(BytesView{});
            else
                out.put_raw(reference(child));
        }
        out.put(value);
    }

    /// Yellow paper, appendix C; valid until the next call.
    BytesView hex_prefix(const Node& node) {
        const BytesView key = entries_[node.entry].key;
        const bool odd = node.path % 2 != 0;
        std::size_t at = node.depth;
        path_.clear();
        std::uint8_t flag = node.kind == Node::Kind::leaf ? 0x20 : 0;
        if (odd) flag = static_cast<std::uint8_t>(flag | 0x10 | nibble(key, at++));
        path_.push_back(flag);
        for (const std::size_t end = node.depth + node.path; at < end; at += 2)
            path_.push_back(static_cast<std::uint8_t>(nibble(key, at) << 4 | nibble(key, at + 1)));
        return path_;
    }

    BytesView reference(std::uint32_t index) const {
        return BytesView{nodes_[index].reference}.first(nodes_[index].reference_size);
    }
    BytesView encoding(const Node& node) const {
        return BytesView{encodings_[node.height].bytes()}.subspan(node.begin, node.size);
    }

    /// The child towards `key`, or kNone where the way ends.
    std::uint32_t next(const Node& node, BytesView key) const {
        const auto here = entries_[node.entry].key;
        if (node.kind == Node::Kind::leaf || common_nibbles(here, key, 0) < node.depth + node.path) return kNone;
        if (node.kind == Node::Kind::extension) return node.child;
        return nibble_count(key) == node.depth ? kNone : children_[node.child][nibble(key, node.depth)];
    }

    Entries entries_;
    std::vector<Node> nodes_;
    std::vector<std::array<std::uint32_t, 16>> children_;
    std::vector<std::vector<std::uint32_t>> by_height_;
    std::vector<RlpWriter> encodings_; // one for each height
    Bytes path_;
    std::uint32_t root_ = 0;
};

void check_order(Entries entries) {
    for (std::size_t i = 0; i < entries.size(); ++i) {
        CRN_ASSERT(!entries[i].value.empty());
        CRN_ASSERT(i == 0 || std::ranges::lexicographical_compare(entries[i - 1].key, entries[i].key));
    }
}

} // namespace

Hash256 trie_root(std::span<const TrieEntry> sorted) {
    check_order(sorted);
    return sorted.empty() ? kEmptyTrieRoot : Trie{sorted}.root_hash();
}

std::vector<Bytes> trie_proof(std::span<const TrieEntry> sorted, BytesView key) {
    check_order(sorted);
    return sorted.empty() ? std::vector<Bytes>{} : Trie{sorted}.proof(key);
}

} // namespace cairn::ledger
