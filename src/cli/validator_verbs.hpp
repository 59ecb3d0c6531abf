// The nouns about who votes.
#pragma once

#include "cli/command.hpp"

namespace cairn::cli {

/// `validator`, and `org admit`, `org expel`.
void declare_validator(CommandList& out);

} // namespace cairn::cli
