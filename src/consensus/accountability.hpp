// Who is to blame when two final chains differ (consensus.md section 9). Every certificate names its signers, so contradicting
// certificates yield pairs of contradicting votes, each of which convicts its signer by itself. If two conflicting blocks
// are final, the certificates stored with the two chains convict at least f+1 validators.
#pragma once

#include "consensus/events.hpp"

#include <span>

namespace cairn::consensus {

/// What a final block carries: its certificate, its parent's, those of the views it skips, and of the result it refers to.
/// WireInvalid if its stored proposal does not decode.
Result<std::vector<ledger::Certificate>> certificates_of(const FinalizedBlock& block);

/// One pair of contradicting votes for each validator that the certificates convict, by ascending index. Signatures are not looked
/// at: proves_guilt decides on each. Work is bounded by votes times distinct statements of one number.
std::vector<Evidence> culprits(std::span<const ledger::Certificate> certificates);

} // namespace cairn::consensus
