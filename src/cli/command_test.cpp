#include "base/errors/cli.hpp"
#include "cli/command.hpp"

#include "cli/files.hpp"
#include "cli/help.hpp"
#include "cli/invocation.hpp"
#include "cli/test_terminal.hpp"

#include <gtest/gtest.h>

#include <set>

namespace cairn::cli {
namespace {

struct Ran {
    int exit;
    std::string out;
    std::string err;
};

Ran run_words(std::vector<std::string> words) {
    TestTerminal test;
    const int exit = run(words, test.terminal);
    return {exit, test.out.str(), test.err.str()};
}

Result<Invocation> parse_words(Terminal& terminal, std::string_view noun, std::string_view verb,
                               const std::vector<std::string>& words) {
    for (const auto& command : commands())
        if (command.noun == noun && command.verb == verb) return parse(terminal, command, words);
    return fail(error::CliUnexpected, "no such command");
}

TEST(CommandTable, is_complete_and_has_no_two_of_a_kind) {
    std::set<std::string> names;
    for (const auto& command : commands()) {
        const auto name = full_name(command);
        EXPECT_TRUE(names.insert(name).second) << name;
        EXPECT_NE(command.run, nullptr) << name;
        EXPECT_FALSE(command.summary.empty()) << name;
        EXPECT_FALSE(command.examples.empty()) << name;
        EXPECT_TRUE(std::ranges::any_of(nouns(), [&](const Noun& noun) { return noun.name == command.noun; })) << name;
        std::set<std::string_view> flags;
        std::set<char> letters;
        for (const auto* list : {&command.flags, &common_flags()})
            for (const auto& flag : *list) {
                EXPECT_TRUE(flags.insert(flag.name).second) << name << " --" << flag.name;
                if (flag.letter) {
                    EXPECT_TRUE(letters.insert(flag.letter).second) << name << " -" << flag.letter;
                }
                EXPECT_FALSE(flag.help.empty()) << name << " --" << flag.name;
            }
    }
    for (const auto& noun : nouns())
        EXPECT_TRUE(std::ranges::any_of(commands(), [&](const Command& c) { return c.noun == noun.name; }))
            << noun.name;
}

TEST(CommandTable, has_examples_that_parse) {
    TestTerminal test;
    for (const auto& command : commands()) {
        for (const auto& example : command.examples) {
            if (example.line.find_first_of("'\"|<*$") != std::string_view::npos) continue; // needs a shell
            std::vector<std::string> words;
            std::istringstream line{std::string{example.line}};
            for (std::string word; line >> word;) words.push_back(word);
            ASSERT_EQ(words.front(), "cairn");
            words.erase(words.begin());
            if (const auto redirected = std::ranges::find(words, ">"); redirected != words.end())
                words.erase(redirected, words.end());
            const auto found = find_command(words);
            ASSERT_TRUE(found) << example.line;
            EXPECT_EQ(found->command, &command) << example.line;
            const auto parsed = parse(test.terminal, command,
                                      {words.begin() + static_cast<std::ptrdiff_t>(found->consumed), words.end()});
            EXPECT_TRUE(parsed) << example.line << ": " << parsed.error().text();
        }
    }
}

TEST(Parser, takes_flags_in_both_forms_and_anywhere) {
    TestTerminal test;
    const auto one = parse_words(test.terminal, "dev", "logs", {"--lines=5", "alpha-1", "-f"});
    ASSERT_TRUE(one);
    EXPECT_EQ(one->flag("lines"), "5");
    EXPECT_TRUE(one->has("follow"));
    EXPECT_EQ(one->argument(0), "alpha-1");
    const auto two = parse_words(test.terminal, "dev", "logs", {"-n5", "alpha-1"});
    ASSERT_TRUE(two);
    EXPECT_EQ(two->flag("lines"), "5");
}

TEST(Parser, takes_negative_numbers_and_a_lone_dash_as_arguments) {
    TestTerminal test;
    const auto call = parse_words(test.terminal, "contract", "call", {"0x00", "f", "-5", "--abi", "a.json"});
    ASSERT_TRUE(call);
    EXPECT_EQ(call->argument(2), "-5");
    const auto record = parse_words(test.terminal, "record", "add", {"-"});
    ASSERT_TRUE(record);
    EXPECT_EQ(record->argument(0), "-");
    const auto rest = parse_words(test.terminal, "record", "add", {"--", "--odd-name"});
    ASSERT_TRUE(rest);
    EXPECT_EQ(rest->argument(0), "--odd-name");
}

TEST(Parser, refuses_what_is_wrong_and_says_what) {
    TestTerminal test;
    const std::pair<std::vector<std::string>, std::string> cases[] = {
        {{"--nods", "4"}, "did you mean \"nodes\""},
        {{"--nodes"}, "needs a value"},
        {{"--wipe=yes"}, "unknown flag"},
        {{"extra"}, "unexpected argument \"extra\""},
        {{"--json=1"}, "takes no value"},
        {{"--nodes", "1", "--nodes", "2"}, "given twice"},
        {{"--color", "blue"}, "must be one of auto, always, never"},
    };
    for (const auto& [words, message] : cases) {
        const auto parsed = parse_words(test.terminal, "dev", "up", words);
        ASSERT_FALSE(parsed) << message;
        EXPECT_EQ(parsed.error().code, error::CliUsage);
        EXPECT_NE(parsed.error().detail.find(message), std::string::npos) << parsed.error().detail;
    }
}

TEST(Parser, checks_numbers_against_their_range) {
    EXPECT_EQ(parse_number("--nodes", "4", 1, 32).value(), 4u);
    for (const auto* text : {"", "0", "33", "4x", "-1", " 4", "0x4", "99999999999999999999999"})
        EXPECT_FALSE(parse_number("--nodes", text, 1, 32)) << text;
}

TEST(Suggestion, guesses_a_mistyped_verb_and_noun) {
    const auto verb = run_words({"dev", "pu"});
    EXPECT_EQ(verb.exit, 2);
    EXPECT_NE(verb.err.find("did you mean \"up\"?"), std::string::npos) << verb.err;
    const auto noun = run_words({"blokc", "show"});
    EXPECT_EQ(noun.exit, 2);
    EXPECT_NE(noun.err.find("did you mean \"block\"?"), std::string::npos) << noun.err;
    EXPECT_FALSE(nearest("zzzzzz", {"up", "down"}));
}

TEST(Help, shows_examples_before_usage_and_flags) {
    const auto help = run_words({"dev", "up", "--help"});
    EXPECT_EQ(help.exit, 0);
    const auto examples = help.out.find("Examples");
    const auto usage = help.out.find("Usage: cairn dev up");
    const auto flags = help.out.find("--base-port P");
    ASSERT_NE(examples, std::string::npos);
    ASSERT_NE(flags, std::string::npos);
    EXPECT_LT(examples, usage);
    EXPECT_LT(usage, flags);
    EXPECT_EQ(help.err, "");
}

TEST(Help, of_a_bare_program_and_a_bare_noun_lists_what_there_is) {
    const auto bare = run_words({});
    EXPECT_EQ(bare.exit, 0);
    for (const auto& noun : nouns()) EXPECT_NE(bare.out.find(std::string{noun.name}), std::string::npos);
    const auto noun = run_words({"record"});
    EXPECT_EQ(noun.exit, 0);
    for (const auto* verb : {"add", "prove", "verify", "show"}) EXPECT_NE(noun.out.find(verb), std::string::npos);
}

TEST(Help, usage_is_not_dumped_after_a_failure_at_run_time) {
    const auto failed = run_words({"record", "verify", "/nonexistent", "/nonexistent", "--genesis", "/nonexistent"});
    EXPECT_EQ(failed.exit, 1);
    EXPECT_EQ(failed.err.find("Usage:"), std::string::npos) << failed.err;
    EXPECT_EQ(failed.out, "");
}

TEST(Completion, offers_nouns_verbs_flags_and_choices) {
    EXPECT_NE(complete({"re"}).find("record\t"), std::string::npos);
    EXPECT_EQ(complete({"re"}).find("dev"), std::string::npos);
    EXPECT_NE(complete({"dev", ""}).find("up\t"), std::string::npos);
    EXPECT_NE(complete({"dev", "up", "--ba"}).find("--base-port\t"), std::string::npos);
    EXPECT_EQ(complete({"completion", "z"}), "zsh\n");
    EXPECT_EQ(complete({"bench", "load", "--kind", "e"}), "erc20\n");
    EXPECT_EQ(complete({"node", "run", "--config", ""}), ":file\n");
    EXPECT_EQ(complete({"record", "verify", "a.pdf", ""}), ":file\n");
    EXPECT_EQ(complete({"nonsense", "x"}), "");
}

TEST(Completion, has_a_script_for_each_shell_that_asks_the_program) {
    for (const auto* shell : {"bash", "zsh", "fish"})
        EXPECT_NE(completion_script(shell).find("cairn __complete"), std::string::npos) << shell;
    EXPECT_EQ(run_words({"completion", "tcsh"}).exit, 2);
}

TEST(Docs, explains_one_error_and_refuses_an_unknown_one) {
    const auto known = run_words({"docs", "errors", "CRN-LED-0007"});
    EXPECT_EQ(known.exit, 0);
    EXPECT_NE(known.out.find("proof does not hold"), std::string::npos);
    EXPECT_EQ(run_words({"docs", "errors", "CRN-XXX-9999"}).exit, 3);
}

TEST(Docs, committed_reference_is_what_the_program_prints) {
    const auto committed = read_file(CAIRN_SOURCE_DIR "/docs/reference/cli.md");
    ASSERT_TRUE(committed);
    EXPECT_TRUE(*committed == reference_page()) << "out of date; run: scripts/docs.sh";
}

TEST(Docs, committed_page_of_errors_is_what_the_program_prints) {
    const auto committed = read_file(CAIRN_SOURCE_DIR "/docs/errors.md");
    ASSERT_TRUE(committed);
    EXPECT_TRUE(*committed == errors_page()) << "out of date; run: scripts/docs.sh";
}

TEST(Version, is_printed_as_text_and_json) {
    EXPECT_TRUE(run_words({"version"}).out.starts_with("cairn "));
    EXPECT_TRUE(run_words({"--version"}).out.starts_with("cairn "));
    EXPECT_TRUE(run_words({"version", "--json"}).out.starts_with("{"));
}

} // namespace
} // namespace cairn::cli
