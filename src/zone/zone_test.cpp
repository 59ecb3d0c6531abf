#include "base/errors/crypto.hpp"
#include "base/errors/network.hpp"
#include "base/errors/zone.hpp"
#include "zone/listener_files.hpp"
#include "zone/test_zones.hpp"

#include <nlohmann/json.hpp>

namespace cairn::zone {
namespace {

using nlohmann::json;

TEST_F(Zones, nobody_without_the_right_certificate_gets_in) {
    const auto now = system_clock().wall().count() / 1000;
    write("alice", alpha_.issue(kSystem, "alice"));
    write("mallory", beta_.issue(kSystem, "mallory"));
    write("expired", alpha_.issue(kSystem, "old", {now - 3'000, now - 2'000}));
    write("super", alpha_.issue(crypto::ZoneRole::regulator, "super"));
    EXPECT_EQ(status(management_->port(), ""), 0);
    EXPECT_EQ(status(management_->port(), "mallory"), 0);
    EXPECT_EQ(status(management_->port(), "expired"), 0);
    EXPECT_EQ(status(management_->port(), "alice"), 403) << "not signed";
    EXPECT_EQ(status(management_->port(), "super"), 403);
    EXPECT_EQ(status(regulator_->port(), "alice"), 403);
    EXPECT_EQ(status(regulator_->port(), "super"), 200);
    httplib::Client plain("127.0.0.1", management_->port());
    const auto answer = plain.Post("/command", "{}", "application/json");
    EXPECT_FALSE(answer && answer->status == 200);
    EXPECT_EQ(refusals("management").size(), 1u) << "the first; its like are counted";
    EXPECT_EQ(reasons("regulator.read").size(), 2u);
}

TEST_F(Zones, a_regulator_reads_the_signed_records_and_is_recorded_itself) {
    write("super", alpha_.issue(crypto::ZoneRole::regulator, "super"));
    for (std::uint64_t i = 0; i < 50; ++i)
        ASSERT_TRUE(trail_->append(audit::test_event(i), audit::Durability::grouped));
    ASSERT_TRUE(trail_->flush());
    const auto answer =
        client(regulator_->port(), "super")
            ->Post("/question", R"({"question":"audit-events","arguments":{"result":"refused"}})", "application/json");
    ASSERT_TRUE(answer && answer->status == 200);
    EXPECT_EQ(json::parse(answer->body)["events"].size(), 8u);
    const auto page =
        client(regulator_->port(), "super")
            ->Post("/question", R"({"question":"audit-records","arguments":{"limit":"10"}})", "application/json");
    ASSERT_TRUE(page && page->status == 200);
    EXPECT_EQ(json::parse(page->body)["records"].size(), 10u);
    EXPECT_EQ(reasons("regulator.read").size(), 2u);
    const auto nothing =
        client(regulator_->port(), "super")->Post("/question", R"({"question":"stop"})", "application/json");
    ASSERT_TRUE(nothing);
    EXPECT_EQ(nothing->status, 403);
}

TEST_F(Zones, an_idle_session_ends) {
    write("super", alpha_.issue(crypto::ZoneRole::regulator, "super"));
    const auto session = raw(regulator_->port(), "super");
    ASSERT_TRUE(session->connected);
    EXPECT_EQ(session->read(), "") << "returns when the server ends the session";
}

TEST_F(Zones, who_takes_new_tls_keys_again_and_again_is_cut_off) {
    write("super", alpha_.issue(crypto::ZoneRole::regulator, "super"));
    const auto server = patient_regulator();
    const auto calm = raw(server->port(), "super"), restless = raw(server->port(), "super");
    for (std::size_t i = 0; i < kKeyUpdatesMax; ++i) ASSERT_TRUE(calm->update_keys() && restless->update_keys());
    EXPECT_NE(calm->ask().find("200"), std::string::npos) << "limit";
    restless->update_keys(); // limit + 1
    restless->update_keys();
    EXPECT_EQ(restless->read(), "") << "returns when the server ends the session";
    const auto why = refusals("regulator");
    ASSERT_EQ(why.size(), 1u);
    EXPECT_NE(why[0].find("new TLS keys"), std::string::npos) << why[0];
}

TEST_F(Zones, a_revoked_certificate_is_refused_at_the_handshake) {
    const auto alice = alpha_.issue(kSystem, "alice");
    const auto super = alpha_.issue(crypto::ZoneRole::regulator, "super");
    write("alice", alice);
    write("super", super);
    trust_->revoke("Beta", info(alice).fingerprint);
    EXPECT_EQ(status(management_->port(), "alice"), 403) << "another organisation revokes nothing of Alpha's";
    trust_->revoke("Alpha", info(alice).fingerprint);
    trust_->revoke("Alpha", info(super).fingerprint);
    EXPECT_EQ(alert(management_->port(), "alice"), SSL_AD_CERTIFICATE_REVOKED);
    EXPECT_EQ(alert(regulator_->port(), "super"), SSL_AD_CERTIFICATE_REVOKED);
    EXPECT_EQ(status(management_->port(), "alice"), 0);
    for (const std::string zone : {"management", "regulator"}) {
        const auto why = refusals(zone);
        ASSERT_EQ(why.size(), 1u);
        EXPECT_NE(why[0].find(error_id(error::CertificateRevoked)), std::string::npos) << why[0];
    }
    EXPECT_EQ(objects("management.refused"),
              std::vector<std::string>{"management listener, certificate of system-administrator alice"});
    // A new key and certificate of the same person enter.
    write("alice", alpha_.issue(kSystem, "alice"));
    EXPECT_EQ(status(management_->port(), "alice"), 403) << "not signed";
}

TEST_F(Zones, a_revoked_key_is_refused_in_every_certificate) {
    const auto first = alpha_.issue(crypto::ZoneRole::regulator, "super");
    write("super", first);
    auto second = crypto::reissue_zone_certificate(alpha_.ca, first.certificate_pem, TestOrganisation::validity(),
                                                   crypto::system_random());
    ASSERT_TRUE(second) << second.error().text();
    std::ofstream{directory_ / "again.pem"} << *second;
    std::ofstream{directory_ / "again.key"} << first.key_pem.view();
    EXPECT_EQ(status(regulator_->port(), "again"), 200);
    trust_->revoke("Alpha", info(first).key_id);
    for (const auto* person : {"super", "again"})
        EXPECT_EQ(alert(regulator_->port(), person), SSL_AD_CERTIFICATE_REVOKED) << person;
}

TEST_F(Zones, a_ca_that_the_chain_has_removed_vouches_for_nobody) {
    const TestOrganisation renewed{"Alpha"};
    write("old", alpha_.issue(crypto::ZoneRole::regulator, "super"));
    write("new", renewed.issue(crypto::ZoneRole::regulator, "super"));
    EXPECT_EQ(status(regulator_->port(), "old"), 200);
    EXPECT_EQ(alert(regulator_->port(), "new"), SSL_AD_UNKNOWN_CA);
    trust_->set("Alpha", {&alpha_.ca, &renewed.ca});
    EXPECT_EQ(status(regulator_->port(), "old"), 200);
    EXPECT_EQ(status(regulator_->port(), "new"), 200) << "of the chain, not yet in the file";
    trust_->set("Alpha", {&renewed.ca});
    EXPECT_EQ(alert(regulator_->port(), "old"), SSL_AD_UNKNOWN_CA);
    EXPECT_EQ(status(regulator_->port(), "new"), 200);
    // The removed CA cannot speak for somebody else either, nor a sound one for another organisation.
    for (const auto* ca : std::initializer_list<const crypto::CertifiedKey*>{&alpha_.ca, &renewed.ca}) {
        auto forged = crypto::issue_zone_certificate(
            *ca, {.role = crypto::ZoneRole::regulator, .organisation = "Elsewhere", .name = "super", .hosts = {}},
            TestOrganisation::validity(), crypto::system_random());
        ASSERT_TRUE(forged);
        write("forged", *forged);
        EXPECT_NE(alert(regulator_->port(), "forged"), 0);
    }
}

TEST_F(Zones, the_file_says_whose_certificates_enter) {
    const TestOrganisation authority{"Authority"};
    write("of-authority", authority.issue(crypto::ZoneRole::regulator, "super"));
    write("of-beta", beta_.issue(crypto::ZoneRole::regulator, "super"));
    EXPECT_EQ(alert(regulator_->port(), "of-authority"), SSL_AD_UNKNOWN_CA);
    EXPECT_EQ(alert(regulator_->port(), "of-beta"), SSL_AD_UNKNOWN_CA) << "on chain, but not in this file";
    std::ofstream{directory_ / "ca.pem"} << alpha_.ca.certificate_pem << authority.ca.certificate_pem;
    ASSERT_TRUE(regulator_->reload());
    EXPECT_EQ(status(regulator_->port(), "of-authority"), 200) << "not on chain: the file alone decides";
    EXPECT_EQ(alert(regulator_->port(), "of-beta"), SSL_AD_UNKNOWN_CA);
}

TEST_F(Zones, a_revocation_cuts_a_live_connection_and_leaves_the_others) {
    const auto super = alpha_.issue(crypto::ZoneRole::regulator, "super");
    write("super", super);
    const auto neighbour = alpha_.issue(crypto::ZoneRole::regulator, "other");
    write("other", neighbour);
    const auto server = patient_regulator();
    ASSERT_TRUE(server);
    const auto revoked = raw(server->port(), "super");
    const auto other = raw(server->port(), "other");
    ASSERT_TRUE(revoked->connected && other->connected);
    // Both have passed the judgement at the handshake; the listing of the connection follows at once.
    trust_->wait_for_good(info(super).key_id);
    trust_->wait_for_good(info(neighbour).key_id);
    trust_->revoke("Alpha", info(super).key_id);
    for (; reasons("regulator.refused").empty(); std::this_thread::sleep_for(std::chrono::milliseconds{1}))
        server->judge_again();
    EXPECT_EQ(revoked->read(), "");
    EXPECT_NE(other->ask().find("HTTP/1.1 200"), std::string::npos);
    server->judge_again();
    const auto why = reasons("regulator.refused");
    ASSERT_EQ(why.size(), 1u);
    EXPECT_TRUE(why[0].starts_with("TLS: cut: ")) << why[0];
    EXPECT_NE(why[0].find(error_id(error::CertificateRevoked)), std::string::npos) << why[0];
}

TEST_F(Zones, a_request_is_judged_by_the_trust_of_its_moment) {
    const auto super = alpha_.issue(crypto::ZoneRole::regulator, "super");
    write("super", super);
    const auto server = patient_regulator();
    ASSERT_TRUE(server);
    const auto client = raw(server->port(), "super");
    ASSERT_TRUE(client->connected);
    trust_->wait_for_good(info(super).key_id);
    trust_->revoke("Alpha", info(super).fingerprint);
    const auto answer = client->ask();
    EXPECT_NE(answer.find("HTTP/1.1 403"), std::string::npos) << answer;
    EXPECT_NE(answer.find(error_id(error::CertificateRevoked)), std::string::npos) << answer;
    EXPECT_TRUE(reasons("regulator.read").empty());
}

} // namespace
} // namespace cairn::zone
