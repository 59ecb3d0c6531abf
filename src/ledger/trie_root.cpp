#include "ledger/trie_root.hpp"

#include "base/assert.hpp"
#include "codec/rlp.hpp"
#include "crypto/hash.hpp"
#include "ledger/block.hpp"
#include "ledger/hex_prefix.hpp"

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

Bytes path(BytesView key, std::size_t from, std::size_t count, PathEnd end) {
    Bytes nibbles;
    nibbles.reserve(count);
    for (std::size_t i = 0; i < count; ++i) nibbles.push_back(nibble(key, from + i));
    return encode_hex_prefix(nibbles, end);
}

/// Builds the encoded nodes depth first. When `watched` is set, the encodings on the way to that key are kept.
class Builder {
public:
    explicit Builder(const BytesView* watched = nullptr) : watched_(watched) {}

    /// Encoding of the node over `entries`, which share the first `depth` nibbles.
    Bytes node(Entries entries, std::size_t depth) {
        const std::size_t slot = watch(entries, depth);
        auto encoded = encode(entries, depth);
        if (slot != kNotWatched) watched_nodes_[slot] = encoded;
        return encoded;
    }

    /// The watched nodes that stand for themselves: the root, and those too long to be embedded.
    std::vector<Bytes> proof() && {
        std::vector<Bytes> out;
        for (auto& encoded : watched_nodes_)
            if (out.empty() || encoded.size() >= Hash256::kSize) out.push_back(std::move(encoded));
        return out;
    }

private:
    static constexpr std::size_t kNotWatched = ~std::size_t{0};

    std::size_t watch(Entries entries, std::size_t depth) {
        if (watched_ == nullptr || nibble_count(*watched_) < depth) return kNotWatched;
        if (common_nibbles(*watched_, entries.front().key, 0) < depth) return kNotWatched;
        watched_nodes_.emplace_back();
        return watched_nodes_.size() - 1;
    }

    void put_reference(RlpWriter& out, Entries entries, std::size_t depth) {
        const auto encoded = node(entries, depth);
        if (encoded.size() < Hash256::kSize)
            out.put_raw(encoded);
        else
            out.put(crypto::keccak256(encoded));
    }

    Bytes encode(Entries entries, std::size_t depth) {
        const BytesView first = entries.front().key;
        RlpWriter out;
        if (entries.size() == 1) {
            out.put(path(first, depth, nibble_count(first) - depth, PathEnd::leaf));
            out.put(entries.front().value);
            return out.as_list();
        }
        // Sorted, so what the first and the last share is shared by all.
        if (const auto shared = common_nibbles(first, entries.back().key, depth); shared != 0) {
            out.put(path(first, depth, shared, PathEnd::extension));
            put_reference(out, entries, depth + shared);
            return out.as_list();
        }
        BytesView value_here;
        if (nibble_count(first) == depth) {
            value_here = entries.front().value;
            entries = entries.subspan(1);
        }
        for (std::uint8_t digit = 0; digit < 16; ++digit) {
            std::size_t count = 0;
            while (count < entries.size() && nibble(entries[count].key, depth) == digit) ++count;
            if (count == 0)
                out.put(BytesView{});
            else
                put_reference(out, entries.first(count), depth + 1);
            entries = entries.subspan(count);
        }
        out.put(value_here);
        return out.as_list();
    }

    const BytesView* watched_;
    std::vector<Bytes> watched_nodes_; // in the order they were entered: root first
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
    if (sorted.empty()) return kEmptyTrieRoot;
    return crypto::keccak256(Builder{}.node(sorted, 0));
}

std::vector<Bytes> trie_proof(std::span<const TrieEntry> sorted, BytesView key) {
    check_order(sorted);
    if (sorted.empty()) return {};
    Builder builder{&key};
    (void)builder.node(sorted, 0);
    return std::move(builder).proof();
}

} // namespace cairn::ledger
