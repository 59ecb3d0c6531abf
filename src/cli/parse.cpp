#include "base/errors/cli.hpp"
#include "cli/invocation.hpp"

#include <algorithm>
#include <charconv>
#include <numeric>

namespace cairn::cli {
namespace {

/// Insertions, deletions, substitutions and swaps of neighbours that turn one word into the other.
std::size_t distance(std::string_view a, std::string_view b) {
    std::vector<std::size_t> before(b.size() + 1), above(b.size() + 1), row(b.size() + 1);
    std::iota(above.begin(), above.end(), std::size_t{0});
    for (std::size_t i = 1; i <= a.size(); ++i) {
        row[0] = i;
        for (std::size_t j = 1; j <= b.size(); ++j) {
            const std::size_t change = a[i - 1] == b[j - 1] ? 0 : 1;
            row[j] = std::min({above[j] + 1, row[j - 1] + 1, above[j - 1] + change});
            if (i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1])
                row[j] = std::min(row[j], before[j - 2] + 1);
        }
        before = above;
        above = row;
    }
    return above[b.size()];
}

std::string unknown(std::string_view kind, std::string_view word, const std::vector<std::string_view>& known) {
    std::string text = "unknown " + std::string{kind} + " \"" + std::string{word} + "\"";
    if (const auto guess = nearest(word, known)) text += "; did you mean \"" + *guess + "\"?";
    return text;
}

std::vector<std::string_view> flag_names(const Command& command) {
    std::vector<std::string_view> names;
    for (const auto& flag : command.flags) names.push_back(flag.name);
    for (const auto& flag : common_flags()) names.push_back(flag.name);
    return names;
}

const FlagSpec* find_letter(const Command& command, char letter) {
    for (const auto* list : {&command.flags, &common_flags()})
        for (const auto& flag : *list)
            if (flag.letter == letter) return &flag;
    return nullptr;
}

Status check_choice(std::string_view what, std::string_view value, const std::vector<std::string_view>& choices) {
    if (choices.empty() || std::ranges::find(choices, value) != choices.end()) return {};
    std::string list;
    for (const auto choice : choices) list += (list.empty() ? "" : ", ") + std::string{choice};
    return fail(error::CliUsage,
                std::string{what} + " must be one of " + list + ", not \"" + std::string{value} + "\"");
}

Status check_arguments(const Invocation& invocation) {
    const auto& command = invocation.command();
    const auto& given = invocation.arguments();
    std::size_t least = 0, most = 0;
    for (const auto& argument : command.arguments) {
        if (argument.need == Need::one || argument.need == Need::one_or_more) {
            if (given.size() <= least)
                return fail(error::CliUsage, "missing " + std::string{argument.name} + " (" +
                                                 std::string{argument.help} + ")\n" + usage_of(command));
            ++least;
        }
        const bool many = argument.need == Need::one_or_more || argument.need == Need::any;
        most = many ? given.size() : most + 1;
    }
    if (given.size() > most)
        return fail(error::CliUsage, "unexpected argument \"" + given[most] + "\"\n" + usage_of(command));
    for (std::size_t i = 0; i < given.size(); ++i) {
        const auto& argument = command.arguments[std::min(i, command.arguments.size() - 1)];
        CRN_CHECK(check_choice(argument.name, given[i], argument.choices));
    }
    return {};
}

} // namespace

std::optional<std::string> Invocation::flag(std::string_view name) const {
    const auto found = values_.find(name);
    if (found == values_.end()) return std::nullopt;
    return found->second.back();
}

std::string Invocation::flag_or(std::string_view name, std::string_view otherwise) const {
    return flag(name).value_or(std::string{otherwise});
}

std::vector<std::string> Invocation::all(std::string_view name) const {
    const auto found = values_.find(name);
    return found == values_.end() ? std::vector<std::string>{} : found->second;
}

Result<std::uint64_t> Invocation::number(std::string_view name, std::uint64_t otherwise, std::uint64_t low,
                                         std::uint64_t high) const {
    const auto text = flag(name);
    if (!text) return otherwise;
    return parse_number("--" + std::string{name}, *text, low, high);
}

