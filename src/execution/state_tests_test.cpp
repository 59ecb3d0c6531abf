// All state tests of the shared vectors, except those listed as not yet.
#include "base/test_vectors.hpp"
#include "execution/fixture.hpp"

#include <gtest/gtest.h>

#include <set>

namespace cairn::execution {
namespace {

/// Run apart: their time is in the dozens of seconds.
const std::vector<std::string_view> kSlow{"VMTests/vmPerformance/loopMul.json",
                                          "stTimeConsuming/CALLBlake2f_MaxRounds.json"};

/// Tests that need BLS12-381 or KZG, by name; a name counts for all forks. No other test may be skipped.
const std::set<std::string_view> kNotYet{
#include "execution/state_tests_not_yet.inc"
};

/// The part of an execution-spec-tests name that does not depend on the fork.
std::string without_fork(std::string name) {
    for (const std::string_view fork : {"fork_Cancun-", "fork_Prague-", "fork_Osaka-"})
        if (const auto at = name.find(fork); at != std::string::npos) name.erase(at, fork.size());
    return name;
}

StateTestReport run(const std::vector<std::string>& paths, const StateTestOptions& options) {
    std::set<std::string> skipped;
    const auto note = [&](const StateTestResult& result) {
        if (result.verdict == Verdict::skipped) skipped.insert(without_fork(result.test));
    };
    auto report = run_state_tests(paths, options, note);
    for (std::size_t i = 0; i < std::min<std::size_t>(report.failures.size(), 20); ++i) {
        const auto& failure = report.failures[i];
        ADD_FAILURE() << failure.file << " " << failure.test << " " << name_of(failure.revision) << " #" << failure.index
                      << ": " << failure.reason;
    }
    for (const auto& name : skipped) EXPECT_TRUE(kNotYet.contains(name)) << name << " is skipped and not listed";
    std::cout << report.passed << " passed, " << report.failed << " failed, " << report.skipped << " skipped\n";
    return report;
}

std::string folder(const char* set) { return test::unpacked_vectors(CAIRN_SOURCE_DIR, set).string(); }

TEST(StateTests, of_cancun_give_the_expected_roots_and_logs) {
    const auto report = run({folder("state-cancun")}, {{}, kSlow});
    EXPECT_EQ(report.failed, 0u);
    EXPECT_GT(report.passed, 12'000u);
}

TEST(StateTests, of_prague_and_osaka_give_the_expected_roots_and_logs) {
    const auto report = run({folder("state-prague-osaka")}, {{}, kSlow});
    EXPECT_EQ(report.failed, 0u);
    EXPECT_GT(report.passed, 12'000u);
}

TEST(SlowStateTests, loop_of_multiplications) {
    const auto report = run({folder("state-cancun") + "/VMTests/vmPerformance/loopMul.json"}, {});
    EXPECT_EQ(report.failed, 0u);
    EXPECT_GT(report.passed, 0u);
}

TEST(SlowStateTests, blake2_with_all_the_rounds_there_are) {
    const auto report = run({folder("state-cancun") + "/stTimeConsuming/CALLBlake2f_MaxRounds.json"}, {});
    EXPECT_EQ(report.failed, 0u);
    EXPECT_GT(report.passed, 0u);
}

} // namespace
} // namespace cairn::execution
