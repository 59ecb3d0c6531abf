#include "base/errors/crypto.hpp"
#include "base/errors/network.hpp"
#include "base/errors/zone.hpp"
#include "zone/listeners.hpp"
#include "zone/test_zones.hpp"

#include <openssl/pem.h>

namespace cairn::zone {
namespace {

TEST(Listeners, no_listener_serves_two_zones) {
    const Listener peer{.zone = "peer", .address = "0.0.0.0", .port = 30300};
    EXPECT_TRUE(check_listeners({peer, {.zone = "client", .address = "127.0.0.1", .port = 8545}}));
    EXPECT_EQ(check_listeners({peer, {.zone = "client", .address = "127.0.0.1", .port = 30300}}).error().code,
              error::ZoneConflict);
    EXPECT_EQ(check_listeners({{.zone = "management", .address = "127.0.0.1", .port = 1},
                               {.zone = "regulator", .address = "127.0.0.1", .port = 1}})
                  .error()
                  .code,
              error::ZoneConflict);
    EXPECT_TRUE(check_listeners({{.zone = "management", .address = "127.0.0.1", .port = 1},
                                 {.zone = "regulator", .address = "127.0.0.2", .port = 1}}));
}

TEST(Listeners, rules_say_who_may_connect_to_what) {
    const auto rules = nftables_rules(
        {{.zone = "peer", .address = "0.0.0.0", .port = 30300},
         {.zone = "client", .address = "127.0.0.1", .port = 8545},
         {.zone = "management", .address = "10.0.0.2", .port = 8600, .origins = {"127.0.0.0/8", "10.0.9.0/24"}}},
        {22});
    EXPECT_NE(rules.find("        tcp dport 30300 ct state new counter accept comment \"peer\"\n"), std::string::npos);
    EXPECT_NE(rules.find("        ip saddr 10.0.9.0/24 ip daddr 10.0.0.2 tcp dport 8600 ct state new"),
              std::string::npos);
    EXPECT_NE(rules.find("        tcp dport 22 accept\n"), std::string::npos);
    EXPECT_EQ(rules.find("dport 8545"), std::string::npos);
    EXPECT_EQ(rules.find("saddr 127"), std::string::npos);
}

TEST_F(Zones, a_certificate_is_replaced_while_the_listener_runs_and_a_bad_one_is_not_taken) {
    write("alice", alpha_.issue(kSystem, "alice"));
    std::ofstream{directory_ / "management.pem"} << "nonsense";
    EXPECT_EQ(management_->reload().error().code, error::ZoneFileInvalid);
    EXPECT_EQ(status(management_->port(), "alice"), 403);
    write("management", alpha_.issue(crypto::ZoneRole::management, "alpha-1"));
    EXPECT_TRUE(management_->reload());
    EXPECT_EQ(status(management_->port(), "alice"), 403);
}

TEST_F(Zones, files_that_want_a_passphrase_are_refused_and_nobody_is_asked_for_one) {
    const std::unique_ptr<EVP_PKEY, decltype(&EVP_PKEY_free)> key(EVP_PKEY_Q_keygen(nullptr, nullptr, "EC", "P-256"),
                                                                  EVP_PKEY_free);
    const std::unique_ptr<BIO, decltype(&BIO_free_all)> bio(
        BIO_new_file((directory_ / "management.key").c_str(), "w"), BIO_free_all);
    char passphrase[] = "secret";
    ASSERT_EQ(PEM_write_bio_PKCS8PrivateKey(bio.get(), key.get(), EVP_aes_256_cbc(), passphrase, 6, nullptr, nullptr), 1);
    ASSERT_EQ(BIO_flush(bio.get()), 1);
    EXPECT_EQ(management_->reload().error().code, error::ZoneFileInvalid);
}

TEST_F(Zones, only_two_suites_are_spoken) {
    write("super", alpha_.issue(crypto::ZoneRole::regulator, "super"));
    for (const auto port : {management_->port(), regulator_->port()}) {
        for (const auto* suite : {"TLS_AES_128_GCM_SHA256", "TLS_AES_128_CCM_SHA256"}) {
            const auto client = raw(port, "super", suite);
            EXPECT_FALSE(client->connected) << suite;
            EXPECT_EQ(client->alert, SSL_AD_HANDSHAKE_FAILURE) << suite;
        }
        for (const auto* suite : {"TLS_AES_256_GCM_SHA384", "TLS_CHACHA20_POLY1305_SHA256"})
            EXPECT_TRUE(raw(port, "super", suite)->connected) << suite;
        EXPECT_EQ(raw(port, "super")->chain_length(), 2) << "the listener's certificate and its CA's";
    }
}

TEST_F(Zones, changed_files_come_into_use_by_themselves) {
    write("super", alpha_.issue(crypto::ZoneRole::regulator, "super"));
    const auto server = patient_regulator();
    ASSERT_TRUE(server);
    const auto before = raw(server->port(), "super");
    ASSERT_TRUE(before->connected);
    const auto served = [&] { return raw(server->port(), "super")->server_fingerprint(); };
    const auto first = served();
    const auto now = system_clock().wall().count() / 1000;
    // Neither a certificate that has ended nor one without its key.
    write("regulation", alpha_.issue(crypto::ZoneRole::regulation, "alpha-1", {now - 3'000, now - 2'000}));
    EXPECT_EQ(server->reload().error().code, error::CertificateExpired);
    EXPECT_EQ(served(), first);
    const auto renewed = alpha_.issue(crypto::ZoneRole::regulation, "alpha-1");
    std::ofstream{directory_ / "regulation.key"} << renewed.key_pem.view();
    EXPECT_EQ(server->reload().error().code, error::ZoneFileInvalid);
    EXPECT_EQ(served(), first);
    std::ofstream{directory_ / "regulation.pem"} << renewed.certificate_pem;
    // The runner's limit is the only clock here.
    while (served() == first) std::this_thread::sleep_for(std::chrono::milliseconds{5});
    EXPECT_EQ(served(), info(renewed).fingerprint);
    EXPECT_NE(before->ask().find("HTTP/1.1 200"), std::string::npos) << "connections stay";
}

class ListenerCertificates : public Zones {};

TEST_F(ListenerCertificates, that_are_foreign_of_another_holder_or_revoked_are_not_used) {
    write("super", alpha_.issue(crypto::ZoneRole::regulator, "super"));
    const auto served = [&] { return raw(regulator_->port(), "super")->server_fingerprint(); };
    const auto first = served();
    const auto regulation = crypto::ZoneRole::regulation;
    const auto revoked = alpha_.issue(regulation, "alpha-1");
    trust_->revoke("Alpha", info(revoked).fingerprint);
    const TestOrganisation pretender{"Alpha"};
    const std::pair<const char*, crypto::CertifiedKey> wrong[] = {
        {"another CA of the same name", pretender.issue(regulation, "alpha-1")},
        {"another organisation's", beta_.issue(regulation, "alpha-1")},
        {"another listener's", alpha_.issue(crypto::ZoneRole::management, "alpha-1")},
        {"an administrator's", alpha_.issue(kSystem, "alpha-1")},
        {"another node's", alpha_.issue(regulation, "alpha-2")}};
    write("regulation", revoked);
    EXPECT_EQ(regulator_->reload().error().code, error::ZoneListenerRefused) << "revoked";
    for (const auto& [what, certificate] : wrong) {
        write("regulation", certificate);
        EXPECT_EQ(regulator_->reload().error().code, error::ZoneListenerRefused) << what;
        EXPECT_EQ(served(), first) << what;
    }
    const auto good = alpha_.issue(regulation, "alpha-1");
    write("regulation", good);
    EXPECT_TRUE(regulator_->reload());
    EXPECT_EQ(served(), info(good).fingerprint);
}

TEST_F(ListenerCertificates, of_a_ca_that_the_chain_does_not_trust_yet_are_used_once_it_does) {
    write("super", alpha_.issue(crypto::ZoneRole::regulator, "super"));
    const auto server = patient_regulator();
    ASSERT_TRUE(server);
    const auto served = [&] { return raw(server->port(), "super")->server_fingerprint(); };
    const auto first = served();
    const TestOrganisation next{"Alpha"};
    const auto renewed = next.issue(crypto::ZoneRole::regulation, "alpha-1");
    std::ofstream{directory_ / "ca.pem"} << next.ca.certificate_pem << alpha_.ca.certificate_pem;
    write("regulation", renewed);
    EXPECT_EQ(server->reload().error().code, error::ZoneListenerRefused);
    EXPECT_EQ(served(), first);
    trust_->set("Alpha", {&alpha_.ca, &next.ca});
    // Nothing but the chain has changed; the runner's limit is the only clock here.
    while (served() == first) std::this_thread::sleep_for(std::chrono::milliseconds{5});
    EXPECT_EQ(served(), info(renewed).fingerprint);
}

TEST_F(ListenerCertificates, that_are_revoked_while_in_use_are_shown_to_nobody_until_they_are_renewed) {
    write("super", alpha_.issue(crypto::ZoneRole::regulator, "super"));
    const auto used = alpha_.issue(crypto::ZoneRole::regulation, "alpha-1");
    write("regulation", used);
    ASSERT_TRUE(regulator_->reload());
    const auto before = raw(regulator_->port(), "super");
    ASSERT_NE(before->ask().find("HTTP/1.1 200"), std::string::npos);
    trust_->revoke("Alpha", info(used).key_id);
    const auto shut = raw(regulator_->port(), "super");
    EXPECT_FALSE(shut->connected);
    EXPECT_EQ(shut->chain_length(), -1) << "no certificate was shown";
    const auto why = refusals("regulator");
    ASSERT_EQ(why.size(), 1u);
    EXPECT_NE(why[0].find(error_id(error::ZoneListenerRefused)), std::string::npos) << why[0];
    EXPECT_TRUE(raw(management_->port(), "super")->connected) << "the other listener has a certificate of its own";
    // The same key in another certificate does not help.
    auto again = crypto::reissue_zone_certificate(alpha_.ca, used.certificate_pem, TestOrganisation::validity(),
                                                  crypto::system_random());
    ASSERT_TRUE(again);
    std::ofstream{directory_ / "regulation.pem"} << *again;
    EXPECT_EQ(regulator_->reload().error().code, error::ZoneListenerRefused);
    EXPECT_FALSE(raw(regulator_->port(), "super")->connected);
    const auto renewed = alpha_.issue(crypto::ZoneRole::regulation, "alpha-1");
    write("regulation", renewed);
    // Nobody has to tell the node; the runner's limit is the only clock here.
    while (!raw(regulator_->port(), "super")->connected) std::this_thread::sleep_for(std::chrono::milliseconds{5});
    EXPECT_EQ(raw(regulator_->port(), "super")->server_fingerprint(), info(renewed).fingerprint);
}

TEST_F(ListenerCertificates, that_nobody_would_take_do_not_start_a_listener) {
    RegulatorConfig config{.tls = tls("regulation"), .node = "alpha-1", .audit_directory = directory_ / "audit"};
    write("regulation", beta_.issue(crypto::ZoneRole::regulation, "alpha-1"));
    EXPECT_EQ(start_regulator(config, {}, storage::posix_file_system(), *trail_).error().code,
              error::ZoneListenerRefused);
    write("regulation", alpha_.issue(crypto::ZoneRole::management, "alpha-1"));
    EXPECT_EQ(start_regulator(config, {}, storage::posix_file_system(), *trail_).error().code,
              error::ZoneListenerRefused);
}

} // namespace
} // namespace cairn::zone
