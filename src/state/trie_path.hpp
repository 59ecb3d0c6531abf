// Where a node of a trie lies, and which of its versions is meant.
#pragma once

#include "base/bytes.hpp"

namespace cairn::state {

/// Keys of all tries here are hashes: 64 nibbles.
inline constexpr std::uint8_t kKeyNibbles = 64;

inline std::uint8_t nibble_of(const Hash256& key, unsigned index) {
    const auto byte = key[index / 2];
    return index % 2 == 0 ? static_cast<std::uint8_t>(byte >> 4) : static_cast<std::uint8_t>(byte & 15);
}
inline void set_nibble(Hash256& key, unsigned index, std::uint8_t value) {
    auto& byte = key[index / 2];
    byte = index % 2 == 0 ? static_cast<std::uint8_t>((byte & 0x0f) | value << 4)
                          : static_cast<std::uint8_t>((byte & 0xf0) | value);
}
/// Number of nibbles, at most `limit`, that both keys start with.
unsigned common_nibbles(const Hash256& a, const Hash256& b, unsigned limit);

/// The first `depth` nibbles of a key; the rest is zero.
struct TriePath {
    Hash256 nibbles;
    std::uint8_t depth = 0;

    static TriePath prefix_of(const Hash256& key, unsigned depth);
    auto operator<=>(const TriePath&) const = default;
};

/// One node of one trie at one time. A node that is rewritten keeps its path and gets a new version; records of a
/// given version never change, so they can be cached and read without regard to the writer.
struct NodeId {
    Hash256 owner; // hashed address whose storage trie this is; zero: the account trie
    TriePath path;
    std::uint64_t version = 0; // height of the block that wrote it

    bool operator==(const NodeId&) const = default;
    bool in_account_trie() const { return owner.is_zero(); }
    /// [owner] depth, packed nibbles: the key under which the newest version is stored.
    Bytes key() const;
};

struct NodeIdHash {
    std::size_t operator()(const NodeId& id) const noexcept;
};

} // namespace cairn::state
