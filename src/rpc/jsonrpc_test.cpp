#include "rpc/json_writer.hpp"
#include "rpc/rpc_fixture.hpp"

namespace cairn::rpc {
namespace {


class JsonRpc : public testing::RpcTest {};

TEST_F(JsonRpc, answers_with_the_id_of_the_request) {
    for (const auto* id : {"1", "\"abc\"", "null", "18446744073709551615", "-3", "1.5"}) {
        const auto answer = raw(std::string{R"({"jsonrpc":"2.0","method":"eth_chainId","id":)"} + id + "}");
        EXPECT_EQ(answer["id"], Json::parse(id));
        EXPECT_EQ(answer["result"], "0x1cbd");
        EXPECT_EQ(answer["jsonrpc"], "2.0");
    }
}

TEST_F(JsonRpc, refuses_what_is_not_json) {
    for (const auto* text :
         {"", "{", "nonsense", "{\"jsonrpc\":\"2.0\",", "[1,2", "\xff\xfe", "{\"a\":\"\xc3\x28\"}", "1e999999999"}) {
        const auto answer = raw(text);
        EXPECT_EQ(answer["error"]["code"], -32700) << text;
        EXPECT_EQ(answer["id"], nullptr);
    }
}

TEST_F(JsonRpc, refuses_json_that_is_no_request) {
    for (const auto* text :
         {"1", "\"x\"", "null", "{}", R"({"id":1,"method":"eth_chainId"})",
          R"({"jsonrpc":"1.0","id":1,"method":"eth_chainId"})", R"({"jsonrpc":"2.0","id":1})",
          R"({"jsonrpc":"2.0","id":1,"method":7})", R"({"jsonrpc":"2.0","id":{},"method":"eth_chainId"})",
          R"({"jsonrpc":"2.0","id":[1],"method":"eth_chainId"})"})
        EXPECT_EQ(raw(text)["error"]["code"], -32600) << text;
}

TEST_F(JsonRpc, refuses_an_empty_batch_with_one_error) {
    const auto answer = raw("[]");
    EXPECT_TRUE(answer.is_object());
    EXPECT_EQ(answer["error"]["code"], -32600);
}

TEST_F(JsonRpc, answers_each_request_of_a_batch_once) {
    Json batch = Json::array();
    for (int i = 0; i < 50; ++i)
        batch.push_back({{"jsonrpc", "2.0"}, {"id", i}, {"method", i % 2 ? "eth_blockNumber" : "nope"}});
    batch.push_back(1);
    batch.push_back({{"jsonrpc", "2.0"}, {"method", "eth_blockNumber"}}); // a notification
    const auto answers = raw(batch.dump());
    ASSERT_EQ(answers.size(), 51u);
    for (int i = 0; i < 50; ++i) {
        EXPECT_EQ(answers[static_cast<std::size_t>(i)]["id"], i);
        EXPECT_EQ(answers[static_cast<std::size_t>(i)].contains("result"), i % 2 == 1);
    }
    EXPECT_EQ(answers[50]["error"]["code"], -32600);
}

TEST_F(JsonRpc, says_nothing_to_notifications) {
    EXPECT_EQ(service.handle(R"({"jsonrpc":"2.0","method":"eth_blockNumber"})"), "");
    EXPECT_EQ(service.handle(R"([{"jsonrpc":"2.0","method":"eth_blockNumber"},{"jsonrpc":"2.0","method":"nope"}])"),
              "");
}

TEST_F(JsonRpc, limits_the_size_of_a_batch) {
    Json batch = Json::array();
    for (int i = 0; i < 1001; ++i) batch.push_back({{"jsonrpc", "2.0"}, {"id", i}, {"method", "eth_blockNumber"}});
    EXPECT_EQ(raw(batch.dump())["error"]["code"], -32005);
    batch.erase(batch.begin());
    EXPECT_EQ(raw(batch.dump()).size(), 1000u);
}

TEST_F(JsonRpc, limits_nesting_and_the_number_of_values_before_it_parses) {
    EXPECT_EQ(raw(std::string(100'000, '['))["error"]["code"], -32005);
    EXPECT_EQ(raw("[" + std::string(1, '0') +
                  [] {
                      std::string zeros;
                      for (int i = 0; i < 300'000; ++i) zeros += ",0";
                      return zeros;
                  }() +
                  "]")["error"]["code"],
              -32005);
    // Brackets in strings do not nest.
    EXPECT_EQ(raw(R"({"jsonrpc":"2.0","id":1,"method":")" + std::string(100, '[') + "\"}")["error"]["code"], -32601);
}

TEST_F(JsonRpc, does_not_know_methods_that_need_keys_in_the_node) {
    for (const auto* method :
         {"eth_sign", "eth_signTransaction", "eth_sendTransaction", "eth_coinbase", "eth_mining", "eth_hashrate",
          "eth_getWork", "eth_submitWork", "miner_start", "personal_unlockAccount", "personal_sign",
          "engine_newPayloadV1", "engine_forkchoiceUpdatedV3", "hardhat_metadata", "admin_addPeer", "nonsense", ""}) {
        const auto failure = error(method);
        EXPECT_EQ(failure["code"], -32601) << method;
        EXPECT_EQ(failure["message"], std::string{"the method "} + method + " does not exist/is not available");
    }
}

TEST_F(JsonRpc, counts_the_arguments) {
    EXPECT_EQ(error("eth_chainId", {1})["message"], "too many arguments, want at most 0");
    EXPECT_EQ(error("eth_getBalance")["message"], "missing value for required argument 0");
    EXPECT_EQ(error("eth_getBalance", {nullptr})["code"], -32602);
    EXPECT_EQ(raw(R"({"jsonrpc":"2.0","id":1,"method":"eth_chainId","params":{"a":1}})")["error"]["message"],
              "non-array args");
    EXPECT_EQ(raw(R"({"jsonrpc":"2.0","id":1,"method":"eth_chainId","params":null})")["result"], "0x1cbd");
}

TEST_F(JsonRpc, refuses_a_batch_whose_answers_are_too_large) {
    RpcLimits limits;
    limits.answer_bytes_max = 10'000;
    Service small(chain, limits);
    Json batch = Json::array();
    for (int i = 0; i < 100; ++i) batch.push_back(request("eth_getBlockByNumber", {"0x0", true}));
    const auto answers = Json::parse(small.handle(batch.dump()));
    ASSERT_EQ(answers.size(), 100u);
    EXPECT_TRUE(answers[0].contains("result"));
    EXPECT_EQ(answers[99]["error"]["code"], -32005);
}

TEST_F(JsonRpc, knows_no_traces_unless_they_are_switched_on) {
    Service usual(chain, {});
    const auto asked = request("debug_getRawHeader", {"0x0"}).dump();
    const auto refused = Json::parse(usual.handle(asked));
    EXPECT_EQ(refused["error"]["code"], -32601);
    EXPECT_EQ(refused["error"]["message"], "the method debug_getRawHeader does not exist/is not available");
    EXPECT_TRUE(raw(asked).contains("result"));
}

TEST_F(JsonRpc, writes_text_that_is_not_utf8_as_valid_json) {
    EXPECT_EQ(json_text("a\"\\\n\x01"), R"("a\"\\\u000a\u0001")");
    EXPECT_EQ(Json::parse(json_text("\xff\xc3\xa9\xed\xa0\x80")).get<std::string>(),
              "\xef\xbf\xbd\xc3\xa9\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd");
}

} // namespace
} // namespace cairn::rpc
