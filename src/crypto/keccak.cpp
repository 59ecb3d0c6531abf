#include "base/assert.hpp"
#include "crypto/hash.hpp"
#include "crypto/keccak_lanes.hpp"

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
constexpr int kRotations[25] = {0,  1,  62, 28, 27, 36, 44, 6,  55, 20, 3,  10, 43,
                                25, 39, 41, 45, 15, 21, 8,  18, 2,  61, 56, 14};

[[gnu::always_inline]] inline void permute_body(std::uint64_t* state) {
    // A copy of fixed size lets the compiler keep lanes in registers over the rounds.
    std::uint64_t a[25];
    std::memcpy(a, state, sizeof a);
    for (const auto constant : kRoundConstants) {
        std::uint64_t c[5];
#pragma GCC unroll 5
        for (int x = 0; x < 5; ++x) c[x] = a[x] ^ a[x + 5] ^ a[x + 10] ^ a[x + 15] ^ a[x + 20];
        std::uint64_t d[5];
#pragma GCC unroll 5
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
    std::memcpy(state, a, sizeof a);
}

void permute_plain(std::uint64_t* state) { permute_body(state); }

#if defined(__x86_64__)
// The same code; the compiler may use and-not, and rotations into another register.
__attribute__((target("bmi,bmi2"))) void permute_bmi(std::uint64_t* state) { permute_body(state); }
const bool has_bmi = __builtin_cpu_supports("bmi") != 0 && __builtin_cpu_supports("bmi2") != 0;

void permute(std::uint64_t* state) { has_bmi ? permute_bmi(state) : permute_plain(state); }
#else
void permute(std::uint64_t* state) { permute_plain(state); }
#endif

constexpr std::size_t kRate = 136;

void absorb(std::uint64_t* state, const std::uint8_t* block) {
    for (std::size_t i = 0; i < kRate / 8; ++i) {
        std::uint64_t lane = 0;
        std::memcpy(&lane, block + 8 * i, 8);
        state[i] ^= lane;
    }
    permute(state);
}

/// `rest` is shorter than a block. Original padding: 0x01, zeros, and 0x80 in the last byte.
void fill_last_block(std::uint8_t* block, BytesView rest) {
    std::memset(block, 0, kRate);
    if (!rest.empty()) std::memcpy(block, rest.data(), rest.size());
    block[rest.size()] = 0x01;
    block[kRate - 1] |= 0x80;
}

} // namespace

Hash256 keccak256(BytesView data) {
    std::uint64_t state[25] = {};
    while (data.size() >= kRate) {
        absorb(state, data.data());
        data = data.subspan(kRate);
    }
    std::uint8_t last[kRate];
    fill_last_block(last, data);
    absorb(state, last);
    Hash256 out;
    std::memcpy(out.data(), state, 32);
    return out;
}

namespace {

/// A permutation of several states at once, if this machine has one that pays.
struct Kernel {
    std::size_t lanes = 1;
    void (*permute)(KeccakStates&) = nullptr;
};

Kernel best_kernel() {
#if defined(__x86_64__)
    if (__builtin_cpu_supports("avx512f")) return {8, keccak_permute_avx512};
    if (__builtin_cpu_supports("avx2")) return {4, keccak_permute_avx2};
#endif
    return {};
}

/// Keeps every lane busy: a lane whose message is done takes the next one, whatever their lengths.
class ManyHasher {
public:
    ManyHasher(const Kernel& kernel, std::span<const BytesView> messages, std::span<Hash256> out)
        : kernel_(kernel), messages_(messages), out_(out) {}

    void run() {
        for (std::size_t lane = 0; lane < kernel_.lanes; ++lane) start(lane);
        while (active_ != 0) {
            for (std::size_t lane = 0; lane < kernel_.lanes; ++lane)
                if (lanes_[lane].busy) absorb_next(lane);
            kernel_.permute(states_);
            for (std::size_t lane = 0; lane < kernel_.lanes; ++lane)
                if (lanes_[lane].busy && lanes_[lane].padded) end(lane);
        }
    }

private:
    struct Lane {
        bool busy = false;
        bool padded = false; // the last block is absorbed
        std::size_t index = 0;
        BytesView rest;
    };

    void start(std::size_t lane) {
        if (next_ == messages_.size()) return;
        for (auto& row : states_) row[lane] = 0;
        lanes_[lane] = {true, false, next_, messages_[next_]};
        ++next_;
        ++active_;
    }

    void xor_block(std::size_t lane, const std::uint8_t* block) {
        for (std::size_t i = 0; i < kRate / 8; ++i) {
            std::uint64_t word = 0;
            std::memcpy(&word, block + 8 * i, 8);
            states_[i][lane] ^= word;
        }
    }

    void absorb_next(std::size_t lane) {
        auto& at = lanes_[lane];
        if (at.rest.size() >= kRate) {
            xor_block(lane, at.rest.data());
            at.rest = at.rest.subspan(kRate);
            return;
        }
        std::uint8_t last[kRate];
        fill_last_block(last, at.rest);
        xor_block(lane, last);
        at.padded = true;
    }

    void end(std::size_t lane) {
        for (std::size_t i = 0; i < 4; ++i) std::memcpy(out_[lanes_[lane].index].data() + 8 * i, &states_[i][lane], 8);
        lanes_[lane].busy = false;
        --active_;
        start(lane);
    }

    const Kernel& kernel_;
    std::span<const BytesView> messages_;
    std::span<Hash256> out_;
    alignas(64) KeccakStates states_ = {};
    Lane lanes_[kKeccakLanesMax];
    std::size_t next_ = 0;
    std::size_t active_ = 0;
};

} // namespace

void keccak256_many(std::span<const BytesView> messages, std::span<Hash256> out) {
    CRN_ASSERT(out.size() >= messages.size());
    static const Kernel kernel = best_kernel();
    // Below half of the lanes one after another is as fast.
    if (kernel.permute == nullptr || messages.size() < kernel.lanes / 2) {
        for (std::size_t i = 0; i < messages.size(); ++i) out[i] = keccak256(messages[i]);
        return;
    }
    ManyHasher(kernel, messages, out).run();
}

} // namespace cairn::crypto
