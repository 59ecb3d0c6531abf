// Somebody has copies of a validator's keys.
#include "node/test_network.hpp"

#include "codec/abi.hpp"
#include "consensus/messages.hpp"
#include "consensus/signing.hpp"
#include "crypto/tls_key.hpp"
#include "ledger/selector.hpp"
#include "network/network.hpp"
#include "system/addresses.hpp"
#include "system/keys.hpp"

#include <algorithm>
#include <atomic>
#include <gtest/gtest.h>
#include <mutex>

namespace cairn::node {
namespace {

/// Holds copies of a validator's keys: says Amen to every vote that it hears, and so takes part wherever it is let in.
class Thief {
public:
    Thief(const TestNetwork& victims, std::size_t i, const crypto::ValidatorSeed& seed)
        : self_{static_cast<std::uint16_t>(i)}, signer_(crypto::ValidatorKey::from_seed(seed), kChainId) {
        class Copied final : public crypto::HandshakeSigner {
        public:
            explicit Copied(BytesView scalar)
                : key_(*crypto::TlsKey::from_secret(crypto::CertificateKey::p256, scalar)) {}
            Result<Bytes> sign_handshake(BytesView message) override {
                const std::lock_guard lock(mutex_);
                return key_.sign(message);
            }
            crypto::TlsPublicKey handshake_public_key() const override { return key_.public_key(); }

        private:
            std::mutex mutex_;
            crypto::TlsKey key_;
        };
        const auto& config = victims.config(i);
        auto started =
            network::start_network({.listen_port = config.listen_port,
                                    .certificate_file = config.tls_certificate_file,
                                    .handshake_signer = std::make_shared<Copied>(victims.sealed(i).tls_scalar),
                                    .seating = {.self = self_}},
                                   victims.genesis(),
                                   {.on_frame =
                                        [this](ValidatorIndex, network::Stream, network::Frame frame) {
                                            ++heard_;
                                            echo(frame);
                                        },
                                    .on_connected = [](ValidatorIndex) {},
                                    .on_disconnected = [](ValidatorIndex) {}});
        EXPECT_TRUE(started) << started.error().text();
        const std::lock_guard lock(mutex_);
        network_ = std::move(*started);
    }
    ~Thief() {
        std::unique_ptr<network::Network> last;
        const std::lock_guard lock(mutex_);
        last = std::move(network_);
    }
    std::size_t connected() const {
        return static_cast<std::size_t>(std::ranges::count_if(network_->peers(), &network::PeerState::connected));
    }
    std::uint64_t heard() const { return heard_; }

private:
    void echo(const network::Frame& frame) {
        if (static_cast<consensus::MessageType>(frame.type) != consensus::MessageType::vote) return;
        const auto heard = consensus::decode_vote_message(*frame.payload);
        if (!heard) return;
        const ledger::Vote own{heard->statement, self_, *signer_.sign_vote(heard->statement)};
        const std::unique_lock lock(mutex_, std::try_to_lock);
        if (!lock || !network_) return;
        network_->broadcast(network::Stream::consensus,
                            {frame.type, std::make_shared<const Bytes>(consensus::encode_vote(own))});
    }

    ValidatorIndex self_;
    consensus::KeySigner signer_;
    std::atomic<std::uint64_t> heard_ = 0;
    std::mutex mutex_;
    std::unique_ptr<network::Network> network_; // guarded by mutex_ against its own callbacks
};

TEST(Node, a_thief_with_a_validators_keys_is_cut_off_and_its_votes_count_nowhere_after_the_quarantine) {
    constexpr std::size_t kVictim = 3;
    TestNetwork network(4, "thief");
    for (std::size_t i = 0; i < kVictim; ++i) ASSERT_TRUE(network.start(i));
    auto thief = std::make_unique<Thief>(network, kVictim, voting_seed("thief", kVictim));
    const auto uses = [&](std::size_t i, std::uint64_t from) {
        std::size_t out = 0;
        for (auto h = from; h <= network.chain(i).head().value; ++h) {
            const auto certificate = network.chain(i).certificate(Height{h});
            if (!certificate) continue;
            out += static_cast<std::size_t>(
                std::ranges::count(certificate->entries, ValidatorIndex{kVictim}, &ledger::Certificate::Entry::voter));
        }
        return out;
    };
    std::uint64_t nonce = 0;
    const auto go_on = [&](std::uint64_t transfers) {
        transfer_until_final(network, 0, nonce, nonce + transfers);
        nonce += transfers;
    };
    for (int i = 0; i < 40 && uses(0, 1) + uses(1, 1) + uses(2, 1) == 0; ++i) ASSERT_NO_FATAL_FAILURE(go_on(3));
    ASSERT_GT(uses(0, 1) + uses(1, 1) + uses(2, 1), 0u) << "a test of nothing: the thief's votes never counted";
    ASSERT_TRUE(eventually([&] { return thief->connected() == kVictim; }, std::chrono::seconds{30}));

    const auto open = ledger::selector_of("openIncident(bytes32,uint64,string)");
    Bytes data{open.begin(), open.end()};
    append(data,
           *codec::abi_encode("(bytes32,uint64,string)",
                              {system::key_id(network.genesis().validators.members[kVictim].key.bytes), 0, "stolen"}));
    const auto before = network.chain(0).head().value;
    const auto hash = network.chain(0).submit(network.call_by_organisation(kVictim, 0, system::kKeysAddress, data));
    ASSERT_TRUE(hash) << hash.error().text();
    const auto start = std::chrono::steady_clock::now();
    ASSERT_TRUE(
        eventually([&] { return network.chain(0).find_transaction(*hash).has_value(); }, std::chrono::seconds{30}));
    const auto quarantine = network.chain(0).find_transaction(*hash)->height.value;
    EXPECT_TRUE(eventually([&] { return thief->connected() == 0; }, std::chrono::seconds{30}));
    const auto took = std::chrono::duration_cast<std::chrono::milliseconds>(std::chrono::steady_clock::now() - start);
    std::printf("from the command to the last cut connection: %lld ms, %llu blocks\n",
                static_cast<long long>(took.count()), static_cast<unsigned long long>(quarantine - before));

    // It comes again and again, and is let in nowhere; the others go on without it.
    const auto heard = thief->heard();
    ASSERT_NO_FATAL_FAILURE(go_on(20));
    EXPECT_EQ(thief->connected(), 0u);
    EXPECT_EQ(thief->heard(), heard);
    ASSERT_TRUE(network.wait_for_height(network.chain(0).head().value));
    for (std::size_t i = 0; i < kVictim; ++i) EXPECT_EQ(uses(i, quarantine + 3), 0u) << "node " << i;

    // A restart knows it, too.
    for (std::size_t i = 0; i < kVictim; ++i) network.stop(i);
    for (std::size_t i = 0; i < kVictim; ++i) ASSERT_TRUE(network.start(i));
    ASSERT_NO_FATAL_FAILURE(go_on(5));
    EXPECT_EQ(thief->connected(), 0u);
    EXPECT_EQ(thief->heard(), heard);
    for (std::size_t i = 0; i < kVictim; ++i) EXPECT_EQ(uses(i, quarantine + 3), 0u) << "node " << i;
    expect_same_blocks(network, kVictim, quarantine);
}

} // namespace
} // namespace cairn::node
