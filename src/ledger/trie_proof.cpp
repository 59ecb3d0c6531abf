#include "ledger/trie_proof.hpp"

#include "base/errors/ledger.hpp"
#include "codec/rlp.hpp"
#include "crypto/hash.hpp"
#include "ledger/block.hpp"
#include "ledger/hex_prefix.hpp"

namespace cairn::ledger {
namespace {

constexpr std::size_t kBranchItems = 17;
constexpr std::size_t kPathItems = 2;

std::unexpected<Error> bad(const char* why) { return fail(error::ProofInvalid, why); }

/// The items of one node; ProofInvalid unless it is a list of 2 or 17 items.
Result<std::vector<codec::RlpItem>> items_of(BytesView node) {
    codec::RlpReader outer{node};
    auto list = outer.list();
    if (!list || !outer.finish()) return bad("a node is not one RLP list");
    std::vector<codec::RlpItem> items;
    while (!list->at_end()) {
        auto item = list->next();
        if (!item || items.size() == kBranchItems) return bad("a node has malformed or too many items");
        items.push_back(*item);
    }
    if (items.size() != kPathItems && items.size() != kBranchItems) return bad("a node has neither 2 nor 17 items");
    return items;
}

/// One step from a node towards the key.
class Walk {
public:
    Walk(const Hash256& root, BytesView key, const std::vector<Bytes>& nodes) : nodes_(nodes), expected_(root) {
        for (const auto byte : key) {
            nibbles_.push_back(byte >> 4);
            nibbles_.push_back(byte & 15);
        }
    }

    Result<std::optional<Bytes>> run() {
        CRN_TRY(first, take_node());
        BytesView node = first;
        while (true) {
            CRN_TRY(items, items_of(node));
            codec::RlpItem child;
            if (items.size() == kBranchItems) {
                if (at_ == nibbles_.size()) return value(items.back());
                child = items[nibbles_[at_++]];
                if (!child.is_list && child.payload.empty()) return absent();
            } else {
                const auto path = items[0].is_list ? std::nullopt : decode_hex_prefix(items[0].payload);
                if (!path) return bad("a path is not hex-prefix encoded");
                const bool matches = follow(path->nibbles);
                if (path->end == PathEnd::leaf) {
                    if (!matches || at_ != nibbles_.size()) return absent();
                    return value(items[1]);
                }
                if (path->nibbles.empty()) return bad("an extension without a path");
                if (!matches) return absent();
                child = items[1];
            }
            CRN_TRY(next, resolve(child));
            node = next;
        }
    }

private:
    bool follow(BytesView path) {
        if (nibbles_.size() - at_ < path.size()) return false;
        if (!std::equal(path.begin(), path.end(), nibbles_.begin() + static_cast<std::ptrdiff_t>(at_))) return false;
        at_ += path.size();
        return true;
    }

    Result<BytesView> take_node() {
        if (used_ == nodes_.size()) return bad("the proof ends early");
        const BytesView node = nodes_[used_++];
        if (crypto::keccak256(node) != expected_) return bad("a node does not have the hash that its parent names");
        return node;
    }

    /// A child is embedded if shorter than a hash, else named by its hash.
    Result<BytesView> resolve(const codec::RlpItem& child) {
        if (child.is_list) {
            if (child.whole.size() >= Hash256::kSize) return bad("a long node is embedded");
            return child.whole;
        }
        const auto hash = Hash256::from(child.payload);
        if (!hash) return bad("a child is neither a node nor a hash");
        expected_ = *hash;
        return take_node();
    }

    Result<std::optional<Bytes>> value(const codec::RlpItem& item) const {
        if (item.is_list) return bad("a value is a list");
        if (item.payload.empty()) return absent();
        CRN_CHECK(finish());
        return to_bytes(item.payload);
    }
    Result<std::optional<Bytes>> absent() const {
        CRN_CHECK(finish());
        return std::optional<Bytes>{};
    }
    Status finish() const {
        if (used_ != nodes_.size()) return bad("the proof has nodes that are not on the way");
        return {};
    }

    const std::vector<Bytes>& nodes_;
    Hash256 expected_;
    Bytes nibbles_;
    std::size_t at_ = 0;   // nibbles followed so far
    std::size_t used_ = 0; // nodes consumed so far
};

} // namespace

Result<std::optional<Bytes>> verify_trie_proof(const Hash256& root, BytesView key, const std::vector<Bytes>& nodes) {
    const Bytes empty_string{0x80};
    if (root == kEmptyTrieRoot && (nodes.empty() || (nodes.size() == 1 && nodes[0] == empty_string)))
        return std::optional<Bytes>{};
    return Walk{root, key, nodes}.run();
}

} // namespace cairn::ledger
