// Keccak-f[1600] on several states at once. Private to keccak.cpp: the files that define these functions are compiled for
// instruction sets that this machine may lack, so they contain nothing else, and keccak.cpp asks the processor first.
#pragma once

#include <cstddef>
#include <cstdint>

namespace cairn::crypto {

inline constexpr std::size_t kKeccakLanesMax = 8;

/// state[i][lane]: lane i of FIPS 202 of the state `lane`. Rows have kKeccakLanesMax entries whatever the kernel uses.
using KeccakStates = std::uint64_t[25][kKeccakLanesMax];

#if defined(__x86_64__)
void keccak_permute_avx512(KeccakStates& states); // 8 states
void keccak_permute_avx2(KeccakStates& states);   // the first 4 states
#endif

} // namespace cairn::crypto
