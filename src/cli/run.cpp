#include "base/errors/cli.hpp"
#include "cli/help.hpp"
#include "cli/invocation.hpp"
#include "cli/rpc_trust.hpp"

#include <algorithm>
#include <cstdlib>
#include <exception>
#include <ostream>

namespace cairn::cli {
namespace {

int finish(const Terminal& terminal, const Error& error) {
    terminal.out.flush();
    print_error(terminal, error);
    return static_cast<int>(exit_of(error.code));
}

} // namespace

std::optional<std::string> environment(const char* name) {
    const char* value = std::getenv(name);
    if (!value || !*value) return std::nullopt;
    return std::string{value};
}

int run(const std::vector<std::string>& words, Terminal& terminal) {
    if (words.empty() || words[0] == "--help" || words[0] == "-h" || words[0] == "help") {
        terminal.out << overview(terminal);
        return 0;
    }
    if (words[0] == "__complete") {
        terminal.out << complete({words.begin() + 1, words.end()});
        return 0;
    }
    if (words[0] == "--version") return run({"version"}, terminal);
    // Known before parsing, so that errors of parsing have the form that was asked for.
    terminal.json = std::ranges::find(words, "--json") != words.end();

    const bool bare_noun = words.size() == 1 || words[1] == "--help" || words[1] == "-h";
    const auto found = find_command(words);
    if (!found) {
        if (const auto text = noun_help(terminal, words[0]); bare_noun && !text.empty()) {
            terminal.out << text;
            return 0;
        }
        return finish(terminal, found.error());
    }
    auto invocation =
        parse(terminal, *found->command, {words.begin() + static_cast<std::ptrdiff_t>(found->consumed), words.end()});
    if (!invocation) return finish(terminal, invocation.error());

    terminal.quiet = invocation->has("quiet");
    const auto color = invocation->flag_or("color", "auto");
    if (color != "auto") terminal.colour = color == "always";
    if (invocation->has("help")) {
        terminal.out << command_help(terminal, *found->command);
        return 0;
    }
    if (const auto file = invocation->flag("rpc-ca")) trust_alone(*file);
    Status status;
    try {
        status = found->command->run(*invocation);
    } catch (const std::exception& exception) {
        status = fail(error::CliUnexpected, exception.what());
    }
    if (!status) return finish(terminal, status.error());
    terminal.out.flush();
    if (!terminal.out) return finish(terminal, Error{error::CliFileUnwritable, "standard output"});
    return 0;
}

} // namespace cairn::cli
