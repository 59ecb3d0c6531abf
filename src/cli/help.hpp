// Help texts, the reference page and the page of errors: all made from the one table of commands and the one
// of errors.
#pragma once

#include "cli/command.hpp"
#include "cli/terminal.hpp"

#include <string>

namespace cairn::cli {

/// Concise overview for a bare `cairn`.
std::string overview(const Terminal& terminal);
/// The verbs of one noun; empty if there is no such noun.
std::string noun_help(const Terminal& terminal, std::string_view noun);
/// Examples first.
std::string command_help(const Terminal& terminal, const Command& command);

/// docs/reference/cli.md
std::string reference_page();
/// docs/errors.md
std::string errors_page();
/// Entry of one error for people; nothing if the id is unknown.
std::string error_entry(const Terminal& terminal, std::string_view id);

/// Candidates for the last of `words` (without the program's name), one per line; "value<TAB>explanation".
/// The lines
/// ":file" and ":directory" ask the shell for paths.
std::string complete(const std::vector<std::string>& words);
/// Small script that asks `cairn __complete`; empty for an unknown shell.
std::string completion_script(std::string_view shell);

} // namespace cairn::cli
