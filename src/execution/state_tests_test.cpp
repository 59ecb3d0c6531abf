// All state tests of the shared vectors, except those listed as not yet.
#include "base/test_vectors.hpp"
#include "execution/fixture.hpp"

#include <gtest/gtest.h>

namespace cairn::execution {
namespace {

StateTestReport run(const std::string& set, bool slow = false) {
    StateTestOptions options;
    options.slow = slow;
    auto report = run_state_tests({test::unpacked_vectors(CAIRN_SOURCE_DIR, set).string()}, options, {});
    for (std::size_t i = 0; i < std::min<std::size_t>(report.failures.size(), 20); ++i) {
        const auto& failure = report.failures[i];
        ADD_FAILURE() << failure.file << " " << failure.test << " " << name_of(failure.revision) << " #" << failure.index
                      << ": " << failure.reason;
    }
    std::cout << set << ": " << report.passed << " passed, " << report.failed << " failed, " << report.skipped
              << " skipped\n";
    return report;
}

TEST(StateTests, of_cancun_give_the_expected_roots_and_logs) {
    const auto report = run("state-cancun");
    EXPECT_EQ(report.failed, 0u);
    EXPECT_GT(report.passed, 12'000u);
}

TEST(StateTests, of_prague_and_osaka_give_the_expected_roots_and_logs) {
    const auto report = run("state-prague-osaka");
    EXPECT_EQ(report.failed, 0u);
    EXPECT_GT(report.passed, 12'000u);
}

} // namespace
} // namespace cairn::execution
