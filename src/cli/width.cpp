// Display width of text, after Unicode's East Asian Width property (UAX #11): the wide and fullwidth blocks,
// and the combining blocks that take no column. Coarse on purpose: whole blocks, not single code points.
#include "cli/terminal.hpp"

#include <algorithm>
#include <array>
#include <cstdint>

namespace cairn::cli {
namespace {

struct Range {
    char32_t first;
    char32_t last;
};

constexpr std::array kWide = {
    Range{0x1100, 0x115f},   // Hangul Jamo leading consonants
    Range{0x231a, 0x231b},   // watch, hourglass
    Range{0x2e80, 0x303e},   // CJK radicals, Kangxi, ideographic punctuation
    Range{0x3041, 0x33ff},   // Kana, Bopomofo, Hangul compatibility, CJK squared
    Range{0x3400, 0x4dbf},   // CJK extension A
    Range{0x4e00, 0x9fff},   // CJK unified ideographs
    Range{0xa000, 0xa4cf},   // Yi
    Range{0xa960, 0xa97f},   // Hangul Jamo extended A
    Range{0xac00, 0xd7a3},   // Hangul syllables
    Range{0xf900, 0xfaff},   // CJK compatibility ideographs
    Range{0xfe30, 0xfe6f},   // CJK compatibility and small forms
    Range{0xff00, 0xff60},   // fullwidth forms
    Range{0xffe0, 0xffe6},   // fullwidth signs
    Range{0x1f300, 0x1f64f}, // pictographs, emoticons
    Range{0x1f680, 0x1f6ff}, // transport
    Range{0x1f900, 0x1f9ff}, // supplemental pictographs
    Range{0x20000, 0x3fffd}, // CJK extensions B and later
};
constexpr std::array kNone = {
    Range{0x0300, 0x036f}, // combining diacritical marks
    Range{0x1ab0, 0x1aff}, // combining marks extended
    Range{0x1dc0, 0x1dff}, // combining marks supplement
    Range{0x200b, 0x200f}, // zero-width space, joiners, direction marks
    Range{0x20d0, 0x20ff}, // combining marks for symbols
    Range{0xfe00, 0xfe0f}, // variation selectors
    Range{0xfe20, 0xfe2f}, // combining half marks
    Range{0xfeff, 0xfeff}, // byte order mark
};

template <std::size_t N>
bool contains(const std::array<Range, N>& ranges, char32_t c) {
    const auto after = std::upper_bound(ranges.begin(), ranges.end(), c,
                                        [](char32_t value, const Range& range) { return value < range.first; });
    return after != ranges.begin() && c <= std::prev(after)->last;
}

struct Decoded {
    char32_t code_point;
    std::size_t bytes; // 1 for a byte that is not part of valid UTF-8
    bool valid;
};

Decoded decode(std::string_view text) {
    const auto lead = static_cast<std::uint8_t>(text.front());
    if (lead < 0x80) return {lead, 1, true};
    const std::size_t length = lead >= 0xf0 && lead <= 0xf4  ? 4
                               : lead >= 0xe0 && lead < 0xf0 ? 3
                               : lead >= 0xc2 && lead < 0xe0 ? 2
                                                             : 0;
    if (length == 0 || text.size() < length) return {lead, 1, false};
    char32_t value = lead & (0xffu >> (length + 1));
    for (std::size_t i = 1; i < length; ++i) {
        const auto next = static_cast<std::uint8_t>(text[i]);
        if ((next & 0xc0) != 0x80) return {lead, 1, false};
        value = (value << 6) | (next & 0x3f);
    }
    return {value, length, true};
}

} // namespace

std::size_t display_width(std::string_view text) {
    std::size_t width = 0;
    while (!text.empty()) {
        const auto [code_point, bytes, valid] = decode(text);
        text.remove_prefix(bytes);
        if (valid && contains(kNone, code_point)) continue;
        width += valid && contains(kWide, code_point) ? 2 : 1;
    }
    return width;
}

std::string printable(std::string_view text) {
    std::string out;
    while (!text.empty()) {
        const auto [code_point, bytes, valid] = decode(text);
        // C0 except line end and tab, DEL and C1: everything a terminal could obey.
        const bool control = (code_point < 0x20 && code_point != '\n' && code_point != '\t') ||
                             (code_point >= 0x7f && code_point < 0xa0);
        if (!valid || control)
            out += "?";
        else
            out += text.substr(0, bytes);
        text.remove_prefix(bytes);
    }
    return out;
}

} // namespace cairn::cli
