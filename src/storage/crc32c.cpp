#include "storage/crc32c.hpp"

#if defined(__x86_64__)
#include <nmmintrin.h>
#endif

namespace cairn::storage {
namespace {

constexpr std::uint32_t kPolynomial = 0x82f63b78; // reflected

constexpr auto kTable = [] {
    std::array<std::uint32_t, 256> table{};
    for (std::uint32_t i = 0; i < 256; ++i) {
        std::uint32_t value = i;
        for (int bit = 0; bit < 8; ++bit) value = value >> 1 ^ ((value & 1) != 0 ? kPolynomial : 0);
        table[i] = value;
    }
    return table;
}();

#if defined(__x86_64__)
__attribute__((target("sse4.2"))) std::uint32_t crc32c_instruction(BytesView data, std::uint32_t crc) {
    std::uint64_t value = ~crc;
    std::size_t i = 0;
    for (; i + 8 <= data.size(); i += 8) {
        std::uint64_t word = 0;
        std::memcpy(&word, data.data() + i, 8);
        value = _mm_crc32_u64(value, word);
    }
    auto low = static_cast<std::uint32_t>(value);
    for (; i < data.size(); ++i) low = _mm_crc32_u8(low, data[i]);
    return ~low;
}
const bool has_instruction = __builtin_cpu_supports("sse4.2") != 0;
#endif

} // namespace

std::uint32_t crc32c_portable(BytesView data, std::uint32_t crc) {
    crc = ~crc;
    for (const auto byte : data) crc = crc >> 8 ^ kTable[(crc ^ byte) & 0xff];
    return ~crc;
}

std::uint32_t crc32c(BytesView data, std::uint32_t crc) {
#if defined(__x86_64__)
    if (has_instruction) return crc32c_instruction(data, crc);
#endif
    return crc32c_portable(data, crc);
}

} // namespace cairn::storage
