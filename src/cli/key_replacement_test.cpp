#include "cli/key_replacement.hpp"

#include <gtest/gtest.h>

namespace cairn::cli {
namespace {

TEST(KeyReplacement, names_a_new_voting_key_in_a_configuration_and_changes_nothing_else) {
    const std::pair<std::string, std::optional<std::string>> cases[] = {
        {"[node]\nx = 1\n\n[signer]\npassphrase_file = \"p\"\n",
         "[node]\nx = 1\n\n[signer]\nvoting_keys = [\"/a/new.sealed\"]\npassphrase_file = \"p\"\n"},
        {"[signer]\nvoting_keys = [\"/a/b\"] # two\n[node]\n",
         "[signer]\nvoting_keys = [\"/a/b\", \"/a/new.sealed\"] # two\n[node]\n"},
        {"[signer]\nvoting_keys = [\"/a/b\"] # [one]\n",
         "[signer]\nvoting_keys = [\"/a/b\", \"/a/new.sealed\"] # [one]\n"},
        {"[signer]\nvoting_keys = [ ]\n", "[signer]\nvoting_keys = [ \"/a/new.sealed\"]\n"},
        {"[node]\nx = 1", "[node]\nx = 1\n\n[signer]\nvoting_keys = [\"/a/new.sealed\"]\n"},
        {"[node]\nx = 1\n[signer]", "[node]\nx = 1\n[signer]\nvoting_keys = [\"/a/new.sealed\"]\n"},
        {"", "\n[signer]\nvoting_keys = [\"/a/new.sealed\"]\n"},
        // Of another section: not what is meant.
        {"[other]\nvoting_keys = [\"x\"]\n",
         "[other]\nvoting_keys = [\"x\"]\n\n[signer]\nvoting_keys = [\"/a/new.sealed\"]\n"},
        {"[signer]\nvoting_keys = [\n  \"/a/b\"\n]\n", std::nullopt},
    };
    for (const auto& [before, after] : cases) EXPECT_EQ(with_voting_key(before, "/a/new.sealed"), after) << before;
    EXPECT_FALSE(with_voting_key("[signer]\n", "a\"b"));
    EXPECT_FALSE(with_voting_key("[signer]\n", "a\nb = 1"));
    EXPECT_FALSE(with_voting_key("[signer]\n", "a\\"));
}

TEST(KeyReplacement, says_what_is_left_for_whom) {
    const std::vector<ReplacementStep> steps{{"new voting key", StepState::done, "file", {}, {}},
                                             {"decision of the organisations", StepState::left, "1 of 3",
                                              "2 more organisations", "cairn proposal approve 4"}};
    EXPECT_EQ(left_to_do(steps), "  decision of the organisations (left for 2 more organisations): 1 of 3\n    cairn "
                                 "proposal approve 4\n");
    EXPECT_EQ(to_json(steps)[1]["for"], "2 more organisations");
    EXPECT_EQ(to_json(steps)[1]["state"], "left");
    EXPECT_FALSE(all_done(steps));
    EXPECT_EQ(left_to_do({steps[0]}), "");
    EXPECT_TRUE(all_done({steps[0]}));
}

} // namespace
} // namespace cairn::cli
