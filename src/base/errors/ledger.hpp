// Error codes of area ledger; their texts stand in ledger.inc.
#pragma once

#include "base/result.hpp"

namespace cairn::error {
#define CAIRN_ERROR(name, id, title, cause, next) inline constexpr ErrorCode name = stable_code(id);
#include "base/errors/ledger.inc"
#undef CAIRN_ERROR
} // namespace cairn::error
