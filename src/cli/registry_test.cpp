#include "cli/registry.hpp"

#include "base/errors/cli.hpp"
#include "cli/files.hpp"
#include "crypto/ed25519.hpp"

#include <gtest/gtest.h>

#include <filesystem>
#include <sys/stat.h>

namespace cairn::cli {
namespace {

class RegistryTest : public testing::Test {
protected:
    RegistryTest() {
        char name[] = "/tmp/cairn-registry-XXXXXX";
        directory = ::mkdtemp(name);
        account.bytes.fill(0x51);
    }
    ~RegistryTest() override { std::filesystem::remove_all(directory); }

    std::string directory;
    Address account;
};

TEST_F(RegistryTest, keeps_what_it_was_given_and_nobody_else_may_read_it) {
    auto registry = Registry::open(directory);
    ASSERT_TRUE(registry);
    const auto entry = registry->add(account, ledger::IdentityKind::person, "Ada Example", crypto::system_random());
    ASSERT_TRUE(entry);
    struct stat info{};
    ASSERT_EQ(::stat((directory + "/registry.json").c_str(), &info), 0);
    EXPECT_EQ(info.st_mode & 0777, 0600u);
    const auto again = Registry::open(directory);
    ASSERT_TRUE(again) << again.error().text();
    EXPECT_EQ(again->find(account), *entry);
    ASSERT_EQ(::chmod((directory + "/registry.json").c_str(), 0644), 0);
    EXPECT_FALSE(Registry::open(directory));
}

TEST_F(RegistryTest, a_second_binding_of_an_account_has_another_salt_and_both_stay) {
    auto registry = *Registry::open(directory);
    const auto first = *registry.add(account, ledger::IdentityKind::person, "Ada", crypto::system_random());
    const auto second = *registry.add(account, ledger::IdentityKind::person, "Ada", crypto::system_random());
    EXPECT_NE(commitment_of(first), commitment_of(second));
    EXPECT_EQ(registry.entries().size(), 2u);
    EXPECT_EQ(registry.find(account), second);
}

TEST_F(RegistryTest, every_field_enters_the_commitment) {
    const RegistryEntry entry{account, ledger::IdentityKind::person, "Ada", {}};
    const auto differs = [&](auto change) {
        auto other = entry;
        change(other);
        return commitment_of(other) != commitment_of(entry);
    };
    EXPECT_TRUE(differs([](RegistryEntry& e) { e.account.bytes[3] ^= 1; }));
    EXPECT_TRUE(differs([](RegistryEntry& e) { e.kind = ledger::IdentityKind::node; }));
    EXPECT_TRUE(differs([](RegistryEntry& e) { e.name += "m"; }));
    EXPECT_TRUE(differs([](RegistryEntry& e) { e.salt.bytes[31] ^= 1; }));
}

TEST_F(RegistryTest, a_proof_opens_one_entry_and_survives_the_way_to_the_regulator) {
    auto registry = *Registry::open(directory);
    const auto entry =
        *registry.add(account, ledger::IdentityKind::application, "Ledger of 上海", crypto::system_random());
    const auto back = proof_from_json(proof_json(entry));
    ASSERT_TRUE(back) << back.error().text();
    EXPECT_EQ(*back, entry);
}

TEST_F(RegistryTest, malformed_proofs_and_registries_are_refused) {
    const auto good = proof_json({account, ledger::IdentityKind::person, "Ada", {}});
    for (const auto& [from, to] : {std::pair{"person", "robot"},
                                   {"\"Ada\"", "\"\""},
                                   {"\"Ada\"", "7"},
                                   {"0x5151", "0x51"},
                                   {"proof-v1", "proof-v2"},
                                   {"\"salt\"", "\"pepper\""},
                                   {"{", "[{"}}) {
        auto bad = good;
        bad.replace(bad.find(from), std::string_view(from).size(), to);
        EXPECT_FALSE(proof_from_json(bad)) << bad;
    }
    EXPECT_FALSE(proof_from_json(good + std::string(5000, ' ')));
    for (const char* bad :
         {"", "{}", "[]", R"({"format":"cairn-registry-v1","entries":{}})",
          R"({"format":"cairn-registry-v1","entries":[1]})", R"({"format":"cairn-registry-v1","entries":[],"more":1})"})
        EXPECT_FALSE(Registry::parse(bad)) << bad;
    EXPECT_FALSE(Registry::parse(std::string(100'000, '[')));
    auto registry = *Registry::open(directory);
    for (const std::string& name : {std::string(), std::string(257, 'a'), std::string("a\nb"), std::string("\xff")})
        EXPECT_FALSE(registry.add(account, ledger::IdentityKind::person, name, crypto::system_random()));
    EXPECT_FALSE(exists(directory + "/registry.json")) << "a refused name leaves no entry";
}

} // namespace
} // namespace cairn::cli
