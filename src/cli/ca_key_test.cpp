#include "cli/ca_key.hpp"

#include "base/errors/cli.hpp"
#include "base/errors/crypto.hpp"
#include "cli/certificates.hpp"
#include "cli/files.hpp"
#include "cli/organisation.hpp"
#include "cli/test_terminal.hpp"
#include "cli/zone_files.hpp"

#include <gtest/gtest.h>

namespace cairn::cli {
namespace {

constexpr std::int64_t kNow = 1'800'000'000;
constexpr crypto::PassphraseCost kCheap{.passes = 1, .memory_kib = 8};
constexpr std::string_view kPem = "-----BEGIN PRIVATE KEY-----\nMIGH\n-----END PRIVATE KEY-----\n";

ErrorCode refusal(std::string_view text, std::string_view passphrase = "right") {
    const auto opened = open_ca_key(text, passphrase);
    return opened ? ErrorCode{} : opened.error().code;
}

TEST(CaKey, opens_with_its_passphrase_alone) {
    const auto sealed = seal_ca_key(kPem, "right", kCheap);
    EXPECT_TRUE(is_sealed_ca_key(sealed));
    EXPECT_FALSE(is_sealed_ca_key(kPem));
    EXPECT_EQ(sealed.find("MIGH"), std::string::npos);
    const auto opened = open_ca_key(sealed, "right");
    ASSERT_TRUE(opened) << opened.error().text();
    EXPECT_EQ(opened->view(), kPem);
    EXPECT_EQ(refusal(sealed, "wrong"), error::CaPassphraseWrong);
    EXPECT_EQ(refusal(sealed, ""), error::CaPassphraseWrong);
    EXPECT_NE(sealed, seal_ca_key(kPem, "right", kCheap)) << "a salt and a nonce of its own each time";
}

TEST(CaKey, that_was_changed_anywhere_is_refused) {
    const auto sealed = seal_ca_key(kPem, "right", kCheap);
    const auto cost_begins = sealed.find("sealed: ") + 8;
    for (std::size_t i = 0; i < sealed.size(); ++i) {
        if (i >= cost_begins && i < cost_begins + 16) continue; // the cost: its changes are a test of their own
        auto changed = sealed;
        changed[i] = changed[i] == '0' ? '1' : '0';
        const auto code = refusal(changed);
        EXPECT_TRUE(code == error::CaPassphraseWrong || code == error::CaKeyInvalid) << i;
    }
    for (const auto& text : {sealed + "\n", sealed.substr(0, sealed.size() - 1), sealed.substr(0, 60),
                             std::string{kPem}, std::string{}, sealed + std::string(crypto::kPemBytesMax, '0')})
        EXPECT_EQ(refusal(text), error::CaKeyInvalid);
}

TEST(CaKey, of_an_absurd_cost_is_refused_before_any_work) {
    const auto sealed = seal_ca_key(kPem, "right", kCheap);
    const auto at = sealed.find("sealed: ") + 8;
    for (const auto* cost : {"ffffffff08000000", "01000000ffffffff", "0000000008000000", "0100000000000000"})
        EXPECT_EQ(refusal(std::string{sealed}.replace(at, 16, cost)), error::CaKeyInvalid) << cost;
}

TEST(CaKey, of_a_new_organisation_is_sealed_and_needed_for_every_certificate) {
    const TestDirectory directory;
    const auto alpha = directory.file("Alpha");
    OrganisationPlan plan;
    plan.name = "Alpha";
    plan.validators = {{"alpha-1", "127.0.0.1:1000"}};
    plan.passphrase = "of the validators";
    plan.ca_passphrase = "of the CA";
    plan.seal_cost = signer::kCostForRandomPassphrase;
    ASSERT_TRUE(create_organisation(alpha, plan, crypto::system_random(), kNow));
    EXPECT_TRUE(is_sealed_ca_key(read_file(alpha + "/ca.key").value()));
    const auto says = [](const char* text) { return CaPassphrase{[text]() -> Result<std::string> { return text; }}; };
    EXPECT_EQ(read_ca(alpha).error().code, error::CliPassphraseMissing);
    EXPECT_EQ(read_ca(alpha, says("of the validators")).error().code, error::CaPassphraseWrong);
    const auto ca = read_ca(alpha, says("of the CA"));
    ASSERT_TRUE(ca) << ca.error().text();
    EXPECT_TRUE(crypto::verify_key_pair(ca->certificate_pem, ca->key_pem.view()));
    const auto role = crypto::ZoneRole::regulator;
    EXPECT_EQ(enrol_person(alpha, role, "eve", 90, kNow).error().code, error::CliPassphraseMissing);
    EXPECT_FALSE(exists(alpha + "/regulators/eve"));
    EXPECT_TRUE(enrol_person(alpha, role, "eve", 90, kNow, says("of the CA")));
}

} // namespace
} // namespace cairn::cli
