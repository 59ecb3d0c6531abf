// The audit log of a running node: every act once, and anchors that leave an idle network alone.
#include "audit/verifier.hpp"
#include "base/errors/audit.hpp"
#include "codec/abi.hpp"
#include "crypto/certificate.hpp"
#include "crypto/hash.hpp"
#include "ledger/selector.hpp"
#include "node/audit_watch.hpp"
#include "node/signer_sealer.hpp"
#include "node/test_network.hpp"
#include "system/anchors.hpp"
#include "system/system_contracts.hpp"

#include <gtest/gtest.h>

#include <filesystem>
#include <map>
#include <random>
#include <thread>

namespace cairn::node {
namespace {

Bytes vote_data(std::string_view name, std::uint64_t value, std::uint64_t activation) {
    const auto selector = ledger::selector_of("change(string,uint256,uint256)");
    Bytes data{selector.begin(), selector.end()};
    append(data, *codec::abi_encode("(string,uint256,uint256)", {name, value, activation}));
    return data;
}

std::map<std::string, std::uint64_t> count_actions(const TestNetwork& network) {
    std::map<std::string, std::uint64_t> out;
    const auto& config = network.config(0);
    const auto at_rest = open_at_rest(config, network.genesis());
    EXPECT_TRUE(at_rest) << at_rest.error().text();
    const auto report = audit::verify_log((*at_rest)->files(), config.data_dir + "/audit", {.live = true},
                                          [&](const audit::Event& event) { ++out[event.action]; });
    EXPECT_TRUE(report) << report.error().text();
    if (report && report->findings_total != 0) ADD_FAILURE() << report->findings[0].text;
    return out;
}

TEST(Node, each_act_on_the_chain_is_one_event) {
    TestNetwork network(1, "acts");
    ASSERT_TRUE(network.start(0));
    std::mt19937_64 random{11};
    std::uint64_t calls = 0, transfers = 0, starts = 1;
    for (int i = 0; i < 40; ++i) {
        const auto height = network.chain(0).head().value;
        if (random() % 2 == 0) {
            // Some of them revert: those are acts too.
            const auto activation = random() % 2 == 0 ? 1 : height + 1'000;
            const auto data =
                vote_data(random() % 3 == 0 ? "nonsense" : "blockGasLimit", 40'000'000 + calls, activation);
            ASSERT_TRUE(
                network.chain(0).submit(network.call_by_organisation(0, calls, system::kParametersAddress, data)));
            ++calls;
        } else
            ASSERT_TRUE(network.chain(0).submit(network.transfer(transfers++)));
        ASSERT_TRUE(network.wait_for_height(height + 1));
        if (random() % 8 == 0) {
            network.stop(0);
            ASSERT_TRUE(network.start(0));
            ++starts;
        }
    }
    network.stop(0);
    ASSERT_TRUE(network.start(0)); // takes what came after the last block that was examined
    ++starts;
    network.stop(0);
    auto counts = count_actions(network);
    EXPECT_GT(calls, 10u);
    EXPECT_EQ(counts["transaction.submit"], calls);
    EXPECT_EQ(counts["contract.call"], calls);
    EXPECT_EQ(counts["node.start"], starts);
    EXPECT_EQ(counts["node.stop"], starts);
    EXPECT_EQ(counts["configuration.load"], starts);
    EXPECT_EQ(counts["key.counted"], starts);
    EXPECT_GE(counts["key.used"], starts);

    // Every use of a key that the signer has counted is accounted for by the node.
    const auto at_rest = open_at_rest(network.config(0), network.genesis());
    const auto report = audit::verify_log((*at_rest)->files(), network.config(0).data_dir + "/audit", {});
    ASSERT_TRUE(report) << report.error().text();
    ASSERT_TRUE(report->uses);
    EXPECT_GT(report->uses->of(ledger::KeyUse::vote), 100u);
    EXPECT_EQ(report->uses->of(ledger::KeyUse::seal), report->seals);
    EXPECT_EQ(text_of(report->unaccounted), text_of(ledger::KeyUses{}));
}

TEST(Node, a_flood_of_reads_is_bounded_and_hides_no_refusal) {
    TestNetwork network(1, "reads");
    constexpr std::uint64_t kReads = 3 * audit::kRepeatKeysMax;
    {
        auto node = Node::start(network.config(0));
        ASSERT_TRUE(node) << node.error().text();
        auto& watch = (*node)->audit();
        const audit::Event read{.origin = "client 127.0.0.1", .object = "contract 0x11", .action = "client.read"};
        const auto administrator = network.genesis().organisations[0].account;
        for (int i = 0; i < 50; ++i) ASSERT_TRUE(watch.read(read, administrator));
        ASSERT_TRUE(watch.read(read, std::nullopt));
        for (std::uint64_t i = 0; i < kReads; ++i) { // each by another, as a liar would have it
            Address named;
            named.bytes[0] = 0x77;
            named.bytes[18] = static_cast<std::uint8_t>(i >> 8);
            named.bytes[19] = static_cast<std::uint8_t>(i);
            ASSERT_TRUE(watch.read(read, named));
        }
        watch.note({.subject = "unknown",
                    .origin = "client 10.9.8.7",
                    .object = "client listener",
                    .action = "rpc.refused",
                    .outcome = audit::Outcome::refused,
                    .reason = "no token"});
    }
    std::vector<audit::Event> reads, refusals;
    const auto at_rest = open_at_rest(network.config(0), network.genesis());
    ASSERT_TRUE(at_rest);
    ASSERT_TRUE(audit::verify_log((*at_rest)->files(), network.config(0).data_dir + "/audit", {},
                                  [&](const audit::Event& event) {
                                      if (event.action == "client.read") reads.push_back(event);
                                      if (event.action == "rpc.refused") refusals.push_back(event);
                                  }));
    ASSERT_EQ(refusals.size(), 1u);
    EXPECT_EQ(refusals[0].origin, "client 10.9.8.7");
    ASSERT_GE(reads.size(), 3u);
    EXPECT_EQ(reads[0].subject, "account " + to_hex(network.genesis().organisations[0].account));
    EXPECT_EQ(reads[0].identity, network.genesis().organisations[0].name);
    EXPECT_EQ(reads[1].subject, "unknown");
    EXPECT_LE(reads.size(), 2 * (audit::kRepeatKeysMax + 1));
    std::uint64_t counted = 0;
    for (const auto& event : reads) {
        const auto more = event.reason.rfind("(and ");
        counted += more == std::string::npos ? 1 : std::stoull(event.reason.substr(more + 5));
    }
    EXPECT_EQ(counted, kReads + 51) << "none is lost from the count";
}

TEST(Node, anchors_are_paid_for_where_gas_has_a_price) {
    TestNetwork network(1, "paid-anchor", 0, ledger::Suite::international, crypto::CertificateKey::p256,
                        U256{1'000'000'000});
    auto config = network.config(0);
    const auto name = network.genesis().validators.members[0].name;
    const auto file = config.data_dir + ".anchor-account";
    {
        auto node = Node::start(config);
        ASSERT_TRUE(node) << node.error().text();
        EXPECT_EQ((*node)->audit().anchor_now().error().code, error::AuditNoPayer);
    }
    ASSERT_TRUE(crypto::write_secret_file(file, "no key\n"));
    config.audit_anchor_account_file = file;
    {
        auto node = Node::start(config);
        ASSERT_TRUE(node) << node.error().text();
        EXPECT_EQ((*node)->audit().anchor_now().error().code, error::AuditNoPayer);
    }
    std::filesystem::remove(file);
    ASSERT_TRUE(crypto::write_secret_file(file, to_hex(network.key()) + "\n"));
    auto node = Node::start(config);
    ASSERT_TRUE(node) << node.error().text();
    auto& chain = (*node)->chain();
    const auto latest = [&] { return system::latest_anchor(**chain.state(chain.head()), name); };
    std::uint64_t last = 0;
    for (int round = 0; round < 2; ++round) { // the second finds the nonce where the first left it
        ASSERT_TRUE((*node)->audit().trail().append({.subject = "test", .action = "configuration.load"},
                                                    audit::Durability::durable));
        const auto sent = (*node)->audit().anchor_now();
        ASSERT_TRUE(sent) << sent.error().text();
        for (int i = 0; i < 1'200 && (!latest() || latest()->sequence < *sent); ++i)
            std::this_thread::sleep_for(std::chrono::milliseconds{50});
        ASSERT_TRUE(latest());
        EXPECT_GE(latest()->sequence, *sent);
        EXPECT_GT(*sent, last);
        last = *sent;
    }
}

/// A node that has a key used and keeps it out of its log.
class HidingSealer final : public audit::Sealer {
public:
    explicit HidingSealer(const std::shared_ptr<signer::Client>& signer) : inner_(signer) {}
    crypto::ValidatorPublicKey key() const override { return inner_.key(); }
    std::optional<ledger::KeyUses> uses_at_start() const override { return inner_.uses_at_start(); }
    std::optional<ledger::KeyUses> uses() const override {
        auto out = inner_.uses();
        out->of(ledger::KeyUse::handshake) -= hidden;
        return out;
    }
    Result<audit::Sealed> seal(const audit::SealStatement& statement) override { return inner_.seal(statement); }
    Result<crypto::Signature> anchor(const ledger::AnchorStatement& statement) override {
        return inner_.anchor(statement);
    }
    std::uint64_t hidden = 0;

private:
    SignerSealer inner_;
};

TEST(Node, that_suppresses_one_use_of_a_key_is_seen_in_its_audit_log) {
    TestNetwork network(1, "hiding");
    const auto& config = network.config(0);
    const auto directory = config.data_dir + "/hidden";
    ASSERT_TRUE(std::filesystem::create_directories(directory));
    const auto run = [&](const std::string& name, std::uint64_t hidden) -> audit::Report {
        const auto client = signer::Client::start({.keys_file = config.keys_file,
                                                   .passphrase_file = config.passphrase_file,
                                                   .chain_id = network.genesis().parameters.chain_id});
        EXPECT_TRUE(client) << client.error().text();
        if (!client) return {};
        HidingSealer sealer{*client};
        const auto path = directory + "/" + name;
        auto opened = audit::open_trail(storage::posix_file_system(),
                                        {.directory = path,
                                         .node = "org0-1",
                                         .organisation = "Org0",
                                         .chain_id = network.genesis().parameters.chain_id},
                                        sealer, system_clock());
        EXPECT_TRUE(opened) << opened.error().text();
        for (std::uint8_t i = 0; i < 3; ++i) {
            EXPECT_TRUE((*client)->sign_handshake(crypto::certificate_verify(crypto::TlsSide::client, Hash256{})));
            if (i == 1) sealer.hidden = hidden;
            EXPECT_TRUE(
                opened->trail->append({.subject = "node", .action = "peer.connected"}, audit::Durability::grouped));
            EXPECT_TRUE(opened->trail->flush());
        }
        opened->trail.reset();
        const auto report = audit::verify_log(storage::posix_file_system(), path, {});
        EXPECT_TRUE(report) << report.error().text();
        return report ? *report : audit::Report{};
    };
    const auto honest = run("honest", 0);
    EXPECT_EQ(honest.findings_total, 0u) << honest.findings[0].text;
    const auto hiding = run("hiding", 1);
    ASSERT_EQ(hiding.findings_total, 1u);
    EXPECT_EQ(hiding.findings[0].fault, audit::Fault::hidden);
    EXPECT_NE(hiding.findings[0].text.find("handshakes"), std::string::npos) << hiding.findings[0].text;
}

TEST(Node, an_idle_network_is_anchored_once) {
    TestNetwork network(1, "anchor");
    auto config = network.config(0);
    config.audit_anchor_seconds = 1;
    auto node = Node::start(config);
    ASSERT_TRUE(node) << node.error().text();
    auto& chain = (*node)->chain();
    const auto name = network.genesis().validators.members[0].name;
    const auto latest = [&] { return system::latest_anchor(**chain.state(chain.head()), name); };
    for (int i = 0; i < 1'200 && !latest(); ++i) std::this_thread::sleep_for(std::chrono::milliseconds{50});
    ASSERT_TRUE(latest());
    const auto anchored = *latest();
    EXPECT_GT(anchored.sequence, 0u);
    // Several intervals later the node has not anchored its own anchor.
    std::this_thread::sleep_for(std::chrono::seconds{4});
    EXPECT_EQ(latest()->sequence, anchored.sequence);
    const auto sealed_by = system::seal_key_of(**chain.state(chain.head()), name);
    node->reset();

    audit::Expectation expected{.node = name};
    expected.anchors = audit::AnchorList{.node = name,
                                         .chain_id = network.genesis().parameters.chain_id,
                                         .seal_keys = {sealed_by.value()},
                                         .anchors = {{anchored.sequence, anchored.head, anchored.block_number}}};
    const auto at_rest = open_at_rest(config, network.genesis());
    ASSERT_TRUE(at_rest) << at_rest.error().text();
    const auto report = audit::verify_log((*at_rest)->files(), config.data_dir + "/audit", expected);
    ASSERT_TRUE(report) << report.error().text();
    EXPECT_EQ(report->findings_total, 0u);
    EXPECT_EQ(report->anchors_met, 1u);
}

} // namespace
} // namespace cairn::node
