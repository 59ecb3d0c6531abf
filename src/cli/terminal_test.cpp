#include "base/errors/cli.hpp"
#include "base/errors/execution.hpp"
#include "base/errors/ledger.hpp"
#include "base/errors/network.hpp"
#include "cli/terminal.hpp"

#include "cli/test_terminal.hpp"

#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

#include <set>

namespace cairn::cli {
namespace {

TEST(Width, counts_chinese_double_and_combining_marks_not_at_all) {
    EXPECT_EQ(display_width("abc"), 3u);
    EXPECT_EQ(display_width("组织"), 4u);
    EXPECT_EQ(display_width("한글"), 4u);
    EXPECT_EQ(display_width("e\u0301"), 1u);
    EXPECT_EQ(display_width("ＡＢ"), 4u);
    EXPECT_EQ(display_width("\U0001F600"), 2u);
}

TEST(Width, takes_each_invalid_byte_as_one_column) {
    EXPECT_EQ(display_width("\xff\xfe"), 2u);
    EXPECT_EQ(display_width("\xe4\xbd"), 2u); // cut in the middle of a character
    EXPECT_EQ(display_width("\xc0\x80"), 2u); // overlong
}

TEST(Printable, takes_away_what_a_terminal_would_obey) {
    EXPECT_EQ(printable("a\x1b[31mb"), "a?[31mb");
    EXPECT_EQ(printable("a\x9b"), "a?");
    EXPECT_EQ(printable("a\u009b"), "a?"); // C1 control in UTF-8
    EXPECT_EQ(printable("组\t\n"), "组\t\n");
}

TEST(Table, aligns_wide_characters_on_a_terminal) {
    TestTerminal test;
    test.terminal.out_is_tty = true;
    Table table({"NAME", ">N"});
    table.row({"组织", "5"});
    table.row({"ab", "10"});
    table.print(test.terminal);
    EXPECT_EQ(test.out.str(), "NAME   N\n组织   5\nab    10\n");
}

TEST(Table, separates_by_tabs_without_headings_elsewhere) {
    TestTerminal test;
    Table table({"NAME", ">N"});
    table.row({"a\tb\nc", "5"});
    table.print(test.terminal);
    EXPECT_EQ(test.out.str(), "a b c\t5\n");
}

TEST(Progress, prints_one_line_per_stage_when_stderr_is_no_terminal) {
    TestTerminal test;
    {
        Progress progress(test.terminal, system_clock());
        progress.stage("First");
        progress.update("half");
        progress.stage("Second");
        progress.done();
    }
    const auto text = test.err.str();
    EXPECT_EQ(std::count(text.begin(), text.end(), '\n'), 2);
    EXPECT_TRUE(text.starts_with("First (")) << text;
    EXPECT_EQ(text.find("half"), std::string::npos);
    EXPECT_EQ(test.out.str(), "");
}

TEST(Progress, says_nothing_when_quiet) {
    TestTerminal test;
    test.terminal.quiet = true;
    Progress progress(test.terminal, system_clock());
    progress.stage("First");
    progress.done();
    EXPECT_EQ(test.err.str(), "");
}

TEST(ErrorShape, has_what_where_why_next_and_code) {
    TestTerminal test;
    print_error(test.terminal, {error::PortInUse, "127.0.0.1:8545"});
    const auto text = test.err.str();
    const auto& info = error_info(error::PortInUse);
    EXPECT_TRUE(text.starts_with("Error: " + std::string{info.title} + "\n"));
    EXPECT_NE(text.find("\n  Where: 127.0.0.1:8545\n"), std::string::npos) << text;
    EXPECT_NE(text.find("\n  Why:   " + std::string{info.cause} + "\n"), std::string::npos) << text;
    EXPECT_NE(text.find("\n  Next:  "), std::string::npos);
    EXPECT_NE(text.find("\n  Code:  CRN-NET-0001  (cairn docs errors CRN-NET-0001)\n"), std::string::npos);
    EXPECT_EQ(test.out.str(), "");
}

TEST(ErrorShape, is_one_json_object_on_stderr_with_json) {
    TestTerminal test;
    test.terminal.json = true;
    print_error(test.terminal, {error::ProofInvalid, "header: hash \x1b differs"});
    const auto document = nlohmann::json::parse(test.err.str());
    EXPECT_EQ(document["error"]["code"], "CRN-LED-0007");
    EXPECT_EQ(document["error"]["where"], "header: hash ? differs");
    EXPECT_EQ(document["error"]["exit"], 8);
    EXPECT_TRUE(document["error"].contains("why") && document["error"].contains("next"));
}

TEST(ExitCodes, follow_the_documented_table) {
    const std::pair<ErrorCode, int> expected[] = {
        {error::CliReverted, 1},        {error::CliUsage, 2},      {error::CliNotFound, 3},
        {error::CliPassphraseWrong, 4}, {error::CliFileExists, 5}, {error::CliTimedOut, 6},
        {error::CliRpcUnreachable, 7},  {error::ProofInvalid, 8},  {error::CliInterrupted, 130},
        {error::NonceTooLow, 1},
    };
    for (const auto& [code, exit] : expected) EXPECT_EQ(static_cast<int>(exit_of(code)), exit) << error_id(code);
    std::size_t count = 0;
    const auto* table = error_table(count);
    for (std::size_t i = 0; i < count; ++i)
        EXPECT_TRUE(std::ranges::any_of(exit_meanings(),
                                        [&](const ExitMeaning& m) { return m.code == exit_of(table[i].code); }));
}

TEST(ErrorTable, gives_each_id_once_and_a_cause_and_a_next_step_to_all) {
    std::size_t count = 0;
    const auto* table = error_table(count);
    ASSERT_GT(count, 50u);
    std::set<std::string_view> ids;
    for (std::size_t i = 0; i < count; ++i) {
        EXPECT_TRUE(ids.insert(table[i].id).second) << table[i].id;
        EXPECT_EQ(table[i].id.size(), 12u) << table[i].id;
        EXPECT_FALSE(table[i].title.empty() || table[i].cause.empty() || table[i].next.empty()) << table[i].id;
    }
}

} // namespace
} // namespace cairn::cli
