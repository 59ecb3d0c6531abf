#include "base/errors/network.hpp"
#include "base/errors/rpc.hpp"
#include "base/errors/zone.hpp"
#include "crypto/zone_certificate.hpp"
#include "rpc/access.hpp"
#include "rpc/flow.hpp"
#include "rpc/instant_chain.hpp"
#include "rpc/loopback_client.hpp"
#include "rpc/server.hpp"
#include "zone/listener_files.hpp"

#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

#include <atomic>
#include <filesystem>
#include <fstream>

namespace cairn::rpc {
namespace {

using namespace testing;
using Json = nlohmann::json;

constexpr std::string_view kAsk = R"({"jsonrpc":"2.0","id":1,"method":"eth_blockNumber"})";
constexpr std::string_view kAnswer = R"({"jsonrpc":"2.0","id":1,"result":"0x0"})";

/// Certificate of a node's listener for clients, with the CA that issued it, in a folder of its own.
class ListenerFolder {
public:
    ListenerFolder()
        : path_(std::filesystem::temp_directory_path() / ("cairn-rpc-tls-" + std::to_string(::getpid()))),
          ca_(must(crypto::create_ca("Alpha", validity(), crypto::system_random()))) {
        std::filesystem::create_directories(path_);
        write("ca.pem", ca_.certificate_pem);
        issue(crypto::ZoneRole::client, "alpha-1");
    }
    ~ListenerFolder() { std::filesystem::remove_all(path_); }
    void issue(crypto::ZoneRole role, const std::string& node, const crypto::CertifiedKey* ca = nullptr) {
        const auto made = must(crypto::issue_zone_certificate(
            ca != nullptr ? *ca : ca_,
            {.role = role, .organisation = "Alpha", .name = node, .hosts = {"127.0.0.1", "localhost"}}, validity(),
            crypto::system_random()));
        write("client.key", made.key_pem.view());
        write("client.pem", made.certificate_pem);
    }
    zone::ListenerFilesConfig config() const {
        return {.zone = "rpc",
                .role = crypto::ZoneRole::client,
                .certificate = path_ / "client.pem",
                .key = path_ / "client.key",
                .authorities = path_ / "ca.pem",
                .trust = nullptr,
                .check = std::chrono::hours{1}};
    }
    static crypto::Validity validity() {
        static const auto now = system_clock().wall().count() / 1000;
        return {now - 3'600, now + 3'600};
    }

private:
    void write(const char* name, std::string_view text) const { std::ofstream(path_ / name) << text; }
    const std::filesystem::path path_;
    const crypto::CertifiedKey ca_;
};

/// Everything in the clear and over TLS.
class ServerTest : public ::testing::TestWithParam<Transport> {
protected:
    void start(ServerConfig config = {}) {
        config.port = 0;
        if (GetParam() == Transport::tls) config.tls = folder.config();
        server = must(start_server(config, chain));
    }
    LoopbackClient client() { return LoopbackClient(server->port(), GetParam()); }
    /// A file of this test alone.
    std::string file(std::string_view content) {
        const auto path = std::filesystem::temp_directory_path() / ("cairn-rpc-token-" + std::to_string(::getpid()));
        std::ofstream(path) << content;
        return path;
    }
    ListenerFolder folder;
    InstantChain chain;
    std::unique_ptr<Server> server;
};
INSTANTIATE_TEST_SUITE_P(Transports, ServerTest, ::testing::Values(Transport::plain, Transport::tls),
                         [](const auto& suite) { return suite.param == Transport::tls ? "tls" : "plain"; });

TEST_P(ServerTest, answers_over_http_and_keeps_the_connection) {
    start();
    LoopbackClient one(server->port(), GetParam());
    for (int i = 0; i < 3; ++i) {
        const auto answer = one.post(kAsk);
        EXPECT_EQ(answer.status, 200);
        EXPECT_EQ(answer.body, kAnswer);
        EXPECT_EQ(LoopbackClient::header(answer, "Content-Type"), "application/json");
    }
    EXPECT_EQ(one.post("{").body.find("-32700") != std::string::npos, true);
    EXPECT_EQ(one.post(R"({"jsonrpc":"2.0","method":"eth_blockNumber"})").body, "");
    EXPECT_EQ(one.post(kAsk, "Connection: close\r\n").body, kAnswer);
    EXPECT_TRUE(one.closed());
}

TEST_P(ServerTest, answers_requests_that_arrive_in_pieces_or_together) {
    start();
    LoopbackClient one(server->port(), GetParam());
    const auto text = "POST / HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\nContent-Length: " +
                      std::to_string(kAsk.size()) + "\r\n\r\n" + std::string{kAsk};
    for (const char c : text) ASSERT_TRUE(one.write({&c, 1}));
    EXPECT_EQ(one.read_answer().body, kAnswer);
    ASSERT_TRUE(one.write(text + text + text));
    for (int i = 0; i < 3; ++i) EXPECT_EQ(one.read_answer().body, kAnswer);
}

TEST_P(ServerTest, runs_heavy_requests_on_the_workers) {
    start();
    const auto to = to_hex(address_of_key(2));
    Json batch = Json::array();
    for (int i = 0; i < 100; ++i)
        batch.push_back({{"jsonrpc", "2.0"}, {"id", i}, {"method", "eth_call"}, {"params", {{{"to", to}}, "latest"}}});
    LoopbackClient one(server->port(), GetParam());
    const auto answers = Json::parse(one.post(batch.dump()).body);
    ASSERT_EQ(answers.size(), 100u);
    for (const auto& answer : answers) EXPECT_EQ(answer["result"], "0x");
}

TEST_P(ServerTest, throttled_client_is_told_when_to_come_back) {
    ServerConfig config;
    config.rpc.flow.requests[static_cast<std::size_t>(MethodClass::status)] = {0, 2};
    start(config);
    LoopbackClient one(server->port(), GetParam());
    EXPECT_EQ(one.post(kAsk).status, 200);
    EXPECT_EQ(one.post(kAsk).status, 200) << "limit";
    const auto refused = one.post(kAsk);
    EXPECT_EQ(refused.status, 429) << "limit + 1";
    EXPECT_EQ(LoopbackClient::header(refused, "Retry-After"), "3600");
    const auto error = Json::parse(refused.body);
    EXPECT_EQ(error["id"], 1);
    EXPECT_EQ(error["error"]["code"], -32005);
    EXPECT_EQ(error["error"]["data"]["code"], "CRN-RPC-0005");
    EXPECT_EQ(error["error"]["data"]["retryAfterMs"], 3'600'000);
    const auto batch = one.post("[" + std::string{kAsk} + "," + std::string{kAsk} + "]");
    EXPECT_EQ(batch.status, 429);
    EXPECT_EQ(Json::parse(batch.body).size(), 2u);
    EXPECT_EQ(one.post(R"({"jsonrpc":"2.0","id":1,"method":"eth_gasPrice"})").status, 200) << "another class";
}

TEST_P(ServerTest, bodies_over_the_clients_budget_are_refused_before_they_are_parsed) {
    ServerConfig config;
    config.rpc.flow.body_bytes = {0, 2 * kAsk.size()};
    start(config);
    LoopbackClient one(server->port(), GetParam());
    EXPECT_EQ(one.post(kAsk).status, 200);
    EXPECT_EQ(one.post(kAsk).status, 200);
    EXPECT_EQ(one.post("this is not even JSON").status, 429);
}

TEST_P(ServerTest, slow_senders_hold_no_more_than_the_memory_that_is_free) {
    ServerConfig config;
    config.http.body_memory_max = 10'000;
    start(config);
    const std::string announce = "POST / HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n"
                                 "Content-Length: 4000\r\n\r\n[";
    LoopbackClient slow(server->port(), GetParam());
    ASSERT_TRUE(slow.write(announce));
    // Of another connection's request it may hear first: asked until it knows of the slow one, which holds 4,000. Then 6,000
    // are free, and one client may hold no more than that.
    HttpAnswer refused;
    for (int i = 0; i < 2000 && refused.status != 503; ++i) {
        LoopbackClient greedy(server->port(), GetParam());
        ASSERT_TRUE(greedy.write("POST / HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n"
                                 "Content-Length: 3000\r\n\r\n" +
                                 std::string{kAsk} + std::string(3000 - kAsk.size(), ' ')));
        refused = greedy.read_answer();
    }
    EXPECT_EQ(refused.status, 503);
    EXPECT_EQ(LoopbackClient::header(refused, "Retry-After"), "1");
    // The refused one's memory is free once its connection has gone.
    HttpAnswer small = client().post(kAsk);
    for (int i = 0; i < 2000 && small.status != 200; ++i) small = client().post(kAsk);
    EXPECT_EQ(small.status, 200) << "small ones still find room; " << small.body;
}

TEST_P(ServerTest, one_client_cannot_take_all_connections) {
    ServerConfig config;
    config.http.connections_per_client_max = 2;
    start(config);
    LoopbackClient one(server->port(), GetParam()), two(server->port(), GetParam());
    EXPECT_EQ(one.post(kAsk).status, 200);
    EXPECT_EQ(two.post(kAsk).status, 200) << "limit";
    LoopbackClient three(server->port(), GetParam());
    EXPECT_TRUE(three.closed()) << "limit + 1";
}

TEST_P(ServerTest, budgets_are_shown) {
    start();
    const auto flow = Json::parse(client().post(R"({"jsonrpc":"2.0","id":1,"method":"cairn_flow"})").body)["result"];
    EXPECT_EQ(flow["rpc"]["overloadLevel"], 0);
    EXPECT_EQ(flow["rpc"]["classes"].size(), kMethodClasses);
    EXPECT_EQ(flow["rpc"]["classes"][0]["name"], "status");
    EXPECT_EQ(Json::parse(client().post(R"({"jsonrpc":"2.0","id":1,"method":"cairn_bans"})").body)["result"],
              Json::array());
}

TEST_P(ServerTest, refuses_bodies_and_headers_over_the_limit) {
    ServerConfig config;
    config.http.body_bytes_max = 1000;
    config.http.header_bytes_max = 2000;
    start(config);
    EXPECT_EQ(client().post(std::string(1001, ' ')).status, 413);
    EXPECT_EQ(client().post(std::string(900, ' ') + std::string{kAsk}).status, 200);
    EXPECT_EQ(client().post(kAsk, "X: " + std::string(3000, 'x') + "\r\n").status, 431);
    LoopbackClient chunked(server->port(), GetParam());
    chunked.write(
        "POST / HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\nTransfer-Encoding: chunked\r\n\r\n");
    chunked.write("1f40\r\n" + std::string(8000, ' ') + "\r\n0\r\n\r\n");
    EXPECT_EQ(chunked.read_answer().status, 413);
    LoopbackClient announced(server->port(), GetParam());
    announced.write("POST / HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\nContent-Length: "
                    "99999999999999\r\n\r\n");
    EXPECT_EQ(announced.read_answer().status, 413);
}

TEST_P(ServerTest, survives_what_is_not_http) {
    start();
    for (const auto* text : {"\r\n\r\n", "hello\r\n\r\n", "POST / HTTP/9.9\r\n\r\n",
                             "\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03\r\n\r\n",
                             "POST / HTTP/1.1\r\nContent-Length: -1\r\n\r\n", "POST / HTTP/1.1\r\nHost\r\n\r\n"}) {
        LoopbackClient odd(server->port(), GetParam());
        odd.write(text);
        EXPECT_EQ(odd.read_answer().status, 400) << text;
        EXPECT_TRUE(odd.closed());
    }
    EXPECT_EQ(client().post(kAsk).body, kAnswer);
}

TEST_P(ServerTest, takes_only_json_by_post) {
    start();
    LoopbackClient get(server->port(), GetParam());
    get.write("GET / HTTP/1.1\r\nHost: localhost\r\n\r\n");
    EXPECT_EQ(get.read_answer().status, 405);
    LoopbackClient form(server->port(), GetParam());
    form.write("POST / HTTP/1.1\r\nHost: localhost\r\nContent-Type: text/plain\r\nContent-Length: 2\r\n\r\n{}");
    EXPECT_EQ(form.read_answer().status, 415);
}

TEST_P(ServerTest, refuses_names_that_could_be_rebound) {
    ServerConfig config;
    config.host_names = {"node.example"};
    start(config);
    const auto with_host = [&](std::string_view host) {
        LoopbackClient one(server->port(), GetParam());
        one.write("POST / HTTP/1.1\r\nHost: " + std::string{host} +
                  "\r\nContent-Type: application/json\r\nContent-Length: " + std::to_string(kAsk.size()) + "\r\n\r\n" +
                  std::string{kAsk});
        return one.read_answer().status;
    };
    for (const auto* host :
         {"localhost", "localhost:8545", "127.0.0.1:1", "[::1]:8545", "LOCALHOST", "node.example:80"})
        EXPECT_EQ(with_host(host), 200) << host;
    for (const auto* host : {"evil.example", "127.0.0.1.evil.example", "localhost.evil.example", "", "[::1", "1.2.3"})
        EXPECT_EQ(with_host(host), 403) << host;
}

TEST_P(ServerTest, lets_only_listed_web_pages_in) {
    ServerConfig config;
    config.cors_origins = {"https://app.example"};
    start(config);
    const auto allowed = client().post(kAsk, "Origin: https://app.example\r\n");
    EXPECT_EQ(allowed.status, 200);
    EXPECT_EQ(LoopbackClient::header(allowed, "Access-Control-Allow-Origin"), "https://app.example");
    EXPECT_EQ(client().post(kAsk, "Origin: https://evil.example\r\n").status, 403);
    EXPECT_EQ(LoopbackClient::header(client().post(kAsk), "Access-Control-Allow-Origin"), "");
    LoopbackClient preflight(server->port(), GetParam());
    preflight.write("OPTIONS / HTTP/1.1\r\nHost: localhost\r\nOrigin: "
                    "https://app.example\r\nAccess-Control-Request-Method: POST\r\n\r\n");
    const auto answer = preflight.read_answer();
    EXPECT_EQ(answer.status, 204);
    EXPECT_EQ(LoopbackClient::header(answer, "Access-Control-Allow-Headers"), "Content-Type, Authorization");
    // Browsers do not ask before they open a WebSocket, so the server must look itself.
    EXPECT_EQ(client().upgrade("Origin: https://evil.example\r\n").status, 403);
    EXPECT_EQ(client().upgrade("Origin: https://app.example\r\n").status, 101);
}

TEST_P(ServerTest, asks_for_the_token_when_it_has_one) {
    ServerConfig config;
    config.token_file = file("0123456789abcdef0123456789abcdef\n");
    start(config);
    EXPECT_EQ(client().post(kAsk).status, 401);
    EXPECT_EQ(client().post(kAsk, "Authorization: Bearer wrong\r\n").status, 401);
    EXPECT_EQ(client().post(kAsk, "Authorization: 0123456789abcdef0123456789abcdef\r\n").status, 401);
    EXPECT_EQ(client().post(kAsk, "Authorization: Bearer 0123456789abcdef0123456789abcdef\r\n").status, 200);
    EXPECT_EQ(client().upgrade().status, 401);
    EXPECT_EQ(client().upgrade("Authorization: bearer 0123456789abcdef0123456789abcdef\r\n").status, 101);
    std::filesystem::remove(config.token_file);
}

TEST_P(ServerTest, does_not_listen_for_strangers_without_a_token) {
    ServerConfig config;
    config.address = "0.0.0.0";
    config.port = 0;
    EXPECT_EQ(start_server(config, chain).error().code, error::RpcTokenMissing);
    config.token_file = "/nonexistent/token";
    EXPECT_EQ(start_server(config, chain).error().code, error::RpcTokenInvalid);
    config.token_file = file("short\n");
    EXPECT_EQ(start_server(config, chain).error().code, error::RpcTokenInvalid);
    std::filesystem::remove(config.token_file);
    config.token_file = file("0123456789abcdef0123456789abcdef\n");
    EXPECT_EQ(start_server(config, chain).error().code, error::RpcPlainText);
    std::filesystem::remove(config.token_file);
    config.address = "example.org";
    config.token_file.clear();
    EXPECT_EQ(start_server(config, chain).error().code, error::RpcTokenMissing);
}

TEST_P(ServerTest, says_that_a_port_is_in_use) {
    start();
    ServerConfig config;
    config.port = server->port();
    const auto second = start_server(config, chain);
    ASSERT_FALSE(second);
    EXPECT_EQ(second.error().code, error::PortInUse);
    EXPECT_NE(second.error().detail.find(std::to_string(config.port)), std::string::npos);
}

TEST_P(ServerTest, cuts_off_those_who_do_not_finish) {
    ServerConfig config;
    config.http.idle = std::chrono::seconds(1);
    config.http.read = std::chrono::seconds(1);
    start(config);
    LoopbackClient silent(server->port(), GetParam());
    LoopbackClient slow(server->port(), GetParam());
    slow.write("POST / HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\nContent-Length: 100\r\n\r\n{");
    EXPECT_TRUE(silent.closed());
    EXPECT_TRUE(slow.closed());
}

TEST_P(ServerTest, takes_no_more_connections_than_it_may) {
    ServerConfig config;
    config.http.connections_max = 2;
    start(config);
    LoopbackClient one(server->port(), GetParam());
    LoopbackClient two(server->port(), GetParam());
    EXPECT_EQ(one.post(kAsk).status, 200);
    EXPECT_EQ(two.post(kAsk).status, 200);
    LoopbackClient three(server->port(), GetParam());
    EXPECT_TRUE(three.closed());
    EXPECT_EQ(one.post(kAsk).status, 200);
}

TEST_P(ServerTest, speaks_websocket_on_the_same_port) {
    start();
    LoopbackClient one(server->port(), GetParam());
    const auto answer = one.upgrade();
    EXPECT_EQ(answer.status, 101);
    EXPECT_EQ(LoopbackClient::header(answer, "Sec-WebSocket-Accept"), "s3pPLMBiTxaQ9kYGzzhZRbK+xOo=");
    for (int i = 0; i < 3; ++i) {
        one.send_text(kAsk);
        EXPECT_EQ(one.read_text(), kAnswer);
    }
    one.send_text(R"({"jsonrpc":"2.0","id":7,"method":"eth_subscribe","params":["newHeads"]})");
    const auto id = Json::parse(one.read_text())["result"];
    chain.mine();
    const auto event = Json::parse(one.read_text());
    EXPECT_EQ(event["params"]["subscription"], id);
    EXPECT_EQ(event["params"]["result"]["number"], "0x1");
    one.send_text("[");
    EXPECT_EQ(Json::parse(one.read_text())["error"]["code"], -32700);
}

TEST_P(ServerTest, tells_of_the_block_that_comes_right_after_the_answer_to_a_subscription) {
    start();
    for (int i = 0; i < 50; ++i) {
        LoopbackClient one(server->port(), GetParam());
        one.upgrade();
        one.send_text(R"({"jsonrpc":"2.0","id":7,"method":"eth_subscribe","params":["newHeads"]})");
        const auto id = Json::parse(one.read_text())["result"];
        chain.mine();
        EXPECT_EQ(Json::parse(one.read_text())["params"]["subscription"], id);
    }
}

TEST_P(ServerTest, can_listen_on_a_second_port_for_websockets) {
    ServerConfig config;
    config.websocket_port = 0;
    start(config);
    EXPECT_NE(server->port(), server->websocket_port());
    LoopbackClient one(server->websocket_port(), GetParam());
    EXPECT_EQ(one.upgrade().status, 101);
}

TEST_P(ServerTest, closes_a_websocket_that_sends_too_much) {
    ServerConfig config;
    config.http.body_bytes_max = 1000;
    start(config);
    LoopbackClient one(server->port(), GetParam());
    one.upgrade();
    one.send_text(std::string(2000, ' '));
    EXPECT_EQ(one.read_text(), "");
}

TEST_P(ServerTest, cuts_off_a_websocket_that_does_not_read) {
    ServerConfig config;
    config.http.websocket_queue_bytes_max = 1u << 20;
    start(config);
    LoopbackClient lazy(server->port(), GetParam());
    lazy.upgrade();
    // Every answer is some hundred kilobytes, and nobody takes them.
    Json batch = Json::array();
    for (int i = 0; i < 100; ++i)
        batch.push_back({{"jsonrpc", "2.0"}, {"id", i}, {"method", "eth_getBlockByNumber"}, {"params", {"0x0", true}}});
    const auto ask = LoopbackClient::frame(batch.dump());
    bool open = true;
    for (int i = 0; open && i < 2000; ++i) open = lazy.write(ask);
    EXPECT_FALSE(open);
    EXPECT_EQ(client().post(kAsk).body, kAnswer); // the others are served
}

TEST_P(ServerTest, a_reader_that_takes_nothing_is_cut_off_by_its_deadline) {
    ServerConfig config;
    config.http.write = std::chrono::seconds(1);
    config.http.answer_memory_max = 512u << 20;
    start(config);
    LoopbackClient lazy(server->port(), GetParam());
    Json batch = Json::array();
    for (int i = 0; i < 1000; ++i)
        batch.push_back({{"jsonrpc", "2.0"}, {"id", i}, {"method", "eth_getBlockByNumber"}, {"params", {"0x0", true}}});
    const auto body = batch.dump();
    const auto ask = "POST / HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\nContent-Length: " +
                     std::to_string(body.size()) + "\r\n\r\n" + body;
    // Answers of a megabyte each, and nobody takes them: after a second the connection is closed under the sender.
    bool open = true;
    for (int i = 0; open && i < 2000; ++i) open = lazy.write(ask);
    EXPECT_FALSE(open);
    EXPECT_EQ(client().post(kAsk).body, kAnswer) << "the others are served";
}

TEST_P(ServerTest, stops_while_clients_wait) {
    start();
    LoopbackClient subscriber(server->port(), GetParam());
    subscriber.upgrade();
    subscriber.send_text(R"({"jsonrpc":"2.0","id":7,"method":"eth_subscribe","params":["newHeads"]})");
    subscriber.read_text();
    LoopbackClient idle(server->port(), GetParam());
    idle.post(kAsk);
    server.reset();
    EXPECT_TRUE(idle.closed());
    EXPECT_EQ(subscriber.read_text(), "");
}

class TlsListener : public ServerTest {};
INSTANTIATE_TEST_SUITE_P(Transports, TlsListener, ::testing::Values(Transport::tls), [](const auto&) { return "tls"; });

TEST_P(TlsListener, who_does_not_begin_or_finish_the_handshake_is_cut_off) {
    ServerConfig config;
    config.http.handshake = std::chrono::seconds(1);
    start(config);
    LoopbackClient silent(server->port()), half(server->port()), plain(server->port());
    half.write(std::string_view("\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03", 11));
    EXPECT_TRUE(silent.closed());
    EXPECT_TRUE(half.closed());
    EXPECT_NE(plain.post(kAsk).status, 200);
    EXPECT_EQ(client().post(kAsk).body, kAnswer);
}

TEST_P(TlsListener, a_source_begins_no_more_handshakes_than_its_budget) {
    ServerConfig config;
    config.rpc.flow.handshakes = {0, 3};
    std::atomic<int> told = 0;
    config.on_refused = [&](const std::string&, const std::string&) { ++told; };
    start(config);
    LoopbackClient one(server->port(), Transport::tls), two(server->port(), Transport::tls);
    EXPECT_EQ(one.post(kAsk).body, kAnswer);
    EXPECT_EQ(two.post(kAsk).body, kAnswer);
    LoopbackClient junk(server->port());
    junk.write("GET / HTTP/1.1\r\n\r\n");
    EXPECT_TRUE(junk.closed());
    for (int i = 0; i < 100; ++i) EXPECT_TRUE(LoopbackClient(server->port()).closed()) << "not a byte of TLS is read";
    EXPECT_TRUE(client().closed()) << "limit + 1";
    EXPECT_EQ(told, 1) << "the junk alone";
    const auto flow = Json::parse(one.post(R"({"jsonrpc":"2.0","id":1,"method":"cairn_flow"})").body)["result"];
    EXPECT_EQ(flow["rpc"]["handshakesThrottled"], 101) << "connections that stand go on";
}

TEST_P(TlsListener, who_takes_new_keys_again_and_again_is_cut_off) {
    start();
    auto restless = client();
    for (std::size_t i = 0; i < zone::kKeyUpdatesMax; ++i) ASSERT_TRUE(restless.update_keys());
    EXPECT_EQ(restless.post(kAsk).body, kAnswer) << "limit";
    restless.update_keys(); // limit + 1
    restless.update_keys();
    EXPECT_TRUE(restless.closed());
    EXPECT_EQ(client().post(kAsk).body, kAnswer);
}

TEST_P(TlsListener, a_renewed_certificate_is_taken_and_a_wrong_one_is_not) {
    start();
    LoopbackClient before = client();
    EXPECT_EQ(before.post(kAsk).body, kAnswer);
    const auto stranger = must(crypto::create_ca("Alpha", ListenerFolder::validity(), crypto::system_random()));
    folder.issue(crypto::ZoneRole::client, "alpha-1", &stranger);
    EXPECT_EQ(server->reload().error().code, error::ZoneListenerRefused) << "another CA of the same name";
    folder.issue(crypto::ZoneRole::management, "alpha-1");
    EXPECT_EQ(server->reload().error().code, error::ZoneListenerRefused) << "of another listener";
    folder.issue(crypto::ZoneRole::client, "alpha-2");
    EXPECT_EQ(server->reload().error().code, error::ZoneListenerRefused) << "of another node";
    folder.issue(crypto::ZoneRole::client, "alpha-1");
    EXPECT_TRUE(server->reload());
    EXPECT_EQ(before.post(kAsk).body, kAnswer) << "connections stay";
    EXPECT_EQ(client().post(kAsk).body, kAnswer);
    folder.issue(crypto::ZoneRole::management, "alpha-1");
    ServerConfig config;
    config.port = 0;
    config.tls = folder.config();
    EXPECT_EQ(start_server(config, chain).error().code, error::ZoneListenerRefused);
}

TEST(Access, reads_the_host_of_a_header) {
    EXPECT_EQ(host_of("localhost:8545"), "localhost");
    EXPECT_EQ(host_of("[::1]:8545"), "::1");
    EXPECT_EQ(host_of("10.0.0.1"), "10.0.0.1");
    EXPECT_EQ(host_of("[::1"), "");
    EXPECT_FALSE(host_allowed("256.0.0.1", {}));
    EXPECT_TRUE(host_allowed("anything", {"*"}));
    EXPECT_TRUE(is_loopback("127.0.0.1"));
    EXPECT_TRUE(is_loopback("::1"));
    EXPECT_FALSE(is_loopback("0.0.0.0"));
    EXPECT_FALSE(is_loopback("localhost"));
}

} // namespace
} // namespace cairn::rpc
