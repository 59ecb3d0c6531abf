#include "node/evidence_store.hpp"

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
    const EvidenceStore store{root + "/evidence"};
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

} // namespace
} // namespace cairn::node
