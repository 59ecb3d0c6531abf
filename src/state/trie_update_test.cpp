#include "base/errors/storage.hpp"
#include "base/sanitized.hpp"
#include "base/test_vectors.hpp"
#include "crypto/hash.hpp"
#include "ledger/block.hpp"
#include "ledger/trie_proof.hpp"
#include "ledger/trie_root.hpp"
#include "state/trie_update.hpp"

#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

#include <random>

namespace cairn::state {
namespace {

using Content = std::map<Hash256, Bytes>;
/// Key to new value; nothing removes it.
using Changes = std::map<Hash256, std::optional<Bytes>>;

Result<Bytes> as_it_is(BytesView value) { return to_bytes(value); }

/// One trie over a map of records that keeps the newest only, and checks that nothing else is asked for.
class Trie final : public NodeSource {
public:
    Result<Record> node(const NodeId& id) const override {
        const auto found = records.find(id.key());
        if (found == records.end() || found->second.first != id.version)
            return fail(error::StorageCorrupt, "absent record");
        return found->second.second;
    }

    void apply(const Changes& changes) {
        ++version;
        std::vector<Hash256> keys;
        std::vector<std::optional<Bytes>> values;
        for (const auto& [key, value] : changes) {
            keys.push_back(key);
            values.push_back(value);
            if (value)
                content[key] = *value;
            else
                content.erase(key);
        }
        std::vector<TrieUpdate> update;
        update.emplace_back(*this, Hash256{}, root, as_it_is);
        const auto status = update[0].apply(keys, [&](std::size_t i, std::optional<BytesView>) { return values[i]; });
        ASSERT_TRUE(status) << status.error().text();
        finish(update);
    }
    void clear() {
        ++version;
        content.clear();
        std::vector<TrieUpdate> update;
        update.emplace_back(*this, Hash256{}, root, as_it_is);
        ASSERT_TRUE(update[0].clear());
        finish(update);
    }
    std::vector<ledger::TrieEntry> entries() const {
        std::vector<ledger::TrieEntry> out;
        for (const auto& [key, value] : content) out.push_back({key, value});
        return out;
    }
    /// Values, proofs and the order of entries are those of the content.
    void expect_reads(std::mt19937_64& random) {
        Content walked;
        ASSERT_TRUE(walk_trie(*this, {}, root, [&](const Hash256& key, BytesView value) {
            walked[key] = to_bytes(value);
            return true;
        }));
        ASSERT_EQ(walked, content);
        for (int i = 0; i < 20; ++i) {
            auto key = content.empty()
                           ? Hash256{}
                           : std::next(content.begin(), static_cast<std::ptrdiff_t>(random() % content.size()))->first;
            if (i % 2 == 0) key[random() % 32] ^= static_cast<std::uint8_t>(random());
            const auto found = content.find(key);
            const auto expected = found == content.end() ? std::nullopt : std::optional{found->second};
            ASSERT_EQ(*find_in_trie(*this, {}, root, key), expected);
            const auto proof = prove_in_trie(*this, {}, root, key, as_it_is);
            ASSERT_TRUE(proof) << proof.error().text();
            ASSERT_EQ(*proof, ledger::trie_proof(entries(), key));
            ASSERT_EQ(*ledger::verify_trie_proof(root.hash, key, *proof), expected);
        }
    }

