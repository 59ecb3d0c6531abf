#include "rpc/filters.hpp"
#include "rpc/rpc_fixture.hpp"

#include <condition_variable>
#include <deque>

namespace cairn::rpc {
namespace {

using namespace testing;

class Logs : public RpcTest {
protected:
    Logs() {
        one = chain.deploy(deployer(store_runtime()));
        two = chain.deploy(deployer(store_runtime()));
        for (std::uint64_t i = 1; i <= 3; ++i) {
            chain.send({.to = one, .data = word(i)});
            chain.send({.to = two, .data = word(i)});
        }
    }
    /// Blocks and addresses of the answer, short enough to compare.
    std::string found(const Json& filter) {
        std::string out;
        for (const auto& log : call("eth_getLogs", {filter}))
            out += log["blockNumber"].get<std::string>().substr(2) + (log["address"] == hex(one) ? "a " : "b ");
        return out;
    }
    Address one;
    Address two;
    const std::string stored = to_hex(word(0x73746f726564));
};

TEST_F(Logs, are_found_by_block_address_and_topic) {
    EXPECT_EQ(found({{"fromBlock", "earliest"}}), "3a 4b 5a 6b 7a 8b ");
    EXPECT_EQ(found({{"fromBlock", "0x5"}, {"toBlock", "0x6"}}), "5a 6b ");
    EXPECT_EQ(found(Json::object()), "8b ");
    EXPECT_EQ(found({{"fromBlock", "0x0"}, {"address", hex(one)}}), "3a 5a 7a ");
    EXPECT_EQ(found({{"fromBlock", "0x0"}, {"address", {hex(one), hex(two)}}}), "3a 4b 5a 6b 7a 8b ");
    EXPECT_EQ(found({{"fromBlock", "0x0"}, {"address", Json::array()}}), "3a 4b 5a 6b 7a 8b ");
    EXPECT_EQ(found({{"fromBlock", "0x0"}, {"address", hex(bob)}}), "");
    EXPECT_EQ(found({{"fromBlock", "0x0"}, {"topics", {stored}}}), "3a 4b 5a 6b 7a 8b ");
    EXPECT_EQ(found({{"fromBlock", "0x0"}, {"topics", {nullptr, to_hex(word(2))}}}), "5a 6b ");
    EXPECT_EQ(
        found({{"fromBlock", "0x0"}, {"topics", {Json::array(), Json::array({to_hex(word(1)), to_hex(word(3))})}}}),
        "3a 4b 7a 8b ");
    EXPECT_EQ(found({{"fromBlock", "0x0"}, {"topics", {Json::array({nullptr}), to_hex(word(2))}}}), "5a 6b ");
    EXPECT_EQ(found({{"fromBlock", "0x0"}, {"topics", {stored, nullptr, nullptr}}}), ""); // a log has two topics
    EXPECT_EQ(found({{"fromBlock", "0x0"}, {"topics", {to_hex(word(2))}}}), "");
    EXPECT_EQ(found({{"blockHash", call("eth_getBlockByNumber", {"0x5"})["hash"]}}), "5a ");
    EXPECT_EQ(found({{"fromBlock", "0x99"}}), "");
}

TEST_F(Logs, are_not_looked_for_in_vain) {
    const auto fails = [&](const Json& filter) { return error("eth_getLogs", {filter}); };
    EXPECT_EQ(fails({{"fromBlock", "0x5"}, {"toBlock", "0x4"}})["message"], "invalid block range params");
    EXPECT_EQ(fails({{"fromBlock", "0x5"}, {"toBlock", "0x99"}})["message"],
              "block range extends beyond current head block");
    EXPECT_EQ(fails({{"blockHash", "0x" + std::string(64, '1')}, {"fromBlock", "0x1"}})["message"],
              "invalid argument 0: cannot specify both BlockHash and FromBlock/ToBlock, choose one or the other");
    EXPECT_EQ(fails({{"blockHash", "0x" + std::string(64, '1')}})["message"], "unknown block");
    EXPECT_EQ(fails({{"topics", {stored, stored, stored, stored, stored}}})["code"], -32602);
    EXPECT_EQ(fails({{"topics", {{{"a", 1}}}}})["code"], -32602);
    EXPECT_EQ(fails({{"address", "0x12"}})["code"], -32602);
    EXPECT_EQ(fails({{"address", 12}})["code"], -32602);
    EXPECT_EQ(fails("latest")["code"], -32602);
}

TEST_F(Logs, are_limited_in_range_and_number) {
    RpcLimits limits;
    limits.log_blocks_max = 5;
    limits.logs_max = 2;
    Service strict(chain, limits);
    const auto ask = [&](const Json& filter) {
        return Json::parse(strict.handle(request("eth_getLogs", {filter}).dump()));
    };
    EXPECT_EQ(ask({{"fromBlock", "0x0"}})["error"]["code"], -32005);
    EXPECT_EQ(ask({{"fromBlock", "0x4"}})["error"]["code"], -32005);
    EXPECT_EQ(ask({{"fromBlock", "0x7"}})["result"].size(), 2u);
}

TEST_F(Logs, come_through_filters_once) {
    const auto logs = call("eth_newFilter", {{{"address", hex(one)}, {"fromBlock", "0x0"}}});
    const auto blocks = call("eth_newBlockFilter");
    EXPECT_EQ(call("eth_getFilterChanges", {logs}), Json::array());
    EXPECT_EQ(call("eth_getFilterLogs", {logs}).size(), 3u);
    chain.send({.to = one, .data = word(9)});
    chain.send({.to = two, .data = word(9)});
    const auto news = call("eth_getFilterChanges", {logs});
    ASSERT_EQ(news.size(), 1u);
    EXPECT_EQ(news[0]["topics"][1], to_hex(word(9)));
    EXPECT_EQ(call("eth_getFilterChanges", {logs}), Json::array());
    EXPECT_EQ(call("eth_getFilterChanges", {blocks}), Json::array({call("eth_getBlockByNumber", {"0x9"})["hash"],
                                                                   call("eth_getBlockByNumber", {"0xa"})["hash"]}));
    EXPECT_EQ(call("eth_uninstallFilter", {logs}), true);
    EXPECT_EQ(call("eth_uninstallFilter", {logs}), false);
    EXPECT_EQ(error("eth_getFilterChanges", {logs})["message"], "filter not found");
    EXPECT_EQ(error("eth_getFilterLogs", {blocks})["message"], "filter not found");
    EXPECT_EQ(error("eth_newFilter", {{{"blockHash", "0x" + std::string(64, '1')}}})["code"], -32602);
}

TEST_F(Logs, tell_of_pending_transactions) {
    const auto filter = call("eth_newPendingTransactionFilter");
    const auto hash = hex(chain.send({.to = bob}));
    EXPECT_EQ(call("eth_getFilterChanges", {filter}), Json::array({hash}));
    EXPECT_EQ(call("eth_getFilterChanges", {filter}), Json::array());
}

class HandClock final : public Clock {
public:
    Microseconds now{0};
    Microseconds monotonic() const override { return now; }
    Milliseconds wall() const override { return Milliseconds{0}; }
};

TEST(Filters, are_bounded_and_expire) {
    RpcLimits limits;
    limits.filters_max = 2;
    HandClock clock;
    Filters filters(limits, clock);
    const auto first = filters.add(BlockFilter{}).value();
    ASSERT_TRUE(filters.add(BlockFilter{}));
    EXPECT_EQ(filters.add(BlockFilter{}).error().code, code::kLimit);
    clock.now += std::chrono::seconds(200);
    EXPECT_TRUE(filters.find(first));
    clock.now += std::chrono::seconds(200);
    EXPECT_TRUE(filters.add(BlockFilter{})); // the one that nobody polled has gone
    EXPECT_TRUE(filters.find(first));
    clock.now += std::chrono::seconds(301);
    EXPECT_FALSE(filters.find(first));
}

TEST(Filters, keep_the_last_pending_hashes_only) {
    RpcLimits limits;
    HandClock clock;
    Filters filters(limits, clock);
    std::uint64_t next = filters.pending_end();
    for (int i = 0; i < 20'000; ++i) filters.on_pending(Hash256{});
    EXPECT_EQ(filters.pending_since(next).size(), 16'384u);
    EXPECT_EQ(next, 20'000u);
    EXPECT_EQ(filters.pending_since(next).size(), 0u);
    filters.on_pending(Hash256{});
    EXPECT_EQ(filters.pending_since(next).size(), 1u);
}

/// A client's end of a WebSocket.
class Listener final : public WsConnection {
public:
    explicit Listener(std::uint64_t id) : id_(id) {}
    std::uint64_t id() const override { return id_; }
    const std::string& client() const override { return client_; }
    bool send(SharedText text) override {
        const std::lock_guard lock(mutex_);
        texts_.push_back(Json::parse(*text));
        arrived_.notify_all();
        return true;
    }
    void close() override {}
    Json next() {
        std::unique_lock lock(mutex_);
        arrived_.wait(lock, [&] { return !texts_.empty(); });
        auto out = std::move(texts_.front());
        texts_.pop_front();
        return out;
    }
    bool empty() {
        const std::lock_guard lock(mutex_);
        return texts_.empty();
    }

private:
    const std::string client_ = "127.0.0.1";
    const std::uint64_t id_;
    std::mutex mutex_;
    std::condition_variable arrived_;
    std::deque<Json> texts_;
};

class Subscribing : public RpcTest {
protected:
    Json over(const std::shared_ptr<Listener>& connection, const std::string& method, const Json& parameters) {
        std::string text;
        service.run(service.parse(request(method, parameters).dump()), connection,
                    [&](std::string out) { text = std::move(out); });
        return Json::parse(text);
    }
    std::shared_ptr<Listener> client = std::make_shared<Listener>(1);
};

TEST_F(Subscribing, hears_the_head_before_its_logs) {
    const auto contract = chain.deploy(deployer(store_runtime()));
    const auto logs = over(client, "eth_subscribe", {"logs", {{"address", hex(contract)}}})["result"];
    const auto heads = over(client, "eth_subscribe", {"newHeads"})["result"];
    chain.send({.to = contract, .data = word(7)});
    const auto head = client->next();
    EXPECT_EQ(head["method"], "eth_subscription");
    EXPECT_EQ(head["params"]["subscription"], heads);
    EXPECT_EQ(head["params"]["result"]["number"], "0x2");
    EXPECT_EQ(head["params"]["result"]["hash"], call("eth_getBlockByNumber", {"latest"})["hash"]);
    EXPECT_FALSE(head["params"]["result"].contains("transactions"));
    const auto log = client->next();
    EXPECT_EQ(log["params"]["subscription"], logs);
    EXPECT_EQ(log["params"]["result"]["removed"], false);
    EXPECT_EQ(log["params"]["result"]["topics"][1], to_hex(word(7)));
}

TEST_F(Subscribing, hears_of_every_block_however_fast_they_come) {
    over(client, "eth_subscribe", {"newHeads"});
    for (int i = 0; i < 100; ++i) chain.mine();
    for (std::uint64_t i = 1; i <= 100; ++i) EXPECT_EQ(client->next()["params"]["result"]["number"], to_quantity(i));
}

TEST_F(Subscribing, hears_of_pending_transactions_by_hash_or_in_full) {
    const auto hashes = over(client, "eth_subscribe", {"newPendingTransactions"})["result"];
    const auto hash = hex(chain.send({.to = bob}));
    auto event = client->next();
    EXPECT_EQ(event["params"]["subscription"], hashes);
    EXPECT_EQ(event["params"]["result"], hash);
    EXPECT_EQ(over(client, "eth_unsubscribe", {hashes})["result"], true);
    EXPECT_EQ(over(client, "eth_unsubscribe", {hashes})["error"]["code"], -32000);
    over(client, "eth_subscribe", {"newPendingTransactions", true});
    const auto second = hex(chain.send({.to = bob}));
    event = client->next();
    EXPECT_EQ(event["params"]["result"]["hash"], second);
    EXPECT_EQ(event["params"]["result"]["from"], hex(alice));
}

TEST_F(Subscribing, hears_when_the_node_falls_behind) {
    over(client, "eth_subscribe", {"syncing"});
    chain.set_syncing(true);
    chain.mine();
    EXPECT_EQ(client->next()["params"]["result"], true);
}

TEST_F(Subscribing, ends_with_the_connection_and_belongs_to_it) {
    const auto id = over(client, "eth_subscribe", {"newHeads"})["result"];
    const auto other = std::make_shared<Listener>(2);
    EXPECT_EQ(over(other, "eth_unsubscribe", {id})["error"]["message"], "subscription not found");
    over(other, "eth_subscribe", {"newHeads"});
    service.forget(1);
    chain.mine();
    other->next();
    EXPECT_TRUE(client->empty());
}

TEST_F(Subscribing, is_refused_over_http_and_for_unknown_things) {
    EXPECT_EQ(error("eth_subscribe", {"newHeads"})["code"], -32601);
    EXPECT_EQ(over(client, "eth_subscribe", {"nonsense"})["error"]["code"], -32601);
    EXPECT_EQ(over(client, "eth_subscribe", {5})["error"]["code"], -32602);
    EXPECT_EQ(over(client, "eth_subscribe", {"logs", {{"address", 5}}})["error"]["code"], -32602);
    for (int i = 0; i < 64; ++i) EXPECT_TRUE(over(client, "eth_subscribe", {"newHeads"}).contains("result"));
    EXPECT_EQ(over(client, "eth_subscribe", {"newHeads"})["error"]["code"], -32005);
}

} // namespace
} // namespace cairn::rpc
