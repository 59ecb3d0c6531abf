// What strangers, broken members and bad lines do to a node, and what it answers.
#include "base/errors/network.hpp"
#include "network/test_network.hpp"

#include <csignal>
#include <malloc.h>

namespace cairn::network {
namespace {

using namespace testing;

class HostileTest : public ::testing::Test {
protected:
    static void SetUpTestSuite() {
        std::signal(SIGPIPE, SIG_IGN); // the node closes connections that a client's TLS still writes to
        consortium_ = new Consortium;
    }
    static void TearDownTestSuite() {
        delete consortium_;
        consortium_ = nullptr;
    }
    static Consortium& consortium() { return *consortium_; }
    static NetworkTuning quick() {
        NetworkTuning tuning;
        tuning.redial_min = Milliseconds(5);
        tuning.redial_max = Milliseconds(50);
        // Everything here comes from one address, and much of it is bad on purpose; tests of the budgets set their own.
        tuning.handshakes_per_source = {100'000, 100'000};
        tuning.half_open_per_source_max = 100'000;
        tuning.ban = Milliseconds(0);
        return tuning;
    }
    /// Validator 3: dialled by all others, so a client with another member's certificate may play that member.
    static std::unique_ptr<Node> last_node(const NetworkTuning& tuning = quick()) {
        return std::make_unique<Node>(consortium(), std::uint16_t{3}, std::map<ValidatorIndex, std::string>{}, tuning);
    }
    /// Member 0 on one stream, hello done.
    static std::unique_ptr<TlsClient> member(const Node& node, Stream stream, int receive_buffer = 0) {
        auto out = std::make_unique<TlsClient>(node.port(), consortium().certificate(0, 0), receive_buffer);
        EXPECT_TRUE(out->handshaken());
        EXPECT_TRUE(out->say_hello(consortium(), stream));
        return out;
    }
    static bool counter_is(Node& node, std::uint64_t NetworkCounters::* counter, std::uint64_t value) {
        return eventually([&] { return node.network().counters().*counter == value; });
    }
    /// The node still serves: a member can connect and be heard.
    static void expect_serving(Node& node) {
        const auto before = node.received_count();
        auto good = member(node, Stream::consensus);
        EXPECT_TRUE(good->send_frame(FrameKind::message, 1, Bytes{1}));
        EXPECT_TRUE(eventually([&] { return node.received_count() > before; }));
    }

private:
    static inline Consortium* consortium_ = nullptr;
};

TEST_F(HostileTest, certificate_zoo_is_refused_and_counted) {
    const auto node = last_node();
    const auto now = consortium().now();
    std::vector<TlsClient::Options> zoo;
    const auto put = [&](const crypto::CertifiedKey& key, const std::string& more = {}) {
        zoo.push_back({key.certificate_pem + more, std::string(key.key_pem.view())});
    };
    put(consortium().certificate(4, 0));                           // a CA that is nobody's, a member's consensus key
    put(consortium().certificate(1, 0));                           // another member's CA
    put(consortium().certificate(0, 9));                           // a consensus key that is nobody's
    put(consortium().certificate(0, 0, {now - 3000, now - 1000})); // expired
    put(consortium().certificate(0, 0, {now + 1000, now + 3000})); // not yet valid
    put(consortium().ca(0));                                       // a CA as a node
    std::string chain;
    for (int i = 0; i < 12; ++i) chain += consortium().ca(0).certificate_pem;
    put(consortium().certificate(0, 0), chain); // an absurd chain
    std::uint64_t refused = 0;
    for (const auto& animal : zoo) {
        TlsClient client(node->port(), animal);
        EXPECT_FALSE(client.handshaken() && client.say_hello(consortium(), Stream::consensus)) << refused;
        EXPECT_TRUE(client.closed_by_peer());
        ++refused;
        EXPECT_TRUE(counter_is(*node, &NetworkCounters::certificates_refused, refused)) << refused;
    }
    EXPECT_EQ(node->connects(), 0);
    expect_serving(*node);
}

/// Says that it has the key of a certificate, and signs with another.
class Impostor final : public crypto::HandshakeSigner {
public:
    Impostor(const crypto::CertifiedKey& shown, const crypto::CertifiedKey& own)
        : shown_(*crypto::certificate_tls_key(shown.certificate_pem)),
          own_(*crypto::local_handshake_signer(own.key_pem.view())) {}
    Result<Bytes> sign_handshake(BytesView message) override { return own_->sign_handshake(message); }
    crypto::TlsPublicKey handshake_public_key() const override { return shown_; }

private:
    crypto::TlsPublicKey shown_;
    std::shared_ptr<crypto::HandshakeSigner> own_;
};

TEST_F(HostileTest, who_shows_a_members_certificate_without_its_key_is_not_called_by_its_name) {
    const auto node = last_node();
    const auto shown = consortium().certificate(0, 0);
    TlsClient::Options options{.chain_pem = shown.certificate_pem, .key_pem = {}};
    options.signer = std::make_shared<Impostor>(shown, consortium().certificate(4, 4));
    TlsClient impostor(node->port(), options);
    EXPECT_FALSE(impostor.handshaken() && impostor.say_hello(consortium(), Stream::consensus));
    ASSERT_TRUE(eventually([&] { return !node->refusals().empty(); }));
    EXPECT_EQ(node->refusals()[0].code, error::HandshakeFailed);
    EXPECT_EQ(node->refused_peers()[0], "");
    // With the key it is that member, and called so.
    TlsClient member(node->port(), shown);
    Hello other{Hello::kProtocol, 78, ledger::hash_of(consortium().genesis()), Stream::consensus};
    EXPECT_FALSE(member.say_hello(other));
    ASSERT_TRUE(eventually([&] { return node->refusals().size() == 2; }));
    EXPECT_EQ(node->refused_peers()[1], "node-A");
}

TEST_F(HostileTest, giant_chain_is_refused_before_it_is_looked_at) {
    const auto node = last_node();
    const auto key = consortium().certificate(0, 0);
    std::string chain = key.certificate_pem;
    for (int i = 0; i < 100; ++i) chain += consortium().ca(0).certificate_pem;
    TlsClient client(node->port(), TlsClient::Options{chain, std::string(key.key_pem.view())});
    EXPECT_FALSE(client.handshaken() && client.say_hello(consortium(), Stream::consensus));
    EXPECT_TRUE(counter_is(*node, &NetworkCounters::handshakes_failed, 1));
}

TEST_F(HostileTest, plaintext_older_tls_and_no_certificate_are_refused) {
    const auto node = last_node();
    const TcpClient http(node->port());
    EXPECT_TRUE(http.send(as_bytes("GET / HTTP/1.1\r\nHost: localhost\r\n\r\n")));
    EXPECT_TRUE(http.closed_by_peer());
    EXPECT_TRUE(counter_is(*node, &NetworkCounters::handshakes_failed, 1));

    // The node's own frames without TLS.
    const TcpClient bare(node->port());
    Bytes hello;
    append(hello, encode_frame_header({FrameKind::hello, 0, Hello::kBytes}));
    append(hello, encode_hello({Hello::kProtocol, 77, ledger::hash_of(consortium().genesis()), Stream::consensus}));
    EXPECT_TRUE(bare.send(hello));
    EXPECT_TRUE(bare.closed_by_peer());
    EXPECT_TRUE(counter_is(*node, &NetworkCounters::handshakes_failed, 2));

    const auto key = consortium().certificate(0, 0);
    const TlsClient old(node->port(),
                        TlsClient::Options{key.certificate_pem, std::string(key.key_pem.view()), TLS1_2_VERSION});
    EXPECT_FALSE(old.handshaken());
    EXPECT_TRUE(counter_is(*node, &NetworkCounters::handshakes_failed, 3));

    TlsClient nobody(node->port(), TlsClient::Options{});
    EXPECT_FALSE(nobody.handshaken() && nobody.say_hello(consortium(), Stream::consensus));
    EXPECT_TRUE(counter_is(*node, &NetworkCounters::handshakes_failed, 4));
    expect_serving(*node);
}

TEST_F(HostileTest, member_of_another_chain_or_version_is_refused) {
    const auto node = last_node();
    const Hello good{Hello::kProtocol, 77, ledger::hash_of(consortium().genesis()), Stream::data};
    auto other_chain = good;
    ++other_chain.chain_id;
    auto other_genesis = good;
    other_genesis.genesis[31] ^= 1;
    auto other_protocol = good;
    ++other_protocol.protocol;
    std::uint64_t refused = 0;
    for (const auto& hello : {other_chain, other_genesis, other_protocol}) {
        TlsClient client(node->port(), consortium().certificate(0, 0));
        ASSERT_TRUE(client.handshaken());
        EXPECT_FALSE(client.say_hello(hello));
        EXPECT_TRUE(counter_is(*node, &NetworkCounters::mismatches_refused, ++refused));
    }
    expect_serving(*node);
}

TEST_F(HostileTest, member_that_should_wait_to_be_dialled_is_refused) {
    Node first(consortium(), 0, {}, quick());
    TlsClient client(first.port(), consortium().certificate(1, 1));
    ASSERT_TRUE(client.handshaken());
    EXPECT_FALSE(client.say_hello(consortium(), Stream::consensus));
    TlsClient mirror(first.port(), consortium().certificate(0, 0));
    EXPECT_FALSE(mirror.say_hello(consortium(), Stream::consensus)) << "a node's own certificate";
    EXPECT_TRUE(counter_is(first, &NetworkCounters::mismatches_refused, 1))
        << "the mirror; who calls too early is none";
}

TEST_F(HostileTest, malformed_frames_cut_the_connection) {
    struct Row {
        const char* what;
        bool after_hello;
        Bytes bytes;
    };
    const auto header = [](FrameKind kind, std::uint8_t type, std::uint32_t length) {
        const auto bytes = encode_frame_header({kind, type, length});
        return Bytes(bytes.begin(), bytes.end());
    };
    const std::vector<Row> table{
        {"message over the limit of its stream", true, header(FrameKind::message, 1, (256u << 10) + 1)},
        {"message of 4 GiB", true, header(FrameKind::message, 1, 0xffffffff)},
        {"garbage", true, Bytes(4096, 0x5a)},
        {"unknown kind", true, header(static_cast<FrameKind>(9), 0, 0)},
        {"second hello", true, header(FrameKind::hello, 0, Hello::kBytes)},
        {"ping with a payload", true, header(FrameKind::ping, 0, 1)},
        {"message before the hello", false, header(FrameKind::message, 1, 0)},
        {"ping before the hello", false, header(FrameKind::ping, 0, 0)},
        {"hello over its size", false, header(FrameKind::hello, 0, Hello::kBytes + 1)},
        {"short hello", false,
         [&] {
             auto b = header(FrameKind::hello, 0, 3);
             b.resize(b.size() + 3);
             return b;
         }()},
    };
    const auto node = last_node();
    std::uint64_t cut = 0;
    for (const auto& [what, after_hello, bytes] : table) {
        TlsClient client(node->port(), consortium().certificate(0, 0));
        ASSERT_TRUE(client.handshaken());
        if (after_hello) {
            ASSERT_TRUE(client.say_hello(consortium(), Stream::consensus));
        }
        EXPECT_TRUE(client.send(bytes));
        EXPECT_TRUE(client.closed_by_peer());
        EXPECT_TRUE(counter_is(*node, &NetworkCounters::frames_invalid, ++cut)) << what;
    }
    EXPECT_EQ(node->received_count(), 0u);
    if (cut != 0) {
        EXPECT_NE(node->state_of(0).last_error.find("CRN-NET-0003"), std::string::npos);
    }
    expect_serving(*node);
}

TEST_F(HostileTest, frame_at_the_limit_of_its_stream_passes) {
    const auto node = last_node();
    auto client = member(*node, Stream::consensus);
    EXPECT_TRUE(client->send_frame(FrameKind::message, 1, Bytes(256u << 10)));
    EXPECT_TRUE(eventually([&] { return node->received_count() == 1; }));
}

TEST_F(HostileTest, newer_connection_of_a_member_replaces_the_older) {
    const auto node = last_node();
    auto older = member(*node, Stream::data);
    auto newer = member(*node, Stream::data);
    EXPECT_TRUE(older->closed_by_peer());
    EXPECT_EQ(node->network().counters().replaced, 1u);
    EXPECT_TRUE(newer->send_frame(FrameKind::message, 4, Bytes{4}));
    EXPECT_TRUE(eventually([&] { return node->received_count() == 1; }));
}

TEST_F(HostileTest, garbage_at_line_speed_leaves_memory_flat_and_members_served) {
    auto tuning = quick();
    tuning.handshakes_of_strangers = {10'000, 10'000};
    const auto node = last_node(tuning);
    auto good = member(*node, Stream::consensus);
    const Bytes garbage(64 * 1024, 0xa5);
    const auto flood = [&](int connections) {
        for (int i = 0; i < connections; ++i) {
            const TcpClient stranger(node->port());
            for (int k = 0; k < 16 && stranger.send(garbage); ++k) {
            }
        }
    };
    flood(50); // first, so that what is allocated once is there
    const auto before = ::mallinfo2().uordblks;
    std::thread attacker([&] { flood(300); });
    for (std::uint8_t i = 0; i < 100; ++i) EXPECT_TRUE(good->send_frame(FrameKind::message, i, Bytes(100)));
    EXPECT_TRUE(eventually([&] { return node->received_count() == 100; }));
    attacker.join();
    EXPECT_TRUE(counter_is(*node, &NetworkCounters::handshakes_failed, 350));
    const auto after = ::mallinfo2().uordblks;
    EXPECT_LT(after, before + (1u << 20)) << "grew by " << after - before;
    EXPECT_EQ(node->disconnects(), 0);
}

TEST_F(HostileTest, handshakes_over_the_budget_of_a_source_are_closed_before_tls) {
    auto tuning = quick();
    tuning.handshakes_per_source = {0, 3};
    const auto node = last_node(tuning);
    for (std::uint64_t i = 0; i < 3; ++i) {
        const TlsClient stranger(node->port(), consortium().certificate(4, 4));
        EXPECT_TRUE(counter_is(*node, &NetworkCounters::certificates_refused, i + 1)) << "limit";
    }
    for (int i = 0; i < 20; ++i) {
        const TlsClient stranger(node->port(), consortium().certificate(4, 4));
        EXPECT_FALSE(stranger.handshaken());
    }
    EXPECT_TRUE(counter_is(*node, &NetworkCounters::handshakes_throttled, 20));
    EXPECT_EQ(node->network().counters().certificates_refused, 3u) << "no certificate was looked at";
    ASSERT_EQ(node->network().throttled().size(), 1u);
    EXPECT_EQ(node->network().throttled()[0].address, "127.0.0.1");
    EXPECT_EQ(node->network().throttled()[0].refused, 20u);
    EXPECT_TRUE(node->network().bans().empty()) << "nothing is proven";
}

TEST_F(HostileTest, strangers_of_many_sources_do_not_use_up_the_handshakes_of_members) {
    auto tuning = quick();
    tuning.handshakes_of_strangers = {0, 3};
    const auto node = last_node(tuning);
    auto known = member(*node, Stream::consensus); // a stranger until its hello
    const TcpClient second(node->port(), 0, "127.0.0.2"), third(node->port(), 0, "127.0.0.3");
    EXPECT_TRUE(counter_is(*node, &NetworkCounters::accepted, 3)) << "limit";
    for (const auto* source : {"127.0.0.2", "127.0.0.4", "127.0.0.5"})
        EXPECT_TRUE(TcpClient(node->port(), 0, source).closed_by_peer()) << source;
    EXPECT_TRUE(counter_is(*node, &NetworkCounters::handshakes_throttled, 3));
    for (int i = 0; i < 10; ++i) expect_serving(*node);
}

TEST_F(HostileTest, strangers_give_way_to_members_before_their_hello) {
    auto tuning = quick();
    tuning.half_open_max = 2;
    const auto node = last_node(tuning);
    const auto known = member(*node, Stream::data);
    const TcpClient slow_member(node->port());
    const TcpClient oldest(node->port(), 0, "127.0.0.2");
    const TcpClient newer(node->port(), 0, "127.0.0.3"), newest(node->port(), 0, "127.0.0.4");
    EXPECT_TRUE(oldest.closed_by_peer());
    EXPECT_TRUE(newer.closed_by_peer());
    EXPECT_TRUE(counter_is(*node, &NetworkCounters::half_open_evicted, 2));
    expect_serving(*node);
    EXPECT_TRUE(newest.closed_by_peer()) << "for the member that was served";
    // Members alone give way to members, as before.
    const TcpClient another_member(node->port());
    const TcpClient last_member(node->port());
    EXPECT_TRUE(slow_member.closed_by_peer());
}

TEST_F(HostileTest, member_that_sends_malformed_frames_again_and_again_is_banned) {
    auto tuning = quick();
    tuning.ban = Milliseconds(3'600'000);
    const auto node = last_node(tuning);
    for (std::uint64_t i = 0; i < 10; ++i) {
        auto bad = member(*node, Stream::consensus);
        bad->send(Bytes(64, 0xee));
        EXPECT_TRUE(bad->closed_by_peer());
        EXPECT_TRUE(counter_is(*node, &NetworkCounters::frames_invalid, i + 1));
    }
    EXPECT_TRUE(counter_is(*node, &NetworkCounters::banned, 1));
    TlsClient again(node->port(), consortium().certificate(0, 0));
    EXPECT_FALSE(again.say_hello(consortium(), Stream::consensus));
    const auto bans = node->network().bans();
    ASSERT_EQ(bans.size(), 1u);
    EXPECT_EQ(bans[0].peer, ValidatorIndex{0});
    EXPECT_EQ(bans[0].address, "127.0.0.1");
    TlsClient other(node->port(), consortium().certificate(1, 1));
    EXPECT_TRUE(other.say_hello(consortium(), Stream::consensus)) << "at the same address, and innocent";
}

TEST_F(HostileTest, key_updates_without_end_cut_the_connection_and_count_against_the_member) {
    auto tuning = quick();
    tuning.ban = Milliseconds(3'600'000);
    tuning.tls_controls = {0, 16};
    const auto node = last_node(tuning);
    auto restless = member(*node, Stream::consensus);
    for (int i = 0; i < 16; ++i) ASSERT_TRUE(restless->update_keys());
    EXPECT_TRUE(restless->send_frame(FrameKind::message, 1, Bytes{1}));
    EXPECT_TRUE(eventually([&] { return node->received_count() == 1; })) << "limit";
    EXPECT_EQ(node->network().counters().frames_invalid, 0u);
    restless->update_keys(); // limit + 1
    EXPECT_TRUE(counter_is(*node, &NetworkCounters::frames_invalid, 1));
    EXPECT_TRUE(restless->closed_by_peer());
    EXPECT_TRUE(eventually([&] { return node->state_of(0).ban_score > 0; }));

    // At line speed.
    auto fast = member(*node, Stream::consensus);
    for (int i = 0; i < 100'000 && fast->update_keys(); ++i) {
    }
    EXPECT_TRUE(counter_is(*node, &NetworkCounters::frames_invalid, 2));
    expect_serving(*node);
}

/// Validator 3, which waits to be dialled and serves one connection by hand.
class DialledMember {
public:
    explicit DialledMember(const Consortium& consortium)
        : listener_(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)), context_(SSL_CTX_new(TLS_server_method())) {
        sockaddr_in address{};
        address.sin_family = AF_INET;
        address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
        socklen_t length = sizeof address;
        EXPECT_EQ(::bind(listener_, reinterpret_cast<const sockaddr*>(&address), length), 0);
        EXPECT_EQ(::listen(listener_, 64), 0);
        ::getsockname(listener_, reinterpret_cast<sockaddr*>(&address), &length);
        port_ = ntohs(address.sin_port);
        SSL_CTX_set_num_tickets(context_, 0);
        EXPECT_EQ(SSL_CTX_use_certificate_chain_file(context_, consortium.certificate_file(3).c_str()), 1);
        EXPECT_EQ(SSL_CTX_use_PrivateKey_file(context_, consortium.key_file(3).c_str(), SSL_FILETYPE_PEM), 1);
        ssl_ = SSL_new(context_);
    }
    ~DialledMember() {
        SSL_free(ssl_);
        SSL_CTX_free(context_);
        ::close(socket_);
        ::close(listener_);
    }
    DialledMember(const DialledMember&) = delete;
    DialledMember& operator=(const DialledMember&) = delete;

