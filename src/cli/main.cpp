#include "cli/invocation.hpp"

#include <csignal>
#include <iostream>
#include <unistd.h>

int main(int argc, char** argv) {
    using cairn::cli::environment;
    std::ios::sync_with_stdio(false);
    // A closed pipe is an ordinary write error, as for every program that prints.
    std::signal(SIGPIPE, SIG_DFL);
    cairn::cli::Terminal terminal{std::cout, std::cerr};
    terminal.out_is_tty = isatty(STDOUT_FILENO) == 1;
    terminal.err_is_tty = isatty(STDERR_FILENO) == 1;
    terminal.in_is_tty = isatty(STDIN_FILENO) == 1;
    terminal.colour = terminal.out_is_tty && !environment("NO_COLOR") && environment("TERM").value_or("dumb") != "dumb";
    return cairn::cli::run({argv + 1, argv + argc}, terminal);
}
