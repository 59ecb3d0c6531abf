// The stored form of one branch of a trie, with everything that hangs directly below it.
//
// A record stands for an (optional) extension and the branch at its end. Leaves have no record of their own: they lie in
// the record of the branch above them, with key and value, so the trie is at the same time the flat state. A child that is
// itself a branch is named by its hash and by the block that wrote it: with the path that names one unchanging record.
//
//   u8 number of skipped nibbles, one byte each   the extension
//   u16 mask of children, u16 mask of those that are leaves      little-endian
//   per child, ascending: u8 length and bytes of the reference that the branch's RLP holds (hash, or embedded node), then
//     for a branch: version, seven bits per byte, low ones first, upper bit set on all but the last
//     for a leaf:   the bytes of the key from its first nibble below the branch on; u8 length and bytes of the value
//
// Only the record of a root may have a single child, and then that is a leaf: the trie has one entry.
#pragma once

#include "base/result.hpp"
#include "state/trie_path.hpp"

#include <memory>

namespace cairn::state {

using Record = std::shared_ptr<const Bytes>;

/// RLP of a node below 32 bytes, or its hash: how a parent names it (yellow paper, appendix D).
struct NodeReference {
    std::uint8_t size = 0; // 32: a hash; 0: none
    std::array<std::uint8_t, 32> bytes{};

    BytesView view() const { return BytesView{bytes}.first(size); }
    static NodeReference of(BytesView view);
    bool operator==(const NodeReference&) const = default;
};

struct ChildView {
    BytesView reference;
    bool is_leaf = false;
    std::uint64_t version = 0; // of a branch
    Hash256 key;               // of a leaf
    BytesView value;           // of a leaf
};

/// Reads one record; `slot` is where it hangs. All views point into `bytes`.
class RecordView {
public:
    /// StorageCorrupt if `bytes` is not a well-formed record.
    static Result<RecordView> parse(BytesView bytes, const TriePath& slot);

    /// Depth of the branch: slot depth plus the extension.
    unsigned branch_depth() const { return branch_.depth; }
    /// Path of the branch.
    const TriePath& branch() const { return branch_; }
    bool has_child(unsigned nibble) const { return (mask_ >> nibble & 1) != 0; }
    unsigned child_count() const;
    /// False from `visit` ends the walk.
    template <class Visit>
    Status for_each_child(Visit visit) const {
        BytesView rest = children_;
        for (unsigned nibble = 0; nibble < 16; ++nibble) {
            if (!has_child(nibble)) continue;
            ChildView child;
            CRN_CHECK(take_child(rest, nibble, child));
            if (!visit(nibble, child)) break;
        }
        return {};
    }
    /// The child under `nibble`, which must exist.
    Result<ChildView> child(unsigned nibble) const;

private:
    Status take_child(BytesView& rest, unsigned nibble, ChildView& out) const;
    Status skip_child(BytesView& rest, unsigned nibble) const;

    TriePath branch_;
    std::uint16_t mask_ = 0;
    std::uint16_t leaf_mask_ = 0;
    BytesView children_;
};

/// Writes a record: the header, then each child in ascending order.
void put_record_header(Bytes& out, const TriePath& branch, unsigned slot_depth, std::uint16_t mask,
                       std::uint16_t leaf_mask);
void put_record_branch(Bytes& out, const NodeReference& reference, std::uint64_t version);
void put_record_leaf(Bytes& out, const NodeReference& reference, const Hash256& key, unsigned branch_depth,
                     BytesView value);

// The nodes as Ethereum hashes them; each is appended to `out`.

/// `references`: 16, of size 0 where there is no child. Secure tries have no values in branches.
void put_branch_rlp(Bytes& out, const std::array<BytesView, 16>& references);
/// The nibbles of `key` from `from` to `to`.
void put_extension_rlp(Bytes& out, const Hash256& key, unsigned from, unsigned to, BytesView reference);
/// `value_rlp`: the value in RLP; it becomes the content of a string.
void put_leaf_rlp(Bytes& out, const Hash256& key, unsigned from, BytesView value_rlp);

} // namespace cairn::state
