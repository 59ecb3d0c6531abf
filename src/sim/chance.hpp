// The simulator's only source of chance: one seed, one sequence (xorshift128+ seeded by splitmix64).
#pragma once

#include <cstdint>

namespace cairn::sim {

class Chance {
public:
    explicit Chance(std::uint64_t seed) {
        for (auto* word : {&a_, &b_}) {
            seed += 0x9e3779b97f4a7c15u;
            auto z = seed;
            z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9u;
            z = (z ^ (z >> 27)) * 0x94d049bb133111ebu;
            *word = z ^ (z >> 31);
        }
        if (a_ == 0 && b_ == 0) a_ = 1;
    }
    std::uint64_t next() {
        auto x = a_;
        const auto y = b_;
        a_ = y;
        x ^= x << 23;
        b_ = x ^ y ^ (x >> 17) ^ (y >> 26);
        return b_ + y;
    }
    /// 0 .. bound - 1; 0 for bound 0.
    std::uint64_t below(std::uint64_t bound) { return bound == 0 ? 0 : next() % bound; }
    /// True once in `times` on average; never for 0.
    bool one_in(std::uint64_t times) { return times != 0 && below(times) == 0; }
    bool percent(std::uint64_t p) { return below(100) < p; }

private:
    std::uint64_t a_ = 0, b_ = 0;
};

} // namespace cairn::sim
