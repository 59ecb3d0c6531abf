#include "cli/config.hpp"
#include "cli/files.hpp"
#include "cli/invocation.hpp"
#include "cli/keys_client.hpp"
#include "cli/test_terminal.hpp"
#include "cli/test_versioned_node.hpp"
#include "rpc/http_server.hpp"
#include "rpc/instant_chain.hpp"
#include "rpc/server.hpp"

#include <gtest/gtest.h>

#include <mutex>

namespace cairn::cli {
namespace {

using nlohmann::json;

/// In front of a node: keeps what it is asked, and knows the index of what keys touched, which the chain of the tests lacks.
class AskedNode {
public:
    explicit AskedNode(std::string url) : url_(std::move(url)) {
        const auto on_request = [this](const std::string&, std::string body, const rpc::Reply& reply,
                                       const rpc::Refuse&) { reply(answer(body)); };
        http_ = rpc::start_http_server({}, {.on_request = on_request, .on_message = {}, .on_close = {}}).value();
    }
    std::string url() const { return "http://127.0.0.1:" + std::to_string(http_->ports().front()); }
    /// The requests since the last time.
    std::vector<std::string> asked() {
        const std::lock_guard lock(mutex_);
        return std::exchange(asked_, {});
    }

private:
    std::string answer(const std::string& body) {
        {
            const std::lock_guard lock(mutex_);
            asked_.push_back(body);
        }
        const auto request = json::parse(body);
        if (request.is_object() && request["method"] == "cairn_keyImpact")
            return json{{"jsonrpc", "2.0"},
                        {"id", request["id"]},
                        {"result", {{"findings", json::array()}, {"accounts", json::array()}}}}
                .dump();
        return RpcClient::open(url_)->post(body).value();
    }

    std::string url_;
    std::mutex mutex_;
    std::vector<std::string> asked_;
    std::unique_ptr<rpc::HttpServer> http_;
};

class KeyIncident : public testing::Test {
protected:
    static constexpr std::uint8_t kAdministrator = 9; // of Alpha

    KeyIncident() {
        rpc::ServerConfig config;
        config.port = 0;
        server_ = rpc::start_server(config, chain).value();
        node.emplace("http://127.0.0.1:" + std::to_string(server_->port()));
        EXPECT_TRUE(write_file(directory.file("administrator.key"),
                               to_hex(rpc::testing::key_of(kAdministrator).bytes) + "\n", Access::secret,
                               Existing::refuse));
    }
    Hash256 send_to_keys(std::string_view signature, const codec::AbiValue::List& arguments) {
        ledger::Transaction tx;
        tx.to = ledger::kKeysContract;
        tx.data = keys_call(signature, arguments);
        return chain.send(std::move(tx), kAdministrator);
    }
    /// Incidents of other accounts' keys: each of an account of its own, because an organisation stops each once.
    void open_others(std::uint8_t count) {
        for (std::uint8_t i = 0; i < count; ++i) {
            Address other;
            other.bytes.fill(static_cast<std::uint8_t>(0x40 + i));
            send_to_keys("openIncident(bytes32,uint64,string)", {ledger::account_key_id(other), 0, "another"});
        }
    }
    int run_incident(std::vector<std::string> words) {
        terminal.emplace();
        words.insert(words.begin(), {"key", "incident"});
        words.insert(words.end(), {"--rpc", node->url(), "--dir", directory.file("none"), "--json"});
        return run(words, terminal->terminal);
    }
    int open(const std::string& key, std::vector<std::string> more = {}) {
        more.insert(more.begin(), {"open", key, "--key-file", directory.file("administrator.key"), "--out",
                                   directory.file("evidence")});
        return run_incident(std::move(more));
    }
    json printed() const { return json::parse(terminal->out.str(), nullptr, false); }

