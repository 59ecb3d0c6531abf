// Error codes of area keys; their texts stand in keys.inc.
#pragma once

#include "base/result.hpp"

namespace cairn::error {
#define CAIRN_ERROR(name, id, title, cause, next) inline constexpr ErrorCode name = stable_code(id);
#include "base/errors/keys.inc"
#undef CAIRN_ERROR
} // namespace cairn::error
