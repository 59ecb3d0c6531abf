#include "ledger/key_uses.hpp"

#include <charconv>

namespace cairn::ledger {
namespace {

constexpr std::array<std::string_view, kKeyUses> kNames = {"votes", "batches", "proposals", "seal keys", "handshakes",
                                                           "seals", "anchors", "storage",   "claims"};

} // namespace

void encode(codec::WireWriter& out, const KeyUses& uses) {
    for (const auto count : uses.counts) out.u64(count);
    out.fixed(uses.chain);
}

KeyUses decode_key_uses(codec::WireReader& in) {
    KeyUses out;
    for (auto& count : out.counts) count = in.u64();
    out.chain = in.fixed<Hash256>();
    return out;
}

std::string_view name_of(KeyUse use) { return kNames.at(static_cast<std::size_t>(use)); }

std::string text_of(const KeyUses& uses) {
    std::string out;
    for (std::size_t i = 0; i < kKeyUses; ++i)
        out += (i == 0 ? "" : ", ") + std::string{kNames[i]} + ' ' + std::to_string(uses.counts[i]);
    return out;
}

std::optional<KeyUses> key_uses_from(std::string_view text) {
    KeyUses out;
    for (std::size_t i = 0; i < kKeyUses; ++i) {
        const auto lead = (i == 0 ? "" : ", ") + std::string{kNames[i]} + ' ';
        if (!text.starts_with(lead)) return std::nullopt;
        text.remove_prefix(lead.size());
        const auto [stop, error] = std::from_chars(text.data(), text.data() + text.size(), out.counts[i]);
        if (error != std::errc{}) return std::nullopt;
        text.remove_prefix(static_cast<std::size_t>(stop - text.data()));
    }
    if (!text.empty()) return std::nullopt;
    return out;
}

} // namespace cairn::ledger
