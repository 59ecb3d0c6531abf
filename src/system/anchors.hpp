// What is read from the system contract Anchors: which head the audit log of a node had. Interface: contracts/IAnchors.sol.
#pragma once

#include "crypto/ed25519.hpp"
#include "ledger/account.hpp"

#include <optional>
#include <string>
#include <vector>

namespace cairn::system {

struct AnchorEntry {
    std::uint64_t sequence = 0;
    std::uint64_t block_number = 0;
    std::uint64_t timestamp = 0;
    Hash256 head;
};

/// The newest anchor of a node that a stopped key has not sealed; nothing if it has none.
std::optional<AnchorEntry> latest_anchor(const ledger::StateView& view, std::string_view node);
/// The key that seals its log now.
std::optional<crypto::ValidatorPublicKey> seal_key_of(const ledger::StateView& view, std::string_view node);

} // namespace cairn::system
