#include "base/test_vectors.hpp"
#include "codec/rlp.hpp"
#include "crypto/hash.hpp"
#include "ledger/block.hpp"
#include "ledger/hex_prefix.hpp"
#include "ledger/trie_proof.hpp"
#include "ledger/trie_root.hpp"

#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

#include <map>
#include <random>

namespace cairn::ledger {
namespace {

using Json = nlohmann::json;
using Content = std::map<Bytes, Bytes>;

Json vectors(const std::string& file) {
    return Json::parse(test::read_text(test::unpacked_vectors(CAIRN_SOURCE_DIR, "basic") / file));
}

std::vector<TrieEntry> entries_of(const Content& content) {
    std::vector<TrieEntry> out;
    for (const auto& [key, value] : content) out.push_back({key, value});
    return out;
}

Bytes text_or_hex(const std::string& text) {
    return text.starts_with("0x") ? *from_hex(text) : to_bytes(as_bytes(text));
}

enum class Keys { plain, hashed };

void apply(Content& content, const std::string& key_text, const Json& value, Keys keys) {
    auto key = text_or_hex(key_text);
    if (keys == Keys::hashed) key = to_bytes(crypto::keccak256(key));
    if (value.is_null())
        content.erase(key);
    else
        content[key] = text_or_hex(value.get<std::string>());
}

void check_roots(const std::string& file, Keys keys) {
    const auto tests = vectors("TrieTests/" + file);
    ASSERT_FALSE(tests.empty());
    for (const auto& [name, test] : tests.items()) {
        Content content;
        if (test["in"].is_array())
            for (const auto& pair : test["in"]) apply(content, pair[0].get<std::string>(), pair[1], keys);
        else
            for (const auto& [key, value] : test["in"].items()) apply(content, key, value, keys);
        EXPECT_EQ(to_hex(trie_root(entries_of(content))), test["root"].get<std::string>()) << file << " " << name;
    }
}

/// Short keys over a small alphabet: prefixes of each other, shared paths and embedded nodes all occur.
Content random_content(std::mt19937_64& random) {
    Content content;
    const auto count = random() % 40 + 1;
    for (std::uint64_t i = 0; i < count; ++i) {
        Bytes key(random() % 5);
        for (auto& byte : key) byte = static_cast<std::uint8_t>((random() % 3) << 4 | random() % 3);
        content[key] = Bytes(random() % 40 + 1, static_cast<std::uint8_t>(random() | 1));
    }
    return content;
}

TEST(TrieRoot, equals_the_vectors) {
    check_roots("trietest.json", Keys::plain);
    check_roots("trieanyorder.json", Keys::plain);
    check_roots("trietest_secureTrie.json", Keys::hashed);
    check_roots("trieanyorder_secureTrie.json", Keys::hashed);
    check_roots("hex_encoded_securetrie_test.json", Keys::hashed);
}

TEST(TrieRoot, of_nothing_is_the_hash_of_an_empty_string) {
    EXPECT_EQ(trie_root({}), kEmptyTrieRoot);
    EXPECT_EQ(kEmptyTrieRoot, crypto::keccak256(Bytes{0x80}));
    EXPECT_EQ(kEmptyOmmersHash, crypto::keccak256(Bytes{0xc0}));
    EXPECT_EQ(kEmptyRequestsHash, crypto::sha256({}));
}

TEST(TrieProof, proves_presence_and_absence_of_every_key) {
    for (std::uint64_t seed = 1; seed <= 60; ++seed) {
        SCOPED_TRACE("seed " + std::to_string(seed));
        std::mt19937_64 random(seed);
        const auto content = random_content(random);
        const auto entries = entries_of(content);
        const auto root = trie_root(entries);
        for (const auto& [key, value] : content) {
            const auto proved = verify_trie_proof(root, key, trie_proof(entries, key));
            ASSERT_TRUE(proved) << proved.error().text();
            EXPECT_EQ(*proved, value);
        }
        for (const auto& [key, value] : random_content(random)) {
            const auto proved = verify_trie_proof(root, key, trie_proof(entries, key));
            ASSERT_TRUE(proved) << proved.error().text();
            EXPECT_EQ(proved->has_value(), content.contains(key));
        }
    }
}

TEST(TrieProof, does_not_survive_a_changed_byte) {
    std::mt19937_64 random(7);
    Content content;
    for (std::uint8_t i = 0; i < 50; ++i) content[to_bytes(crypto::keccak256(Bytes{i}))] = Bytes(40, i);
    const auto entries = entries_of(content);
    const auto root = trie_root(entries);
    for (const auto& [key, value] : content) {
        auto nodes = trie_proof(entries, key);
        ASSERT_GE(nodes.size(), 2u);
        auto& node = nodes[random() % nodes.size()];
        node[random() % node.size()] ^= static_cast<std::uint8_t>(1u << (random() % 8));
        EXPECT_FALSE(verify_trie_proof(root, key, nodes));
    }
}

TEST(TrieProof, refuses_missing_and_surplus_nodes) {
    Content content;
    for (std::uint8_t i = 0; i < 50; ++i) content[to_bytes(crypto::keccak256(Bytes{i}))] = Bytes(40, i);
    const auto entries = entries_of(content);
    const auto root = trie_root(entries);
    const auto& key = content.begin()->first;
    auto nodes = trie_proof(entries, key);
    auto shorter = nodes;
    shorter.pop_back();
    EXPECT_FALSE(verify_trie_proof(root, key, shorter));
    nodes.push_back(nodes.back());
    EXPECT_FALSE(verify_trie_proof(root, key, nodes));
    EXPECT_FALSE(verify_trie_proof(root, key, {}));
}

TEST(TrieProof, of_an_empty_trie_shows_absence_only_under_the_empty_root) {
    for (const auto& nodes : {std::vector<Bytes>{}, std::vector<Bytes>{Bytes{0x80}}}) {
        const auto proved = verify_trie_proof(kEmptyTrieRoot, Bytes{1}, nodes);
        ASSERT_TRUE(proved);
        EXPECT_FALSE(proved->has_value());
    }
    EXPECT_FALSE(verify_trie_proof(crypto::keccak256(Bytes{1}), Bytes{1}, {}));
}

TEST(OrderedTrie, root_and_proofs_agree_for_every_index_and_size) {
    for (const std::size_t size : {0u, 1u, 2u, 3u, 127u, 128u, 129u, 130u, 300u}) {
        std::vector<Bytes> items;
        Content content;
        for (std::size_t i = 0; i < size; ++i) {
            items.push_back(Bytes(i % 70 + 1, static_cast<std::uint8_t>(i | 1)));
            codec::RlpWriter key;
            key.put(std::uint64_t{i});
            content[key.bytes()] = items.back();
        }
        const auto root = ordered_trie_root(items);
        EXPECT_EQ(root, trie_root(entries_of(content))) << size;
        for (std::size_t i = 0; i < size; i += 1 + size / 40) {
            codec::RlpWriter key;
            key.put(std::uint64_t{i});
            const auto proved = verify_trie_proof(root, key.bytes(), prove_ordered_item(items, i));
            ASSERT_TRUE(proved);
            EXPECT_EQ(*proved, items[i]);
        }
    }
}

TEST(HexPrefix, equals_the_vectors_and_decodes_back) {
    const auto tests = vectors("BasicTests/hexencodetest.json");
    ASSERT_GT(tests.size(), 10u);
    for (const auto& [name, test] : tests.items()) {
        const auto nibbles = test["seq"].get<Bytes>();
        const auto end = test["term"].get<bool>() ? PathEnd::leaf : PathEnd::extension;
        const auto encoded = encode_hex_prefix(nibbles, end);
        EXPECT_EQ(to_hex_digits(encoded), test["out"].get<std::string>()) << name;
        EXPECT_EQ(decode_hex_prefix(encoded), (NibblePath{nibbles, end})) << name;
    }
    EXPECT_FALSE(decode_hex_prefix({}));
    EXPECT_FALSE(decode_hex_prefix(Bytes{0x01}));
    EXPECT_FALSE(decode_hex_prefix(Bytes{0x40}));
}

TEST(Keccak, equals_the_vectors) {
    const auto tests = Json::parse(test::read_text(test::vectors(CAIRN_SOURCE_DIR) / "keccak256.json"));
    std::size_t checked = 0;
    for (const auto& test : tests["fixed"]) {
        const auto message = *from_hex("0x" + test["msg"].get<std::string>());
        EXPECT_EQ(to_hex_digits(crypto::keccak256(message)), test["hash"].get<std::string>());
        ++checked;
    }
    for (const auto& test : tests["pattern"]) {
        Bytes message(test["len"].get<std::size_t>());
        for (std::size_t i = 0; i < message.size(); ++i)
            message[i] = static_cast<std::uint8_t>(31 * i + 7 * message.size() + 3);
        EXPECT_EQ(to_hex_digits(crypto::keccak256(message)), test["hash"].get<std::string>()) << message.size();
        ++checked;
    }
    EXPECT_EQ(checked, 318u);
}

} // namespace
} // namespace cairn::ledger
