// Which Ethereum rules apply. Ordered: a later fork compares greater.
#pragma once

namespace cairn::evm {

enum class Revision { cancun, prague, osaka };

} // namespace cairn::evm