    const TestDirectory directory;
    rpc::testing::InstantChain chain;
    std::optional<AskedNode> node;
    std::optional<TestTerminal> terminal;

private:
    std::unique_ptr<rpc::Server> server_;
};

std::size_t requests_with(const std::vector<std::string>& asked, const std::string& text) {
    return static_cast<std::size_t>(
        std::ranges::count_if(asked, [&](const std::string& body) { return body.contains(text); }));
}

} // namespace

TEST_F(KeyIncident, stops_the_key_first_however_many_incidents_there_are) {
    const std::uint8_t others = 40;
    open_others(others);
    node->asked();
    const auto reading = to_hex(keys_call("incident(uint256)", {0})).substr(0, 10);
    const auto key = to_hex(rpc::testing::address_of_key(2));

    ASSERT_EQ(open(key, {"--reason", "stolen"}), 0) << terminal->err.str();
    EXPECT_EQ(printed()["incident"], others);
    EXPECT_EQ(printed()["resumed"], false);
    EXPECT_EQ(printed()["blocks_until_stopped"], 1);
    auto asked = node->asked();
    const auto sent =
        std::ranges::find_if(asked, [](const std::string& body) { return body.contains("eth_sendRawTransaction"); });
    ASSERT_NE(sent, asked.end());
    EXPECT_EQ(requests_with({asked.begin(), sent}, reading), 0u);
    EXPECT_LT(sent - asked.begin(), 8);
    EXPECT_LE(requests_with(asked, reading), 2u);

    // Again: the same incident, found without a look at the others, and no second transaction that opens one.
    ASSERT_EQ(open(key), 0) << terminal->err.str();
    EXPECT_EQ(printed()["incident"], others);
    EXPECT_EQ(printed()["resumed"], true);
    EXPECT_EQ(printed()["blocks_until_stopped"], 0);
    EXPECT_LE(requests_with(node->asked(), reading), 2u);
}

TEST_F(KeyIncident, of_a_storage_root_ends_only_when_what_was_current_then_opens_nothing) {
    const Hash256 key{{0x52}};
    send_to_keys("register(bytes32,uint8,uint64,uint64,bool)",
                 {key, static_cast<std::uint8_t>(ledger::KeyClass::storage_root), 0, 0, 1});
    const auto config = directory.file("node.toml");
    ASSERT_TRUE(write_file(config,
                           "[node]\ndata_dir=\".\"\ngenesis=\"g\"\nkeys=\"k\"\n[network]\nlisten=\"127.0.0.1:1\"\n"
                           "tls_certificate=\"c\"\n",
                           Access::shared, Existing::refuse));
    // Rotated once, long ago.
    VersionedNode local{read_node_config(config)->node.data_dir, {"destroyed", "current"}};
    const auto storage = [&] {
        const auto document = printed();
        for (const auto& probe : document["probes"])
            if (probe["interface"] == "storage") return probe["outcome"].get<std::string>();
        return std::string{"no such probe"};
    };
    const auto steps = [&] {
        const auto document = printed();
        std::vector<std::string> out;
        for (const auto& step : document["replacement"]) {
            const auto name = step["step"].get<std::string>();
            out.push_back(name.substr(0, name.find(" of /")) + " " + step["state"].get<std::string>());
        }
        return out;
    };
    const std::vector<std::string> here{"--config", config};
    const auto finish = [&](const std::string& action, const std::string& evidence) {
        std::vector<std::string> words{action, "0", "--config", config};
        if (!evidence.empty()) words.insert(words.end(), {"--out", directory.file(evidence)});
        if (action == "close") words.insert(words.end(), {"--key-file", directory.file("administrator.key")});
        return run_incident(std::move(words));
    };
    EXPECT_NE(open(to_hex(key), here), 0);
    EXPECT_EQ(storage(), "accepted");
    EXPECT_NE(finish("close", "evidence"), 0);
    EXPECT_EQ(storage(), "accepted");

    // It was rotated then, and is not again: a repeated run changes nothing of what was there first.
    const std::vector<std::string> rotated{"destroyed", "superseded", "current"};
    for (int i = 0; i < 2; ++i) {
        for (const auto* noun : {"storage-key", "backup-key"}) EXPECT_EQ(local.states(noun), rotated) << noun;
        EXPECT_NE(open(to_hex(key), here), 0);
        EXPECT_EQ(storage(), "accepted");
        EXPECT_EQ(steps(),
                  (std::vector<std::string>{"new backup-key done", "end of the old versions of the backup-key left",
                                            "new storage-key done", "old files done",
                                            "end of the old versions of the storage-key left"}));
    }
    local.become({"destroyed", "destroyed", "current"});
    EXPECT_EQ(finish("probe", "evidence"), 0) << terminal->out.str();
    EXPECT_EQ(storage(), "refused");
    EXPECT_NE(finish("probe", ""), 0);
    EXPECT_EQ(storage(), "unclear");
    EXPECT_NE(finish("close", "elsewhere"), 0);
    EXPECT_EQ(storage(), "unclear");
    ASSERT_EQ(finish("close", "evidence"), 0) << terminal->out.str() << terminal->err.str();
    EXPECT_EQ(storage(), "refused");
    EXPECT_EQ(run_incident({"verify", directory.file("evidence")}), 0) << terminal->err.str();
    const auto manifest = json::parse(read_file(directory.file("evidence/manifest.json")).value());
    EXPECT_TRUE(manifest["files"].contains("versions.json"));
}

TEST_F(KeyIncident, says_in_the_contracts_words_why_none_can_be_opened) {
    EXPECT_NE(open("0x" + std::string(64, '7'), {"--reason", "stolen"}), 0);
    EXPECT_TRUE(terminal->err.str().contains("does not know this key")) << terminal->err.str();
    EXPECT_NE(open(to_hex(rpc::testing::address_of_key(2)), {"--since", "1000000"}), 0);
    EXPECT_TRUE(terminal->err.str().contains("out of range")) << terminal->err.str();
}

TEST_F(KeyIncident, is_found_again_after_a_transaction_that_nobody_waited_for) {
    const auto key = to_hex(rpc::testing::address_of_key(2));
    EXPECT_NE(open(key, {"--reason", "stolen", "--async"}), 0);
    EXPECT_TRUE(terminal->err.str().contains("without --async")) << terminal->err.str();
    ASSERT_EQ(open(key), 0) << terminal->err.str();
    EXPECT_EQ(printed()["incident"], 0);
    EXPECT_EQ(printed()["resumed"], true);
}

} // namespace cairn::cli
