// Instructions that need the stack alone. `top` is one behind the topmost item; the loop moves it afterwards.
#pragma once

#include "base/u256.hpp"

namespace cairn::evm::ops {

inline bool is_negative(const U256& value) { return (value.limb[3] >> 63) != 0; }
inline U256 absolute(const U256& value) { return is_negative(value) ? -value : value; }
inline bool signed_less(const U256& a, const U256& b) {
    const auto high_a = static_cast<std::int64_t>(a.limb[3]);
    const auto high_b = static_cast<std::int64_t>(b.limb[3]);
    return high_a != high_b ? high_a < high_b : a < b;
}

inline void ADD(U256* top) { top[-2] = top[-1] + top[-2]; }
inline void MUL(U256* top) { top[-2] = top[-1] * top[-2]; }
inline void SUB(U256* top) { top[-2] = top[-1] - top[-2]; }
inline void DIV(U256* top) { top[-2] = top[-1] / top[-2]; }
inline void MOD(U256* top) { top[-2] = top[-1] % top[-2]; }
inline void SDIV(U256* top) {
    const auto quotient = absolute(top[-1]) / absolute(top[-2]);
    top[-2] = is_negative(top[-1]) != is_negative(top[-2]) ? -quotient : quotient;
}
inline void SMOD(U256* top) {
    const auto remainder = absolute(top[-1]) % absolute(top[-2]);
    top[-2] = is_negative(top[-1]) ? -remainder : remainder;
}
inline void ADDMOD(U256* top) { top[-3] = add_mod(top[-1], top[-2], top[-3]); }
inline void MULMOD(U256* top) { top[-3] = mul_mod(top[-1], top[-2], top[-3]); }

inline void SIGNEXTEND(U256* top) {
    const auto& place = top[-1];
    if (!place.fits_u64() || place.low() >= 31) return;
    auto& value = top[-2];
    const auto bits = static_cast<unsigned>(8 * place.low() + 8);
    const U256 mask = (U256{1} << bits) - U256{1};
    const bool negative = (value.limb[(bits - 1) / 64] >> ((bits - 1) % 64) & 1) != 0;
    value = negative ? value | ~mask : value & mask;
}

inline void LT(U256* top) { top[-2] = top[-1] < top[-2]; }
inline void GT(U256* top) { top[-2] = top[-1] > top[-2]; }
inline void SLT(U256* top) { top[-2] = signed_less(top[-1], top[-2]); }
inline void SGT(U256* top) { top[-2] = signed_less(top[-2], top[-1]); }
inline void EQ(U256* top) { top[-2] = top[-1] == top[-2]; }
inline void ISZERO(U256* top) { top[-1] = !static_cast<bool>(top[-1]); }
inline void AND(U256* top) { top[-2] = top[-1] & top[-2]; }
inline void OR(U256* top) { top[-2] = top[-1] | top[-2]; }
inline void XOR(U256* top) { top[-2] = top[-1] ^ top[-2]; }
inline void NOT(U256* top) { top[-1] = ~top[-1]; }

inline void BYTE(U256* top) {
    const auto& place = top[-1];
    const auto& value = top[-2];
    if (!place.fits_u64() || place.low() >= 32) {
        top[-2] = 0;
        return;
    }
    const auto shift = 8 * (31 - place.low());
    top[-2] = value.limb[shift / 64] >> (shift % 64) & 0xff;
}
/// Shifts of 256 bits and more all act alike.
inline unsigned shift_amount(const U256& amount) {
    return amount.fits_u64() && amount.low() < 256 ? static_cast<unsigned>(amount.low()) : 256;
}
inline void SHL(U256* top) { top[-2] = top[-2] << shift_amount(top[-1]); }
inline void SHR(U256* top) { top[-2] = top[-2] >> shift_amount(top[-1]); }
inline void SAR(U256* top) {
    const auto amount = shift_amount(top[-1]);
    auto& value = top[-2];
    value = is_negative(value) ? ~(~value >> amount) : value >> amount;
}
inline void CLZ(U256* top) { top[-1] = 256 - top[-1].bit_length(); }
inline void POP(U256*) {}

} // namespace cairn::evm::ops
