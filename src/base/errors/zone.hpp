// Error codes of area zone; their texts stand in zone.inc.
#pragma once

#include "base/result.hpp"

namespace cairn::error {
#define CAIRN_ERROR(name, id, title, cause, next) inline constexpr ErrorCode name = stable_code(id);
#include "base/errors/zone.inc"
#undef CAIRN_ERROR
} // namespace cairn::error
