#include "cli/help.hpp"

#include <algorithm>
#include <map>

namespace cairn::cli {
namespace {

std::string column(std::string_view text, std::size_t width) {
    const auto used = display_width(text);
    return std::string{text} + std::string(width > used ? width - used : 1, ' ');
}

std::string flag_text(const FlagSpec& flag) {
    std::string text = flag.letter ? std::string{"-"} + flag.letter + ", " : "    ";
    text += "--" + std::string{flag.name};
    if (!flag.value.empty()) text += " " + std::string{flag.value};
    return text;
}

std::string argument_text(const ArgumentSpec& argument) {
    const std::string name{argument.name};
    switch (argument.need) {
    case Need::one: return name;
    case Need::optional: return "[" + name + "]";
    case Need::one_or_more: return name + "...";
    case Need::any: return "[" + name + "...]";
    }
    return name;
}

std::string choices_text(const std::vector<std::string_view>& choices) {
    std::string list;
    for (const auto choice : choices) list += (list.empty() ? "" : ", ") + std::string{choice};
    return list.empty() ? "" : " (" + list + ")";
}

std::string flag_list(const std::vector<FlagSpec>& flags) {
    std::size_t width = 0;
    for (const auto& flag : flags) width = std::max(width, flag_text(flag).size() + 2);
    std::string out;
    for (const auto& flag : flags)
        out += "  " + column(flag_text(flag), width) + std::string{flag.help} + choices_text(flag.choices) + "\n";
    return out;
}

/// A Markdown table cell.
std::string cell(std::string_view text) {
    std::string out;
    for (const char c : text) {
        if (c == '|') out += '\\';
        out += c == '\n' ? ' ' : c;
    }
    return out;
}

std::string anchor(std::string_view text) {
    std::string out;
    for (const char c : text) {
        if (c == ' ')
            out += '-';
        else if (c != '`')
            out += static_cast<char>(std::tolower(static_cast<unsigned char>(c)));
    }
    return out;
}

} // namespace

std::string full_name(const Command& command) {
    std::string name = "cairn " + std::string{command.noun};
    if (!command.verb.empty()) name += " " + std::string{command.verb};
    return name;
}

std::string usage_of(const Command& command) {
    std::string text = "Usage: " + full_name(command);
    for (const auto& argument : command.arguments) text += " " + argument_text(argument);
    if (!command.flags.empty()) text += " [flags]";
    return text;
}

std::string overview(const Terminal& terminal) {
    const auto title = [&](std::string_view text) { return terminal.styled(Style::bold, text) + "\n"; };
    std::string out = "Cairn: a consortium blockchain in which nobody can lie alone.\n\n";
    out += title("Examples");
    out += "  $ cairn dev up                        four validators on this machine, ready for Ethereum tools\n"
           "  $ cairn record add README.md          put a document's digest on record\n"
           "  $ cairn block show latest             look at the newest final block\n\n";
    out += title("Commands");
    std::size_t width = 0;
    for (const auto& noun : nouns()) width = std::max(width, noun.name.size() + 2);
    for (const auto& noun : nouns()) out += "  " + column(noun.name, width) + std::string{noun.summary} + "\n";
    out += "\nUsage: cairn COMMAND [VERB] [arguments] [flags]\n"
           "`cairn COMMAND VERB --help` shows examples and every flag. Reference: docs/reference/cli.md\n";
    return out;
}

std::string noun_help(const Terminal& terminal, std::string_view noun) {
    const auto& list = nouns();
    const auto known = std::ranges::find(list, noun, &Noun::name);
    if (known == list.end()) return {};
    std::string out = "cairn " + std::string{noun} + ": " + std::string{known->summary} + "\n\n";
    out += terminal.styled(Style::bold, "Verbs") + "\n";
    std::size_t width = 0;
    for (const auto& command : commands())
        if (command.noun == noun) width = std::max(width, command.verb.size() + 2);
    for (const auto& command : commands())
        if (command.noun == noun) out += "  " + column(command.verb, width) + std::string{command.summary} + "\n";
    out += "\n`cairn " + std::string{noun} + " VERB --help` shows examples and every flag.\n";
    return out;
}

std::string command_help(const Terminal& terminal, const Command& command) {
    const auto title = [&](std::string_view text) { return terminal.styled(Style::bold, text) + "\n"; };
    std::string out = full_name(command) + ": " + std::string{command.summary} + "\n\n";
    if (!command.examples.empty()) {
        out += title("Examples");
        for (const auto& example : command.examples) {
            out += "  $ " + std::string{example.line} + "\n";
            if (!example.what.empty()) out += "      " + std::string{example.what} + "\n";
        }
        out += "\n";
    }
    out += usage_of(command) + "\n";
    if (!command.details.empty()) out += "\n" + std::string{command.details} + "\n";
    if (!command.arguments.empty()) {
        out += "\n" + title("Arguments");
        std::size_t width = 0;
        for (const auto& argument : command.arguments) width = std::max(width, argument.name.size() + 2);
        for (const auto& argument : command.arguments)
            out += "  " + column(argument.name, width) + std::string{argument.help} + choices_text(argument.choices) +
                   "\n";
    }
    if (!command.flags.empty()) out += "\n" + title("Flags") + flag_list(command.flags);
    out += "\n" + title("Common flags") + flag_list(common_flags());
    return out;
}

std::string reference_page() {
    std::string out = "# Command line reference\n\n"
                      "Generated by `cairn docs reference` from the table of commands that also feeds "
                      "`--help`; do not edit.\n\n"
                      "Grammar: `cairn NOUN VERB [arguments] [flags]`. Data goes to standard output, "
                      "everything else to standard "
                      "error. On a terminal the output is an aligned table; anywhere else fields are "
                      "separated by tabs, without "
                      "headings, colours or truncation. `--json` gives one JSON document. Secrets are never "
                      "taken from the command "
                      "line or the environment: they come from files and prompts.\n\n"
                      "## Flags of every command\n\n| flag | meaning |\n| --- | --- |\n";
    const auto flag_rows = [](const std::vector<FlagSpec>& flags) {
        std::string rows;
        for (const auto& flag : flags) {
            rows += "| `--" + std::string{flag.name} + (flag.value.empty() ? "" : " " + std::string{flag.value}) + "`";
            if (flag.letter) rows += ", `-" + std::string(1, flag.letter) + "`";
            rows += " | " + cell(std::string{flag.help} + choices_text(flag.choices)) + " |\n";
        }
        return rows;
    };
    out += flag_rows(common_flags());
    out += "\n## Exit codes\n\n| code | meaning |\n| --- | --- |\n";
    for (const auto& meaning : exit_meanings())
        out += "| " + std::to_string(static_cast<int>(meaning.code)) + " | " + cell(meaning.meaning) + " |\n";
    out += "\n## Environment\n\n"
           "| variable | meaning |\n| --- | --- |\n"
           "| `CAIRN_RPC` | URL of the node, where `--rpc` is not given |\n"
           "| `CAIRN_DEV_DIR` | directory of the development network, where `--dir` is not given |\n"
           "| `NO_COLOR`, `TERM=dumb` | no colours |\n"
           "| `XDG_DATA_HOME`, `XDG_STATE_HOME` | where accounts and the development network are kept |\n"
           "\n## Commands\n\n| command | what it does |\n| --- | --- |\n";
    for (const auto& command : commands())
        out +=
            "| [`" + full_name(command) + "`](#" + anchor(full_name(command)) + ") | " + cell(command.summary) + " |\n";
    for (const auto& command : commands()) {
        out += "\n### " + full_name(command) + "\n\n";
        std::string summary{command.summary};
        summary[0] = static_cast<char>(std::toupper(static_cast<unsigned char>(summary[0])));
        out += summary + ".\n";
        if (!command.examples.empty()) {
            out += "\n```\n";
            for (const auto& example : command.examples) {
                if (!example.what.empty()) out += "# " + std::string{example.what} + "\n";
                out += "$ " + std::string{example.line} + "\n";
            }
            out += "```\n";
        }
        if (!command.details.empty()) out += "\n" + std::string{command.details} + "\n";
        out += "\n`" + usage_of(command).substr(7) + "`\n";
        if (!command.arguments.empty() || !command.flags.empty()) out += "\n| | |\n| --- | --- |\n";
        for (const auto& argument : command.arguments)
            out += "| `" + argument_text(argument) + "` | " + cell(std::string{argument.help}) +
                   choices_text(argument.choices) + " |\n";
        out += flag_rows(command.flags);
    }
    return out;
}

std::string errors_page() {
    std::string out =
        "# Errors\n\n"
        "Generated by `cairn docs errors` from the one table of error codes (`src/base/errors/`); do not "
        "edit.\nA code keeps its number and meaning for ever. `cairn docs errors CODE` prints one entry.\n";
    std::size_t count = 0;
    const auto* table = error_table(count);
    std::string area;
    for (std::size_t i = 0; i < count; ++i) {
        const auto& info = table[i];
        const std::string its_area{info.id.substr(4, 3)};
        if (its_area != area) {
            static const std::map<std::string, std::string, std::less<>> kAreas = {
                {"AUD", "Audit log"},    {"CLI", "Command line"}, {"CNS", "Consensus"}, {"COD", "Encodings"},
                {"CRY", "Cryptography"}, {"EXE", "Execution"},    {"KEY", "Keys"},      {"LED", "Ledger"},
                {"NET", "Network"},      {"NOD", "Node"},         {"POL", "Pool"},      {"RPC", "JSON-RPC"},
                {"SIG", "Signer"},       {"STA", "State"},        {"STO", "Storage"},   {"SYS", "System contracts"},
                {"ZON", "Zones"}};
            area = its_area;
            const auto name = kAreas.find(area);
            out += "\n## " + (name == kAreas.end() ? area : name->second) + "\n";
        }
        out += "\n### " + std::string{info.id} + "\n\n**" + std::string{info.title} + "**\n\n" +
               std::string{info.cause} + "\n\n*Next:* " + std::string{info.next} + "\n";
    }
    return out;
}

std::string error_entry(const Terminal& terminal, std::string_view id) {
    std::size_t count = 0;
    const auto* table = error_table(count);
    for (std::size_t i = 0; i < count; ++i) {
        if (table[i].id != id) continue;
        return terminal.styled(Style::bold, std::string{id} + "  " + std::string{table[i].title}) +
               "\n  Why:   " + std::string{table[i].cause} + "\n  Next:  " + std::string{table[i].next} + "\n";
    }
    return {};
}

} // namespace cairn::cli
