#include "base/errors/crypto.hpp"
#include "base/errors/network.hpp"
#include "network/test_network.hpp"

#include <openssl/ui.h>

namespace cairn::network {
namespace {

using namespace testing;

class NetworkTest : public ::testing::Test {
protected:
    static void SetUpTestSuite() { consortium_ = new Consortium; }
    static void TearDownTestSuite() {
        delete consortium_;
        consortium_ = nullptr;
    }
    static Consortium& consortium() { return *consortium_; }
    /// Redials quickly, so that the tests do.
    static NetworkTuning quick() {
        NetworkTuning tuning;
        tuning.redial_min = Milliseconds(5);
        tuning.redial_max = Milliseconds(50);
        return tuning;
    }

private:
    static inline Consortium* consortium_ = nullptr;
};

TEST_F(NetworkTest, four_nodes_exchange_frames_on_every_stream) {
    const auto nodes = start_all(consortium(), quick());
    ASSERT_TRUE(all_connected(nodes));
    for (std::uint16_t i = 0; i < 4; ++i)
        for (std::uint8_t stream = 0; stream < kStreams; ++stream)
            nodes[i]->network().broadcast(static_cast<Stream>(stream),
                                          frame_of(stream, Bytes{static_cast<std::uint8_t>(i), stream}));
    for (std::uint16_t i = 0; i < 4; ++i) {
        ASSERT_TRUE(eventually([&] { return nodes[i]->received_count() == 9; })) << nodes[i]->received_count();
        std::map<std::pair<std::uint16_t, Stream>, int> seen;
        for (const auto& [from, stream, frame] : nodes[i]->received()) {
            EXPECT_EQ(frame.type, static_cast<std::uint8_t>(stream));
            EXPECT_EQ(*frame.payload, (Bytes{static_cast<std::uint8_t>(from.value), frame.type}));
            EXPECT_NE(from.value, i);
            ++seen[{from.value, stream}];
        }
        EXPECT_EQ(seen.size(), 9u);
        EXPECT_EQ(nodes[i]->connects(), 3);
    }
}

TEST_F(NetworkTest, frames_of_one_stream_arrive_in_order_and_whole) {
    const auto nodes = start_all(consortium(), quick());
    ASSERT_TRUE(all_connected(nodes));
    // Small ones that share writes, then sizes around every boundary up to the limit.
    std::vector<std::size_t> sizes(500, 40);
    for (const std::size_t size :
         {0u, 1u, 4095u, 4096u, 4097u, 16'372u, 16'384u, 65'536u, 1u << 20, (2u << 20) - 1, 2u << 20})
        sizes.push_back(size);
    for (std::size_t i = 0; i < sizes.size(); ++i) {
        Bytes payload(sizes[i]);
        for (std::size_t k = 0; k < payload.size(); ++k) payload[k] = static_cast<std::uint8_t>(k * 7 + i);
        nodes[2]->network().send({0}, Stream::data, frame_of(static_cast<std::uint8_t>(i), std::move(payload)));
    }
    ASSERT_TRUE(eventually([&] { return nodes[0]->received_count() == sizes.size(); })) << nodes[0]->received_count();
    const auto received = nodes[0]->received();
    for (std::size_t i = 0; i < sizes.size(); ++i) {
        const auto& frame = received[i].frame;
        ASSERT_EQ(frame.type, static_cast<std::uint8_t>(i));
        ASSERT_EQ(frame.payload->size(), sizes[i]);
        for (std::size_t k = 0; k < sizes[i]; k += 997)
            ASSERT_EQ((*frame.payload)[k], static_cast<std::uint8_t>(k * 7 + i));
    }
    EXPECT_EQ(nodes[2]->state_of(0).frames_dropped, 0u);
}

TEST_F(NetworkTest, largest_frame_of_each_stream_passes_and_a_larger_one_is_not_sent) {
    const auto nodes = start_all(consortium(), quick());
    ASSERT_TRUE(all_connected(nodes));
    for (std::uint8_t stream = 0; stream < kStreams; ++stream) {
        const auto limit = payload_max(static_cast<Stream>(stream));
        nodes[0]->network().send({3}, static_cast<Stream>(stream), frame_of(1, Bytes(limit + 1)));
        nodes[0]->network().send({3}, static_cast<Stream>(stream), frame_of(2, Bytes(limit)));
    }
    ASSERT_TRUE(eventually([&] { return nodes[3]->received_count() == kStreams; }));
    for (const auto& [from, stream, frame] : nodes[3]->received()) {
        EXPECT_EQ(frame.type, 2);
        EXPECT_EQ(frame.payload->size(), payload_max(stream));
    }
    EXPECT_EQ(nodes[0]->state_of(3).frames_dropped, kStreams);
}

TEST_F(NetworkTest, restarted_peer_is_connected_again) {
    auto nodes = start_all(consortium(), quick());
    ASSERT_TRUE(all_connected(nodes));
    // 3 is dialled by all others: they must come back to it.
    const auto port = nodes[3]->port();
    nodes[3].reset();
    for (std::uint16_t i = 0; i < 3; ++i)
        ASSERT_TRUE(eventually([&] { return !nodes[i]->connected_to(3) && nodes[i]->disconnects() == 1; }));
    // The other streams of the connection that ended first follow it; what is sent then is dropped and counted.
    EXPECT_TRUE(eventually([&] {
        nodes[0]->network().send({3}, Stream::consensus, frame_of(1, {1}));
        return nodes[0]->state_of(3).frames_dropped > 0;
    }));
    nodes[3] =
        std::make_unique<Node>(consortium(), std::uint16_t{3}, std::map<ValidatorIndex, std::string>{}, quick(), port);
    ASSERT_TRUE(all_connected(nodes));
    // 0 dials all others: it must come to them.
    nodes[0].reset();
    ASSERT_TRUE(eventually([&] { return !nodes[1]->connected_to(0); }));
    nodes[0] =
        std::make_unique<Node>(consortium(), std::uint16_t{0},
                               std::map<ValidatorIndex, std::string>{
                                   {{1}, nodes[1]->address()}, {{2}, nodes[2]->address()}, {{3}, nodes[3]->address()}},
                               quick());
    ASSERT_TRUE(all_connected(nodes));
    nodes[3]->network().broadcast(Stream::consensus, frame_of(9, {9}));
    nodes[0]->network().broadcast(Stream::consensus, frame_of(8, {8}));
    for (std::uint16_t i = 1; i < 3; ++i) ASSERT_TRUE(eventually([&] { return nodes[i]->received_count() == 2; }));
}

TEST_F(NetworkTest, traffic_keys_change_under_load_without_loss) {
    auto tuning = quick();
    tuning.rekey_bytes = 64 * 1024;
    tuning.tls_controls = {1'000, 1'000};
    const auto nodes = start_all(consortium(), tuning);
    ASSERT_TRUE(all_connected(nodes));
    for (int i = 0; i < 100; ++i) {
        nodes[0]->network().send({1}, Stream::data, frame_of(1, Bytes(50'000, static_cast<std::uint8_t>(i))));
        nodes[1]->network().send({0}, Stream::data, frame_of(1, Bytes(50'000, static_cast<std::uint8_t>(i))));
    }
    for (const std::size_t i : {0u, 1u}) {
        ASSERT_TRUE(eventually([&] { return nodes[i]->received_count() == 100; })) << nodes[i]->received_count();
        EXPECT_EQ(nodes[i]->disconnects(), 0);
    }
}

TEST_F(NetworkTest, stops_cleanly_in_the_middle_of_traffic) {
    for (int round = 0; round < 3; ++round) {
        auto nodes = start_all(consortium(), quick());
        if (round > 0) {
            ASSERT_TRUE(all_connected(nodes));
        }
        std::atomic<bool> run = true;
        std::thread sender([&] {
            while (run) {
                nodes[0]->network().broadcast(Stream::data, frame_of(1, Bytes(10'000)));
                nodes[0]->network().send({1}, Stream::consensus, frame_of(1, Bytes(100)));
            }
        });
        if (round > 0) {
            EXPECT_TRUE(eventually([&] { return nodes[1]->received_count() > 50; }));
        }
        nodes[2].reset();
        nodes[3].reset();
        run = false;
        sender.join();
        nodes[0].reset();
    }
}

TEST_F(NetworkTest, port_that_is_taken_is_named) {
    const Node first(consortium(), 3, {});
    NetworkConfig config;
    config.listen_port = first.port();
    config.certificate_file = consortium().certificate_file(2);
    config.handshake_signer = consortium().handshake_signer(2);
    config.seating.self = {2};
    const auto second = start_network(config, consortium().genesis(), {});
    ASSERT_FALSE(second);
    EXPECT_EQ(second.error().code, error::PortInUse);
    EXPECT_NE(second.error().detail.find("127.0.0.1:" + std::to_string(first.port())), std::string::npos);
}

TEST_F(NetworkTest, own_certificate_that_others_would_refuse_is_refused_at_start) {
    const auto start = [&](const crypto::CertifiedKey& key, std::uint16_t self, const std::string& ca = {}) {
        static int number = 0;
        const auto certificate = consortium().path("own-" + std::to_string(number) + ".crt");
        ++number;
        Consortium::write(certificate, key.certificate_pem + ca);
        NetworkConfig config;
        config.certificate_file = certificate;
        config.handshake_signer = *crypto::local_handshake_signer(key.key_pem.view());
        config.seating.self = {self};
        const auto started = start_network(config, consortium().genesis(), {});
        return started ? std::string() : std::string(error_id(started.error().code));
    };
    const auto id = [](ErrorCode code) { return std::string(error_id(code)); };
    EXPECT_EQ(start(consortium().certificate(1, 1), 1), "");
    EXPECT_EQ(start(consortium().certificate(1, 1), 2), id(error::CertificateForeign));
    EXPECT_EQ(start(consortium().certificate(2, 1), 1), id(error::CertificateForeign));
    EXPECT_EQ(start(consortium().certificate(4, 1), 1), id(error::CertificateForeign));
    // A CA that the file itself names counts for nobody else's nodes, and only for what it has signed.
    for (const std::uint16_t ca : {std::uint16_t{2}, std::uint16_t{4}})
        EXPECT_EQ(start(consortium().certificate(ca, 1), 1, consortium().ca(ca).certificate_pem),
                  id(error::CertificateForeign));
    const auto own = *crypto::create_ca("B", consortium().validity(), crypto::system_random());
    EXPECT_EQ(start(consortium().certificate(4, 1), 1, own.certificate_pem), id(error::CertificateForeign));
    const auto now = consortium().now();
    EXPECT_EQ(start(consortium().certificate(1, 1, {now - 1000, now - 10}), 1), id(error::CertificateExpired));
    crypto::CertifiedKey mixed{consortium().certificate(1, 1).certificate_pem,
                               crypto::SecretText(std::string(consortium().certificate(1, 1).key_pem.view()))};
    EXPECT_EQ(start(mixed, 1), id(error::KeyInvalid));
    EXPECT_EQ(start(consortium().certificate(1, 1), 9), id(error::CertificateForeign));
}

TEST_F(NetworkTest, encrypted_certificate_is_refused_and_nobody_is_asked_at_the_terminal) {
    static bool asked = false;
    auto* terminal = UI_create_method("test");
    UI_method_set_opener(terminal, [](UI*) {
        asked = true;
        return 0;
    });
    UI_set_default_method(terminal);
    const auto encrypted = [](std::string pem) {
        const std::string_view begin = "-----BEGIN CERTIFICATE-----\n";
        EXPECT_TRUE(pem.starts_with(begin));
        return pem.insert(begin.size(), "Proc-Type: 4,ENCRYPTED\n"
                                        "DEK-Info: AES-256-CBC,000102030405060708090A0B0C0D0E0F\n\n");
    };
    const auto key = consortium().certificate(1, 1);
    const auto& ca = consortium().ca(1).certificate_pem;
    for (const auto& chain : {encrypted(key.certificate_pem) + ca, key.certificate_pem + encrypted(ca)}) {
        NetworkConfig config;
        config.certificate_file = consortium().path("encrypted.crt");
        Consortium::write(config.certificate_file, chain);
        config.handshake_signer = *crypto::local_handshake_signer(key.key_pem.view());
        config.seating.self = {1};
        const auto started = start_network(config, consortium().genesis(), {});
        ASSERT_FALSE(started);
        EXPECT_EQ(started.error().code, error::CertificateInvalid) << started.error().text();
        EXPECT_FALSE(asked);
    }
    UI_set_default_method(UI_OpenSSL());
    UI_destroy_method(terminal);
}

} // namespace
} // namespace cairn::network
