// About the program itself: version, completion, docs.
#include "base/errors/cli.hpp"
#include "cli/help.hpp"
#include "cli/invocation.hpp"

#include <nlohmann/json.hpp>

#include <ostream>

namespace cairn::cli {
namespace {

Status version(Invocation& invocation) {
    const auto& terminal = invocation.terminal();
    if (terminal.json)
        terminal.out << nlohmann::json{{"version", CAIRN_VERSION}, {"rules", "osaka"}, {"compiler", __VERSION__}}.dump(
                            2)
                     << '\n';
    else
        terminal.out << "cairn " << CAIRN_VERSION << '\n';
    return {};
}

Status completion(Invocation& invocation) {
    invocation.terminal().out << completion_script(invocation.argument(0));
    return {};
}

Status docs_reference(Invocation& invocation) {
    invocation.terminal().out << reference_page();
    return {};
}

Status docs_errors(Invocation& invocation) {
    if (invocation.arguments().empty()) {
        invocation.terminal().out << errors_page();
        return {};
    }
    const auto entry = error_entry(invocation.terminal(), invocation.argument(0));
    if (entry.empty()) return fail(error::CliNotFound, "error code " + invocation.argument(0));
    invocation.terminal().out << entry;
    return {};
}

} // namespace

void declare_meta(CommandList& out) {
    out.push_back({.noun = "docs",
                   .verb = "reference",
                   .summary = "print the reference of all commands (docs/reference/cli.md)",
                   .examples = {{"cairn docs reference > docs/reference/cli.md", ""}},
                   .run = docs_reference});
    out.push_back({.noun = "docs",
                   .verb = "errors",
                   .summary = "explain one error code, or print all (docs/errors.md)",
                   .arguments = {{"CODE", "e.g. CRN-NET-0001", Need::optional}},
                   .examples = {{"cairn docs errors CRN-NET-0001", ""}},
                   .run = docs_errors});
    out.push_back({.noun = "completion",
                   .summary = "print the completion script for a shell",
                   .arguments = {{"SHELL", "which shell", Need::one, {"bash", "zsh", "fish"}}},
                   .examples = {{"source <(cairn completion bash)", "bash, this session"},
                                {"cairn completion fish > ~/.config/fish/completions/cairn.fish", "fish, for good"}},
                   .run = completion});
    out.push_back({.noun = "version",
                   .summary = "print the version of this program",
                   .examples = {{"cairn version", ""}},
                   .run = version});
}

} // namespace cairn::cli
