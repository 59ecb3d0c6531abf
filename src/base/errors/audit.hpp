// Error codes of area audit; their texts stand in audit.inc.
#pragma once

#include "base/result.hpp"

namespace cairn::error {
#define CAIRN_ERROR(name, id, title, cause, next) inline constexpr ErrorCode name = stable_code(id);
#include "base/errors/audit.inc"
#undef CAIRN_ERROR
} // namespace cairn::error
