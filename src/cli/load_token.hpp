// Creation code of contracts/bench/LoadToken.sol.
#pragma once

#include "base/bytes.hpp"

namespace cairn::cli {

Bytes load_token_bytecode();

} // namespace cairn::cli
