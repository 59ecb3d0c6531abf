#include "rpc/rpc_fixture.hpp"

#include <random>

namespace cairn::rpc {
namespace {

using namespace testing;

class ParameterErrors : public RpcTest {};

TEST_F(ParameterErrors, name_the_argument_and_the_reason) {
    const std::string zero_hash = "0x" + std::string(64, '0');
    const std::tuple<const char*, Json, std::string> cases[] = {
        {"eth_getBalance", {"12"}, "invalid argument 0: hex string without 0x prefix"},
        {"eth_getBalance", {"0x12"}, "invalid argument 0: hex string has length 2, want 40 for an address"},
        {"eth_getBalance", {"0x" + std::string(40, 'g')}, "invalid argument 0: invalid hex string"},
        {"eth_getBalance", {5}, "invalid argument 0: must be a string"},
        {"eth_getBalance", {hex(bob), "soon"}, "invalid argument 1: hex string without 0x prefix"},
        {"eth_getBalance", {hex(bob), "0x"}, "invalid argument 1: empty hex string"},
        {"eth_getBalance", {hex(bob), "0x01"}, "invalid argument 1: hex number with leading zero digits"},
        {"eth_getBalance", {hex(bob), "0xg"}, "invalid argument 1: invalid hex string"},
        {"eth_getBalance", {hex(bob), "0x1ffffffffffffffff"}, "invalid argument 1: hex number > 64 bits"},
        {"eth_getBalance", {hex(bob), 5}, "invalid argument 1: block must be a tag or a hex number"},
        {"eth_getBalance", {hex(bob), Json::object()}, "invalid argument 1: give either blockHash or blockNumber"},
        {"eth_getBalance",
         {hex(bob), {{"blockHash", zero_hash}, {"blockNumber", "0x0"}}},
         "invalid argument 1: give either blockHash or blockNumber"},
        {"eth_getBalance",
         {hex(bob), {{"blockHash", zero_hash}, {"requireCanonical", 1}}},
         "invalid argument 1: field requireCanonical: must be true or false"},
        {"eth_getBlockByNumber", {"2", false}, "invalid argument 0: hex string without 0x prefix"},
        {"eth_getBlockByNumber", {"0x1", 1}, "invalid argument 1: must be true or false"},
        {"eth_getBlockByHash",
         {"0x1", false},
         "invalid argument 0: hex string has length 1, want 64 for a 32-byte value"},
        {"debug_getRawBlock", {"2"}, "invalid argument 0: hex string without 0x prefix"},
        {"debug_getRawTransaction", {"10"}, "invalid argument 0: hex string without 0x prefix"},
        {"eth_getStorageAt",
         {hex(bob), "0x00000000000000000000000000000000000000000000000000000000000000000"},
         "storage key too long (want at most 32 bytes): "
         "\"0x00000000000000000000000000000000000000000000000000000000000000000\""},
        {"eth_getStorageAt", {hex(bob), "0xasdf"}, "invalid hex in storage key: \"0xasdf\""},
        {"eth_getStorageValues", {Json::object()}, "empty request"},
        {"eth_sendRawTransaction", {"0x123"}, "invalid argument 0: hex string of odd length"},
        {"eth_call", {"x"}, "invalid argument 0: must be an object"},
        {"eth_call",
         {{{"to", "0x1"}}},
         "invalid argument 0: field to: hex string has length 1, want 40 for an address"},
        {"eth_call", {{{"gas", "1"}}}, "invalid argument 0: field gas: hex string without 0x prefix"},
        {"eth_call", {{{"data", "0x1"}, {"input", "0x"}}}, "invalid argument 0: field data: hex string of odd length"},
        {"eth_call",
         {{{"data", "0x11"}, {"input", "0x"}}},
         "invalid argument 0: both \"data\" and \"input\" are set and not equal: use \"input\" for call data"},
        {"eth_call",
         {{{"gasPrice", "0x1"}, {"maxFeePerGas", "0x1"}}},
         "invalid argument 0: both gasPrice and (maxFeePerGas or maxPriorityFeePerGas) specified"},
        {"eth_call", {{{"accessList", 5}}}, "invalid argument 0: field accessList: must be an array"},
        {"eth_call",
         {{{"blobVersionedHashes", Json::array()}}},
         "invalid argument 0: blob transactions are not supported"},
        {"eth_getFilterChanges", {"x"}, "invalid argument 0: hex string without 0x prefix"},
        {"cairn_getValidators", {"one"}, "invalid argument 0: hex string without 0x prefix"},
    };
    for (const auto& [method, parameters, message] : cases) {
        const auto failure = error(method, parameters);
        EXPECT_EQ(failure["code"], -32602) << method << parameters;
        EXPECT_EQ(failure["message"], message) << method << parameters;
    }
}

/// What clients might send in the place of any argument.
Json odd_value(std::mt19937_64& random, int depth) {
    static const std::vector<Json> kValues{nullptr,
                                           true,
                                           false,
                                           0,
                                           1,
                                           -1,
                                           1.5,
                                           1e300,
                                           18446744073709551615u,
                                           "",
                                           "0x",
                                           "0x0",
                                           "0x1",
                                           "0X1",
                                           "0x00",
                                           "0xg",
                                           "0x1g",
                                           "latest",
                                           "pending",
                                           "earliest",
                                           "safe",
                                           "finalized",
                                           "newHeads",
                                           "logs",
                                           "callTracer",
                                           "prestateTracer",
                                           "0xffffffffffffffff",
                                           "0x10000000000000000",
                                           "0x" + std::string(40, 'a'),
                                           "0x" + std::string(64, 'b'),
                                           "0x" + std::string(64, 'f'),
                                           "0x" + std::string(65, 'f'),
                                           "0x" + std::string(2000, '5'),
                                           std::string(300, 'z'),
                                           "\xc3\xa9",
                                           "\x01",
                                           Json::array(),
                                           Json::object(),
                                           "0xf86c",
                                           "0x02f8",
                                           "0x04c0",
                                           "0x7dcd17433742f4c0ca53122ab541d0ba67fc27df"};
    static const std::vector<std::string> kNames{"from",
                                                 "to",
                                                 "gas",
                                                 "gasPrice",
                                                 "maxFeePerGas",
                                                 "maxPriorityFeePerGas",
                                                 "value",
                                                 "nonce",
                                                 "data",
                                                 "input",
                                                 "accessList",
                                                 "address",
                                                 "storageKeys",
                                                 "authorizationList",
                                                 "chainId",
                                                 "type",
                                                 "topics",
                                                 "fromBlock",
                                                 "toBlock",
                                                 "blockHash",
                                                 "blockNumber",
                                                 "requireCanonical",
                                                 "tracer",
                                                 "tracerConfig",
                                                 "limit",
                                                 "stateOverrides",
                                                 "balance",
                                                 "code",
                                                 "state",
                                                 "stateDiff",
                                                 "number",
                                                 "yParity",
                                                 "r",
                                                 "s",
                                                 "0x" + std::string(40, 'a'),
                                                 "0x" + std::string(64, 'b'),
                                                 "withLog",
                                                 "diffMode",
                                                 "time"};
    const auto choice = random() % 10;
    if (depth > 3 || choice < 6) return kValues[random() % kValues.size()];
    if (choice < 8) {
        auto out = Json::array();
        for (auto i = random() % 4; i > 0; --i) out.push_back(odd_value(random, depth + 1));
        return out;
    }
    auto out = Json::object();
    for (auto i = random() % 5; i > 0; --i) out[kNames[random() % kNames.size()]] = odd_value(random, depth + 1);
    return out;
}

TEST_F(ParameterErrors, answer_any_arguments_with_a_result_or_an_error) {
    chain.send({.to = bob, .value = 1});
    constexpr std::uint64_t kSeed = 20261121;
    std::mt19937_64 random(kSeed);
    std::map<int, int> codes;
    for (const auto& method : service.methods()) {
        if (method == "eth_sendRawTransactionSync") continue; // may wait; covered elsewhere
        for (int round = 0; round < 150; ++round) {
            auto parameters = Json::array();
            for (auto i = random() % 5; i > 0; --i) parameters.push_back(odd_value(random, 0));
            const auto text = request(method, parameters).dump(-1, ' ', false, Json::error_handler_t::replace);
            const auto answer = Json::parse(service.handle(text));
            ASSERT_EQ(answer["id"], 1) << text;
            ASSERT_NE(answer.contains("result"), answer.contains("error")) << text;
            if (answer.contains("error")) {
                const auto& failure = answer["error"];
                ++codes[failure["code"].get<int>()];
                ASSERT_FALSE(failure["message"].get<std::string>().empty()) << text;
                ASSERT_NE(failure["code"], -32603) << text << failure;
                if (method != "eth_subscribe") {
                    ASSERT_NE(failure["code"], -32601) << text << failure;
                }
            }
        }
    }
    EXPECT_GT(codes[-32602], 1000);
}

} // namespace
} // namespace cairn::rpc
