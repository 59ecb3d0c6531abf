#include "rpc/rpc_error.hpp"
#include "rpc/rpc_fixture.hpp"

namespace cairn::rpc {
namespace {

using namespace testing;

class Calls : public RpcTest {
protected:
    Calls() {
        target = chain.deploy(deployer(store_runtime()));
        relay = chain.deploy(deployer(relay_runtime(target)));
        reverter = chain.deploy(deployer(revert_runtime()));
        chain.send({.to = target, .data = word(42)});
    }
    Address target;
    Address relay;
    Address reverter;
};

TEST_F(Calls, return_what_the_contract_returns_and_change_nothing) {
    EXPECT_EQ(call("eth_call", {{{"to", hex(target)}, {"data", to_hex(word(1))}}, "latest"}), to_hex(word(42)));
    EXPECT_EQ(call("eth_call", {{{"to", hex(target)}, {"input", to_hex(word(1))}}}), to_hex(word(42)));
    EXPECT_EQ(call("eth_call", {{{"to", hex(target)}}, "0x3"}), to_hex(word(0)));
    EXPECT_EQ(call("eth_call", {{{"to", hex(bob)}}}), "0x");
    EXPECT_EQ(call("eth_call", {{{"data", to_hex(deployer(store_runtime()))}}}), to_hex(store_runtime()));
}

TEST_F(Calls, tell_reverts_with_code_3_and_the_data) {
    const auto failure = error("eth_call", {{{"to", hex(reverter)}}});
    EXPECT_EQ(failure["code"], 3);
    EXPECT_EQ(failure["message"], "execution reverted: user error");
    EXPECT_TRUE(failure["data"].get<std::string>().starts_with("0x08c379a0"));
    const auto panic = program()
                           .push(U256{0x4e487b71} << 224)
                           .push(0)
                           .op(Opcode::MSTORE)
                           .push(0x11)
                           .push(4)
                           .op(Opcode::MSTORE)
                           .push(36)
                           .push(0)
                           .op(Opcode::REVERT);
    EXPECT_EQ(error("eth_call", {{{"data", to_hex(panic)}}})["message"],
              "execution reverted: arithmetic underflow or overflow");
    const auto bare = error("eth_call", {{{"data", "0x5f5ffd"}}});
    EXPECT_EQ(bare["message"], "execution reverted");
    EXPECT_EQ(bare["data"], "0x");
    EXPECT_EQ(bare["code"], 3);
    const auto invalid_code = error("eth_call", {{{"data", "0xfe"}}});
    EXPECT_EQ(invalid_code["code"], -32000);
    EXPECT_TRUE(invalid_code["message"].get<std::string>().starts_with("invalid opcode")) << invalid_code;
    EXPECT_EQ(error("eth_call", {{{"to", hex(target)}, {"gas", "0x5300"}}})["message"], "out of gas");
    EXPECT_EQ(error("eth_call", {{{"from", "0x00000000000000000000000000000000000000aa"},
                                  {"to", hex(bob)},
                                  {"value", "0x1"}}})["data"]["code"],
              "CRN-EXE-0003");
}

TEST_F(Calls, pretend_another_state) {
    const Json request{{"to", hex(target)}};
    const auto with = [&](const Json& overrides) {
        return call("eth_call", {request, "latest", {{hex(target), overrides}}});
    };
    EXPECT_EQ(with({{"stateDiff", {{to_hex(word(0)), to_hex(word(7))}}}}), to_hex(word(7)));
    EXPECT_EQ(with({{"state", {{to_hex(word(1)), to_hex(word(7))}}}}), to_hex(word(0)));
    EXPECT_EQ(with({{"code", to_hex(program().op(Opcode::SELFBALANCE).return_top())}, {"balance", "0x99"}}),
              to_hex(word(0x99)));
    EXPECT_EQ(
        call("eth_call", {{{"from", "0x00000000000000000000000000000000000000aa"}, {"to", hex(bob)}, {"value", "0x1"}},
                          "latest",
                          {{"0x00000000000000000000000000000000000000aa", {{"balance", "0x1"}}}}}),
        "0x");
    EXPECT_EQ(
        error("eth_call",
              {request, "latest", {{hex(target), {{"state", Json::object()}, {"stateDiff", Json::object()}}}}})["code"],
        -32602);
    EXPECT_EQ(error("eth_call", {request, "latest", {{"0x12", Json::object()}}})["code"], -32602);
}

TEST_F(Calls, pretend_another_block) {
    const auto asks = [&](Opcode opcode, const Json& overrides) {
        return call("eth_call", {{{"data", to_hex(program().op(opcode).return_top())}}, "latest", nullptr, overrides});
    };
    EXPECT_EQ(asks(Opcode::NUMBER, {{"number", "0x1234"}}), to_hex(word(0x1234)));
    EXPECT_EQ(asks(Opcode::TIMESTAMP, {{"time", "0x99"}}), to_hex(word(0x99)));
    EXPECT_EQ(asks(Opcode::NUMBER, Json::object()), to_hex(word(4)));
    EXPECT_EQ(asks(Opcode::GASLIMIT, {{"gasLimit", "0x77"}}), to_hex(word(0x77)));
}

TEST_F(Calls, see_the_hashes_of_earlier_blocks) {
    const auto wanted = call("eth_getBlockByNumber", {"0x2"})["hash"];
    EXPECT_EQ(call("eth_call", {{{"data", to_hex(program().push(2).op(Opcode::BLOCKHASH).return_top())}}}), wanted);
}

TEST_F(Calls, estimate_gas_that_suffices_and_is_near_the_least) {
    EXPECT_EQ(call("eth_estimateGas", {{{"from", hex(alice)}, {"to", hex(bob)}, {"value", "0x1"}}}), "0x5208");
    for (const auto& request : {Json{{"from", hex(alice)}, {"to", hex(target)}, {"data", to_hex(word(1))}},
                                Json{{"from", hex(alice)}, {"to", hex(relay)}, {"data", to_hex(word(1))}},
                                Json{{"from", hex(alice)}, {"to", hex(target)}, {"data", to_hex(word(0))}},
                                Json{{"from", hex(alice)}, {"data", to_hex(deployer(store_runtime()))}}}) {
        const auto gas = std::stoull(call("eth_estimateGas", {request}).get<std::string>(), nullptr, 16);
        Transaction tx;
        if (request.contains("to")) tx.to = *fixed_from_hex<Address>(request["to"].get<std::string>());
        tx.data = *from_hex(request["data"].get<std::string>());
        auto with = request;
        with["gas"] = to_quantity(gas * 98 / 100);
        EXPECT_TRUE(answer("eth_call", {with}).contains("error") || request.contains("to")) << request;
        tx.gas_limit = gas;
        const auto receipt = call("eth_getTransactionReceipt", {hex(chain.send(tx))});
        EXPECT_EQ(receipt["status"], "0x1") << request;
        EXPECT_LE(gas, std::stoull(receipt["gasUsed"].get<std::string>(), nullptr, 16) * 3 / 2) << request;
    }
}

TEST_F(Calls, estimate_with_the_error_of_the_call) {
    EXPECT_EQ(error("eth_estimateGas", {{{"to", hex(reverter)}}})["code"], 3);
    EXPECT_EQ(error("eth_estimateGas", {{{"to", hex(reverter)}}})["message"], "execution reverted: user error");
    EXPECT_EQ(error("eth_estimateGas", {{{"to", hex(target)}, {"gas", "0x5300"}}})["message"],
              "gas required exceeds allowance (21248)");
    EXPECT_EQ(
        error("eth_estimateGas",
              {{{"to", hex(bob)}, {"value", "0x1"}, {"from", "0x00000000000000000000000000000000000000aa"}}})["code"],
        -32000);
    const Json authorization{{"address", hex(bob)}, {"chainId", "0x1"}, {"nonce", "0x0"},
                             {"yParity", "0x0"},    {"r", "0x1"},       {"s", "0x1"}};
    const auto gas = call("eth_estimateGas", {{{"to", hex(bob)}, {"authorizationList", {authorization}}}});
    EXPECT_GE(std::stoull(gas.get<std::string>(), nullptr, 16), 46'000u);
}

TEST_F(Calls, list_the_slots_that_are_read) {
    const auto list =
        call("eth_createAccessList", {{{"from", hex(alice)}, {"to", hex(relay)}, {"data", to_hex(word(1))}}});
    EXPECT_EQ(list["accessList"], (Json::array({{{"address", hex(target)}, {"storageKeys", {to_hex(word(0))}}}})));
    EXPECT_FALSE(list.contains("error"));
    const auto plain = call("eth_createAccessList", {{{"from", hex(alice)}, {"to", hex(bob)}, {"value", "0x1"}}});
    EXPECT_EQ(plain, (Json{{"accessList", Json::array()}, {"gasUsed", "0x5208"}}));
    EXPECT_EQ(call("eth_createAccessList", {{{"to", hex(reverter)}}})["error"], "execution reverted");
}

TEST_F(Calls, fill_transactions_for_wallets) {
    const auto filled =
        call("eth_fillTransaction", {{{"from", hex(alice)}, {"to", hex(target)}, {"data", to_hex(word(1))}}})["tx"];
    EXPECT_EQ(filled["type"], "0x2");
    EXPECT_EQ(filled["nonce"], "0x4");
    EXPECT_EQ(filled["maxFeePerGas"], "0x0");
    EXPECT_EQ(filled["maxPriorityFeePerGas"], "0x0");
    EXPECT_EQ(filled["chainId"], "0x1cbd");
    EXPECT_EQ(filled["from"], hex(alice));
    const auto legacy = call("eth_fillTransaction", {{{"from", hex(alice)}, {"to", hex(bob)}, {"type", "0x0"}}})["tx"];
    EXPECT_EQ(legacy["type"], "0x0");
    EXPECT_EQ(legacy["gas"], "0x5208");
    EXPECT_EQ(error("eth_fillTransaction", {{{"from", hex(alice)}}})["code"], -32000);
}

TEST(RevertReason, is_read_from_hostile_data_without_harm) {
    EXPECT_EQ(revert_reason({}), "");
    Bytes data{0x08, 0xc3, 0x79, 0xa0};
    EXPECT_EQ(revert_reason(data), "");
    data.resize(4 + 64, 0xff);
    EXPECT_EQ(revert_reason(data), "");
    data.assign(4 + 64, 0);
    std::copy_n(std::array<std::uint8_t, 4>{0x08, 0xc3, 0x79, 0xa0}.begin(), 4, data.begin());
    data[4 + 31] = 0x20;
    data[4 + 63] = 5; // says five bytes, has none
    EXPECT_EQ(revert_reason(data), "");
    data.insert(data.end(), {'h', 'e', 'l', 'l', 'o'});
    EXPECT_EQ(revert_reason(data), "hello");
    Bytes panic{0x4e, 0x48, 0x7b, 0x71};
    panic.resize(36, 0x99);
    EXPECT_TRUE(revert_reason(panic).starts_with("unknown panic code: 0x99"));
}

} // namespace
} // namespace cairn::rpc
