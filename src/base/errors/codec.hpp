// Error codes of area codec; their texts stand in codec.inc.
#pragma once

#include "base/result.hpp"

namespace cairn::error {
#define CAIRN_ERROR(name, id, title, cause, next) inline constexpr ErrorCode name = stable_code(id);
#include "base/errors/codec.inc"
#undef CAIRN_ERROR
} // namespace cairn::error
