// Error codes of area pool; their texts stand in pool.inc.
#pragma once

#include "base/result.hpp"

namespace cairn::error {
#define CAIRN_ERROR(name, id, title, cause, next) inline constexpr ErrorCode name = stable_code(id);
#include "base/errors/pool.inc"
#undef CAIRN_ERROR
} // namespace cairn::error
