// Certificates over their life: judged by what the chain says, renewed while in use, rolled over, revoked, expired.
#include "base/errors/crypto.hpp"
#include "base/errors/network.hpp"
#include "crypto/hash.hpp"
#include "network/peer_identity.hpp"
#include "network/test_network.hpp"

#include <set>

namespace cairn::network {
namespace {

using namespace testing;

/// What the chain would say, set by the test.
class MovableTrust final : public PeerTrust {
public:
    explicit MovableTrust(const ledger::Genesis& genesis) {
        for (const auto& one : genesis.organisations)
            cas_[one.name] = {*crypto::certificate_der(one.ca_certificate_pem)};
    }
    std::vector<Bytes> cas_of(std::string_view organisation) const override {
        const std::lock_guard lock(mutex_);
        ++asked_;
        return cas_.at(std::string(organisation));
    }
    /// How often somebody wanted to know whom an organisation's CA certifies.
    std::size_t asked() const {
        const std::lock_guard lock(mutex_);
        return asked_;
    }
    bool is_revoked(std::string_view, const Hash256& id) const override {
        const std::lock_guard lock(mutex_);
        return revoked_.contains(id);
    }
    void trust(const std::string& organisation, const crypto::CertifiedKey& ca) {
        const std::lock_guard lock(mutex_);
        cas_[organisation].push_back(*crypto::certificate_der(ca.certificate_pem));
    }
    void remove_first(const std::string& organisation) {
        const std::lock_guard lock(mutex_);
        cas_[organisation].erase(cas_[organisation].begin());
    }
    void revoke(const Hash256& id) {
        const std::lock_guard lock(mutex_);
        revoked_.insert(id);
    }

private:
    mutable std::mutex mutex_;
    std::map<std::string, std::vector<Bytes>> cas_;
    std::set<Hash256> revoked_;
    mutable std::size_t asked_ = 0;
};

NetworkTuning quick() {
    NetworkTuning tuning;
    tuning.redial_min = Milliseconds(5);
    tuning.redial_max = Milliseconds(50);
    tuning.ping_interval = Milliseconds(100);
    tuning.renewal_check = Milliseconds(10);
    return tuning;
}

class TrustTest : public ::testing::Test {
protected:
    TrustTest() : trust(std::make_shared<MovableTrust>(consortium.genesis())) {}

    std::unique_ptr<Node> last_node(const NetworkTuning& tuning = quick()) {
        return std::make_unique<Node>(consortium, std::uint16_t{3}, std::map<ValidatorIndex, std::string>{}, tuning,
                                      std::uint16_t{0}, trust);
    }
    std::vector<std::unique_ptr<Node>> four() {
        std::vector<std::unique_ptr<Node>> nodes(Consortium::kNodes);
        std::map<ValidatorIndex, std::string> addresses;
        for (std::uint16_t i = Consortium::kNodes; i-- > 0;) {
            nodes[i] = std::make_unique<Node>(consortium, i, addresses, quick(), std::uint16_t{0}, trust);
            addresses[{i}] = nodes[i]->address();
        }
        return nodes;
    }
    /// Replaces the files as an operator's tool does: key first, then certificate, each by a rename.
    void install(std::uint16_t node, const crypto::CertifiedKey& key, const crypto::CertifiedKey& ca) {
        replace(consortium.key_file(node), key.key_pem.view());
        replace(consortium.certificate_file(node), key.certificate_pem + ca.certificate_pem);
    }
    static void replace(const std::string& path, std::string_view text) {
        const auto temporary = path + ".new";
        std::filesystem::remove(temporary);
        ASSERT_TRUE(crypto::write_secret_file(temporary, text));
        std::filesystem::rename(temporary, path);
    }
    /// What the node says of a stranger with this certificate.
    static Error refusal(Node& node, const std::string& chain, std::string_view key) {
        const auto before = node.refusals().size();
        TlsClient client(node.port(), TlsClient::Options{chain, std::string(key)});
        client.closed_by_peer();
        EXPECT_TRUE(eventually([&] { return node.refusals().size() > before; }));
        const auto refusals = node.refusals();
        return refusals.size() > before ? refusals[before] : Error{};
    }

