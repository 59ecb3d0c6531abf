// Error codes of area cli; their texts stand in cli.inc.
#pragma once

#include "base/result.hpp"

namespace cairn::error {
#define CAIRN_ERROR(name, id, title, cause, next) inline constexpr ErrorCode name = stable_code(id);
#include "base/errors/cli.inc"
#undef CAIRN_ERROR
} // namespace cairn::error
