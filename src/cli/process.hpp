// Processes of the development network, and interrupts.
#pragma once

#include "base/clock.hpp"
#include "base/result.hpp"
#include "cli/dev_state.hpp"

#include <functional>
#include <optional>
#include <string>
#include <vector>

namespace cairn::cli {

struct Started {
    std::int64_t pid = 0;
    std::uint64_t started_ticks = 0;
};
/// Starts this same program with other words, in a session of its own, with both outputs appended to `log`. It begins only when `note` has
/// returned well: if that refuses, or this process is killed before, there is no process that nobody knows.
Result<Started> start_self(const std::vector<std::string>& words, const std::string& log,
                           const std::function<Status(const Started&)>& note);
/// Sends the signal if the node's very process is still there.
void signal_node(const DevNode& node, int signal);
/// Collects a child that ended, so that it does not stay as a zombie, and says how it ended; nothing for any other process.
std::optional<std::string> reap(std::int64_t pid);
/// True once the process is gone.
bool wait_for_end(const DevNode& node, Milliseconds limit);

/// From now on an interrupt (Ctrl-C) only sets a flag; a second one ends the program at once.
void watch_interrupts();
bool interrupted();

/// Whether 127.0.0.1:port can be listened on.
bool port_is_free(const std::string& host, std::uint16_t port);
/// Whether somebody accepts connections there within the limit.
bool accepts_connections(const std::string& host, std::uint16_t port, Milliseconds limit);

} // namespace cairn::cli