Result<std::uint64_t> parse_number(std::string_view what, std::string_view text, std::uint64_t low,
                                   std::uint64_t high) {
    std::uint64_t value = 0;
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
    if (error != std::errc{} || end != text.data() + text.size() || text.empty() || value < low || value > high)
        return fail(error::CliUsage, std::string{what} + " must be a number from " + std::to_string(low) + " to " +
                                         std::to_string(high) + ", not \"" + std::string{text} + "\"");
    return value;
}

std::optional<std::string> nearest(std::string_view word, const std::vector<std::string_view>& known) {
    std::optional<std::string> best;
    std::size_t best_distance = word.size() <= 3 ? 2 : 3; // exclusive: a short word allows one slip, a longer one two
    for (const auto candidate : known) {
        const auto d = distance(word, candidate);
        if (d < best_distance) {
            best = std::string{candidate};
            best_distance = d;
        }
    }
    return best;
}

const FlagSpec* find_flag(const Command& command, std::string_view name) {
    for (const auto* list : {&command.flags, &common_flags()})
        for (const auto& flag : *list)
            if (flag.name == name) return &flag;
    return nullptr;
}

Result<Found> find_command(const std::vector<std::string>& words) {
    const std::string noun = words.empty() ? "" : words[0];
    std::vector<std::string_view> verbs;
    const Command* alone = nullptr;
    for (const auto& command : commands()) {
        if (command.noun != noun) continue;
        if (command.verb.empty()) {
            alone = &command;
            continue;
        }
        if (words.size() > 1 && command.verb == words[1]) return Found{&command, 2};
        verbs.push_back(command.verb);
    }
    if (alone) return Found{alone, 1};
    if (verbs.empty()) {
        std::vector<std::string_view> names;
        for (const auto& known : nouns()) names.push_back(known.name);
        return fail(error::CliUsage, unknown("command", noun, names) + "\n`cairn --help` lists all commands");
    }
    if (words.size() < 2) return fail(error::CliUsage, "cairn " + noun + " needs a verb");
    std::string list;
    for (const auto verb : verbs) list += (list.empty() ? "" : ", ") + std::string{verb};
    return fail(error::CliUsage, unknown("verb", words[1], verbs) + "\ncairn " + noun + " knows: " + list);
}

Result<Invocation> parse(Terminal& terminal, const Command& command, const std::vector<std::string>& words) {
    Invocation invocation(terminal, &command);
    bool flags_over = false;
    for (std::size_t i = 0; i < words.size(); ++i) {
        const auto& word = words[i];
        // A lone dash is standard input, and a dash before a digit begins a negative number.
        const bool looks_like_flag = word.size() > 1 && word[0] == '-' && !(word[1] >= '0' && word[1] <= '9');
        if (flags_over || !looks_like_flag) {
            invocation.add_argument(word);
            continue;
        }
        if (word == "--") {
            flags_over = true;
            continue;
        }
        const FlagSpec* flag = nullptr;
        std::optional<std::string> value;
        std::string shown;
        if (word.starts_with("--")) {
            const auto equals = word.find('=');
            const auto name = word.substr(2, equals == std::string::npos ? std::string::npos : equals - 2);
            shown = "--" + name;
            if (equals != std::string::npos) value = word.substr(equals + 1);
            flag = find_flag(command, name);
            if (!flag)
                return fail(error::CliUsage, unknown("flag", name, flag_names(command)) + "\n" + usage_of(command));
        } else {
            shown = word.substr(0, 2);
            flag = find_letter(command, word[1]);
            if (!flag || (word.size() > 2 && flag->value.empty()))
                return fail(error::CliUsage, "unknown flag \"" + word + "\"\n" + usage_of(command));
            if (word.size() > 2) value = word.substr(2);
        }
        if (flag->value.empty()) {
            if (value) return fail(error::CliUsage, shown + " takes no value");
            value = "";
        } else if (!value) {
            if (i + 1 == words.size())
                return fail(error::CliUsage, shown + " needs a value: " + std::string{flag->value});
            value = words[++i];
        }
        if (invocation.has(flag->name) && !flag->repeatable) return fail(error::CliUsage, shown + " is given twice");
        CRN_CHECK(check_choice(shown, *value, flag->choices));
        invocation.set(flag->name, std::move(*value));
    }
    if (!invocation.has("help")) CRN_CHECK(check_arguments(invocation));
    return invocation;
}

} // namespace cairn::cli
