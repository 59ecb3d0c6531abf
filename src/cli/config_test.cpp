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

} // namespace cairn::cli
