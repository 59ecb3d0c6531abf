#include "base/errors/codec.hpp"
#include "codec/abi.hpp"

#include <gtest/gtest.h>

#include <random>

using namespace cairn;
using codec::abi_decode;
using codec::abi_encode;
using codec::AbiKind;
using codec::AbiType;
using codec::AbiValue;
using codec::parse_abi_type;

namespace {

Bytes hex(std::string_view digits) {
    const auto bytes = from_hex("0x" + std::string{digits});
    EXPECT_TRUE(bytes.has_value()) << digits;
    return bytes.value_or(Bytes{});
}

std::string word(std::uint64_t value) { return to_hex_digits(to_big_endian(U256{value})); }

void expect_round_trip(std::string_view type, const AbiValue::List& values, const std::string& digits) {
    const auto encoded = abi_encode(type, values);
    ASSERT_TRUE(encoded) << encoded.error().text();
    EXPECT_EQ(to_hex_digits(*encoded), digits);
    const auto decoded = abi_decode(type, *encoded);
    ASSERT_TRUE(decoded) << decoded.error().text();
    EXPECT_EQ(*decoded, values);
}

} // namespace

// The three cases of the public ABI vectors (ABITests/basic_abi_tests.json).
TEST(Abi, encodes_the_known_examples) {
    Bytes ten = to_bytes(as_bytes("1234567890"));
    expect_round_trip("(uint256,uint32[],bytes10,bytes)", {291, AbiValue::List{1110, 1929}, ten, "Hello, world!"},
                      word(291) + word(0x80) + "31323334353637383930" + std::string(44, '0') + word(0xe0) + word(2) +
                          word(1110) + word(1929) + word(13) + "48656c6c6f2c20776f726c6421" + std::string(38, '0'));
    expect_round_trip("(uint256)", {98127491}, word(98127491));
    const auto address = fixed_from_hex<Address>("0xcd2a3d9f938e13cd947ec05abc7fe734df8dd826");
    expect_round_trip("(uint256,address)", {324124, *address},
                      word(324124) + std::string(24, '0') + "cd2a3d9f938e13cd947ec05abc7fe734df8dd826");
}

TEST(Abi, places_nested_dynamic_values_behind_offsets) {
    // The example g(uint256[][],string[]) of the Solidity documentation.
    expect_round_trip("(uint256[][],string[])",
                      {AbiValue{AbiValue::List{AbiValue{AbiValue::List{1, 2}}, AbiValue{AbiValue::List{3}}}},
                       AbiValue{AbiValue::List{"one", "two", "three"}}},
                      word(0x40) + word(0x140) + word(2) + word(0x40) + word(0xa0) + word(2) + word(1) + word(2) +
                          word(1) + word(3) + word(3) + word(0x60) + word(0xa0) + word(0xe0) + word(3) + "6f6e65" +
                          std::string(58, '0') + word(3) + "74776f" + std::string(58, '0') + word(5) + "7468726565" +
                          std::string(54, '0'));
}

template <class T>
concept CanBeBraced = requires(T value) { T{value}; };

TEST(Abi, a_list_in_braces_alone_does_not_compile_and_a_value_wraps_it_everywhere) {
#ifndef __clang__ // which takes List{list} for a copy before it looks at any constructor
    static_assert(!CanBeBraced<AbiValue::List>);
#endif
    static_assert(CanBeBraced<AbiValue>);
    const AbiValue::List inner{1, 2};
    const AbiValue::List outer{AbiValue{inner}};
    ASSERT_EQ(outer.size(), 1u);
    EXPECT_EQ(outer[0].list(), inner);
    const AbiValue::List beside{7, inner};
    EXPECT_EQ(beside[1].list(), inner);
    const AbiValue::List copy = inner;
    EXPECT_EQ(copy, inner);
}

TEST(Abi, keeps_static_tuples_and_arrays_in_place) {
    expect_round_trip("((bool,uint8)[2],int16)",
                      {AbiValue::List{AbiValue{AbiValue::List{1, 7}}, AbiValue::List{0, 9}}, -2},
                      word(1) + word(7) + word(0) + word(9) + std::string(63, 'f') + "e");
    const auto type = parse_abi_type("((bool,uint8)[2],int16)");
    ASSERT_TRUE(type);
    EXPECT_FALSE(type->is_dynamic());
    EXPECT_EQ(type->head_bytes(), 160u);
}

TEST(Abi, writes_types_in_canonical_form) {
    for (const auto& [text, canonical] : std::vector<std::pair<std::string, std::string>>{
             {"uint", "uint256"},
             {"int[]", "int256[]"},
             {"tuple(address,bytes32)[3][]", "(address,bytes32)[3][]"},
             {"()", "()"},
             {"(bytes1,(string,(bool[2])[]))", "(bytes1,(string,(bool[2])[]))"}}) {
        const auto type = parse_abi_type(text);
        ASSERT_TRUE(type) << text;
        EXPECT_EQ(type->text(), canonical);
    }
}