    Consortium consortium;
    std::shared_ptr<MovableTrust> trust;
};

TEST_F(TrustTest, every_bad_certificate_is_refused_for_its_own_reason) {
    const auto now = consortium.now();
    const auto node = last_node();
    const auto issue = [&](const crypto::Validity& validity) { return consortium.certificate(0, 0, validity); };
    const auto revoked = issue(consortium.validity());
    trust->revoke(crypto::inspect_certificate(revoked.certificate_pem)->fingerprint);
    const auto key_revoked = issue(consortium.validity());
    trust->revoke(crypto::inspect_certificate(key_revoked.certificate_pem)->key_id);
    Address account;
    account.bytes.fill(7);
    const auto person =
        crypto::issue_client_certificate(consortium.ca(0), "A", "someone", {crypto::ClientKind::person, account},
                                         consortium.validity(), crypto::system_random());
    ASSERT_TRUE(person);
    std::string long_chain;
    for (int i = 0; i < 5; ++i) long_chain += consortium.ca(0).certificate_pem;
    const auto good = issue(consortium.validity());
    struct Animal {
        ErrorCode code;
        const crypto::CertifiedKey& key;
        std::string more;
    };
    const auto stranger = consortium.certificate(4, 0), nobody = consortium.certificate(0, 9),
               neighbour = consortium.certificate(1, 0), expired = issue({now - 3000, now - 1000}),
               early = issue({now + 1000, now + 3000});
    const Animal zoo[] = {
        {error::CertificateForeign, stranger, {}},      {error::CertificateForeign, neighbour, {}},
        {error::CertificateForeign, nobody, {}},        {error::CertificateExpired, expired, {}},
        {error::CertificateNotYetValid, early, {}},     {error::CertificateRevoked, revoked, {}},
        {error::CertificateRevoked, key_revoked, {}},   {error::CertificateNameWrong, *person, {}},
        {error::CertificateTooLarge, good, long_chain},
    };
    for (const auto& animal : zoo) {
        const auto said = refusal(*node, animal.key.certificate_pem + animal.more, animal.key.key_pem.view());
        EXPECT_EQ(said.code, animal.code) << said.text();
    }
    EXPECT_EQ(node->network().counters().certificates_refused, std::size(zoo));
    EXPECT_EQ(node->connects(), 0);
    TlsClient client(node->port(), good);
    EXPECT_TRUE(client.say_hello(consortium, Stream::consensus));
}

TEST_F(TrustTest, a_revocation_cuts_a_live_connection_and_a_new_key_comes_back) {
    const auto nodes = four();
    ASSERT_TRUE(all_connected(nodes));
    std::ifstream file(consortium.certificate_file(0));
    const std::string pem{std::istreambuf_iterator<char>(file), {}};
    trust->revoke(crypto::inspect_certificate(pem)->key_id);
    for (const auto& node : nodes) node->network().judge_again();
    for (std::uint16_t i = 1; i < 4; ++i) {
        EXPECT_TRUE(eventually([&] { return !nodes[i]->connected_to(0); })) << i;
        EXPECT_TRUE(eventually([&] { return nodes[i]->network().counters().certificates_cut > 0; }));
    }
    EXPECT_TRUE(nodes[1]->connected_to(2)) << "the others stay";
    EXPECT_EQ(nodes[1]->disconnects(), 1);
    install(0, consortium.certificate(0, 0), consortium.ca(0));
    EXPECT_TRUE(all_connected(nodes));
}

TEST_F(TrustTest, a_stopped_voting_key_keeps_its_validator_out_but_not_from_starting) {
    const auto& member = consortium.genesis().validators.members[3];
    trust->revoke(crypto::keccak256(member.key.bytes));
    const auto node = last_node(); // fails if it does not start
    const auto issued = crypto::issue_node_certificate(consortium.ca(3),
                                                       {member.organisation, member.name, Consortium::consensus_key(3)},
                                                       consortium.validity(), crypto::system_random());
    ASSERT_TRUE(issued);
    const auto certificate = crypto::certificate_der(issued->certificate_pem);
    ASSERT_TRUE(certificate);
    const auto now = system_clock().wall().count() / 1000;
    const auto& set = consortium.genesis().validators;
    const auto refused = identify_peer(*certificate, set, *trust, now);
    ASSERT_FALSE(refused);
    EXPECT_EQ(refused.error().code, error::CertificateRevoked);
    // With a new key in the seat the same certificate is good, although it names the old one; with another's name it is not.
    auto next = set;
    next.members[3].key.bytes.bytes.fill(0x42);
    const auto again = identify_peer(*certificate, next, *trust, now);
    ASSERT_TRUE(again) << again.error().text();
    EXPECT_EQ(*again, ValidatorIndex{3});
    next.members[3].name = "another";
    EXPECT_EQ(identify_peer(*certificate, next, *trust, now).error().code, error::CertificateForeign);
}

TEST_F(TrustTest, a_stopped_tls_key_keeps_its_validator_out_but_not_from_starting_or_from_coming_back) {
    std::ifstream file(consortium.certificate_file(3));
    const std::string pem{std::istreambuf_iterator<char>(file), {}};
    trust->revoke(crypto::inspect_certificate(pem)->key_id);
    // The stop was lifted while node 3 was away: only the others know.
    const auto newest = std::make_shared<MovableTrust>(consortium.genesis());
    const auto away = last_node();
    const std::map<ValidatorIndex, std::string> addresses{{ValidatorIndex{3}, away->address()}};
    const Node other(consortium, std::uint16_t{0}, addresses, quick(), std::uint16_t{0}, newest);
    EXPECT_TRUE(eventually([&] { return other.connected_to(3); }));
    EXPECT_TRUE(eventually([&] { return away->connected_to(0); }));
    Seating next{consortium.genesis().validators, ValidatorIndex{3}, {}};
    next.validators.epoch = Epoch{1};
    EXPECT_TRUE(away->network().seat(next, {})) << "nor does it end with an epoch";
    // Those who know of the stop refuse it.
    const Node knowing(consortium, std::uint16_t{1}, addresses, quick(), std::uint16_t{0}, trust);
    EXPECT_TRUE(eventually([&] { return !knowing.state_of(3).last_error.empty(); }));
    EXPECT_FALSE(knowing.connected_to(3));
    // And the node takes no certificate into use that it knows to be revoked.
    install(3, consortium.certificate(3, 3), consortium.ca(3));
    EXPECT_TRUE(eventually([&] { return away->network().counters().renewals == 1; }));
    const auto another = consortium.certificate(3, 3);
    trust->revoke(crypto::inspect_certificate(another.certificate_pem)->fingerprint);
    install(3, another, consortium.ca(3));
    EXPECT_TRUE(eventually([&] { return away->network().counters().renewals_refused > 0; }));
}

TEST_F(TrustTest, a_renewed_certificate_is_used_for_new_handshakes_and_no_connection_is_lost) {
    const auto nodes = four();
    ASSERT_TRUE(all_connected(nodes));
    const auto before = nodes[2]->network().certificate().fingerprint;
    const auto renewed = consortium.certificate(2, 2);
    install(2, renewed, consortium.ca(2));
    ASSERT_TRUE(eventually([&] { return nodes[2]->network().certificate().fingerprint != before; }));
    EXPECT_EQ(nodes[2]->network().certificate().fingerprint,
              crypto::inspect_certificate(renewed.certificate_pem)->fingerprint);
    EXPECT_EQ(nodes[2]->network().counters().renewals, 1u);
    for (const auto& node : nodes) EXPECT_EQ(node->disconnects(), 0);
    // A late comer meets the new one; the old connections still carry frames.
    nodes[0]->network().send({2}, Stream::consensus, frame_of(1, {1}));
    EXPECT_TRUE(eventually([&] { return nodes[2]->received_count() == 1; }));
}

TEST_F(TrustTest, nodes_with_keys_of_either_algorithm_are_connected_and_a_renewal_may_change_it) {
    const auto install_ed25519 = [&](std::uint16_t i) {
        const auto made = consortium.certificate(i, i, consortium.validity(), crypto::CertificateKey::ed25519);
        install(i, made, consortium.ca(i));
        return crypto::inspect_certificate(made.certificate_pem)->fingerprint;
    };
    install_ed25519(0);
    install_ed25519(1);
    auto nodes = four();
    ASSERT_TRUE(all_connected(nodes)) << "each kind as dialling and as dialled side, and both with their like";
    for (std::uint16_t i = 0; i < Consortium::kNodes; ++i)
        nodes[i]->network().broadcast(Stream::consensus, frame_of(1, {1}));
    for (const auto& node : nodes) EXPECT_TRUE(eventually([&] { return node->received_count() == 3; }));

    const auto renewed = install_ed25519(2);
    ASSERT_TRUE(eventually([&] { return nodes[2]->network().certificate().fingerprint == renewed; }));
    const auto tuning = quick();
    std::map<ValidatorIndex, std::string> addresses;
    for (std::uint16_t i = 1; i < Consortium::kNodes; ++i) addresses[{i}] = nodes[i]->address();
    nodes[0].reset();
    ASSERT_TRUE(eventually([&] { return !nodes[2]->connected_to(0); }));
    nodes[0] = std::make_unique<Node>(consortium, std::uint16_t{0}, addresses, tuning, std::uint16_t{0}, trust);
    EXPECT_TRUE(all_connected(nodes)) << "a handshake with the new key";
    EXPECT_EQ(nodes[2]->network().counters().renewals_refused, 0u);
}

TEST_F(TrustTest, a_renewal_that_others_would_refuse_is_not_taken_into_use) {
    const auto node = last_node();
    const auto key = crypto::read_secret_file(consortium.key_file(3));
    const auto before = node->network().certificate().fingerprint;
    install(3, consortium.certificate(3, 3, {consortium.now() - 3000, consortium.now() - 1000}), consortium.ca(3));
    EXPECT_TRUE(eventually([&] { return node->network().counters().renewals_refused > 0; }));
    install(3, consortium.certificate(4, 3), consortium.ca(4)); // of a CA that nobody trusts
    EXPECT_TRUE(eventually([&] { return node->network().counters().renewals_refused > 1; }));
    replace(consortium.key_file(3), key->view());
    EXPECT_EQ(node->network().certificate().fingerprint, before);
    EXPECT_EQ(node->network().counters().renewals, 0u);
    TlsClient client(node->port(), consortium.certificate(0, 0));
    EXPECT_TRUE(client.say_hello(consortium, Stream::consensus));
}

TEST_F(TrustTest, a_refused_renewal_is_taken_into_use_once_its_ca_is_trusted) {
    const auto fresh = *crypto::create_ca("D", consortium.validity(), crypto::system_random());
    const auto leaf = *crypto::issue_node_certificate(fresh, {"D", "node-D", Consortium::consensus_key(3)},
                                                      consortium.validity(), crypto::system_random());
    const auto original = crypto::read_secret_file(consortium.key_file(3));
    std::ifstream file(consortium.certificate_file(3));
    const std::string original_pem{std::istreambuf_iterator<char>(file), {}};
    for (const bool told : {true, false}) {
        auto tuning = quick();
        tuning.renewal_retry = told ? Milliseconds(3'600'000) : Milliseconds(20);
        trust = std::make_shared<MovableTrust>(consortium.genesis());
        replace(consortium.key_file(3), original->view());
        replace(consortium.certificate_file(3), original_pem);
        const auto node = last_node(tuning);
        install(3, leaf, fresh);
        ASSERT_TRUE(eventually([&] { return node->network().counters().renewals_refused == 1; }));
        if (!told) { // it tries by itself, and says the same reason once
            const auto asked = trust->asked();
            ASSERT_TRUE(eventually([&] { return trust->asked() >= asked + 2; }));
        }
        trust->trust("D", fresh);
        if (told) node->network().judge_again();
        EXPECT_TRUE(eventually([&] { return node->network().counters().renewals == 1; })) << told;
        EXPECT_EQ(node->network().certificate().fingerprint,
                  crypto::inspect_certificate(leaf.certificate_pem)->fingerprint);
        EXPECT_EQ(node->network().counters().renewals_refused, 1u);
    }
}

TEST_F(TrustTest, a_ca_rolls_over_in_three_stages_without_losing_a_connection) {
    const auto nodes = four();
    ASSERT_TRUE(all_connected(nodes));
    const auto fresh = *crypto::create_ca("B", consortium.validity(), crypto::system_random());
    const auto leaf = *crypto::issue_node_certificate(fresh, {"B", "node-B", Consortium::consensus_key(1)},
                                                      consortium.validity(), crypto::system_random());
    // Too early, the new certificate is refused by the node itself.
    install(1, leaf, fresh);
    ASSERT_TRUE(eventually([&] { return nodes[1]->network().counters().renewals_refused > 0; }));
    trust->trust("B", fresh);
    install(1, leaf, fresh);
    ASSERT_TRUE(eventually([&] { return nodes[1]->network().counters().renewals == 1; }));
    for (const auto& node : nodes) EXPECT_EQ(node->disconnects(), 0);
    // The old connections were made with the old CA's certificate: they are cut, and dialled again with the new one.
    trust->remove_first("B");
    for (const auto& node : nodes) node->network().judge_again();
    for (const std::uint16_t i : {std::uint16_t{0}, std::uint16_t{2}, std::uint16_t{3}})
        EXPECT_TRUE(eventually([&] { return nodes[i]->network().counters().certificates_cut > 0; }));
    EXPECT_TRUE(all_connected(nodes));
    EXPECT_EQ(nodes[0]->disconnects(), 1) << "only the one to B";
    EXPECT_EQ(nodes[2]->disconnects(), 1);
}

/// The chain has replaced the CA of D while node 3 was away: only the others know.
TEST_F(TrustTest, a_node_goes_on_with_a_certificate_of_its_organisations_next_ca_that_only_the_others_know) {
    const auto next = *crypto::create_ca("D", consortium.validity(), crypto::system_random());
    const auto issue = [&](const crypto::CertifiedKey& ca) {
        return *crypto::issue_node_certificate(ca, {"D", "node-D", Consortium::consensus_key(3)}, consortium.validity(),
                                               crypto::system_random());
    };
    const auto told = std::make_shared<MovableTrust>(consortium.genesis());
    told->trust("D", next);
    told->remove_first("D");
    auto tuning = quick();
    tuning.cut_off_after = Milliseconds(300);
    auto away = last_node(tuning);
    std::vector<std::unique_ptr<Node>> others;
    std::map<ValidatorIndex, std::string> addresses{{ValidatorIndex{3}, away->address()}};
    const auto bring_others = [&] {
        for (std::uint16_t i = 3; i-- > 0;) {
            others.push_back(std::make_unique<Node>(consortium, i, addresses, quick(), std::uint16_t{0}, told));
            addresses[{i}] = others.back()->address();
        }
    };
    bring_others();
    // Running: nobody lets it in with the old one, so it has nothing to lose with the next.
    install(3, issue(next), next);
    for (const auto& other : others) EXPECT_TRUE(eventually([&] { return other->connected_to(3); }));
    EXPECT_EQ(away->network().counters().renewals, 1u);
    // With a quorum it takes none that is unknown to it, whoever issued it.
    const auto stranger = *crypto::create_ca("D", consortium.validity(), crypto::system_random());
    const auto refused = away->network().counters().renewals_refused;
    install(3, issue(stranger), stranger);
    EXPECT_TRUE(eventually([&] { return away->network().counters().renewals_refused > refused; }));
    // From its start on.
    install(3, issue(next), next);
    others.clear();
    away = last_node(tuning);
    addresses = {{ValidatorIndex{3}, away->address()}};
    bring_others();
    for (const auto& other : others) EXPECT_TRUE(eventually([&] { return other->connected_to(3); }));
}

TEST_F(TrustTest, a_connection_ends_with_the_certificate_behind_it) {
    auto tuning = quick();
    tuning.judgement_interval = Milliseconds(20);
    const auto node = last_node(tuning);
    const auto wall = system_clock().wall().count() / 1000;
    TlsClient client(node->port(), consortium.certificate(0, 0, {wall - 10, wall + 3}));
    ASSERT_TRUE(client.say_hello(consortium, Stream::consensus));
    EXPECT_TRUE(client.closed_by_peer());
    EXPECT_EQ(node->network().counters().certificates_cut, 1u);
}

} // namespace
} // namespace cairn::network
