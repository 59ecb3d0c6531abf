#include "state/trie_record.hpp"

#include "base/assert.hpp"
#include "base/errors/storage.hpp"

#include <bit>

namespace cairn::state {
namespace {

std::unexpected<Error> bad() { return fail(error::StorageCorrupt, "a trie record is malformed"); }

/// Seven bits per byte, low ones first, in the fewest bytes: versions are heights, and mostly small.
void put_varint(Bytes& out, std::uint64_t value) {
    for (; value >= 0x80; value >>= 7) out.push_back(static_cast<std::uint8_t>(value | 0x80));
    out.push_back(static_cast<std::uint8_t>(value));
}

/// Takes a number off the front; false if there is none.
bool take_varint(BytesView& rest, std::uint64_t& value) {
    value = 0;
    for (unsigned shift = 0; shift < 64 && !rest.empty(); shift += 7) {
        const auto byte = rest[0];
        rest = rest.subspan(1);
        value |= static_cast<std::uint64_t>(byte & 0x7f) << shift;
        if (byte < 0x80) return true;
    }
    return false;
}

void put_u16(Bytes& out, std::uint16_t value) {
    out.push_back(static_cast<std::uint8_t>(value));
    out.push_back(static_cast<std::uint8_t>(value >> 8));
}

/// Prefix of a string (base 0x80) or list (base 0xc0) of `length` bytes; nodes are shorter than 64 KiB.
void put_rlp_prefix(Bytes& out, std::size_t length, std::uint8_t base) {
    CRN_ASSERT(length < 0x10000);
    if (length <= 55) {
        out.push_back(static_cast<std::uint8_t>(base + length));
    } else if (length < 0x100) {
        out.push_back(static_cast<std::uint8_t>(base + 56));
        out.push_back(static_cast<std::uint8_t>(length));
    } else {
        out.push_back(static_cast<std::uint8_t>(base + 57));
        out.push_back(static_cast<std::uint8_t>(length >> 8));
        out.push_back(static_cast<std::uint8_t>(length));
    }
}

std::size_t rlp_prefix_size(std::size_t length) { return length <= 55 ? 1 : length < 0x100 ? 2 : 3; }

std::size_t reference_rlp_size(BytesView reference) { return reference.size() == 32 ? 33 : reference.size(); }

void put_reference(Bytes& out, BytesView reference) {
    if (reference.size() == 32) out.push_back(0xa0);
    append(out, reference);
}

/// Hex-prefix encoding (appendix C) as an RLP string.
struct HexPrefix {
    std::array<std::uint8_t, 33> bytes{};
    std::size_t size = 0;

