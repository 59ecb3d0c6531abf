// Error codes of area node; their texts stand in node.inc.
#pragma once

#include "base/result.hpp"

namespace cairn::error {
#define CAIRN_ERROR(name, id, title, cause, next) inline constexpr ErrorCode name = stable_code(id);
#include "base/errors/node.inc"
#undef CAIRN_ERROR
} // namespace cairn::error
