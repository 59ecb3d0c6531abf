#include "base/errors/audit.hpp"
#include "base/errors/cli.hpp"
#include "cli/config.hpp"

#include <gtest/gtest.h>

namespace cairn::cli {
namespace {

std::string config_with(const std::string& storage) {
    return "[node]\ndata_dir = \"data\"\ngenesis = \"genesis.json\"\nkeys = \"keys.sealed\"\n\n"
           "[storage]\n" +
           storage + "\n\n[network]\nlisten = \"127.0.0.1:30300\"\ntls_certificate = \"tls.pem\"\n";
}

} // namespace

TEST(Config, names_the_cipher_of_new_files_or_leaves_it_to_genesis) {
    using enum storage::CipherSuite;
    const auto cipher = [](const std::string& line) {
        const auto settings = parse_node_config(config_with(line), "/x/node.toml");
        EXPECT_TRUE(settings) << settings.error().text();
        const auto again = parse_node_config(to_toml(*settings), "/x/node.toml");
        EXPECT_TRUE(again) << again.error().text();
        EXPECT_EQ(again->node.storage_cipher, settings->node.storage_cipher);
        return settings->node.storage_cipher;
    };
    EXPECT_EQ(cipher(""), std::nullopt);
    EXPECT_EQ(cipher("cipher = \"aes-256-gcm\""), aes_256_gcm);
    EXPECT_EQ(cipher("cipher = \"sm4-gcm\""), sm4_gcm);
    for (const char* wrong : {"cipher = \"sm4-ctr\"", "cipher = \"\"", "cipher = 2"}) {
        const auto refused = parse_node_config(config_with(wrong), "/x/node.toml");
        ASSERT_FALSE(refused) << wrong;
        EXPECT_EQ(refused.error().code, error::CliConfigInvalid);
        EXPECT_NE(refused.error().detail.find("/x/node.toml:7: storage.cipher"), std::string::npos)
            << refused.error().detail;
    }
}

TEST(Config, takes_alarm_rules_of_the_site_and_refuses_what_it_does_not_understand) {
    const auto config = [](const std::string& rules, const std::string& audit = "alarms = \"unix:/dev/log\"\n") {
        return config_with("") + "\n[audit]\n" + audit + rules;
    };
    const std::string rule =
        "\n[[audit.rule]]\nname = \"many-refusals\"\naction = \"rpc.refused\"\nobject = \"client*\"\n"
        "result = \"refused\"\ncount = 20\nseconds = 300\nseverity = \"critical\"\n";
    const std::string other = "[[audit.rule]]\nname = \"role\"\nobject = \"Roles.*\"\n";
    const auto settings = parse_node_config(config(rule + other), "/x/node.toml");
    ASSERT_TRUE(settings) << settings.error().text();
    const std::vector<audit::OwnRule> expected = {{.name = "many-refusals",
                                                   .action = "rpc.refused",
                                                   .object = "client*",
                                                   .outcome = audit::Outcome::refused,
                                                   .count = 20,
                                                   .seconds = 300,
                                                   .severity = audit::Severity::critical},
                                                  {.name = "role", .action = {}, .object = "Roles.*", .outcome = {}}};
    EXPECT_EQ(settings->node.audit_alarm_rules, expected);
    const auto again = parse_node_config(to_toml(*settings), "/x/node.toml");
    ASSERT_TRUE(again) << again.error().text();
    EXPECT_EQ(again->node.audit_alarm_rules, expected);

    const auto code = [&](const std::string& text) {
        const auto parsed = parse_node_config(text, "/x/node.toml");
        return parsed ? ErrorCode{} : parsed.error().code;
    };
    for (const auto* line : {"cuont = 3", "count = \"3\"", "count = -1", "result = \"no\"", "severity = \"debug\"",
                             "severity = 3", "name = 3"})
        EXPECT_EQ(code(config("[[audit.rule]]\naction = \"rpc.refused\"\n" + std::string{line} + "\n")),
                  error::CliConfigInvalid)
            << line;
    EXPECT_EQ(code(config("rule = 3\n")), error::CliConfigInvalid);
    EXPECT_EQ(code(config("[audit.rule]\nname = \"one\"\n")), error::CliConfigInvalid);
    EXPECT_EQ(code(config(rule + rule)), error::AlarmRuleInvalid) << "one name twice";
    EXPECT_EQ(code(config("[[audit.rule]]\nname = \"one\"\n")), error::AlarmRuleInvalid) << "it matches everything";
    EXPECT_EQ(code(config(rule, "")), error::AlarmRuleInvalid) << "nowhere to go to";
}

} // namespace cairn::cli
