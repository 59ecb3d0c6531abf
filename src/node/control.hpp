// Commands to a running node from its own machine and user: a Unix socket named `control` in the data directory.
//
// One line of at most kControlLineMax bytes in, one JSON document out, then the connection ends. Who asks is known from the
// kernel (SO_PEERCRED): only the node's own user and root are answered. One connection at a time; a silent one is dropped
// after five seconds. The commands are a closed list (control_commands.hpp).
#pragma once

#include "base/result.hpp"

#include <functional>
#include <memory>
#include <string>

namespace cairn::node {

inline constexpr std::size_t kControlLineMax = 4352; // a path and its command
inline constexpr std::size_t kControlAnswerMax = 40u << 20;

/// Stops listening when destroyed.
class ControlSocket {
public:
    virtual ~ControlSocket() = default;
    /// `answer` is called from the socket's own thread.
    static Result<std::unique_ptr<ControlSocket>> listen(const std::string& directory,
                                                         std::function<std::string(const std::string& line)> answer);
};

/// What the node with this data directory answers. NodeUnreachable if none runs, or if it does not answer.
Result<std::string> ask_node(const std::string& directory, const std::string& line);

} // namespace cairn::node