TEST(Abi, refuses_malformed_types) {
    std::string deep;
    for (int i = 0; i < 40; ++i) deep += "(";
    deep += "bool";
    for (int i = 0; i < 40; ++i) deep += ")";
    for (const std::string& text : {std::string{},
                                    std::string{"uint7"},
                                    std::string{"uint0"},
                                    std::string{"uint264"},
                                    std::string{"uint08"},
                                    std::string{"bytes0"},
                                    std::string{"bytes33"},
                                    std::string{"(bool"},
                                    std::string{"(bool,)"},
                                    std::string{"(,bool)"},
                                    std::string{"bool)"},
                                    std::string{"bool["},
                                    std::string{"bool[0]"},
                                    std::string{"bool[99999999]"},
                                    std::string{"bool[1048576][1048576]"},
                                    std::string{"bool[-1]"},
                                    std::string{"bool[ ]"},
                                    std::string{"()[]"},
                                    std::string{"(())"},
                                    std::string{"(()[2])"},
                                    std::string{"fixed"},
                                    std::string{"address payable"},
                                    std::string{"bool[][][][][][][][][][][][][][][][][][]"},
                                    deep,
                                    std::string(5000, 'a')}) {
        const auto type = parse_abi_type(text);
        ASSERT_FALSE(type) << text;
        EXPECT_EQ(type.error().code, error::AbiInvalid);
    }
}

TEST(Abi, refuses_to_encode_values_that_do_not_fit) {
    EXPECT_FALSE(abi_encode("(uint8)", {256}));
    EXPECT_FALSE(abi_encode("(int8)", {128}));
    EXPECT_FALSE(abi_encode("(int8)", {-129}));
    EXPECT_TRUE(abi_encode("(int8)", {-128}));
    EXPECT_FALSE(abi_encode("(bool)", {2}));
    EXPECT_FALSE(abi_encode("(address)", {U256{0, 0, 1ull << 32, 0}}));
    EXPECT_FALSE(abi_encode("(bytes4)", {Bytes(3)}));
    EXPECT_FALSE(abi_encode("(bool[2])", {AbiValue{AbiValue::List{1}}}));
    EXPECT_FALSE(abi_encode("(bool)", {"text"}));
    EXPECT_FALSE(abi_encode("(string)", {1}));
    EXPECT_FALSE(abi_encode("(bool,bool)", {1}));
    EXPECT_FALSE(abi_encode("bool", {1}));
}

TEST(Abi, refuses_numbers_out_of_range_when_decoding) {
    EXPECT_FALSE(abi_decode("(uint8)", hex(word(256))));
    EXPECT_FALSE(abi_decode("(bool)", hex(word(2))));
    EXPECT_FALSE(abi_decode("(int8)", hex(word(255)))); // not sign-extended
    EXPECT_FALSE(abi_decode("(address)", hex("01" + std::string(62, '0'))));
    EXPECT_FALSE(abi_decode("(bytes4)", hex("aabbccdd01" + std::string(54, '0'))));
}

TEST(Abi, refuses_offsets_and_lengths_outside_of_the_data) {
    const std::string huge(64, 'f');
    EXPECT_FALSE(abi_decode("(bytes)", hex(huge)));
    EXPECT_FALSE(abi_decode("(bytes)", hex(word(0x20))));
    EXPECT_FALSE(abi_decode("(bytes)", hex(word(0x20) + word(1))));
    EXPECT_FALSE(abi_decode("(bytes)", hex(word(0x20) + huge)));
    EXPECT_FALSE(abi_decode("(bool[])", hex(word(0x20) + word(1ull << 40))));
    EXPECT_FALSE(abi_decode("(bool[])", hex(word(0x20) + word(2) + word(1))));
    EXPECT_FALSE(abi_decode("(uint256)", hex("00")));
    EXPECT_TRUE(abi_decode("(bytes)", hex(word(0x20) + word(1) + "aa"))); // padding may be missing, as in Solidity
}

TEST(Abi, refuses_values_that_share_the_same_bytes_many_times) {
    // Every element of the outer array points at the same inner array.
    std::string data = word(0x20) + word(64);
    for (int i = 0; i < 64; ++i) data += word(64 * 32);
    data += word(64);
    for (int i = 0; i < 64; ++i) data += word(1);
    const auto values = abi_decode("(uint256[][])", hex(data));
    ASSERT_FALSE(values);
    EXPECT_NE(values.error().detail.find("overlap"), std::string::npos);
}

TEST(Abi, survives_every_truncation_and_random_changes) {
    const auto type = parse_abi_type("(address,bytes32[],string,(uint8,bytes)[2])");
    ASSERT_TRUE(type);
    const auto encoded =
        abi_encode(*type, {Address{}, AbiValue::List{Hash256{}, Hash256{}}, "some text",
                           AbiValue::List{AbiValue{AbiValue::List{1, Bytes(40)}}, AbiValue::List{2, Bytes(3)}}});
    ASSERT_TRUE(encoded);
    const std::size_t needed = encoded->size() - 29; // the last padding is not read
    for (std::size_t size = 0; size < needed; ++size)
        EXPECT_FALSE(abi_decode(*type, BytesView{*encoded}.first(size))) << size;
    EXPECT_TRUE(abi_decode(*type, BytesView{*encoded}.first(needed)));

    std::mt19937_64 random{7};
    for (int round = 0; round < 20'000; ++round) {
        Bytes changed = *encoded;
        for (int i = 0; i < 3; ++i) changed[random() % changed.size()] = static_cast<std::uint8_t>(random());
        const auto values = abi_decode(*type, changed);
        if (values) {
            EXPECT_TRUE(abi_encode(*type, *values));
        }
    }
}
