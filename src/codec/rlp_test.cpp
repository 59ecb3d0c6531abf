#include "codec/rlp.hpp"

#include "base/test_vectors.hpp"

#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

namespace cairn::codec {
namespace {

using Json = nlohmann::json;

Json vectors(const std::string& file) {
    return Json::parse(test::read_text(test::unpacked_vectors(CAIRN_SOURCE_DIR, "basic") / "RLPTests" / file));
}

/// Decimal digits of any length as minimal big-endian bytes.
Bytes decimal_bytes(std::string_view digits) {
    Bytes out; // least significant first
    for (const char digit : digits) {
        unsigned carry = static_cast<unsigned>(digit - '0');
        for (auto& byte : out) {
            carry += byte * 10u;
            byte = static_cast<std::uint8_t>(carry);
            carry >>= 8;
        }
        if (carry != 0) out.push_back(static_cast<std::uint8_t>(carry));
    }
    std::ranges::reverse(out);
    return out;
}

void put(RlpWriter& out, const Json& value) {
    if (value.is_array()) {
        RlpWriter list;
        for (const auto& item : value) put(list, item);
        out.put_list(list);
    } else if (value.is_number()) {
        out.put(value.get<std::uint64_t>());
    } else {
        const auto text = value.get<std::string>();
        if (text.starts_with('#'))
            out.put(decimal_bytes(std::string_view{text}.substr(1)));
        else
            out.put(as_bytes(text));
    }
}

/// True if the reader takes all of `input` as one item, lists all the way down.
bool is_valid(BytesView input, bool one_item) {
    RlpReader reader{input};
    do {
        const auto item = reader.next();
        if (!item) return false;
        if (item->is_list && !item->payload.empty() && !is_valid(item->payload, false)) return false;
    } while (!one_item && !reader.at_end());
    return reader.finish().has_value();
}

/// Reads an item and writes it again.
bool copy(RlpReader& in, RlpWriter& out) {
    const auto item = in.next();
    if (!item) return false;
    if (!item->is_list) {
        out.put(item->payload);
        return true;
    }
    RlpReader content{item->payload};
    RlpWriter list;
    while (!content.at_end())
        if (!copy(content, list)) return false;
    out.put_list(list);
    return true;
}

TEST(Rlp, encodes_and_decodes_the_vectors) {
    const auto tests = vectors("rlptest.json");
    ASSERT_GT(tests.size(), 20u);
    for (const auto& [name, value] : tests.items()) {
        const auto expected = *from_hex(value["out"].get<std::string>());
        RlpWriter out;
        put(out, value["in"]);
        EXPECT_EQ(out.bytes(), expected) << name;
        RlpReader in{expected};
        RlpWriter copied;
        ASSERT_TRUE(copy(in, copied)) << name;
        EXPECT_EQ(copied.bytes(), expected) << name;
    }
}

TEST(Rlp, refuses_the_invalid_vectors) {
    const auto tests = vectors("invalidRLPTest.json");
    ASSERT_GT(tests.size(), 20u);
    for (const auto& [name, value] : tests.items()) {
        const auto text = value["out"].get<std::string>(); // some lack the prefix
        const auto input = *from_hex(text.starts_with("0x") ? text : "0x" + text);
        EXPECT_FALSE(is_valid(input, true)) << name;
    }
}

TEST(Rlp, accepts_the_random_valid_vectors) {
    const auto tests = vectors("RandomRLPTests/example.json");
    for (const auto& [name, value] : tests.items()) {
        ASSERT_EQ(value["in"], "VALID");
        EXPECT_TRUE(is_valid(*from_hex(value["out"].get<std::string>()), true)) << name;
    }
}

TEST(Rlp, writes_lengths_around_the_border_of_short_and_long_form) {
    for (const std::size_t length : {54u, 55u, 56u, 255u, 256u, 65'535u, 65'536u}) {
        const Bytes content(length, 0xab);
        RlpWriter out;
        out.put(content);
        RlpWriter wrapped;
        wrapped.put_list(out);
        RlpReader in{wrapped.bytes()};
        auto list = in.list();
        ASSERT_TRUE(list) << length;
        const auto string = list->string();
        ASSERT_TRUE(string) << length;
        EXPECT_EQ(to_bytes(*string), content);
        EXPECT_TRUE(list->finish());
        EXPECT_TRUE(in.finish());
    }
}

TEST(Rlp, integers_have_no_leading_zeros_in_either_direction) {
    RlpWriter out;
    out.put(U256{0});
    out.put(U256{0x80});
    out.put(~U256{});
    EXPECT_EQ(to_hex_digits(out.bytes()), "808180a0" + std::string(64, 'f'));
    const Bytes leading{0x82, 0x00, 0x80};
    EXPECT_FALSE(RlpReader{leading}.u256());
    const Bytes zero{0x00};
    EXPECT_FALSE(RlpReader{zero}.u64());
    const Bytes nine{0x89, 1, 2, 3, 4, 5, 6, 7, 8, 9};
    EXPECT_FALSE(RlpReader{nine}.u64());
    EXPECT_TRUE(RlpReader{nine}.u256());
}

} // namespace
} // namespace cairn::codec
