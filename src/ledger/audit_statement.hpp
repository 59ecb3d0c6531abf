// What a node signs about its own audit log so that the chain can vouch for it (contracts/IAnchors.sol).
#pragma once

#include "crypto/ed25519.hpp"

#include <string>

namespace cairn::ledger {

/// Up to this event the log of `node` has this head. Signed by the seal key of the log.
/// Bytes: "cairn-audit-anchor-v1", u64 chain id, u32 length and text of the node's name, u64 sequence, head.
struct AnchorStatement {
    std::uint64_t chain_id = 0;
    std::string node;
    std::uint64_t sequence = 0;
    Hash256 head;
};
Bytes signed_bytes(const AnchorStatement& statement);

/// The audit log of `node` is sealed by this key. Signed by the validator's consensus key.
/// Bytes: "cairn-audit-key-v1", u64 chain id, u32 length and text of the node's name, key.
struct SealKeyStatement {
    std::uint64_t chain_id = 0;
    std::string node;
    crypto::ValidatorPublicKey seal_key;
};
Bytes signed_bytes(const SealKeyStatement& statement);

} // namespace cairn::ledger