    std::map<Bytes, std::pair<std::uint64_t, Record>> records;
    TrieRoot root = empty_trie();
    Content content;
    std::uint64_t version = 0;

private:
    void finish(std::vector<TrieUpdate>& update) {
        ASSERT_TRUE(TrieUpdate::hash_all(update));
        root = update[0].root(version);
        TrieChanges changes;
        update[0].collect(version, changes);
        for (const auto& retired : changes.retired) {
            const auto found = records.find(retired.id.key());
            ASSERT_TRUE(found != records.end() && found->second.first == retired.id.version);
            ASSERT_EQ(*found->second.second, *retired.record);
            records.erase(found);
        }
        for (const auto& written : changes.written) {
            const auto key = NodeId{written.owner, written.path, version}.key();
            ASSERT_TRUE(records.emplace(key, std::pair{version, written.record}).second) << "two records at one path";
        }
        ASSERT_EQ(root.hash, ledger::trie_root(entries()));
        ASSERT_EQ(records.size(), reachable({{}, {}, root.version}));
    }
    std::size_t reachable(const NodeId& id) const {
        if (root == empty_trie()) return 0;
        const auto record = node(id);
        EXPECT_TRUE(record);
        const auto view = RecordView::parse(**record, id.path);
        EXPECT_TRUE(view);
        std::size_t count = 1;
        EXPECT_TRUE(view->for_each_child([&](unsigned nibble, const ChildView& child) {
            auto path = view->branch();
            set_nibble(path.nibbles, path.depth, static_cast<std::uint8_t>(nibble));
            ++path.depth;
            if (!child.is_leaf) count += reachable({{}, path, child.version});
            return true;
        }));
        return count;
    }
};

/// Keys that share long prefixes, so that extensions are made, split, joined and removed.
Hash256 crowded_key(std::mt19937_64& random) {
    Hash256 key;
    key[0] = static_cast<std::uint8_t>(random() % 2 * 0x10);
    key[3] = static_cast<std::uint8_t>(random() % 3);
    key[17] = static_cast<std::uint8_t>(random() % 2 * 0x40 + random() % 2);
    key[31] = static_cast<std::uint8_t>(random() % 5);
    return key;
}

nlohmann::json vectors(const std::string& file) {
    return nlohmann::json::parse(
        test::read_text(test::unpacked_vectors(CAIRN_SOURCE_DIR, "basic") / "TrieTests" / file));
}

Hash256 secure_key(const std::string& text) {
    return crypto::keccak256(text.starts_with("0x") ? *from_hex(text) : to_bytes(as_bytes(text)));
}

std::optional<Bytes> value_of(const nlohmann::json& value) {
    if (value.is_null()) return std::nullopt;
    const auto text = value.get<std::string>();
    return text.starts_with("0x") ? *from_hex(text) : to_bytes(as_bytes(text));
}

} // namespace

TEST(TrieUpdate, agrees_with_the_whole_trie_over_random_changes_of_crowded_keys) {
    for (std::uint64_t seed = 1; seed <= (kIsSanitized ? 30 : 150); ++seed) {
        SCOPED_TRACE("seed " + std::to_string(seed));
        std::mt19937_64 random{seed};
        Trie trie;
        for (int block = 0; block < 40; ++block) {
            Changes changes;
            const auto removals = random() % 4;
            for (auto n = random() % (block % 7 == 0 ? 40 : 4) + 1; n > 0; --n) {
                auto& value = changes[crowded_key(random)];
                // Short values make nodes below 32 bytes, which are embedded in their parents.
                value = random() % 4 < removals
                            ? std::nullopt
                            : std::optional{Bytes(1 + random() % 3 * 40, static_cast<std::uint8_t>(random() % 200))};
            }
            const bool clears = random() % 25 == 0;
            ASSERT_NO_FATAL_FAILURE(clears ? trie.clear() : trie.apply(changes));
            if (block % 5 != 0) continue;
            ASSERT_NO_FATAL_FAILURE(trie.expect_reads(random));
        }
        Changes all;
        for (const auto& [key, value] : trie.content) all[key] = std::nullopt;
        ASSERT_NO_FATAL_FAILURE(trie.apply(all));
        ASSERT_EQ(trie.root, empty_trie());
        ASSERT_TRUE(trie.records.empty());
    }
}

TEST(TrieUpdate, gives_one_root_for_every_order_of_insertion) {
    std::mt19937_64 random{9};
    Content content;
    while (content.size() < 25) content[crowded_key(random)] = Bytes(1 + content.size());
    std::vector<Hash256> order;
    for (const auto& [key, value] : content) order.push_back(key);
    for (int round = 0; round < 30; ++round) {
        std::ranges::shuffle(order, random);
        Trie trie;
        for (const auto& key : order) ASSERT_NO_FATAL_FAILURE(trie.apply({{key, content[key]}}));
        std::ranges::shuffle(order, random);
        for (const auto& key : order) ASSERT_NO_FATAL_FAILURE(trie.apply({{key, std::nullopt}}));
    }
}

TEST(TrieUpdate, writes_nothing_for_changes_that_change_nothing) {
    std::mt19937_64 random{4};
    Trie trie;
    Changes changes;
    for (int i = 0; i < 20; ++i) changes[crowded_key(random)] = Bytes(5, 1);
    trie.apply(changes);
    const auto before = trie.records;
    const auto root = trie.root;
    changes[Hash256{{0xff}}] = std::nullopt;
    trie.apply(changes);
    EXPECT_EQ(trie.records, before);
    EXPECT_EQ(trie.root, root);
}

TEST(TrieUpdate, gives_the_roots_of_the_secure_trie_vectors) {
    for (const char* file :
         {"trietest_secureTrie.json", "trieanyorder_secureTrie.json", "hex_encoded_securetrie_test.json"}) {
        const auto tests = vectors(file);
        ASSERT_FALSE(tests.empty());
        for (const auto& [name, test] : tests.items()) {
            SCOPED_TRACE(std::string(file) + " " + name);
            std::vector<std::pair<Hash256, std::optional<Bytes>>> steps;
            if (test["in"].is_array())
                for (const auto& pair : test["in"])
                    steps.emplace_back(secure_key(pair[0].get<std::string>()), value_of(pair[1]));
            else
                for (const auto& [key, value] : test["in"].items())
                    steps.emplace_back(secure_key(key), value_of(value));
            Trie step_by_step;
            for (const auto& [key, value] : steps) ASSERT_NO_FATAL_FAILURE(step_by_step.apply({{key, value}}));
            EXPECT_EQ(to_hex(step_by_step.root.hash), test["root"].get<std::string>());
            Changes changes;
            for (const auto& [key, value] : steps) changes[key] = value;
            Trie at_once;
            ASSERT_NO_FATAL_FAILURE(at_once.apply(changes));
            EXPECT_EQ(to_hex(at_once.root.hash), test["root"].get<std::string>());
        }
    }
}

TEST(TrieRecord, refuses_every_cut_and_survives_every_flipped_bit) {
    std::mt19937_64 random{6};
    Trie trie;
    Changes changes;
    for (int i = 0; i < 30; ++i) changes[crowded_key(random)] = Bytes(1 + random() % 60, 3);
    trie.apply(changes);
    for (const auto& [key, stored] : trie.records) {
        Hash256 nibbles;
        std::copy(key.begin() + 1, key.end(), nibbles.bytes.begin());
        const auto path = TriePath::prefix_of(nibbles, key[0]);
        const auto& record = *stored.second;
        ASSERT_TRUE(RecordView::parse(record, path));
        for (std::size_t size = 0; size < record.size(); ++size)
            ASSERT_FALSE(RecordView::parse(BytesView{record}.first(size), path));
        for (std::size_t bit = 0; bit < record.size() * 8; ++bit) {
            auto flipped = record;
            flipped[bit / 8] ^= static_cast<std::uint8_t>(1u << bit % 8);
            const auto view = RecordView::parse(flipped, path);
            if (!view) continue;
            (void)view->for_each_child([](unsigned, const ChildView& child) { return child.reference.size() <= 32; });
        }
    }
}

} // namespace cairn::state
