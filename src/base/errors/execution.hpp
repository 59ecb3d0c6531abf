// Error codes of area execution; their texts stand in execution.inc.
#pragma once

#include "base/result.hpp"

namespace cairn::error {
#define CAIRN_ERROR(name, id, title, cause, next) inline constexpr ErrorCode name = stable_code(id);
#include "base/errors/execution.inc"
#undef CAIRN_ERROR
} // namespace cairn::error
