#include "ledger/slot_layout.hpp"

#include "crypto/hash.hpp"

namespace cairn::ledger {

U256 mapping_slot(const Hash256& key, const U256& slot) { return mapping_slot(as_text(key), slot); }

U256 mapping_slot(std::string_view key, const U256& slot) {
    Bytes input = to_bytes(as_bytes(key));
    append(input, to_big_endian(slot));
    return from_big_endian(crypto::keccak256(input));
}

U256 content_slot(const U256& slot) { return from_big_endian(crypto::keccak256(to_big_endian(slot))); }

std::optional<std::uint64_t> string_length(const U256& word) {
    if ((word.low() & 1) == 0) {
        const std::uint64_t length = (word.low() & 0xff) / 2;
        if (length > kShortStringBytesMax) return std::nullopt;
        return length;
    }
    const U256 length = word >> 1;
    if (!length.fits_u64() || length.low() <= kShortStringBytesMax) return std::nullopt;
    return length.low();
}

U256 string_word(BytesView text) {
    if (text.size() > kShortStringBytesMax) return U256{text.size() * 2 + 1};
    Hash256 word;
    std::copy(text.begin(), text.end(), word.bytes.begin());
    word[31] = static_cast<std::uint8_t>(text.size() * 2);
    return from_big_endian(word);
}

std::vector<U256> string_content(BytesView text) {
    std::vector<U256> words;
    if (text.size() <= kShortStringBytesMax) return words;
    for (std::size_t at = 0; at < text.size(); at += Hash256::kSize) {
        Hash256 word;
        const BytesView part = text.subspan(at, std::min(Hash256::kSize, text.size() - at));
        std::copy(part.begin(), part.end(), word.bytes.begin());
        words.push_back(from_big_endian(word));
    }
    return words;
}

} // namespace cairn::ledger
