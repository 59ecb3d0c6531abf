#include "rpc/opcode_names.hpp"
#include "rpc/rpc_fixture.hpp"

namespace cairn::rpc {
namespace {

using namespace testing;

class Traces : public RpcTest {
protected:
    Traces() {
        target = chain.deploy(deployer(store_runtime()));
        relay = chain.deploy(deployer(relay_runtime(target)));
        reverter = chain.deploy(deployer(revert_runtime()));
    }
    Address target;
    Address relay;
    Address reverter;
};

TEST_F(Traces, list_every_step_as_geth_does) {
    const auto hash = hex(chain.send({.to = target, .data = word(42)}));
    const auto trace = call("debug_traceTransaction", {hash});
    const auto receipt = call("eth_getTransactionReceipt", {hash});
    EXPECT_EQ(to_quantity(trace["gas"].get<std::uint64_t>()), receipt["gasUsed"].get<std::string>());
    EXPECT_EQ(trace["failed"], false);
    EXPECT_EQ(trace["returnValue"], to_hex(word(0)));
    const auto& steps = trace["structLogs"];
    EXPECT_EQ(steps[0]["op"], "PUSH0");
    EXPECT_EQ(steps[0]["pc"], 0);
    EXPECT_EQ(steps[0]["depth"], 1);
    EXPECT_EQ(steps[0]["gasCost"], 2);
    EXPECT_EQ(steps[1]["op"], "SLOAD");
    EXPECT_EQ(steps[1]["stack"], Json::array({"0x0"}));
    EXPECT_EQ(steps[1]["storage"], (Json{{to_hex(word(0)), to_hex(word(0))}}));
    EXPECT_EQ(steps.back()["op"], "RETURN");
    for (std::size_t i = 0; i + 1 < steps.size(); ++i)
        EXPECT_EQ(steps[i]["gas"].get<int>() - steps[i]["gasCost"].get<int>(), steps[i + 1]["gas"].get<int>());
    for (const auto& step : steps) {
        if (step["op"] == "SSTORE") {
            EXPECT_EQ(step["storage"], (Json{{to_hex(word(0)), to_hex(word(42))}}));
        }
        EXPECT_FALSE(step.contains("memory"));
        EXPECT_FALSE(step.contains("error"));
    }
}

TEST_F(Traces, honour_the_options_of_the_struct_logger) {
    const auto hash = hex(chain.send({.to = relay, .data = word(1)}));
    const auto trace = call(
        "debug_traceTransaction",
        {hash, {{"disableStack", true}, {"disableStorage", true}, {"enableMemory", true}, {"enableReturnData", true}}});
    bool saw_memory = false;
    bool saw_return = false;
    for (const auto& step : trace["structLogs"]) {
        EXPECT_FALSE(step.contains("stack"));
        EXPECT_FALSE(step.contains("storage"));
        saw_memory = saw_memory || step.contains("memory");
        saw_return = saw_return || step.contains("returnData");
    }
    EXPECT_TRUE(saw_memory);
    EXPECT_TRUE(saw_return);
    EXPECT_EQ(call("debug_traceTransaction", {hash, {{"limit", 3}}})["structLogs"].size(), 3u);
    // The call instruction's cost contains what it hands on.
    const auto whole = call("debug_traceTransaction", {hash});
    for (const auto& step : whole["structLogs"])
        if (step["op"] == "CALL") {
            EXPECT_GT(step["gasCost"].get<int>(), 900'000);
        }
}

TEST_F(Traces, draw_the_tree_of_calls) {
    const auto hash = hex(chain.send({.to = relay, .data = word(5)}));
    const auto receipt = call("eth_getTransactionReceipt", {hash});
    const auto trace =
        call("debug_traceTransaction", {hash, {{"tracer", "callTracer"}, {"tracerConfig", {{"withLog", true}}}}});
    EXPECT_EQ(trace["type"], "CALL");
    EXPECT_EQ(trace["from"], hex(alice));
    EXPECT_EQ(trace["to"], hex(relay));
    EXPECT_EQ(trace["gas"], "0xf4240");
    EXPECT_EQ(trace["gasUsed"], receipt["gasUsed"]);
    EXPECT_EQ(trace["input"], to_hex(word(5)));
    EXPECT_EQ(trace["output"], to_hex(word(1)));
    EXPECT_EQ(trace["value"], "0x0");
    ASSERT_EQ(trace["calls"].size(), 1u);
    const auto& inner = trace["calls"][0];
    EXPECT_EQ(inner["from"], hex(relay));
    EXPECT_EQ(inner["to"], hex(target));
    ASSERT_EQ(inner["logs"].size(), 1u);
    EXPECT_EQ(inner["logs"][0]["position"], "0x0");
    EXPECT_EQ(inner["logs"][0]["topics"][1], to_hex(word(5)));
    const auto top =
        call("debug_traceTransaction", {hash, {{"tracer", "callTracer"}, {"tracerConfig", {{"onlyTopCall", true}}}}});
    EXPECT_FALSE(top.contains("calls"));
    EXPECT_EQ(top["gasUsed"], receipt["gasUsed"]);
}

TEST_F(Traces, tell_why_a_call_reverted) {
    const auto hash = hex(chain.send({.to = reverter}));
    const auto trace = call("debug_traceTransaction", {hash, {{"tracer", "callTracer"}}});
    EXPECT_EQ(trace["error"], "execution reverted");
    EXPECT_EQ(trace["revertReason"], "user error");
    EXPECT_TRUE(call("debug_traceTransaction", {hash})["failed"]);
}

TEST_F(Traces, show_a_creation_with_its_code) {
    const auto hash = hex(chain.send({.data = deployer(store_runtime())}));
    const auto trace = call("debug_traceTransaction", {hash, {{"tracer", "callTracer"}}});
    EXPECT_EQ(trace["type"], "CREATE");
    EXPECT_EQ(trace["output"], to_hex(store_runtime()));
    EXPECT_EQ(trace["to"], call("eth_getTransactionReceipt", {hash})["contractAddress"]);
}

TEST_F(Traces, show_the_state_before) {
    chain.send({.to = target, .data = word(6)});
    const auto hash = hex(chain.send({.to = relay, .data = word(7)}));
    const auto nonce = call("eth_getTransactionByHash", {hash})["nonce"];
    const auto before = call("debug_traceTransaction", {hash, {{"tracer", "prestateTracer"}}});
    EXPECT_EQ(to_quantity(before[hex(alice)]["nonce"].get<std::uint64_t>()), nonce.get<std::string>());
    EXPECT_EQ(before[hex(target)]["storage"][to_hex(word(0))], to_hex(word(6)));
    EXPECT_EQ(before[hex(relay)]["code"], to_hex(relay_runtime(target)));

    const auto diff =
        call("debug_traceTransaction", {hash, {{"tracer", "prestateTracer"}, {"tracerConfig", {{"diffMode", true}}}}});
    EXPECT_EQ(diff["pre"][hex(target)]["storage"][to_hex(word(0))], to_hex(word(6)));
    EXPECT_EQ(diff["post"][hex(target)]["storage"][to_hex(word(0))], to_hex(word(7)));
    EXPECT_FALSE(diff["pre"].contains(hex(relay)));
    EXPECT_EQ(diff["post"][hex(alice)], (Json{{"nonce", diff["pre"][hex(alice)]["nonce"].get<int>() + 1}}));
}

TEST_F(Traces, cover_whole_blocks) {
    const auto hash = hex(chain.send({.to = relay, .data = word(5)}));
    const auto number = call("eth_blockNumber");
    const auto traces = call("debug_traceBlockByNumber", {number, {{"tracer", "callTracer"}}});
    ASSERT_EQ(traces.size(), 1u);
    EXPECT_EQ(traces[0]["txHash"], hash);
    EXPECT_EQ(traces[0]["result"], call("debug_traceTransaction", {hash, {{"tracer", "callTracer"}}}));
    const auto block = call("eth_getBlockByNumber", {number})["hash"];
    EXPECT_EQ(call("debug_traceBlockByHash", {block})[0]["result"], call("debug_traceTransaction", {hash}));
    EXPECT_EQ(call("debug_traceBlockByNumber", {"latest"}).size(), 1u);
}

TEST_F(Traces, cover_calls_that_nobody_sent) {
    const Json request{{"to", hex(target)}, {"input", to_hex(word(3))}};
    const auto trace = call("debug_traceCall", {request, "latest", {{"tracer", "callTracer"}}});
    EXPECT_EQ(trace["to"], hex(target));
    const Json overrides{{hex(target), {{"stateDiff", {{to_hex(word(0)), to_hex(word(99))}}}}}};
    EXPECT_EQ(call("debug_traceCall", {request, "latest", {{"stateOverrides", overrides}}})["returnValue"],
              to_hex(word(99)));
}

TEST_F(Traces, refuse_what_cannot_be_traced) {
    EXPECT_EQ(error("debug_traceTransaction", {"0x" + std::string(64, '1')})["message"], "transaction not found");
    EXPECT_EQ(error("debug_traceBlockByNumber", {"0x0"})["message"], "genesis is not traceable");
    EXPECT_EQ(error("debug_traceBlockByNumber", {"0x99"})["message"], "block #153 not found");
    EXPECT_EQ(error("debug_traceBlockByHash", {"0x" + std::string(64, '1')})["message"],
              "block 0x" + std::string(64, '1') + " not found");
    const auto hash = hex(chain.send({.to = target}));
    EXPECT_EQ(error("debug_traceTransaction", {hash, {{"tracer", "{step: function() {}}"}}})["code"], -32602);
    EXPECT_EQ(error("debug_traceTransaction", {hash, {{"limit", -1}}})["code"], -32602);
    EXPECT_EQ(error("debug_traceTransaction", {hash, 5})["code"], -32602);
}

/// Two transactions of one block: the second starts from what the first left.
class BlockTraces : public RpcTest {
protected:
    BlockTraces() : RpcTest(ledger::FeeMode::free, Mining::when_told) {}
};

TEST_F(BlockTraces, start_from_the_state_that_the_transaction_found) {
    const auto target = chain.deploy(deployer(store_runtime()));
    chain.mine();
    chain.send({.to = target, .data = word(1)});
    const auto second = hex(chain.send({.to = target, .data = word(2)}));
    chain.mine();
    EXPECT_EQ(call("debug_traceTransaction", {second})["returnValue"], to_hex(word(1)));
    const auto receipt = call("eth_getTransactionReceipt", {second});
    EXPECT_EQ(receipt["logs"][0]["logIndex"], "0x1");
    EXPECT_EQ(call("debug_traceTransaction", {second})["gas"],
              std::stoull(receipt["gasUsed"].get<std::string>(), nullptr, 16));
    const auto traces = call("debug_traceBlockByNumber", {"latest"});
    ASSERT_EQ(traces.size(), 2u);
    EXPECT_EQ(traces[1]["result"]["returnValue"], to_hex(word(1)));
}

TEST(OpcodeNames, cover_the_instruction_set) {
    EXPECT_EQ(opcode_name(0x00), "STOP");
    EXPECT_EQ(opcode_name(0x1e), "CLZ");
    EXPECT_EQ(opcode_name(0x20), "KECCAK256");
    EXPECT_EQ(opcode_name(0x3f), "EXTCODEHASH");
    EXPECT_EQ(opcode_name(0x4a), "BLOBBASEFEE");
    EXPECT_EQ(opcode_name(0x5f), "PUSH0");
    EXPECT_EQ(opcode_name(0x60), "PUSH1");
    EXPECT_EQ(opcode_name(0x7f), "PUSH32");
    EXPECT_EQ(opcode_name(0x80), "DUP1");
    EXPECT_EQ(opcode_name(0x9f), "SWAP16");
    EXPECT_EQ(opcode_name(0xa4), "LOG4");
    EXPECT_EQ(opcode_name(0xf5), "CREATE2");
    EXPECT_EQ(opcode_name(0xff), "SELFDESTRUCT");
    EXPECT_EQ(opcode_name(0xef), "opcode 0xef not defined");
}

} // namespace
} // namespace cairn::rpc
