#include "ledger/hex_prefix.hpp"

namespace cairn::ledger {

Bytes encode_hex_prefix(BytesView nibbles, PathEnd end) {
    const bool odd = nibbles.size() % 2 != 0;
    const std::uint8_t flag = static_cast<std::uint8_t>((end == PathEnd::leaf ? 0x20 : 0) | (odd ? 0x10 : 0));
    Bytes out;
    out.reserve(nibbles.size() / 2 + 1);
    out.push_back(odd ? static_cast<std::uint8_t>(flag | nibbles[0]) : flag);
    for (std::size_t i = odd ? 1 : 0; i < nibbles.size(); i += 2)
        out.push_back(static_cast<std::uint8_t>(nibbles[i] << 4 | nibbles[i + 1]));
    return out;
}

std::optional<NibblePath> decode_hex_prefix(BytesView encoded) {
    if (encoded.empty() || encoded[0] >= 0x40) return std::nullopt;
    NibblePath out;
    out.end = (encoded[0] & 0x20) != 0 ? PathEnd::leaf : PathEnd::extension;
    if ((encoded[0] & 0x10) != 0)
        out.nibbles.push_back(encoded[0] & 15);
    else if ((encoded[0] & 15) != 0)
        return std::nullopt;
    for (const auto byte : encoded.subspan(1)) {
        out.nibbles.push_back(byte >> 4);
        out.nibbles.push_back(byte & 15);
    }
    return out;
}

} // namespace cairn::ledger
