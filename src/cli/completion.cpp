// Shell completion: small scripts that ask the program itself, so that they never fall behind the table of
// commands.
#include "cli/dev_state.hpp"
#include "cli/help.hpp"
#include "cli/invocation.hpp"
#include "cli/keystore.hpp"

#include <algorithm>

namespace cairn::cli {
namespace {

class Candidates {
public:
    explicit Candidates(std::string_view prefix) : prefix_(prefix) {}
    void offer(std::string_view value, std::string_view explanation = {}) {
        if (!value.starts_with(prefix_)) return;
        out_ += value;
        if (!explanation.empty()) out_ += "\t" + std::string{explanation};
        out_ += '\n';
    }
    void ask_shell(std::string_view kind) { out_ += ":" + std::string{kind} + "\n"; }
    std::string take() { return std::move(out_); }

private:
    std::string prefix_;
    std::string out_;
};

void offer_value(Candidates& out, const std::vector<std::string_view>& choices, Completes completes) {
    for (const auto choice : choices) out.offer(choice);
    switch (completes) {
    case Completes::nothing: break;
    case Completes::file: out.ask_shell("file"); break;
    case Completes::directory: out.ask_shell("directory"); break;
    case Completes::dev_node:
        if (const auto state = read_dev_state(default_dev_dir()))
            for (const auto& node : state->nodes) out.offer(node.name, node.organisation);
        break;
    case Completes::account:
        if (const auto list = list_keys(default_keystore()))
            for (const auto& key : *list) out.offer(to_hex(key.address));
        break;
    }
}

constexpr std::string_view kBash = R"(# bash completion for cairn: source <(cairn completion bash)
_cairn() {
    local cur="${COMP_WORDS[COMP_CWORD]}" line value
    COMPREPLY=()
    while IFS= read -r line; do
        value="${line%%$'\t'*}"
        case "$value" in
            :file) mapfile -t -O "${#COMPREPLY[@]}" COMPREPLY < <(compgen -f -- "$cur"); compopt -o filenames ;;
            :directory) mapfile -t -O "${#COMPREPLY[@]}" COMPREPLY < <(compgen -d -- "$cur"); compopt -o filenames ;;
            *) COMPREPLY+=("$value") ;;
        esac
    done < <(cairn __complete "${COMP_WORDS[@]:1:COMP_CWORD}" 2>/dev/null)
}
complete -F _cairn cairn
)";

constexpr std::string_view kZsh = R"(#compdef cairn
# zsh completion for cairn: source <(cairn completion zsh)
_cairn() {
    local line value
    local -a candidates
    while IFS= read -r line; do
        value="${line%%$'\t'*}"
        case "$value" in
            :file) _files ;;
            :directory) _files -/ ;;
            *$'\t'*) ;;
            *) if [[ "$line" == *$'\t'* ]]; then candidates+=("${value//:/\\:}:${line#*$'\t'}");
               else candidates+=("${value//:/\\:}"); fi ;;
        esac
    done < <(cairn __complete "${(@)words[2,CURRENT]}" 2>/dev/null)
    (( ${#candidates} )) && _describe cairn candidates
}
if [ "$funcstack[1]" = "_cairn" ]; then _cairn "$@"; else compdef _cairn cairn; fi
)";

constexpr std::string_view kFish = R"(# fish completion for cairn: cairn completion fish | source
function __cairn_complete
    set -l words (commandline -opc) (commandline -ct)
    for line in (cairn __complete $words[2..-1] 2>/dev/null)
        switch $line
            case ':file'
                __fish_complete_path (commandline -ct)
            case ':directory'
                __fish_complete_directories (commandline -ct)
            case '*'
                echo $line
        end
    end
end
complete -c cairn -f -a '(__cairn_complete)'
)";

} // namespace

std::string complete(const std::vector<std::string>& words) {
    const std::string last = words.empty() ? "" : words.back();
    Candidates out(last);
    if (words.size() <= 1) {
        for (const auto& noun : nouns()) out.offer(noun.name, noun.summary);
        return out.take();
    }
    const std::vector<std::string> before(words.begin(), words.end() - 1);
    const auto found = find_command(before);
    if (!found || (found->command->verb.empty() && words.size() == 2)) {
        for (const auto& command : commands())
            if (command.noun == words[0] && words.size() == 2 && !command.verb.empty())
                out.offer(command.verb, command.summary);
        if (!found) return out.take();
    }
    const auto& command = *found->command;

    // Is the word before a flag that waits for its value?
    std::size_t position = 0;
    const FlagSpec* waiting = nullptr;
    for (std::size_t i = found->consumed; i < before.size(); ++i) {
        if (waiting) {
            waiting = nullptr;
            continue;
        }
        if (before[i].starts_with("--")) {
            const auto* flag = before[i].find('=') == std::string::npos
                                   ? find_flag(command, std::string_view{before[i]}.substr(2))
                                   : nullptr;
            if (flag && !flag->value.empty()) waiting = flag;
        } else if (!before[i].starts_with("-") || before[i] == "-") {
            ++position;
        }
    }
    if (waiting) {
        offer_value(out, waiting->choices, waiting->completes);
        return out.take();
    }
    if (last.starts_with("-")) {
        for (const auto* list : {&command.flags, &common_flags()})
            for (const auto& flag : *list) out.offer("--" + std::string{flag.name}, flag.help);
        return out.take();
    }
    if (!command.arguments.empty()) {
        const auto index = std::min(position, command.arguments.size() - 1);
        const auto& argument = command.arguments[index];
        const bool many = argument.need == Need::one_or_more || argument.need == Need::any;
        if (position <= index || many) offer_value(out, argument.choices, argument.completes);
    }
    return out.take();
}

std::string completion_script(std::string_view shell) {
    if (shell == "bash") return std::string{kBash};
    if (shell == "zsh") return std::string{kZsh};
    if (shell == "fish") return std::string{kFish};
    return {};
}

} // namespace cairn::cli
