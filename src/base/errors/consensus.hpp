// Error codes of area consensus; their texts stand in consensus.inc.
#pragma once

#include "base/result.hpp"

namespace cairn::error {
#define CAIRN_ERROR(name, id, title, cause, next) inline constexpr ErrorCode name = stable_code(id);
#include "base/errors/consensus.inc"
#undef CAIRN_ERROR
} // namespace cairn::error
