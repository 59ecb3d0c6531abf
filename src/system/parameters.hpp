// What the node reads from the system contract Parameters: the rules of the chain as they stand at a block. Interface and
// storage: contracts/IParameters.sol.
#pragma once

#include "base/types.hpp"
#include "ledger/account.hpp"
#include "ledger/genesis.hpp"
#include "system/slots.hpp"

namespace cairn::system {

/// Parameters of block `height`, read from the state of its parent (or a later state that knows no more of that height: a
/// change is decided before its activation, so both give the same).
ledger::ChainParameters parameters_of(const ledger::StateView& view, Height height);

void write_parameters(Slots& slots, const ledger::ChainParameters& parameters);

} // namespace cairn::system
