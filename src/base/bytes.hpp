// Byte strings: owned, viewed and of fixed length, and their hexadecimal form.
//
// Hex follows Ethereum's JSON-RPC "unformatted data": lower case, two digits per byte, prefix 0x.
#pragma once

#include <algorithm>
#include <array>
#include <compare>
#include <cstdint>
#include <cstring>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace cairn {

using Bytes = std::vector<std::uint8_t>;
using BytesView = std::span<const std::uint8_t>;

/// `N` bytes of one meaning. `Tag` keeps an address from being taken for a digest of the same length.
template <std::size_t N, class Tag>
struct FixedBytes {
    static constexpr std::size_t kSize = N;
    std::array<std::uint8_t, N> bytes{};

    constexpr auto operator<=>(const FixedBytes&) const = default;
    constexpr std::uint8_t* data() { return bytes.data(); }
    constexpr const std::uint8_t* data() const { return bytes.data(); }
    static constexpr std::size_t size() { return N; }
    constexpr auto begin() const { return bytes.begin(); }
    constexpr auto end() const { return bytes.end(); }
    constexpr std::uint8_t& operator[](std::size_t i) { return bytes[i]; }
    constexpr std::uint8_t operator[](std::size_t i) const { return bytes[i]; }
    constexpr operator BytesView() const { return {bytes.data(), N}; }
    constexpr bool is_zero() const {
        return std::all_of(bytes.begin(), bytes.end(), [](std::uint8_t b) { return b == 0; });
    }

    /// The value of exactly N bytes; nothing for any other length.
    static std::optional<FixedBytes> from(BytesView view) {
        if (view.size() != N) return std::nullopt;
        FixedBytes out;
        std::memcpy(out.bytes.data(), view.data(), N);
        return out;
    }
};

using Hash256 = FixedBytes<32, struct HashTag>;
using Address = FixedBytes<20, struct AddressTag>;

/// "0x" and two lower-case digits per byte.
std::string to_hex(BytesView bytes);
/// Without the prefix.
std::string to_hex_digits(BytesView bytes);
/// Accepts "0x" or "0X" and an even number of hex digits; nothing for anything else. The prefix is required.
std::optional<Bytes> from_hex(std::string_view text);

template <class T>
std::optional<T> fixed_from_hex(std::string_view text) {
    auto bytes = from_hex(text);
    if (!bytes) return std::nullopt;
    return T::from(*bytes);
}

inline void append(Bytes& out, BytesView tail) { out.insert(out.end(), tail.begin(), tail.end()); }
inline Bytes to_bytes(BytesView view) { return {view.begin(), view.end()}; }
inline BytesView as_bytes(std::string_view text) {
    return {reinterpret_cast<const std::uint8_t*>(text.data()), text.size()};
}
inline std::string_view as_text(BytesView bytes) { return {reinterpret_cast<const char*>(bytes.data()), bytes.size()}; }

} // namespace cairn

template <std::size_t N, class Tag>
struct std::hash<cairn::FixedBytes<N, Tag>> {
    // The leading bytes of a digest or address are as good as random already.
    std::size_t operator()(const cairn::FixedBytes<N, Tag>& value) const noexcept {
        std::size_t out = 0;
        std::memcpy(&out, value.data(), N < sizeof out ? N : sizeof out);
        return out;
    }
};