    std::string address() const { return "127.0.0.1:" + std::to_string(port_); }
    /// Answers the hello with the same.
    bool serve() {
        socket_ = ::accept4(listener_, nullptr, nullptr, SOCK_CLOEXEC);
        SSL_set_fd(ssl_, socket_);
        Bytes hello(kFrameHeaderBytes + Hello::kBytes);
        return SSL_accept(ssl_) == 1 && SSL_read(ssl_, hello.data(), static_cast<int>(hello.size())) > 0 && send(hello);
    }
    bool send(BytesView bytes) { return SSL_write(ssl_, bytes.data(), static_cast<int>(bytes.size())) > 0; }
    bool send_ticket() { return SSL_new_session_ticket(ssl_) == 1 && SSL_do_handshake(ssl_) == 1; }

private:
    int listener_;
    int socket_ = -1;
    std::uint16_t port_ = 0;
    SSL_CTX* context_;
    SSL* ssl_ = nullptr;
};

TEST_F(HostileTest, session_tickets_without_end_cut_the_connection_too) {
    auto tuning = quick();
    tuning.tls_controls = {0, 16};
    DialledMember generous(consortium());
    Node first(consortium(), 0, {{ValidatorIndex{3}, generous.address()}}, tuning);
    ASSERT_TRUE(generous.serve());
    for (int i = 0; i < 16; ++i) ASSERT_TRUE(generous.send_ticket());
    EXPECT_TRUE(generous.send(encode_frame_header({FrameKind::message, 1, 0})));
    EXPECT_TRUE(eventually([&] { return first.received_count() == 1; })) << "limit";
    EXPECT_EQ(first.network().counters().frames_invalid, 0u);
    generous.send_ticket(); // limit + 1
    EXPECT_TRUE(counter_is(first, &NetworkCounters::frames_invalid, 1));
}

TEST_F(HostileTest, accusations_of_the_core_ban_too) {
    auto tuning = quick();
    tuning.ban = Milliseconds(3'600'000);
    const auto node = last_node(tuning);
    auto liar = member(*node, Stream::consensus);
    for (int i = 0; i < 10; ++i) node->network().accuse({0}, {error::FrameInvalid, "a vote whose signature is wrong"});
    EXPECT_TRUE(liar->closed_by_peer());
    EXPECT_EQ(node->network().bans().size(), 1u);
}

TEST_F(HostileTest, fast_sender_is_slowed_down_and_loses_nothing) {
    auto tuning = quick();
    tuning.read_frames[0] = {200, 10};
    const auto node = last_node(tuning);
    auto fast = member(*node, Stream::consensus);
    for (std::uint8_t i = 0; i < 100; ++i) ASSERT_TRUE(fast->send_frame(FrameKind::message, i, Bytes(10)));
    EXPECT_TRUE(eventually([&] { return node->received().size() == 100; }));
    EXPECT_GT(node->state_of(0).read_pauses, 0u);
}

TEST_F(HostileTest, sender_far_above_its_budget_waits_until_it_has_flowed_in_again) {
    auto tuning = quick();
    tuning.read_frames[0] = {1, 1};
    const auto node = last_node(tuning);
    const auto begun = system_clock().monotonic();
    auto fast = member(*node, Stream::consensus); // its hello is the first frame
    Bytes three;
    for (int i = 0; i < 3; ++i) append(three, encode_frame_header({FrameKind::message, 1, 0}));
    ASSERT_TRUE(fast->send(three)); // one TLS record, and so one read
    ASSERT_TRUE(fast->send_frame(FrameKind::message, 2, {}));
    EXPECT_TRUE(eventually([&] { return node->received_count() == 4; }));
    EXPECT_GE(system_clock().monotonic() - begun, std::chrono::milliseconds(3'900)) << "a second for each of four";
    EXPECT_TRUE(eventually([&] { return node->state_of(0).read_pauses == 3; })) << "hello, the three, the last";
}

TEST_F(HostileTest, silent_strangers_are_limited_in_number) {
    auto tuning = quick();
    tuning.half_open_max = 8;
    const auto node = last_node(tuning);
    std::vector<std::unique_ptr<TcpClient>> strangers;
    for (int i = 0; i < 40; ++i) strangers.push_back(std::make_unique<TcpClient>(node->port()));
    EXPECT_TRUE(counter_is(*node, &NetworkCounters::half_open_evicted, 32));
    for (int i = 0; i < 32; ++i) EXPECT_TRUE(strangers[static_cast<std::size_t>(i)]->closed_by_peer());
    expect_serving(*node);
}

TEST_F(HostileTest, silent_strangers_are_limited_in_time) {
    auto tuning = quick();
    tuning.handshake_max = Milliseconds(100);
    const auto node = last_node(tuning);
    const TcpClient silent(node->port());
    EXPECT_TRUE(silent.closed_by_peer());
    TlsClient no_hello(node->port(), consortium().certificate(0, 0));
    EXPECT_TRUE(no_hello.closed_by_peer());
    EXPECT_TRUE(counter_is(*node, &NetworkCounters::handshakes_failed, 2));
}

TEST_F(HostileTest, member_that_falls_silent_is_cut_and_pings_keep_others_alive) {
    auto tuning = quick();
    tuning.ping_interval = Milliseconds(20);
    tuning.silence_max = Milliseconds(2000);
    const auto node = last_node(tuning);
    auto silent = member(*node, Stream::consensus);
    const auto ping = silent->read_frame(Phase::ready);
    ASSERT_TRUE(ping);
    EXPECT_EQ(ping->header.kind, FrameKind::ping);
    EXPECT_TRUE(silent->closed_by_peer());
    EXPECT_TRUE(counter_is(*node, &NetworkCounters::silent_cut, 1));
}

TEST_F(HostileTest, slow_reader_holds_no_more_than_its_queue_and_no_other_stream_waits) {
    auto tuning = quick();
    tuning.queues[1] = {1000, 1u << 20};
    const auto node = last_node(tuning);
    auto consensus = member(*node, Stream::consensus);
    auto data = member(*node, Stream::data, 4096); // never reads
    auto sync = member(*node, Stream::sync);
    ASSERT_TRUE(eventually([&] { return node->connected_to(0); }));

    constexpr std::uint64_t kFrames = 2000;
    constexpr std::size_t kSize = 16 * 1024;
    for (std::uint64_t i = 0; i < kFrames; ++i) node->network().send({0}, Stream::data, frame_of(1, Bytes(kSize)));
    const auto state = node->state_of(0);
    // The queue's limit, and what the system's socket buffers took meanwhile (at most a few MiB).
    const auto taken = (kFrames - state.frames_dropped) * kSize;
    EXPECT_GT(state.frames_dropped, 0u);
    EXPECT_LT(taken, (1u << 20) + (16u << 20));

    for (std::uint8_t i = 0; i < 50; ++i) {
        node->network().send({0}, Stream::consensus, frame_of(i, Bytes(200)));
        std::optional<TlsClient::ReadFrame> frame;
        do frame = consensus->read_frame(Phase::ready);
        while (frame && frame->header.kind == FrameKind::ping);
        ASSERT_TRUE(frame);
        EXPECT_EQ(frame->header.type, i);
    }
    EXPECT_TRUE(node->connected_to(0));
}

TEST_F(HostileTest, reader_that_takes_nothing_is_cut_in_the_end) {
    auto tuning = quick();
    tuning.write_stall_max = Milliseconds(300);
    tuning.silence_max = Milliseconds(60'000);
    const auto node = last_node(tuning);
    auto data = member(*node, Stream::data, 4096);
    for (int i = 0; i < 2000; ++i) node->network().send({0}, Stream::data, frame_of(1, Bytes(16 * 1024)));
    EXPECT_TRUE(counter_is(*node, &NetworkCounters::silent_cut, 1));
}

TEST_F(HostileTest, queue_counts_frames_as_well_as_bytes) {
    auto tuning = quick();
    tuning.queues[0] = {10, 1u << 20};
    tuning.queues[2] = {1000, 1000};
    const auto node = last_node(tuning);
    auto consensus = member(*node, Stream::consensus, 4096);
    auto sync = member(*node, Stream::sync);
    // One frame larger than all that the queue may hold.
    node->network().send({0}, Stream::sync, frame_of(1, Bytes(1001)));
    EXPECT_EQ(node->state_of(0).frames_dropped, 1u);
    node->network().send({0}, Stream::sync, frame_of(2, Bytes(1000 - kFrameHeaderBytes)));
    EXPECT_EQ(node->state_of(0).frames_dropped, 1u);
    const auto frame = sync->read_frame(Phase::ready);
    ASSERT_TRUE(frame);
    EXPECT_EQ(frame->header.type, 2);
}

TEST_F(HostileTest, sending_to_nobody_is_counted_or_ignored) {
    const auto node = last_node();
    node->network().send({0}, Stream::consensus, frame_of(1, {}));
    EXPECT_EQ(node->state_of(0).frames_dropped, 1u);
    node->network().send({3}, Stream::consensus, frame_of(1, {}));  // itself
    node->network().send({99}, Stream::consensus, frame_of(1, {})); // no such validator
    node->network().send({0}, Stream::consensus, Frame{});          // no payload
    EXPECT_EQ(node->state_of(0).frames_dropped, 2u);
}

} // namespace
} // namespace cairn::network
