#include "cli/certificates.hpp"

#include "cli/files.hpp"
#include "cli/organisation.hpp"
#include "cli/test_terminal.hpp"
#include "cli/zone_files.hpp"

#include <gtest/gtest.h>

#include <sys/stat.h>

namespace cairn::cli {
namespace {

constexpr std::int64_t kNow = 1'800'000'000;
constexpr std::int64_t kLater = kNow + 80 * kDaySeconds;

class Certificates : public testing::Test {
protected:
    void SetUp() override {
        OrganisationPlan plan;
        plan.name = "Alpha";
        plan.validators = {{"alpha-1", "node.alpha.example:1000"}};
        plan.passphrase = "a passphrase";
        plan.seal_cost = signer::kCostForRandomPassphrase;
        const auto made = create_organisation(alpha_, plan, crypto::system_random(), kNow);
        ASSERT_TRUE(made) << made.error().text();
        for (const auto role : {crypto::ZoneRole::system_administrator, crypto::ZoneRole::regulator}) {
            const auto person = enrol_person(alpha_, role, "alice", 90, kNow);
            ASSERT_TRUE(person) << person.error().text();
        }
    }
    std::vector<CertificateFolder> folders() const { return certificate_folders(alpha_).value(); }
    std::string text(const std::string& file) const { return read_file(file).value(); }
    Bytes der(const std::string& file) const { return crypto::certificate_der(text(file)).value(); }

    const TestDirectory directory_;
    const std::string alpha_ = directory_.file("Alpha");
};

TEST_F(Certificates, those_of_listeners_and_of_who_enters_are_found) {
    std::vector<std::string> names;
    for (const auto& folder : folders()) names.push_back(folder.name);
    EXPECT_EQ(names, (std::vector<std::string>{"administrators/alice", "regulators/alice", "alpha-1/client",
                                               "alpha-1/management", "alpha-1/regulation", "alpha-1"}));
}

TEST_F(Certificates, renewal_keeps_holder_purpose_and_hosts_and_replaces_the_key) {
    const auto ca = read_ca(alpha_).value();
    for (const auto& folder : folders()) {
        if (!folder.zone) continue;
        const auto before = text(folder.key_file());
        const auto info = renew_certificate(folder, ca, 90, Keys::renew, crypto::system_random(), kLater);
        ASSERT_TRUE(info) << folder.name << ": " << info.error().text();
        EXPECT_EQ(info->validity.not_after, kLater + 90 * kDaySeconds) << folder.name;
        EXPECT_NE(info->key_id, folder.info.key_id) << folder.name;
        EXPECT_NE(text(folder.key_file()), before) << folder.name;
        EXPECT_TRUE(crypto::verify_key_pair(text(folder.certificate_file()), text(folder.key_file()))) << folder.name;
        struct stat mode{};
        ASSERT_EQ(::stat(folder.key_file().c_str(), &mode), 0);
        EXPECT_EQ(mode.st_mode & 0777, 0600u) << folder.name;
        const auto identity = crypto::zone_identity_of(der(folder.certificate_file()));
        ASSERT_TRUE(identity);
        EXPECT_EQ(identity->role, folder.zone->role);
        EXPECT_EQ(identity->organisation, "Alpha");
        EXPECT_EQ(identity->name, folder.zone->name);
        EXPECT_EQ(identity->hosts, folder.zone->hosts);
        const bool is_listener = folder.name.starts_with("alpha-1/");
        EXPECT_EQ(identity->hosts,
                  is_listener ? (std::vector<std::string>{"127.0.0.1", "::1", "localhost", "node.alpha.example"})
                              : std::vector<std::string>{})
            << folder.name;
    }
}

TEST_F(Certificates, a_key_can_be_kept) {
    const auto ca = read_ca(alpha_).value();
    for (const auto& folder : folders()) {
        if (!folder.zone) continue;
        const auto key = text(folder.key_file());
        const auto info = renew_certificate(folder, ca, 90, Keys::keep, crypto::system_random(), kLater);
        ASSERT_TRUE(info) << folder.name << ": " << info.error().text();
        EXPECT_EQ(info->key_id, folder.info.key_id);
        EXPECT_NE(info->fingerprint, folder.info.fingerprint);
        EXPECT_EQ(text(folder.key_file()), key);
        EXPECT_EQ(crypto::zone_identity_of(der(folder.certificate_file()))->hosts, folder.zone->hosts);
    }
}

TEST_F(Certificates, a_roll_over_reissues_all_and_both_ends_know_both_cas_meanwhile) {
    const auto old_ca = read_ca(alpha_).value();
    const auto next = crypto::create_ca("Alpha", {kNow, kNow + 3650 * kDaySeconds}, crypto::system_random()).value();
    const auto old_der = crypto::certificate_der(old_ca.certificate_pem).value();
    const auto next_der = crypto::certificate_der(next.certificate_pem).value();
    const auto all = folders();
    ASSERT_TRUE(write_zone_authorities(all, {next.certificate_pem, old_ca.certificate_pem}));
    for (const auto& folder : all) {
        EXPECT_TRUE(crypto::is_signed_by(der(folder.certificate_file()), old_der)) << folder.name;
        ASSERT_TRUE(renew_certificate(folder, next, 90, Keys::renew, crypto::system_random(), kLater)) << folder.name;
        EXPECT_TRUE(crypto::is_signed_by(der(folder.certificate_file()), next_der)) << folder.name;
        EXPECT_FALSE(crypto::is_signed_by(der(folder.certificate_file()), old_der)) << folder.name;
    }
    for (const auto* folder : {"/validators/alpha-1", "/administrators/alice", "/regulators/alice"})
        EXPECT_EQ(text(alpha_ + folder + "/ca.pem"), next.certificate_pem + old_ca.certificate_pem) << folder;
    ASSERT_TRUE(write_zone_authorities(all, {next.certificate_pem}));
    for (const auto* folder : {"/validators/alpha-1", "/administrators/alice", "/regulators/alice"})
        EXPECT_EQ(text(alpha_ + folder + "/ca.pem"), next.certificate_pem) << folder;
}

TEST_F(Certificates, a_damaged_one_is_named) {
    ASSERT_TRUE(write_file(alpha_ + "/validators/alpha-1/management.pem", text(alpha_ + "/validators/alpha-1/tls.pem"),
                           Access::shared, Existing::replace));
    const auto found = certificate_folders(alpha_);
    ASSERT_FALSE(found);
    EXPECT_NE(found.error().detail.find("alpha-1/management.pem"), std::string::npos) << found.error().text();
}

} // namespace
} // namespace cairn::cli
