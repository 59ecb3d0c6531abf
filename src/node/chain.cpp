#include "node/chain.hpp"

#include "base/errors/keys.hpp"

namespace cairn::node {

Result<keys::Impact> Chain::key_impact(const Hash256&, Height) const { return fail(error::KeyIndexAbsent); }

} // namespace cairn::node
