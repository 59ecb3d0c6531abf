#include "node/chain.hpp"

#include "base/errors/keys.hpp"
#include "base/errors/node.hpp"

namespace cairn::node {

Result<keys::Impact> Chain::key_impact(const Hash256&, Height) const { return fail(error::KeyIndexAbsent); }

Result<std::vector<ledger::EpochHandover>> Chain::handovers(Epoch epoch) const {
    if (epoch == genesis().validators.epoch) return std::vector<ledger::EpochHandover>{};
    return fail(error::BlockUnknown, "no epoch " + std::to_string(epoch.value));
}

} // namespace cairn::node
