#include "crypto/keccak_lanes.hpp"

#ifdef __AVX2__
#define CAIRN_KECCAK_NAME keccak_permute_avx2
#define CAIRN_KECCAK_LANES 4
#include "crypto/keccak_lanes.inc"
#endif
