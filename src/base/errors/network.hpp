// Error codes of area network; their texts stand in network.inc.
#pragma once

#include "base/result.hpp"

namespace cairn::error {
#define CAIRN_ERROR(name, id, title, cause, next) inline constexpr ErrorCode name = stable_code(id);
#include "base/errors/network.inc"
#undef CAIRN_ERROR
} // namespace cairn::error
