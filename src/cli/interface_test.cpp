#include "base/errors/cli.hpp"
#include "cli/interface.hpp"

#include "cli/load_token.hpp"
#include "cli/transact.hpp"

#include <gtest/gtest.h>

namespace cairn::cli {
namespace {

constexpr std::string_view kArtefact = R"({"abi":[
 {"type":"constructor","inputs":[{"name":"supply","type":"uint256"}],"stateMutability":"payable"},
 {"type":"function","name":"transfer","inputs":[{"name":"to","type":"address"},{"name":"value","type":"uint256"}],"outputs":[{"name":"","type":"bool"}],"stateMutability":"nonpayable"},
 {"type":"function","name":"sam","inputs":[{"name":"a","type":"bytes"},{"name":"b","type":"bool"},{"name":"c","type":"uint256[]"}],"outputs":[],"stateMutability":"view"},
 {"type":"function","name":"over","inputs":[{"name":"a","type":"uint8"}],"outputs":[],"stateMutability":"view"},
 {"type":"function","name":"over","inputs":[{"name":"a","type":"string"}],"outputs":[],"stateMutability":"view"},
 {"type":"function","name":"point","inputs":[{"name":"p","type":"tuple[2]","components":[{"name":"x","type":"int16"},{"name":"tag","type":"string"}]}],
  "outputs":[{"name":"p","type":"tuple[2]","components":[{"name":"x","type":"int16"},{"name":"tag","type":"string"}]},{"name":"who","type":"address"}],"stateMutability":"view"},
 {"type":"error","name":"Short","inputs":[{"name":"available","type":"uint256"},{"name":"note","type":"string"}]},
 {"type":"event","name":"E","inputs":[]}],"bytecode":"0x6001"})";

Artefact artefact() { return parse_artefact(kArtefact).value(); }

Result<Bytes> call(std::string_view name, const std::vector<std::string>& words) {
    const auto all = artefact();
    CRN_TRY(function, find_function(all, name, words.size()));
    return encode_call(*function, words);
}

TEST(Artefact, is_read_in_the_forms_of_hardhat_solc_and_a_bare_list) {
    EXPECT_EQ(artefact().bytecode, (Bytes{0x60, 0x01}));
    EXPECT_EQ(artefact().functions.size(), 5u);
    EXPECT_TRUE(artefact().constructor.payable);
    EXPECT_EQ(parse_artefact(R"({"abi":[],"evm":{"bytecode":{"object":"6002"}}})")->bytecode, (Bytes{0x60, 0x02}));
    EXPECT_EQ(parse_artefact(R"({"abi":[],"bytecode":{"object":"0x6003"}})")->bytecode, (Bytes{0x60, 0x03}));
    EXPECT_TRUE(parse_artefact("[]")->bytecode.empty());
}

TEST(Artefact, refuses_what_is_none) {
    for (const auto* text : {"", "{", "{}", "7", R"({"abi":7})", R"({"abi":[7]})", R"({"abi":[],"bytecode":"0x6"})",
                             R"({"abi":[],"bytecode":"0x60__$abcd$__"})",
                             R"({"abi":[{"type":"function","name":"f","inputs":[{"type":"uint7"}]}]})",
                             R"({"abi":[{"type":"function","name":"f","inputs":7}]})"}) {
        const auto parsed = parse_artefact(text);
        ASSERT_FALSE(parsed) << text;
        EXPECT_EQ(parsed.error().code, error::CliFileInvalid) << text;
    }
}

// The example of the ABI specification.
TEST(Call, encodes_dynamic_arguments_as_the_specification_shows) {
    const auto data = call("sam", {"0x64617665", "true", "[1,\"2\",3]"});
    ASSERT_TRUE(data) << data.error().text();
    EXPECT_EQ(to_hex(*data), "0xa5643bf2"
                             "0000000000000000000000000000000000000000000000000000000000000060"
                             "0000000000000000000000000000000000000000000000000000000000000001"
                             "00000000000000000000000000000000000000000000000000000000000000a0"
                             "0000000000000000000000000000000000000000000000000000000000000004"
                             "6461766500000000000000000000000000000000000000000000000000000000"
                             "0000000000000000000000000000000000000000000000000000000000000003"
                             "0000000000000000000000000000000000000000000000000000000000000001"
                             "0000000000000000000000000000000000000000000000000000000000000002"
                             "0000000000000000000000000000000000000000000000000000000000000003");
}

