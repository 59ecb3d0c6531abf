// Error codes of area crypto; their texts stand in crypto.inc.
#pragma once

#include "base/result.hpp"

namespace cairn::error {
#define CAIRN_ERROR(name, id, title, cause, next) inline constexpr ErrorCode name = stable_code(id);
#include "base/errors/crypto.inc"
#undef CAIRN_ERROR
} // namespace cairn::error
