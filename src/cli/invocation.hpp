// One parsed command line.
#pragma once

#include "cli/command.hpp"
#include "cli/terminal.hpp"

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

namespace cairn::cli {

/// What a command gets: its flags and arguments, and the world outside as parameters.
class Invocation {
public:
    Invocation(Terminal& terminal, const Command* command) : terminal_(&terminal), command_(command) {}

    Terminal& terminal() const { return *terminal_; }
    const Command& command() const { return *command_; }
    bool json() const { return terminal_->json; }

    bool has(std::string_view flag) const { return values_.contains(flag); }
    /// The last value given.
    std::optional<std::string> flag(std::string_view name) const;
    std::string flag_or(std::string_view name, std::string_view otherwise) const;
    std::vector<std::string> all(std::string_view name) const;
    /// CliUsage unless it is a decimal number in [low, high].
    Result<std::uint64_t> number(std::string_view name, std::uint64_t otherwise, std::uint64_t low,
                                 std::uint64_t high) const;

    const std::vector<std::string>& arguments() const { return arguments_; }
    /// Only for arguments that the declaration makes obligatory.
    const std::string& argument(std::size_t index) const { return arguments_.at(index); }

    void set(std::string_view flag, std::string value) { values_[std::string{flag}].push_back(std::move(value)); }
    void add_argument(std::string value) { arguments_.push_back(std::move(value)); }

private:
    Terminal* terminal_;
    const Command* command_;
    std::map<std::string, std::vector<std::string>, std::less<>> values_;
    std::vector<std::string> arguments_;
};

/// Which command the words name and where its own words begin.
struct Found {
    const Command* command = nullptr;
    std::size_t consumed = 0;
};
/// CliUsage with a suggestion if a word is unknown.
Result<Found> find_command(const std::vector<std::string>& words);
/// Reads the words after the command's name.
Result<Invocation> parse(Terminal& terminal, const Command& command, const std::vector<std::string>& words);

/// The nearest of `known` if it is near enough to be meant.
std::optional<std::string> nearest(std::string_view word, const std::vector<std::string_view>& known);
/// Flags of the command and the common ones.
const FlagSpec* find_flag(const Command& command, std::string_view name);

/// The decimal number in `text`, or CliUsage that names `what`.
Result<std::uint64_t> parse_number(std::string_view what, std::string_view text, std::uint64_t low, std::uint64_t high);

/// The whole program: words without the program's name; returns the exit code.
int run(const std::vector<std::string>& words, Terminal& terminal);

/// A variable of the environment; nothing if unset or empty. Never used for secrets.
std::optional<std::string> environment(const char* name);

} // namespace cairn::cli
