#include "node/evidence_store.hpp"
#include "node/test_network.hpp"

#include <filesystem>
#include <fstream>
#include <gtest/gtest.h>
#include <sstream>
#include <unistd.h>

namespace cairn::node {
namespace {

consensus::Evidence two_votes(std::uint16_t offender) {
    consensus::VotePair pair;
    pair.first.voter = pair.second.voter = {offender};
    pair.second.statement.digest[0] = 1;
    return {{offender}, pair};
}

TEST(EvidenceStore, keeps_the_first_proof_of_each_kind_and_offender) {
    const std::string root = std::filesystem::temp_directory_path() / ("cairn-evidence-" + std::to_string(::getpid()));
    std::filesystem::create_directory(root);
    const EvidenceStore store{storage::posix_file_system(), root + "/evidence"};
    EXPECT_FALSE(std::filesystem::exists(root + "/evidence"));
    for (int i = 0; i < 2; ++i) {
        ASSERT_TRUE(store.put(two_votes(2), 9));
        ASSERT_TRUE(store.put(two_votes(3), 9));
    }
    std::size_t files = 0;
    for (const auto& entry : std::filesystem::directory_iterator{root + "/evidence"}) {
        ++files;
        std::stringstream text;
        text << std::ifstream{entry.path()}.rdbuf();
        EXPECT_NE(text.str().find("\"kind\": \"two votes in one view\""), std::string::npos);
    }
    EXPECT_EQ(files, 2u);
    std::filesystem::remove_all(root);
}

TEST(EvidenceStore, of_a_node_is_encrypted_and_does_not_keep_it_from_starting_again) {
    TestNetwork network(1, "evidence");
    const auto& config = network.config(0);
    const auto directory = config.data_dir + "/evidence";
    {
        const auto at_rest = *open_at_rest(config, network.genesis());
        ASSERT_TRUE((EvidenceStore{at_rest->files(), directory}.put(two_votes(2), 9)));
    }
    const auto started = network.start(0);
    EXPECT_TRUE(started) << started.error().text();
    for (const auto& entry : std::filesystem::directory_iterator{directory}) {
        std::stringstream text;
        text << std::ifstream{entry.path()}.rdbuf();
        EXPECT_EQ(text.str().find("two votes"), std::string::npos);
    }
}

} // namespace
} // namespace cairn::node
