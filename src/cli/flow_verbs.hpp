// cairn node flow, cairn network bans, cairn bench flood.
#pragma once

#include "cli/command.hpp"

namespace cairn::cli {

void declare_flow(CommandList& out);

} // namespace cairn::cli