    HexPrefix(const Hash256& key, unsigned from, unsigned to, bool leaf) {
        const bool odd = (to - from) % 2 != 0;
        bytes[0] = static_cast<std::uint8_t>((leaf ? 0x20 : 0) | (odd ? 0x10 | nibble_of(key, from) : 0));
        size = 1;
        for (unsigned i = from + (odd ? 1 : 0); i < to; i += 2)
            bytes[size++] = static_cast<std::uint8_t>(nibble_of(key, i) << 4 | nibble_of(key, i + 1));
    }
    std::size_t rlp_size() const { return size == 1 ? 1 : size + 1; } // a lone flag byte is below 0x80
    void put(Bytes& out) const {
        if (size != 1) put_rlp_prefix(out, size, 0x80);
        append(out, BytesView{bytes}.first(size));
    }
};

} // namespace

NodeReference NodeReference::of(BytesView view) {
    NodeReference out;
    CRN_ASSERT(view.size() <= out.bytes.size());
    out.size = static_cast<std::uint8_t>(view.size());
    if (!view.empty()) std::memcpy(out.bytes.data(), view.data(), view.size());
    return out;
}

Result<RecordView> RecordView::parse(BytesView bytes, const TriePath& slot) {
    RecordView out;
    out.branch_ = slot;
    if (bytes.empty()) return bad();
    const unsigned skipped = bytes[0];
    if (slot.depth + skipped >= kKeyNibbles || bytes.size() < 1 + skipped + 4) return bad();
    for (unsigned i = 0; i < skipped; ++i) {
        if (bytes[1 + i] > 15) return bad();
        set_nibble(out.branch_.nibbles, slot.depth + i, bytes[1 + i]);
    }
    out.branch_.depth = static_cast<std::uint8_t>(slot.depth + skipped);
    const auto masks = bytes.subspan(1 + skipped, 4);
    out.mask_ = static_cast<std::uint16_t>(masks[0] | masks[1] << 8);
    out.leaf_mask_ = static_cast<std::uint16_t>(masks[2] | masks[3] << 8);
    if (out.mask_ == 0 || (out.leaf_mask_ & ~out.mask_) != 0) return bad();
    out.children_ = bytes.subspan(1 + skipped + 4);
    BytesView rest = out.children_;
    for (unsigned nibble = 0; nibble < 16; ++nibble)
        if (out.has_child(nibble)) CRN_CHECK(out.skip_child(rest, nibble));
    if (!rest.empty()) return bad();
    return out;
}

unsigned RecordView::child_count() const { return static_cast<unsigned>(std::popcount(mask_)); }

Status RecordView::skip_child(BytesView& rest, unsigned nibble) const {
    if (rest.empty() || rest[0] == 0 || rest[0] > 32) return bad();
    std::size_t size = 1 + rest[0];
    if ((leaf_mask_ >> nibble & 1) != 0) {
        size += 32 - (branch_depth() + 1) / 2;
        if (rest.size() <= size) return bad();
        size += 1 + rest[size];
    }
    if (rest.size() < size) return bad();
    rest = rest.subspan(size);
    std::uint64_t version = 0;
    if ((leaf_mask_ >> nibble & 1) == 0 && !take_varint(rest, version)) return bad();
    return {};
}

Status RecordView::take_child(BytesView& rest, unsigned nibble, ChildView& out) const {
    const BytesView whole = rest;
    CRN_CHECK(skip_child(rest, nibble));
    out.reference = whole.subspan(1, whole[0]);
    out.is_leaf = (leaf_mask_ >> nibble & 1) != 0;
    BytesView payload = whole.subspan(1 + whole[0], whole.size() - rest.size() - 1 - whole[0]);
    if (!out.is_leaf) {
        if (!take_varint(payload, out.version)) return bad();
        return {};
    }
    const std::size_t from = (branch_depth() + 1) / 2;
    out.key = branch_.nibbles;
    std::memcpy(out.key.data() + from, payload.data(), 32 - from);
    // The first tail byte repeats the nibbles above; what it says must agree with where the leaf hangs.
    set_nibble(out.key, branch_depth(), static_cast<std::uint8_t>(nibble));
    out.value = payload.subspan(32 - from + 1);
    return {};
}

Result<ChildView> RecordView::child(unsigned nibble) const {
    BytesView rest = children_;
    for (unsigned i = 0; i < nibble; ++i)
        if (has_child(i)) CRN_CHECK(skip_child(rest, i));
    ChildView out;
    CRN_CHECK(take_child(rest, nibble, out));
    return out;
}

void put_record_header(Bytes& out, const TriePath& branch, unsigned slot_depth, std::uint16_t mask,
                       std::uint16_t leaf_mask) {
    out.push_back(static_cast<std::uint8_t>(branch.depth - slot_depth));
    for (unsigned i = slot_depth; i < branch.depth; ++i) out.push_back(nibble_of(branch.nibbles, i));
    put_u16(out, mask);
    put_u16(out, leaf_mask);
}

void put_record_branch(Bytes& out, const NodeReference& reference, std::uint64_t version) {
    out.push_back(reference.size);
    append(out, reference.view());
    put_varint(out, version);
}

void put_record_leaf(Bytes& out, const NodeReference& reference, const Hash256& key, unsigned branch_depth,
                     BytesView value) {
    CRN_ASSERT(value.size() < 0x100);
    out.push_back(reference.size);
    append(out, reference.view());
    append(out, BytesView{key}.subspan((branch_depth + 1) / 2));
    out.push_back(static_cast<std::uint8_t>(value.size()));
    append(out, value);
}

void put_branch_rlp(Bytes& out, const std::array<BytesView, 16>& references) {
    std::size_t length = 1;
    for (const auto& reference : references) length += reference.empty() ? 1 : reference_rlp_size(reference);
    put_rlp_prefix(out, length, 0xc0);
    for (const auto& reference : references) {
        if (reference.empty())
            out.push_back(0x80);
        else
            put_reference(out, reference);
    }
    out.push_back(0x80);
}

void put_extension_rlp(Bytes& out, const Hash256& key, unsigned from, unsigned to, BytesView reference) {
    const HexPrefix path{key, from, to, false};
    put_rlp_prefix(out, path.rlp_size() + reference_rlp_size(reference), 0xc0);
    path.put(out);
    put_reference(out, reference);
}

void put_leaf_rlp(Bytes& out, const Hash256& key, unsigned from, BytesView value_rlp) {
    const HexPrefix path{key, from, kKeyNibbles, true};
    const bool bare = value_rlp.size() == 1 && value_rlp[0] < 0x80;
    const std::size_t value_size = value_rlp.size() + (bare ? 0 : rlp_prefix_size(value_rlp.size()));
    put_rlp_prefix(out, path.rlp_size() + value_size, 0xc0);
    path.put(out);
    if (!bare) put_rlp_prefix(out, value_rlp.size(), 0x80);
    append(out, value_rlp);
}

} // namespace cairn::state
