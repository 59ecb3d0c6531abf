// Error codes of area state; their texts stand in state.inc.
#pragma once

#include "base/result.hpp"

namespace cairn::error {
#define CAIRN_ERROR(name, id, title, cause, next) inline constexpr ErrorCode name = stable_code(id);
#include "base/errors/state.inc"
#undef CAIRN_ERROR
} // namespace cairn::error
