// Error codes of area rpc; their texts stand in rpc.inc.
#pragma once

#include "base/result.hpp"

namespace cairn::error {
#define CAIRN_ERROR(name, id, title, cause, next) inline constexpr ErrorCode name = stable_code(id);
#include "base/errors/rpc.inc"
#undef CAIRN_ERROR
} // namespace cairn::error
