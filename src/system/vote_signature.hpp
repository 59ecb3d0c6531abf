// Signatures of validators' keys, as system contracts check them.
#pragma once

#include "crypto/voting_key.hpp"
#include "system/call.hpp"

namespace cairn::system {

/// Charged before it is checked; false also if the gas does not suffice.
bool is_signed_by(Call& call, const crypto::VotingKey& key, BytesView message, BytesView signature);

} // namespace cairn::system