TEST(Call, finds_overloads_by_signature_only) {
    EXPECT_EQ(call("over", {"1"}).error().code, error::CliAbiArgument);
    EXPECT_TRUE(call("over(uint8)", {"1"}));
    EXPECT_TRUE(call("over(string)", {"text"}));
    EXPECT_NE(call("nothing", {}).error().detail.find("transfer(address,uint256)"), std::string::npos);
    EXPECT_FALSE(call("transfer", {"1"}));
}

TEST(Call, refuses_values_that_do_not_fit_their_type) {
    const std::string to = "0x70997970C51812dc3A010C7d01b50e0d17dc79C8";
    EXPECT_TRUE(call("transfer", {to, "5"}));
    EXPECT_TRUE(call("transfer", {to, "0xff"}));
    for (const auto* value :
         {"-1", "", "1.5", "abc", "115792089237316195423570985008687907853269984665640564039457584007913129639936"})
        EXPECT_EQ(call("transfer", {to, value}).error().code, error::CliAbiArgument) << value;
    EXPECT_EQ(call("transfer", {"0x12", "1"}).error().code, error::CliAbiArgument);
    EXPECT_FALSE(call("over(uint8)", {"256"}));
    EXPECT_FALSE(call("sam", {"64", "true", "[]"}));
    EXPECT_FALSE(call("sam", {"0x64", "maybe", "[]"}));
    EXPECT_FALSE(call("sam", {"0x64", "true", "[1.5]"}));
    EXPECT_FALSE(call("sam", {"0x64", "true", "{}"}));
    EXPECT_FALSE(call("point", {R"([[1,"a"]])"}));
    EXPECT_FALSE(call("point", {R"([[40000,"a"],[1,"b"]])"}));
    EXPECT_FALSE(call("point", {R"([{"x":1},{"x":2}])"}));
}

TEST(Values, come_back_as_they_went_in) {
    const auto all = artefact();
    const auto* function = find_function(all, "point", 1).value();
    const auto data = encode_arguments(*function, {R"([{"x":-32768,"tag":"组织"},[7,""]])"});
    ASSERT_TRUE(data) << data.error().text();
    Function only_points = *function;
    only_points.outputs.pop_back();
    const auto decoded = decode_outputs(only_points, *data);
    ASSERT_TRUE(decoded);
    EXPECT_EQ(decoded->dump(), R"([[{"tag":"组织","x":"-32768"},{"tag":"","x":"7"}]])");
    EXPECT_FALSE(decode_outputs(*function, BytesView{*data}.first(40)));
}

TEST(Revert, is_explained_with_the_contracts_errors_and_soliditys) {
    const auto all = artefact();
    auto data = *from_hex("0x08c379a0");
    append(data, codec::abi_encode("(string)", {"too late"}).value());
    EXPECT_EQ(explain_revert(all, data), "Error(reason: \"too late\")");
    data = *from_hex("0x4e487b71");
    append(data, codec::abi_encode("(uint256)", {17}).value());
    EXPECT_EQ(explain_revert(all, data), "Panic(code: 17)");
    Function short_error = all.errors.front();
    const auto own = encode_call(short_error, {"1", "a\"b"}).value();
    EXPECT_EQ(explain_revert(all, own), "Short(available: 1, note: \"a\\\"b\")");
    EXPECT_EQ(explain_revert(all, BytesView{own}.first(8)), to_hex(BytesView{own}.first(8)));
    EXPECT_EQ(explain_revert(all, {}), "no reason given");
}

TEST(Amount, is_read_with_units_and_refused_when_unclear) {
    EXPECT_EQ(to_decimal(parse_amount("1.5ether").value()), "1500000000000000000");
    EXPECT_EQ(to_decimal(parse_amount("20gwei").value()), "20000000000");
    EXPECT_EQ(to_decimal(parse_amount("7").value()), "7");
    EXPECT_EQ(to_decimal(parse_amount("7wei").value()), "7");
    for (const auto* text : {"", "ether", "1.ether", ".5ether", "1.5", "1.5.5ether", "1eth", "-1", "1 ether", "0x10",
                             "0.0000000000000000001ether",
                             "115792089237316195423570985008687907853269984665640564039457584007913129639936"})
        EXPECT_FALSE(parse_amount(text)) << text;
}

TEST(Amount, is_written_in_ether_without_needless_digits) {
    for (const auto* text : {"1.5 ether", "1000000 ether", "0.000000001 ether", "999999999 wei", "0 wei"}) {
        std::string compact;
        for (const char c : std::string_view{text})
            if (c != ' ') compact += c;
        EXPECT_EQ(amount_text(parse_amount(compact).value()), text);
    }
}

TEST(LoadToken, has_its_creation_code) { EXPECT_GT(load_token_bytecode().size(), 500u); }

} // namespace
} // namespace cairn::cli
