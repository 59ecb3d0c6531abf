// The signer's process: `cairn signer serve`, started by a node and by nobody else.
#pragma once

#include "base/result.hpp"

namespace cairn::signer {

/// Descriptors that the node hands over.
inline constexpr int kSocketDescriptor = 3;
inline constexpr int kPassphraseDescriptor = 4;

/// Serves the node until it hangs up, then ends the process. Returns only if it could not begin: SignerByHand if there is no node; errors of the start go to the node too.
Status serve();

} // namespace cairn::signer
