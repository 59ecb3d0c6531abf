#include "evm/precompiles.hpp"

#include "crypto/hash.hpp"
#include "crypto/secp256k1.hpp"
#include "evm/bn254_pairing.hpp"
#include "evm/bytecode.hpp"

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <gtest/gtest.h>
#include <nlohmann/json.hpp>
#include <random>

namespace cairn::evm {
namespace {

using bn254::Fp;
using bn254::Fp12;
using bn254::Fp2;
using bn254::G1;
using bn254::G2;
using Json = nlohmann::json;

Bytes hex(const std::string& digits) { return from_hex("0x" + digits).value(); }
std::string word(std::uint64_t value) { return to_hex_digits(to_big_endian(value)); }

CallResult call(unsigned number, BytesView input, Revision revision = Revision::osaka, std::int64_t gas = 100'000'000) {
    return run_precompile(number, revision, input, gas);
}
std::string output(unsigned number, const std::string& input) {
    const auto result = call(number, hex(input));
    EXPECT_EQ(result.outcome, Outcome::success);
    return to_hex_digits(result.output);
}
std::int64_t price(unsigned number, const std::string& input, Revision revision = Revision::osaka) {
    return 100'000'000 - call(number, hex(input), revision).gas_left;
}

std::filesystem::path directory(const char* variable, const char* beside_source) {
    const char* given = std::getenv(variable);
    return given != nullptr ? std::filesystem::path(given) : std::filesystem::path(CAIRN_SOURCE_DIR) / beside_source;
}
Json read_json(const std::filesystem::path& path) {
    std::ifstream file(path);
    EXPECT_TRUE(file) << path << " is missing; run tests/unpack_vectors.sh";
    return file ? Json::parse(file) : Json::array();
}
Json wycheproof(const char* name) {
    return read_json(directory("CAIRN_VECTORS", "../shared/vectors") / "wycheproof/testvectors_v1" / name);
}

const std::string kG1 = word(1) + word(2);
const std::string kMinusG1 = word(1) + "30644e72e131a029b85045b68181585d97816a916871ca8d3c208c16d87cfd45";
const std::string kG2 = "198e9393920d483a7260bfb731fb5d25f1aa493335a9e71297e485b7aef312c2"
                        "1800deef121f1e76426a00665e5c4479674322d4f75edadd46debd5cd992f6ed"
                        "090689d0585ff075ec9e99ad690c3395bc4b313370b38ef355acdadcd122975b"
                        "12c85ea5db8c6deb4aab71808dcb408fe3d1e7690c43d37b4ce6cc0166fa7daa";
const std::string kOrder = "30644e72e131a029b85045b68181585d2833e84879b9709143e1f593f0000001";
const std::string kPrime = "30644e72e131a029b85045b68181585d97816a916871ca8d3c208c16d87cfd47";
const std::string kYes = word(1);
const std::string kNo = word(0);

std::string g1_times(const std::string& point, const std::string& scalar) { return output(0x07, point + scalar); }

G1 generator1() { return {Fp::one(), Fp::from(2), false}; }
G2 generator2() {
    const auto part = [](std::size_t i) { return *Fp::from_bytes(hex(kG2.substr(64 * i, 64))); };
    return {{part(1), part(0)}, {part(3), part(2)}, false};
}
U256 any_scalar(std::mt19937_64& random) { return {random(), random(), random(), random() >> 3}; }

} // namespace

TEST(Precompiles, each_revision_has_its_addresses) {
    const auto known = [](std::uint64_t number, Revision revision) {
        return is_precompile(testing::address(number), revision);
    };
    EXPECT_FALSE(known(0, Revision::osaka));
    EXPECT_TRUE(known(0x0a, Revision::cancun));
    EXPECT_FALSE(known(0x0b, Revision::cancun));
    EXPECT_TRUE(known(0x11, Revision::prague));
    EXPECT_FALSE(known(0x12, Revision::osaka));
    EXPECT_FALSE(known(0x100, Revision::prague));
    EXPECT_TRUE(known(0x100, Revision::osaka));
    EXPECT_FALSE(known(0x1'0000'0001, Revision::osaka));
    EXPECT_FALSE(is_precompile(*Address::from(hex("0100000000000000000000000000000000000001")), Revision::osaka));
}

TEST(Precompiles, too_little_gas_fails_before_any_work) {
    const auto result = run_precompile(0x02, Revision::osaka, hex(kG1), 60 + 24 - 1);
    EXPECT_EQ(result.outcome, Outcome::out_of_gas);
    EXPECT_EQ(result.gas_left, 0);
}

TEST(Precompiles, those_not_there_yet_fail_and_take_all_gas) {
    for (unsigned number = 0x01; number <= 0x11; ++number) {
        if (!is_precompile_missing(number)) continue;
        const auto result = call(number, {});
        EXPECT_EQ(result.outcome, Outcome::precompile_failure);
        EXPECT_EQ(result.gas_left, 0);
    }
}

TEST(Precompiles, ecrecover_finds_the_signer_or_nothing) {
    const std::string r = "38d18acb67d25c8bb9942764b62f18e17054f66a817bd4295423adf9ed98873e";
    const std::string s = "789d1dd423d25f0772d2748d60f7e4b81bb14d086eba8e8e8efb6dcff8a4ae02";
    EXPECT_EQ(output(0x01, r + word(27) + r + s), "000000000000000000000000ceaccac640adf55b2028469bd36ba501f28b699d");
    EXPECT_EQ(output(0x01, r + word(29) + r + s), "");
    EXPECT_EQ(output(0x01, r + word(27) + word(0) + s), "");
    EXPECT_EQ(output(0x01, ""), "");
}

TEST(Precompiles, ecrecover_agrees_with_wycheproof) {
    const auto file = wycheproof("ecdsa_secp256k1_sha256_p1363_test.json");
    int checked = 0;
    for (const auto& group : file["testGroups"]) {
        const auto key = hex(group["publicKey"]["uncompressed"].get<std::string>());
        const auto address = crypto::address_of(*crypto::AccountPublicKey::from(BytesView{key}.subspan(1)));
        for (const auto& test : group["tests"]) {
            const auto signature = test["sig"].get<std::string>();
            if (signature.size() != 128) continue; // cannot be written as an input
            const auto hash = to_hex_digits(crypto::sha256(hex(test["msg"].get<std::string>())));
            bool found = false;
            for (const std::uint64_t v : {27, 28}) {
                const auto signer = call(0x01, hex(hash + word(v) + signature)).output;
                found = found || (signer.size() == 32 && Address::from(BytesView{signer}.last(20)) == address);
            }
            // Where the point's x is not below the order, r does not name it: a recovery id of 2 or 3, which v cannot say.
            const int id = test["tcId"];
            const bool x_was_reduced = id == 115 || id == 247;
            EXPECT_EQ(found, test["result"] == "valid" && !x_was_reduced) << id;
            ++checked;
        }
    }
    EXPECT_GT(checked, 150);
}

TEST(Precompiles, hashes_match_their_known_values) {
    EXPECT_EQ(output(0x02, ""), "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
    EXPECT_EQ(output(0x03, ""), "0000000000000000000000009c1185a5c5e9fc54612808977ee8f548b2258d31");
    EXPECT_EQ(output(0x04, "0102"), "0102");
    EXPECT_EQ(price(0x02, word(0) + "00"), 60 + 24);
    EXPECT_EQ(price(0x03, word(0)), 720);
    EXPECT_EQ(price(0x04, word(0)), 18);
}

TEST(Precompiles, modexp_knows_fermat_and_the_corner_cases) {
    const std::string prime = "fffffffffffffffffffffffffffffffffffffffffffffffffffffffefffffc2f";
    const std::string minus_one = "fffffffffffffffffffffffffffffffffffffffffffffffffffffffefffffc2e";
    EXPECT_EQ(output(0x05, word(1) + word(32) + word(32) + "03" + minus_one + prime), word(1));
    EXPECT_EQ(output(0x05, word(0) + word(32) + word(32) + minus_one + prime), word(0));
    EXPECT_EQ(output(0x05, ""), "");
    EXPECT_EQ(output(0x05, word(1) + word(1) + word(0) + "0303"), "");
    EXPECT_EQ(output(0x05, word(1) + word(1) + word(2) + "03030000"), "0000"); // modulus 0
    EXPECT_EQ(output(0x05, word(1) + word(1) + word(2) + "03030001"), "0000"); // modulus 1
    EXPECT_EQ(output(0x05, word(1) + word(0) + word(1) + "0007"), "01");       // 0^0
    EXPECT_EQ(output(0x05, word(1) + word(1) + word(2) + "0305ff"),
              "00f3"); // the input's end reads as zeros: mod 0xff00
}

TEST(Precompiles, modexp_price_changed_with_osaka) {
    const std::string prime = "fffffffffffffffffffffffffffffffffffffffffffffffffffffffefffffc2f";
    const std::string minus_one = "fffffffffffffffffffffffffffffffffffffffffffffffffffffffefffffc2e";
    const auto input = word(1) + word(32) + word(32) + "03" + minus_one + prime;
    EXPECT_EQ(price(0x05, input, Revision::prague), 1360);
    EXPECT_EQ(price(0x05, input, Revision::osaka), 4080);
    EXPECT_EQ(price(0x05, "", Revision::prague), 200);
    EXPECT_EQ(price(0x05, "", Revision::osaka), 500);
    // 33 words of modulus: 2 * 33^2 * 16 * (64 - 32)
    const auto longer = word(1) + word(64) + word(264) + "03";
    EXPECT_EQ(price(0x05, longer, Revision::osaka), 2 * 33 * 33 * 16 * 32);
    EXPECT_EQ(price(0x05, longer, Revision::prague), 33 * 33 * 8 * 32 / 3);
}

TEST(Precompiles, modexp_refuses_long_operands_from_osaka_on) {
    const auto longest = word(0) + word(0) + word(1024);
    const auto too_long = word(0) + word(0) + word(1025);
    EXPECT_EQ(call(0x05, hex(longest)).outcome, Outcome::success);
    EXPECT_FALSE(call(0x05, hex(too_long)).ok());
    EXPECT_EQ(call(0x05, hex(too_long), Revision::prague).outcome, Outcome::success);
    const std::string endless(64, 'f');
    EXPECT_FALSE(call(0x05, hex(endless + endless + endless), Revision::prague).ok());
    EXPECT_EQ(call(0x05, hex(word(0) + endless + word(0)), Revision::prague).outcome, Outcome::success);
}

TEST(Precompiles, blake2f_hashes_abc) {
    std::string head =
        "48c9bdf267e6096a3ba7ca8485ae67bb2bf894fe72f36e3cf1361d5f3af54fa5d182e6ad7f520e511f6c3e2b8c68059b"
        "6bbd41fbabd9831f79217e1319cde05b616263";
    const auto tail = std::string(250, '0') + "03" + std::string(30, '0');
    EXPECT_EQ(output(0x09, "0000000c" + head + tail + "01"),
              "ba80a53f981c4d0d6a2797b69f12f6e94c212f14685ac4b74b12bb6fdbffa2d1"
              "7d87c5392aab792dc252d5de4533cc9518d38aa8dbf1925ab92386edd4009923");
    EXPECT_EQ(price(0x09, "0000000c" + head + tail + "01"), 12);
    EXPECT_EQ(call(0x09, hex("0000000c" + head + tail + "02")).outcome, Outcome::precompile_failure);
    EXPECT_EQ(call(0x09, hex("0000000c" + head + tail)).outcome, Outcome::precompile_failure);
}

TEST(Bn254, addition_knows_infinity_and_inverses) {
    const auto zero = word(0) + word(0);
    EXPECT_EQ(output(0x06, ""), zero);
    EXPECT_EQ(output(0x06, kG1), kG1);
    EXPECT_EQ(output(0x06, zero + kG1), kG1);
    EXPECT_EQ(output(0x06, kG1 + kMinusG1), zero);
    const auto twice = output(0x06, kG1 + kG1);
    EXPECT_EQ(twice, "030644e72e131a029b85045b68181585d97816a916871ca8d3c208c16d87cfd3"
                     "15ed738c0e0a7c92e7845f96b2ae9c0a68a6a449e3538fc7ff3ebf7a5a18a2c4");
    EXPECT_EQ(output(0x06, twice + kG1), g1_times(kG1, word(3)));
    EXPECT_EQ(price(0x06, kG1), 150);
}

TEST(Bn254, points_off_the_curve_or_too_large_are_refused) {
    EXPECT_EQ(call(0x06, hex(word(1) + word(1))).outcome, Outcome::precompile_failure);
    EXPECT_EQ(call(0x06, hex(kPrime + word(0))).outcome, Outcome::precompile_failure);
    EXPECT_EQ(call(0x07, hex(word(1) + word(3) + word(1))).outcome, Outcome::precompile_failure);
    EXPECT_EQ(call(0x07, hex(word(1) + word(1))).gas_left, 0);
}

TEST(Bn254, scalars_count_modulo_the_order) {
    EXPECT_EQ(g1_times(kG1, kOrder), word(0) + word(0));
    EXPECT_EQ(g1_times(kG1, word(0)), word(0) + word(0));
    // 2^256 - 1 against the sum of its bits, one doubling after another.
    auto power = kG1;
    auto sum = word(0) + word(0);
    for (int i = 0; i < 256; ++i) {
        sum = output(0x06, sum + power);
        power = output(0x06, power + power);
    }
    EXPECT_EQ(g1_times(kG1, std::string(64, 'f')), sum);
    EXPECT_EQ(price(0x07, kG1 + word(5)), 6000);
}

TEST(Bn254, multiplication_is_distributive) {
    std::mt19937_64 random{3};
    for (int i = 0; i < 20; ++i) {
        const auto a = any_scalar(random);
        const auto b = any_scalar(random);
        const auto text = [](const U256& value) { return to_hex_digits(to_big_endian(value)); };
        const auto sum = output(0x06, g1_times(kG1, text(a)) + g1_times(kG1, text(b)));
        EXPECT_EQ(sum, g1_times(kG1, text(a + b)));
    }
}

TEST(Bn254, pairing_of_a_point_and_its_inverse_cancel) {
    EXPECT_EQ(output(0x08, ""), kYes);
    EXPECT_EQ(output(0x08, kG1 + kG2), kNo);
    EXPECT_EQ(output(0x08, kG1 + kG2 + kMinusG1 + kG2), kYes);
    EXPECT_EQ(output(0x08, kG1 + kG2 + kG1 + kG2), kNo);
    const auto no_point = std::string(128, '0');
    EXPECT_EQ(output(0x08, no_point + kG2), kYes);
    EXPECT_EQ(output(0x08, kG1 + no_point + no_point), kYes);
    EXPECT_EQ(price(0x08, kG1 + kG2 + kMinusG1 + kG2), 45'000 + 2 * 34'000);
}

TEST(Bn254, pairing_refuses_bad_lengths_and_points_outside_the_subgroup) {
    EXPECT_EQ(call(0x08, hex(kG1)).outcome, Outcome::precompile_failure);
    EXPECT_EQ(call(0x08, hex(kG1 + kG2.substr(0, 192) + word(1))).outcome, Outcome::precompile_failure);
    // A point of the twist that is not in G2: the first x with a square on the right-hand side is not in the subgroup,
    // whose share of the curve is 1 / (2 p - r).
    const Fp half = Fp::from(2).inverse();
    std::array<std::uint64_t, 4> root{0x4f082305b61f3f52, 0x65e05aa45a1c72a3, 0x6e14116da0605617, 0x0c19139cb84c680a};
    int found = 0;
    for (std::uint64_t i = 1; i < 30; ++i) {
        const Fp2 x{Fp::from(i), Fp{}};
        const auto square = x.squared() * x + bn254::twist_b();
        // Square root in Fp2 for p = 3 mod 4 by the norm.
        const auto norm = power(square.re.squared() + square.im.squared(), root);
        if (norm.squared() != square.re.squared() + square.im.squared()) continue;
        for (const auto& sign : {norm, -norm}) {
            const auto real = power((square.re + sign) * half, root);
            if (real.squared() != (square.re + sign) * half || real.is_zero()) continue;
            const Fp2 y{real, square.im * real.doubled().inverse()};
            const G2 point{x, y, false};
            if (!point.is_on_curve(bn254::twist_b())) continue;
            EXPECT_FALSE(bn254::is_in_subgroup(point));
            Bytes bytes(128);
            x.im.to_bytes(bytes.data());
            x.re.to_bytes(bytes.data() + 32);
            y.im.to_bytes(bytes.data() + 64);
            y.re.to_bytes(bytes.data() + 96);
            EXPECT_EQ(call(0x08, hex(kG1 + to_hex_digits(bytes))).outcome, Outcome::precompile_failure);
            ++found;
        }
    }
    EXPECT_GT(found, 5);
}

TEST(Bn254, subgroup_check_agrees_with_multiplication_by_the_order) {
    const auto order = from_big_endian(hex(kOrder));
    std::mt19937_64 random{4};
    for (int i = 0; i < 3; ++i) {
        const auto point = multiply(JacobianPoint<Fp2>{generator2()}, any_scalar(random));
        EXPECT_TRUE(multiply(point, order).is_infinity());
        EXPECT_TRUE(bn254::is_in_subgroup(point.affine()));
    }
}

TEST(Bn254, pairing_is_bilinear_and_not_degenerate) {
    std::mt19937_64 random{5};
    const auto plain = bn254::pairing_product({{generator1(), generator2()}});
    EXPECT_NE(plain, Fp12::one());
    const auto order = from_big_endian(hex(kOrder));
    EXPECT_EQ(power(plain, order.limb), Fp12::one());
    for (int i = 0; i < 3; ++i) {
        const auto a = any_scalar(random);
        const auto b = any_scalar(random);
        const auto p = multiply(JacobianPoint<Fp>{generator1()}, a).affine();
        const auto q = multiply(JacobianPoint<Fp2>{generator2()}, b).affine();
        EXPECT_EQ(bn254::pairing_product({{p, q}}), power(plain, mul_mod(a, b, order).limb));
    }
}

TEST(Bn254, fields_are_fields) {
    std::mt19937_64 random{6};
    const auto fp = [&] { return *Fp::from_bytes(to_big_endian(any_scalar(random) >> 1)); };
    const auto fp2 = [&] { return Fp2{fp(), fp()}; };
    const auto fp6 = [&] { return bn254::Fp6{fp2(), fp2(), fp2()}; };
    for (int i = 0; i < 50; ++i) {
        const Fp12 a{fp6(), fp6()};
        const Fp12 b{fp6(), fp6()};
        EXPECT_EQ(a * a.inverse(), Fp12::one());
        EXPECT_EQ(a.squared(), a * a);
        EXPECT_EQ(a * b, b * a);
        EXPECT_EQ((a * b).frobenius(), a.frobenius() * b.frobenius());
        auto turned = a;
        for (int k = 0; k < 12; ++k) turned = turned.frobenius();
        EXPECT_EQ(turned, a);
        const auto l = fp2(), m = fp2(), n = fp2();
        EXPECT_EQ(a.times_line(l, m, n), (a * Fp12{{l, {}, {}}, {m, n, {}}}));
        auto cyclotomic = a.conjugate() * a.inverse();
        cyclotomic = cyclotomic.frobenius().frobenius() * cyclotomic;
        EXPECT_EQ(cyclotomic.cyclotomic_squared(), cyclotomic * cyclotomic);
    }
    EXPECT_TRUE(Fp{}.inverse().is_zero());
    EXPECT_FALSE(Fp::from_bytes(hex(kPrime)));
}

TEST(P256, agrees_with_the_vectors_of_the_proposal) {
    const auto directory_name = directory("CAIRN_VECTORS_UNPACKED", "build/vectors") / "precompiles/eip-7951";
    ASSERT_TRUE(std::filesystem::exists(directory_name))
        << directory_name << " is missing; run tests/unpack_vectors.sh";
    int checked = 0;
    for (const auto& entry : std::filesystem::directory_iterator(directory_name)) {
        for (const auto& test : read_json(entry.path())) {
            EXPECT_EQ(output(0x100, test["Input"]), test["Expected"].get<std::string>()) << test["Name"];
            ++checked;
        }
    }
    EXPECT_EQ(checked, 781);
}

TEST(P256, agrees_with_wycheproof) {
    const auto file = wycheproof("ecdsa_secp256r1_sha256_p1363_test.json");
    int checked = 0;
    for (const auto& group : file["testGroups"]) {
        const auto key = group["publicKey"]["uncompressed"].get<std::string>().substr(2);
        for (const auto& test : group["tests"]) {
            const auto signature = test["sig"].get<std::string>();
            if (signature.size() != 128) continue;
            const auto hash = to_hex_digits(crypto::sha256(hex(test["msg"].get<std::string>())));
            EXPECT_EQ(output(0x100, hash + signature + key), test["result"] == "valid" ? kYes : "") << test["tcId"];
            ++checked;
        }
    }
    EXPECT_GT(checked, 150);
}

TEST(P256, wrong_lengths_give_nothing_and_still_cost) {
    EXPECT_EQ(output(0x100, ""), "");
    EXPECT_EQ(output(0x100, std::string(322, '1')), "");
    EXPECT_EQ(price(0x100, ""), 6900);
}

} // namespace cairn::evm
