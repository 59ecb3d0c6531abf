// Secrets sealed to a passphrase: Argon2id (RFC 9106) makes the key, AES-256-GCM seals. The cost stands in the sealed bytes,
// within limits, so that it can grow later. Thread-safe.
#pragma once

#include "base/bytes.hpp"
#include "base/result.hpp"

#include <string_view>

namespace cairn::crypto {

/// What one guess at a passphrase costs.
struct PassphraseCost {
    std::uint32_t passes = 3;
    std::uint32_t memory_kib = 64 * 1024;
};
inline constexpr std::uint32_t kPassphrasePassesMax = 20;
inline constexpr std::uint32_t kPassphraseMemoryKibMin = 8;
inline constexpr std::uint32_t kPassphraseMemoryKibMax = 1024 * 1024;
inline constexpr std::size_t kSealedSecretOverhead = 4 + 4 + 16 + 12 + 16;

/// `context` is authenticated and not stored. Sealed form: u32 passes, u32 KiB, salt (16), nonce (12), cipher text, tag (16).
Bytes seal_with_passphrase(BytesView secret, std::string_view passphrase, BytesView context,
                           const PassphraseCost& cost);
/// Whether the cost that stands in sealed bytes is within the limits.
bool has_allowed_cost(BytesView sealed);
/// Nothing for a wrong passphrase, altered bytes, or a cost beyond the limits (which is refused before any work).
std::optional<Bytes> open_with_passphrase(BytesView sealed, std::string_view passphrase, BytesView context);

} // namespace cairn::crypto
