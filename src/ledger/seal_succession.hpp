// How one seal key of an audit log introduces the next, so that whoever knows one of them knows them all.
#pragma once

#include "crypto/ed25519.hpp"

#include <span>
#include <vector>

namespace cairn::ledger {

/// `before` says: `after` seals in my place from now on. Signed by `before`.
/// Bytes: "cairn-audit-successor-v1", before, after.
struct SealSuccession {
    crypto::ValidatorPublicKey before, after;
    crypto::Signature signature;
    bool operator==(const SealSuccession&) const = default;
};
Bytes signed_bytes(const SealSuccession& succession);

/// As many as one record of a log has room for.
inline constexpr std::size_t kSealSuccessionsMax = 24;

/// Whether every key introduces the next with a good signature, and the last introduces `to`. The first may be any.
bool leads_to(std::span<const SealSuccession> chain, const crypto::ValidatorPublicKey& to);
/// The part of a chain that leads from one key to another; empty if there is none. Signatures are not looked at.
std::vector<SealSuccession> between(std::span<const SealSuccession> chain, const crypto::ValidatorPublicKey& from,
                                    const crypto::ValidatorPublicKey& to);

} // namespace cairn::ledger
