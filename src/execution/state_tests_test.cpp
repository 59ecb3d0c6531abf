// All state tests of the shared vectors, except those listed as not yet.
#include "base/errors/execution.hpp"
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

StateTestReport run(const std::vector<std::string>& paths, const StateTestOptions& options,
                    std::set<std::string>& skipped) {
    const auto note = [&](const StateTestResult& result) {
        if (result.verdict == Verdict::skipped) skipped.insert(without_fork(result.test));
    };
    auto report = run_state_tests(paths, options, note);
    for (std::size_t i = 0; i < std::min<std::size_t>(report.failures.size(), 20); ++i) {
        const auto& failure = report.failures[i];
        ADD_FAILURE() << failure.file << " " << failure.test << " " << name_of(failure.revision) << " #"
                      << failure.index << ": " << failure.reason;
    }
    EXPECT_EQ(report.failed, 0u);
    std::cout << report.passed << " passed, " << report.failed << " failed, " << report.skipped << " skipped\n";
    return report;
}

std::string folder(const char* set) { return test::unpacked_vectors(CAIRN_SOURCE_DIR, set).string(); }

TEST(StateTests, give_the_expected_roots_and_logs_and_skip_exactly_what_is_listed) {
    std::set<std::string> skipped;
    EXPECT_GT(run({folder("state-cancun")}, {{}, kSlow}, skipped).passed, 12'000u);
    EXPECT_GT(run({folder("state-prague-osaka")}, {{}, kSlow}, skipped).passed, 13'000u);
    for (const auto& name : skipped) EXPECT_TRUE(kNotYet.contains(name)) << name << " is skipped and not listed";
    for (const auto& name : kNotYet)
        EXPECT_TRUE(skipped.contains(std::string{name})) << name << " is listed and not skipped";
}

TEST(SlowStateTests, loop_of_multiplications) {
    std::set<std::string> skipped;
    EXPECT_GT(run({folder("state-cancun") + "/VMTests/vmPerformance/loopMul.json"}, {}, skipped).passed, 0u);
    EXPECT_TRUE(skipped.empty());
}

TEST(SlowStateTests, blake2_with_all_the_rounds_there_are) {
    std::set<std::string> skipped;
    EXPECT_GT(run({folder("state-cancun") + "/stTimeConsuming/CALLBlake2f_MaxRounds.json"}, {}, skipped).passed, 0u);
    EXPECT_TRUE(skipped.empty());
}

/// A fixture that carries its expected state, with one value of it changed.
TEST(StateTests, name_the_account_and_field_that_differ) {
    const auto file = test::read_text(test::unpacked_vectors(CAIRN_SOURCE_DIR, "state-prague-osaka") /
                                      "london/eip1559_fee_market_change/test_eip1559_tx_validity.json");
    auto tests = parse_state_tests(file);
    ASSERT_TRUE(tests) << tests.error().text();
    const auto& test = tests->front();
    auto test_case = test.cases.front();
    ASSERT_EQ(run_state_test_case(test, test_case).verdict, Verdict::passed);

    auto changed = *test_case.expected_state;
    auto& [address, account] = *changed.begin();
    account.balance += U256{1};
    account.storage[U256{77}] = U256{5};
    test_case.expected_state = std::make_shared<const FixtureAccounts>(changed);
    test_case.root = {};
    const auto result = run_state_test_case(test, test_case);
    EXPECT_EQ(result.verdict, Verdict::failed);
    EXPECT_NE(result.reason.find(to_hex(address) + " balance"), std::string::npos) << result.reason;
    EXPECT_NE(result.reason.find("slot 0x4d is 0x0, expected 0x5"), std::string::npos) << result.reason;
    EXPECT_EQ(result.reason.find("code differs"), std::string::npos);
}

TEST(StateTests, fail_when_root_logs_sender_or_reason_of_refusal_differ) {
    const auto path =
        test::unpacked_vectors(CAIRN_SOURCE_DIR, "state-prague-osaka") / "london/eip1559_fee_market_change";
    const auto tests = parse_state_tests(test::read_text(path / "test_eip1559_tx_validity.json"));
    ASSERT_TRUE(tests);
    for (const auto& given : *tests)
        for (const auto& test_case : given.cases) {
            ASSERT_EQ(run_state_test_case(given, test_case).verdict, Verdict::passed);
            auto other_logs = test_case;
            other_logs.logs_hash[0] ^= 1;
            EXPECT_EQ(run_state_test_case(given, other_logs).verdict, Verdict::failed);
            auto other_root = test_case;
            other_root.root[0] ^= 1;
            EXPECT_EQ(run_state_test_case(given, other_root).verdict, Verdict::failed);
            auto other_sender = given;
            (*other_sender.sender)[0] ^= 1;
            EXPECT_EQ(run_state_test_case(other_sender, test_case).verdict, Verdict::failed);
            auto other_reason = test_case;
            other_reason.exception = test_case.exception.empty() ? "TransactionException.NONCE_IS_MAX" : "";
            EXPECT_EQ(run_state_test_case(given, other_reason).verdict, Verdict::failed);
            auto other_bytes = test_case;
            other_bytes.transaction->gas_limit += 1;
            EXPECT_EQ(run_state_test_case(given, other_bytes).verdict, Verdict::failed);
        }
}

TEST(Fixture, refuses_what_is_not_a_state_test) {
    for (const auto* text :
         {"", "[]", "{\"a\":1}", "{\"a\":{\"env\":{}}}", "{\"a\":{\"env\":{\"currentNumber\":1}}}", "{", "nul"}) {
        const auto tests = parse_state_tests(text);
        ASSERT_FALSE(tests) << text;
        EXPECT_EQ(tests.error().code, error::FixtureInvalid);
    }
    EXPECT_TRUE(parse_state_tests("{}")->empty());
    const auto report = run_state_tests({"/nonexistent.json"}, {}, {});
    EXPECT_EQ(report.failed, 1u);
}

} // namespace
} // namespace cairn::execution
