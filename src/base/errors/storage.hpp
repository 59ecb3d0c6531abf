// Error codes of area storage; their texts stand in storage.inc.
#pragma once

#include "base/result.hpp"

namespace cairn::error {
#define CAIRN_ERROR(name, id, title, cause, next) inline constexpr ErrorCode name = stable_code(id);
#include "base/errors/storage.inc"
#undef CAIRN_ERROR
} // namespace cairn::error
