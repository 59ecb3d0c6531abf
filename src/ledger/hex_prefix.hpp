// Hex-prefix encoding of nibble paths in trie nodes (yellow paper, appendix C).
#pragma once

#include "base/bytes.hpp"

#include <optional>

namespace cairn::ledger {

enum class PathEnd { extension, leaf };

/// `nibbles`: one nibble (0 to 15) per byte.
Bytes encode_hex_prefix(BytesView nibbles, PathEnd end);

struct NibblePath {
    Bytes nibbles;
    PathEnd end = PathEnd::extension;
    bool operator==(const NibblePath&) const = default;
};
/// Nothing if the flag is unknown or padding is not zero.
std::optional<NibblePath> decode_hex_prefix(BytesView encoded);

} // namespace cairn::ledger
