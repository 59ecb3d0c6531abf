#include "state/block_update.hpp"

#include "base/assert.hpp"
#include "crypto/hash.hpp"

#include <algorithm>

namespace cairn::state {
namespace {

/// One changed account, under its hashed address.
struct Touched {
    Hash256 key;
    const ledger::StateDiff::value_type* change = nullptr;
    std::size_t index = 0;           // among the accounts in address order
    std::optional<TrieRoot> storage; // after the block, if the block may have changed it
    std::size_t storage_update = 0;  // where its new root comes from
    bool has_storage_update = false;

    const ledger::AccountDiff& diff() const { return change->second; }
};

std::vector<Hash256> hash_all(std::span<const BytesView> messages) {
    std::vector<Hash256> out(messages.size());
    crypto::keccak256_many(messages, out);
    return out;
}

std::vector<Touched> sorted_by_hash(const ledger::StateDiff& diff) {
    std::vector<BytesView> addresses;
    addresses.reserve(diff.size());
    for (const auto& [address, change] : diff) addresses.push_back(address);
    const auto hashes = hash_all(addresses);
    std::vector<Touched> out;
    out.reserve(diff.size());
    for (const auto& change : diff) {
        const auto index = out.size();
        out.push_back({.key = hashes[index], .change = &change, .index = index, .storage = {}});
    }
    std::ranges::sort(out, {}, &Touched::key);
    return out;
}

class Updater {
public:
    Updater(const NodeSource& source, const TrieRoot& root, const ledger::StateDiff& diff, std::uint64_t height)
        : source_(source), root_(root), height_(height), touched_(sorted_by_hash(diff)) {
        out_.accounts.resize(diff.size());
    }

    Result<BlockUpdate> run() && {
        for (auto& touched : touched_) {
            const auto& diff = touched.diff();
            if (diff.account && diff.code) out_.codes.emplace_back(diff.account->code_hash, diff.code);
            CRN_CHECK(update_storage(touched));
        }
        CRN_CHECK(TrieUpdate::hash_all(storage_));
        for (auto& touched : touched_)
            if (touched.has_storage_update) touched.storage = storage_[touched.storage_update].root(height_);
        CRN_CHECK(update_accounts());
        for (auto& update : storage_) update.collect(height_, out_.tries);
        return std::move(out_);
    }

private:
    Status update_storage(Touched& touched) {
        const auto& diff = touched.diff();
        const bool clears = diff.storage_cleared || !diff.account;
        if (diff.storage.empty() && !clears) return {};
        CRN_TRY(before, find_in_trie(source_, {}, root_, touched.key));
        auto storage = empty_trie();
        if (before) {
            CRN_TRY(leaf, decode_account(*before));
            storage = leaf.storage;
        }
        if (clears && storage != empty_trie()) {
            TrieUpdate clearing{source_, touched.key, storage, slot_value_rlp};
            CRN_CHECK(clearing.clear());
            clearing.collect(height_, out_.tries);
            out_.storage_was_cleared = true;
            storage = empty_trie();
        }
        touched.storage = storage;
        if (!diff.account || diff.storage.empty()) return {};
        return update_slots(touched, storage);
    }

    Status update_slots(Touched& touched, const TrieRoot& storage) {
        std::vector<Hash256> encoded;
        encoded.reserve(touched.diff().storage.size());
        for (const auto& [slot, value] : touched.diff().storage) encoded.push_back(to_big_endian(slot));
        const std::vector<BytesView> views(encoded.begin(), encoded.end());
        auto hashes = hash_all(views);

        std::vector<std::pair<Hash256, const U256*>> slots;
        slots.reserve(hashes.size());
        for (const auto& [slot, value] : touched.diff().storage) {
            slots.emplace_back(hashes[slots.size()], &value);
            out_.slots.push_back({SlotKey{touched.change->first, slot}, value});
        }
        std::ranges::sort(slots);
        for (std::size_t i = 0; i < slots.size(); ++i) hashes[i] = slots[i].first;
        auto& update = storage_.emplace_back(source_, touched.key, storage, slot_value_rlp);
        touched.storage_update = storage_.size() - 1;
        touched.has_storage_update = true;
        return update.apply(hashes, [&](std::size_t i, std::optional<BytesView>) -> std::optional<Bytes> {
            if (!*slots[i].second) return std::nullopt;
            return to_minimal_big_endian(*slots[i].second);
        });
    }

    Status update_accounts() {
        std::vector<Hash256> keys;
        keys.reserve(touched_.size());
        for (const auto& touched : touched_) {
            keys.push_back(touched.key);
            out_.accounts[touched.index].first = touched.change->first;
        }
        Status status;
        std::vector<TrieUpdate> update;
        update.emplace_back(source_, Hash256{}, root_, account_value_rlp);
        CRN_CHECK(update[0].apply(keys, [&](std::size_t i, std::optional<BytesView> before) -> std::optional<Bytes> {
            const auto& touched = touched_[i];
            if (!touched.diff().account) return std::nullopt;
            AccountLeaf leaf{*touched.diff().account, empty_trie()};
            if (touched.storage) {
                leaf.storage = *touched.storage;
            } else if (before) {
                auto old = decode_account(*before);
                if (!old) {
                    status = std::unexpected(std::move(old).error());
                    return std::nullopt;
                }
                leaf.storage = old->storage;
            }
            out_.accounts[touched.index].second = leaf;
            return encode_account(leaf);
        }));
        CRN_CHECK(status);
        CRN_CHECK(TrieUpdate::hash_all(update));
        out_.root = update[0].root(height_);
        update[0].collect(height_, out_.tries);
        return {};
    }

    const NodeSource& source_;
    const TrieRoot root_;
    const std::uint64_t height_;
    std::vector<Touched> touched_;
    std::vector<TrieUpdate> storage_;
    BlockUpdate out_;
};

} // namespace

Result<BlockUpdate> update_block(const NodeSource& source, const TrieRoot& root, const ledger::StateDiff& diff,
                                 std::uint64_t height) {
    return Updater{source, root, diff, height}.run();
}

} // namespace cairn::state
