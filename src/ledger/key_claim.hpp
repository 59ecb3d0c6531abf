// The proof that whoever asks for a voting key to be taken up has the secret of it (contracts/IMembers.sol).
#pragma once

#include "crypto/voting_key.hpp"

#include <string>

namespace cairn::ledger {

/// "I am to vote as this validator of this chain." Signed by the voting key itself, under its own algorithm.
/// Bytes: "cairn-voting-key-v1", u64 chain id, u32 length and text of the validator's name.
struct KeyClaim {
    std::uint64_t chain_id = 0;
    std::string validator;
};
Bytes signed_bytes(const KeyClaim& claim);

} // namespace cairn::ledger
