#include "cli/invocation.hpp"
#include "cli/keys_client.hpp"
#include "cli/test_terminal.hpp"
#include "rpc/instant_chain.hpp"
#include "rpc/server.hpp"

#include <gtest/gtest.h>

namespace cairn::cli {
namespace {

using nlohmann::json;

class KeyList : public testing::Test {
protected:
    Hash256 register_key(std::uint8_t byte) {
        Hash256 id;
        id.bytes.fill(byte);
        ledger::Transaction tx;
        tx.to = ledger::kKeysContract;
        tx.data = keys_call("register(bytes32,uint8,uint64,uint64,bool)", {id, 5, 0, 0, 1});
        chain.send(std::move(tx), 9); // Alpha's account
        return id;
    }
    /// The ids that the command prints, of a node with these limits.
    std::vector<std::string> listed(const rpc::RpcLimits& limits) {
        rpc::ServerConfig config;
        config.port = 0;
        config.rpc = limits;
        const auto server = rpc::start_server(config, chain).value();
        TestTerminal terminal;
        const auto url = "http://127.0.0.1:" + std::to_string(server->port());
        EXPECT_EQ(run({"key", "list", "--json", "--rpc", url}, terminal.terminal), 0) << terminal.err.str();
        std::vector<std::string> out;
        for (const auto& key : json::parse(terminal.out.str(), nullptr, false)) out.push_back(key["id"]);
        return out;
    }

    rpc::testing::InstantChain chain;
};

TEST_F(KeyList, goes_through_a_chain_that_is_longer_than_one_request_may_ask_for) {
    const auto early = to_hex(register_key(0x51));
    for (int i = 0; i < 30; ++i) chain.mine();
    const auto late = to_hex(register_key(0x52));
    for (const std::uint64_t blocks : {1, 7, 32, 33, 10'000}) {
        rpc::RpcLimits limits;
        limits.log_blocks_max = blocks;
        const auto ids = listed(limits);
        EXPECT_EQ(std::ranges::count(ids, early), 1) << blocks;
        EXPECT_EQ(std::ranges::count(ids, late), 1) << blocks;
    }
}

TEST_F(KeyList, goes_on_where_one_answer_may_not_hold_all_events) {
    std::vector<std::string> registered;
    for (std::uint8_t i = 0; i < 9; ++i) registered.push_back(to_hex(register_key(static_cast<std::uint8_t>(0x60 + i))));
    rpc::RpcLimits limits;
    limits.logs_max = 2;
    const auto ids = listed(limits);
    for (const auto& id : registered) EXPECT_EQ(std::ranges::count(ids, id), 1) << id;
}

} // namespace
} // namespace cairn::cli
