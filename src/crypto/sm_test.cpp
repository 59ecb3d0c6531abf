#include "crypto/sm2.hpp"
#include "crypto/sm3.hpp"
#include "crypto/sm4.hpp"

#include <gtest/gtest.h>

namespace cairn::crypto {
namespace {

template <class T>
T bytes(std::string_view hex_digits) {
    return fixed_from_hex<T>("0x" + std::string(hex_digits)).value();
}
U256 number(std::string_view hex_digits) { return from_big_endian(bytes<Hash256>(hex_digits)); }

// GB/T 32918.5-2017, annex A.2.
const Sm2Key kKey = bytes<Sm2Key>("3945208f7b2144b13f36e38ac6d39f95889393692860b51a42fb81ef4df7c5b8");
const Sm2PublicKey kPublicKey = bytes<Sm2PublicKey>("09f9df311e5421a150dd7d161e4bc5c672179fad1833fc076bb08ff356f35020"
                                                    "ccea490ce26775a52dc6ea718cc1aa600aed05fbf35e084a6632f6072da9ad13");
const Sm2Signature kSignature{number("f5a03b0648d2c4630eeac513e1bb81a15944da3827d5b74143ac7eaceee720b3"),
                              number("b1b6aa29df212fd8763182bc0d421ca1bb9038fd1f7f42d4840b69c485bbc1aa")};

TEST(Sm3, gives_the_digests_of_the_standard) {
    EXPECT_EQ(to_hex(sm3(as_bytes("abc"))), "0x66c7f0f462eeedd9d1f2d46bdc10e4e24167c4875cf2f7a2297da02b8f4ba8e0");
    std::string text;
    for (int i = 0; i < 16; ++i) text += "abcd";
    EXPECT_EQ(to_hex(sm3(as_bytes(text))), "0xdebe9ff92275b8a138604889c18e5a4d6fdb70e5387e5765293dcba39c0c5732");
    EXPECT_EQ(sm3({as_bytes(text).first(7), as_bytes(text).subspan(7)}), sm3(as_bytes(text)));
}

TEST(Sm4, gives_the_blocks_of_the_standard) {
    using Block = FixedBytes<16, Sm4BlockTag>;
    const auto key = bytes<Sm4Key>("0123456789abcdeffedcba9876543210");
    auto block = bytes<Block>("0123456789abcdeffedcba9876543210");
    block = sm4_encrypt_block(key, block);
    EXPECT_EQ(to_hex(block), "0x681edf34d206965e86b3e94f536e4246");
}

TEST(Sm4, gives_the_block_of_the_standard_after_a_million_rounds) {
    const auto key = bytes<Sm4Key>("0123456789abcdeffedcba9876543210");
    auto block = bytes<FixedBytes<16, Sm4BlockTag>>("0123456789abcdeffedcba9876543210");
    for (int i = 0; i < 1'000'000; ++i) block = sm4_encrypt_block(key, block);
    EXPECT_EQ(to_hex(block), "0x595298c7c6fd271f0402f804c33d3f66");
}

TEST(Sm4, gives_the_sealed_text_of_rfc_8998) {
    // Appendix A.1.
    const auto key = bytes<Sm4Key>("0123456789abcdeffedcba9876543210");
    const auto nonce = bytes<Sm4Nonce>("00001234567800000000abcd");
    const auto associated = *from_hex("0xfeedfacedeadbeeffeedfacedeadbeefabaddad2");
    const auto plain = *from_hex("0xaaaaaaaaaaaaaaaabbbbbbbbbbbbbbbbccccccccccccccccdddddddddddddddd"
                                 "eeeeeeeeeeeeeeeeffffffffffffffffeeeeeeeeeeeeeeeeaaaaaaaaaaaaaaaa");
    Bytes text = plain;
    const auto tag = sm4_gcm_seal(key, nonce, associated, text);
    EXPECT_EQ(to_hex(text), "0x17f399f08c67d5ee19d0dc9969c4bb7d5fd46fd3756489069157b282bb200735"
                            "d82710ca5c22f0ccfa7cbf93d496ac15a56834cbcf98c397b4024a2691233b8d");
    EXPECT_EQ(to_hex(tag), "0x83de3541e4c2b58177e065a9bf7b62ec");
    EXPECT_TRUE(sm4_gcm_open(key, nonce, associated, text, tag));
    EXPECT_EQ(text, plain);
}

TEST(Sm4, opens_what_it_sealed_and_refuses_every_flipped_byte) {
    const auto key = bytes<Sm4Key>("0123456789abcdeffedcba9876543210");
    const auto nonce = bytes<Sm4Nonce>("00001234567800000000abcd");
    const Bytes plain(100, 0x5a);
    const auto associated = as_bytes("file 7");
    Bytes sealed = plain;
    const auto tag = sm4_gcm_seal(key, nonce, associated, sealed);
    EXPECT_NE(sealed, plain);
    for (std::size_t i = 0; i < sealed.size() + tag.size(); ++i) {
        Bytes text = sealed;
        auto wrong_tag = tag;
        (i < text.size() ? text[i] : wrong_tag[i - text.size()]) ^= 0x01;
        EXPECT_FALSE(sm4_gcm_open(key, nonce, associated, text, wrong_tag)) << i;
        EXPECT_EQ(text, Bytes(plain.size())) << "what was refused must not be readable";
    }
    Bytes text = sealed;
    EXPECT_FALSE(sm4_gcm_open(key, nonce, as_bytes("file 8"), text, tag));
    text = sealed;
    EXPECT_TRUE(sm4_gcm_open(key, nonce, associated, text, tag));
    EXPECT_EQ(text, plain);
}

TEST(Sm2, accepts_the_signature_of_the_standard_and_no_other) {
    const auto message = as_bytes("message digest");
    EXPECT_EQ(sm2_public_key(kKey).value(), kPublicKey);
    EXPECT_EQ(to_hex(sm2_digest(kPublicKey, message)),
              "0xf0b43e94ba45accaace692ed534382eb17e6ab5a19ce7b31f4486fdfc0d28640");
    EXPECT_TRUE(sm2_verify(kPublicKey, message, kSignature));
    EXPECT_FALSE(sm2_verify(kPublicKey, as_bytes("message digesT"), kSignature));
    EXPECT_FALSE(sm2_verify(kPublicKey, message, kSignature, "ALICE123@YAHOO.COM"));
    EXPECT_FALSE(sm2_verify(kPublicKey, message, {kSignature.s, kSignature.r}));
    for (std::size_t i = 0; i < 64; ++i) {
        auto key = kPublicKey;
        key[i] ^= 0x01;
        EXPECT_FALSE(sm2_verify(key, message, kSignature)) << i;
    }
}

TEST(Sm2, refuses_numbers_out_of_range) {
    const auto message = as_bytes("message digest");
    const auto& [r, s] = kSignature;
    const Sm2Signature outside[] = {{U256{}, s},        {r, U256{}},  {kSm2Order, s}, {r, kSm2Order},
                                    {r, kSm2Order - r}, {~U256{}, s}, {r, ~U256{}}};
    for (const auto& signature : outside) EXPECT_FALSE(sm2_verify(kPublicKey, message, signature));
    EXPECT_FALSE(sm2_verify(Sm2PublicKey{}, message, kSignature));
    EXPECT_FALSE(sm2_key_is_valid(Sm2PublicKey{}));
    // The same point with x written as x + p: a second name for one key. (x is below 2^256 - p, so it would fit.)
    const auto prime = number("fffffffeffffffffffffffffffffffffffffffff00000000ffffffffffffffff");
    auto renamed = kPublicKey;
    const auto y = to_big_endian(prime);
    std::copy(y.begin(), y.end(), renamed.bytes.begin() + 32);
    EXPECT_FALSE(sm2_key_is_valid(renamed));
}

TEST(Sm2, refuses_keys_out_of_range) {
    const auto as_key = [](const U256& value) { return *Sm2Key::from(to_big_endian(value)); };
    EXPECT_FALSE(sm2_public_key(Sm2Key{}).has_value());
    EXPECT_FALSE(sm2_public_key(as_key(kSm2Order)).has_value());
    EXPECT_FALSE(sm2_public_key(as_key(kSm2Order - U256{1})).has_value());
    EXPECT_TRUE(sm2_public_key(as_key(kSm2Order - U256{2})).has_value());
    EXPECT_TRUE(sm2_public_key(as_key(U256{1})).has_value());
    EXPECT_FALSE(sm2_sign(Sm2Key{}, as_bytes("m")).has_value());
}

TEST(Sm2, verifies_what_it_signs) {
    for (std::uint8_t i = 1; i < 20; ++i) {
        Sm2Key key;
        key[31] = i;
        key[3] = static_cast<std::uint8_t>(i * 37);
        const auto point = sm2_public_key(key).value();
        const Bytes message(i * 17u, i);
        const auto signature = sm2_sign(key, message).value();
        EXPECT_TRUE(sm2_verify(point, message, signature));
        EXPECT_TRUE(sm2_verify_digest(point, sm2_digest(point, message), signature));
        EXPECT_FALSE(sm2_verify(kPublicKey, message, signature));
        const auto named = sm2_sign(key, message, "alpha").value();
        EXPECT_TRUE(sm2_verify(point, message, named, "alpha"));
        EXPECT_FALSE(sm2_verify(point, message, named));
    }
}

} // namespace
} // namespace cairn::crypto
