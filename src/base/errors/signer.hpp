// Error codes of area signer; their texts stand in signer.inc.
#pragma once

#include "base/result.hpp"

namespace cairn::error {
#define CAIRN_ERROR(name, id, title, cause, next) inline constexpr ErrorCode name = stable_code(id);
#include "base/errors/signer.inc"
#undef CAIRN_ERROR
} // namespace cairn::error
