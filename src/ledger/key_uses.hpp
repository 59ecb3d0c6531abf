// How often a signer used its keys, ever: it says so in every seal of the audit log, where the node cannot take it out.
#pragma once

#include "codec/wire.hpp"

#include <array>
#include <optional>
#include <string>
#include <string_view>

namespace cairn::ledger {

/// What a key was used for; the values are signed and stored. One key per row: consensus, TLS, audit, root of storage.
enum class KeyUse : std::uint8_t {
    vote,
    batch,
    proposal,
    seal_key,
    handshake,
    seal,
    anchor,
    storage, // a storage key was wrapped, unwrapped, made, retired or destroyed
    claim,   // of a seat in the set of validators, by the consensus key
};
inline constexpr std::size_t kKeyUses = 9;

struct KeyUses {
    std::array<std::uint64_t, kKeyUses> counts{};
    /// Chain of hashes over all uses in their order; zeros where only numbers are known.
    Hash256 chain;
    bool operator==(const KeyUses&) const = default;

    std::uint64_t of(KeyUse use) const { return counts[static_cast<std::size_t>(use)]; }
    std::uint64_t& of(KeyUse use) { return counts[static_cast<std::size_t>(use)]; }
};

void encode(codec::WireWriter& out, const KeyUses& uses);
KeyUses decode_key_uses(codec::WireReader& in);

/// "votes", "batches", ...
std::string_view name_of(KeyUse use);
/// "votes 12, batches 1, ..."; all of them in order.
std::string text_of(const KeyUses& uses);
/// The numbers; nothing if it is not such a text.
std::optional<KeyUses> key_uses_from(std::string_view text);

} // namespace cairn::ledger
