#include "crypto/keccak_lanes.hpp"

#ifdef __AVX512F__
#define CAIRN_KECCAK_NAME keccak_permute_avx512
#define CAIRN_KECCAK_LANES 8
#include "crypto/keccak_lanes.inc"
#endif
