#include "state/trie_path.hpp"

#include <bit>

namespace cairn::state {
namespace {

std::uint64_t word(const Hash256& value, std::size_t index) {
    std::uint64_t out = 0;
    std::memcpy(&out, value.data() + 8 * index, 8);
    return out;
}

} // namespace

unsigned common_nibbles(const Hash256& a, const Hash256& b, unsigned limit) {
    unsigned count = 0;
    while (count < limit && a[count / 2] == b[count / 2]) count += 2;
    if (count < limit && (a[count / 2] ^ b[count / 2]) < 0x10) ++count;
    return std::min(count, limit);
}

TriePath TriePath::prefix_of(const Hash256& key, unsigned depth) {
    TriePath out;
    out.depth = static_cast<std::uint8_t>(depth);
    std::memcpy(out.nibbles.data(), key.data(), (depth + 1) / 2);
    if (depth % 2 != 0) out.nibbles[depth / 2] &= 0xf0;
    return out;
}

Bytes NodeId::key() const {
    Bytes out;
    out.reserve(66);
    if (!in_account_trie()) append(out, owner);
    out.push_back(path.depth);
    append(out, BytesView{path.nibbles}.first((path.depth + 1u) / 2));
    return out;
}

std::size_t NodeIdHash::operator()(const NodeId& id) const noexcept {
    // Owner and path are prefixes of hashes; the multiplications spread short paths and small versions.
    std::uint64_t mixed = word(id.owner, 0) ^ std::rotl(word(id.path.nibbles, 0), 23);
    mixed = (mixed ^ id.path.depth) * 0x9e3779b97f4a7c15;
    mixed = (mixed ^ mixed >> 29 ^ id.version) * 0xbf58476d1ce4e5b9;
    return mixed ^ mixed >> 32;
}

} // namespace cairn::state
