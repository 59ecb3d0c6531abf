#include "system/slots.hpp"

#include "base/assert.hpp"
#include "ledger/slot_layout.hpp"

namespace cairn::system {

U256 MemorySlots::load(const U256& slot) {
    const auto found = words_.find(slot);
    return found == words_.end() ? U256{} : found->second;
}

void MemorySlots::store(const U256& slot, const U256& value) {
    if (value)
        words_[slot] = value;
    else
        words_.erase(slot);
}

void ViewSlots::store(const U256&, const U256&) { CRN_ASSERT(false && "a finished state is not written"); }

std::string load_text(Slots& slots, const U256& slot, std::size_t limit) {
    const U256 word = slots.load(slot);
    const std::uint64_t stored = ledger::string_length(word).value_or(0);
    const std::size_t length = std::min<std::uint64_t>(stored, limit);
    Bytes text;
    if (stored <= ledger::kShortStringBytesMax) {
        append(text, to_big_endian(word));
    } else {
        U256 at = ledger::content_slot(slot);
        for (; text.size() < length; at += U256{1}) append(text, to_big_endian(slots.load(at)));
    }
    text.resize(length);
    return std::string{as_text(text)};
}

void store_text(Slots& slots, const U256& slot, std::string_view text) {
    const std::uint64_t before = ledger::string_length(slots.load(slot)).value_or(0);
    slots.store(slot, ledger::string_word(as_bytes(text)));
    U256 at = ledger::content_slot(slot);
    std::uint64_t words = 0;
    for (const auto& word : ledger::string_content(as_bytes(text))) {
        slots.store(at + U256{words}, word);
        ++words;
    }
    if (before <= ledger::kShortStringBytesMax) return;
    for (; words < (before + Hash256::kSize - 1) / Hash256::kSize; ++words) slots.store(at + U256{words}, {});
}

bool is_utf8(std::string_view text) {
    for (std::size_t at = 0; at < text.size();) {
        const auto lead = static_cast<std::uint8_t>(text[at]);
        std::size_t length = 1;
        std::uint32_t code = lead;
        std::uint32_t code_min = 0;
        if (lead >= 0xf8) return false;
        if (lead >= 0xf0)
            length = 4, code = lead & 0x07, code_min = 0x10000;
        else if (lead >= 0xe0)
            length = 3, code = lead & 0x0f, code_min = 0x800;
        else if (lead >= 0xc0)
            length = 2, code = lead & 0x1f, code_min = 0x80;
        else if (lead >= 0x80)
            return false;
        if (length > text.size() - at) return false;
        for (std::size_t i = 1; i < length; ++i) {
            const auto next = static_cast<std::uint8_t>(text[at + i]);
            if ((next & 0xc0) != 0x80) return false;
            code = code << 6 | (next & 0x3f);
        }
        if (code < code_min || code > 0x10ffff || (code >= 0xd800 && code <= 0xdfff)) return false;
        at += length;
    }
    return true;
}

bool is_name(std::string_view text, std::size_t limit) {
    if (text.empty() || text.size() > limit || !is_utf8(text)) return false;
    return std::none_of(text.begin(), text.end(), [](char c) {
        const auto byte = static_cast<std::uint8_t>(c);
        return byte < 0x20 || byte == 0x7f;
    });
}

} // namespace cairn::system
