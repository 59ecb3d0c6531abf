#include "evm/precompiles.hpp"

#include <bit>
#include <limits>

namespace cairn::evm {
namespace {

constexpr std::size_t kInputSize = 213;

constexpr std::uint64_t kInitialVector[8] = {0x6a09e667f3bcc908, 0xbb67ae8584caa73b, 0x3c6ef372fe94f82b,
                                             0xa54ff53a5f1d36f1, 0x510e527fade682d1, 0x9b05688c2b3e6c1f,
                                             0x1f83d9abfb41bd6b, 0x5be0cd19137e2179};
// RFC 7693, section 2.7.
constexpr std::uint8_t kSchedule[10][16] = {
    {0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15}, {14, 10, 4, 8, 9, 15, 13, 6, 1, 12, 0, 2, 11, 7, 5, 3},
    {11, 8, 12, 0, 5, 2, 15, 13, 10, 14, 3, 6, 7, 1, 9, 4}, {7, 9, 3, 1, 13, 12, 11, 14, 2, 6, 5, 10, 4, 0, 15, 8},
    {9, 0, 5, 7, 2, 4, 10, 15, 14, 1, 11, 12, 6, 8, 3, 13}, {2, 12, 6, 10, 0, 11, 8, 3, 4, 13, 7, 5, 15, 14, 1, 9},
    {12, 5, 1, 15, 14, 13, 4, 10, 0, 7, 6, 3, 9, 2, 8, 11}, {13, 11, 7, 14, 12, 1, 3, 9, 5, 0, 15, 4, 8, 6, 2, 10},
    {6, 15, 14, 9, 11, 3, 0, 8, 12, 2, 13, 7, 1, 4, 10, 5}, {10, 2, 8, 4, 7, 6, 1, 5, 15, 11, 9, 14, 3, 12, 13, 0}};

std::uint64_t load(const std::uint8_t* bytes) {
    static_assert(std::endian::native == std::endian::little);
    std::uint64_t out = 0;
    std::memcpy(&out, bytes, 8);
    return out;
}

std::uint32_t rounds_of(BytesView input) { return static_cast<std::uint32_t>(from_big_endian(input.first(4)).low()); }

inline void mix(std::uint64_t* v, int a, int b, int c, int d, std::uint64_t x, std::uint64_t y) {
    v[a] += v[b] + x;
    v[d] = std::rotr(v[d] ^ v[a], 32);
    v[c] += v[d];
    v[b] = std::rotr(v[b] ^ v[c], 24);
    v[a] += v[b] + y;
    v[d] = std::rotr(v[d] ^ v[a], 16);
    v[c] += v[d];
    v[b] = std::rotr(v[b] ^ v[c], 63);
}

} // namespace

std::int64_t blake2f_gas(BytesView input) {
    return input.size() == kInputSize ? rounds_of(input) : 0; // a wrong length fails whatever was paid
}

PrecompileOutput blake2f(BytesView input) {
    if (input.size() != kInputSize || input[212] > 1) return std::nullopt;
    std::uint64_t h[8];
    std::uint64_t m[16];
    for (std::size_t i = 0; i < 8; ++i) h[i] = load(input.data() + 4 + 8 * i);
    for (std::size_t i = 0; i < 16; ++i) m[i] = load(input.data() + 68 + 8 * i);

    std::uint64_t v[16];
    for (int i = 0; i < 8; ++i) {
        v[i] = h[i];
        v[i + 8] = kInitialVector[i];
    }
    v[12] ^= load(input.data() + 196);
    v[13] ^= load(input.data() + 204);
    if (input[212] == 1) v[14] = ~v[14];
    unsigned row = 0;
    for (auto rounds = rounds_of(input); rounds > 0; --rounds) {
        const auto* s = kSchedule[row];
        row = row == 9 ? 0 : row + 1;
        mix(v, 0, 4, 8, 12, m[s[0]], m[s[1]]);
        mix(v, 1, 5, 9, 13, m[s[2]], m[s[3]]);
        mix(v, 2, 6, 10, 14, m[s[4]], m[s[5]]);
        mix(v, 3, 7, 11, 15, m[s[6]], m[s[7]]);
        mix(v, 0, 5, 10, 15, m[s[8]], m[s[9]]);
        mix(v, 1, 6, 11, 12, m[s[10]], m[s[11]]);
        mix(v, 2, 7, 8, 13, m[s[12]], m[s[13]]);
        mix(v, 3, 4, 9, 14, m[s[14]], m[s[15]]);
    }
    Bytes out(64);
    for (std::size_t i = 0; i < 8; ++i) {
        h[i] ^= v[i] ^ v[i + 8];
        std::memcpy(out.data() + 8 * i, &h[i], 8);
    }
    return out;
}

} // namespace cairn::evm
