#include "crypto/hash.hpp"

#include <bit>

namespace cairn::crypto {
namespace {

// Keccak-f[1600] after FIPS 202, section 3; lanes in row-major order state[5 * y + x].
constexpr std::uint64_t kRoundConstants[24] = {
    0x0000000000000001, 0x0000000000008082, 0x800000000000808a, 0x8000000080008000, 0x000000000000808b,
    0x0000000080000001, 0x8000000080008081, 0x8000000000008009, 0x000000000000008a, 0x0000000000000088,
    0x0000000080008009, 0x000000008000000a, 0x000000008000808b, 0x800000000000008b, 0x8000000000008089,
    0x8000000000008003, 0x8000000000008002, 0x8000000000000080, 0x000000000000800a, 0x800000008000000a,
    0x8000000080008081, 0x8000000000008080, 0x0000000080000001, 0x8000000080008008};
constexpr int kRotations[25] = {0, 1, 62, 28, 27, 36, 44, 6, 55, 20, 3, 10, 43, 25, 39, 41, 45, 15, 21, 8, 18, 2, 61, 56, 14};

void permute(std::uint64_t* a) {
    for (const auto constant : kRoundConstants) {
        std::uint64_t c[5];
        for (int x = 0; x < 5; ++x) c[x] = a[x] ^ a[x + 5] ^ a[x + 10] ^ a[x + 15] ^ a[x + 20];
        std::uint64_t d[5];
        for (int x = 0; x < 5; ++x) d[x] = c[(x + 4) % 5] ^ std::rotl(c[(x + 1) % 5], 1);
        std::uint64_t b[25];
#pragma GCC unroll 25
        for (int i = 0; i < 25; ++i) {
            const int x = i % 5;
            const int y = i / 5;
            b[5 * ((2 * x + 3 * y) % 5) + y] = std::rotl(a[i] ^ d[x], kRotations[i]);
        }
#pragma GCC unroll 25
        for (int i = 0; i < 25; ++i) {
            const int row = i - i % 5;
            a[i] = b[i] ^ (~b[row + (i + 1) % 5] & b[row + (i + 2) % 5]);
        }
        a[0] ^= constant;
    }
}

constexpr std::size_t kRate = 136;

void absorb(std::uint64_t* state, const std::uint8_t* block) {
    for (std::size_t i = 0; i < kRate / 8; ++i) {
        std::uint64_t lane = 0;
        std::memcpy(&lane, block + 8 * i, 8);
        state[i] ^= lane;
    }
    permute(state);
}

} // namespace

Hash256 keccak256(BytesView data) {
    std::uint64_t state[25] = {};
    while (data.size() >= kRate) {
        absorb(state, data.data());
        data = data.subspan(kRate);
    }
    std::uint8_t last[kRate] = {};
    if (!data.empty()) std::memcpy(last, data.data(), data.size());
    last[data.size()] = 0x01;
    last[kRate - 1] |= 0x80;
    absorb(state, last);
    Hash256 out;
    std::memcpy(out.data(), state, 32);
    return out;
}

void keccak256_many(std::span<const BytesView> messages, std::span<Hash256> out) {
    for (std::size_t i = 0; i < messages.size(); ++i) out[i] = keccak256(messages[i]);
}

} // namespace cairn::crypto
