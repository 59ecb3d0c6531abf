// Error codes of area system; their texts stand in system.inc.
#pragma once

#include "base/result.hpp"

namespace cairn::error {
#define CAIRN_ERROR(name, id, title, cause, next) inline constexpr ErrorCode name = stable_code(id);
#include "base/errors/system.inc"
#undef CAIRN_ERROR
} // namespace cairn::error
