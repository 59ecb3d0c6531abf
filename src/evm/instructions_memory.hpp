// Instructions that read and write memory, call data, code and return data.
//
// Instructions with gas beyond the table's ("paid") get the gas that is left and return what is left after them, or a
// negative number made by `failure`. They change nothing visible before `announce` has told the tracer their price.
#pragma once

#include "crypto/hash.hpp"
#include "evm/frame.hpp"
#include "evm/opcodes.hpp"

namespace cairn::evm::ops {

constexpr std::int64_t failure(Outcome outcome) { return -static_cast<std::int64_t>(outcome); }

template <bool kTrace>
void announce(Frame& frame, std::int64_t gas, const U256* top) {
    if constexpr (kTrace) frame.trace(gas, top, Outcome::success);
}

/// Larger offsets cost more gas than a 64-bit gas limit of any chain can hold; below it no sum here overflows.
inline constexpr std::uint64_t kMemoryBytesMax = std::uint64_t{1} << 36;

inline std::int64_t memory_price(std::uint64_t words) {
    return static_cast<std::int64_t>(3 * words + words * words / 512);
}

[[gnu::noinline]] inline std::int64_t grow_memory(Frame& frame, std::uint64_t end, std::int64_t gas) {
    const auto words = (end + 31) / 32;
    gas -= memory_price(words) - memory_price(frame.memory.size() / 32);
    if (gas < 0) return failure(Outcome::out_of_gas);
    frame.memory.grow(words * 32);
    return gas;
}

/// Pays for and makes room for `size` bytes at `offset`; nothing for no bytes.
inline std::int64_t reach_memory(Frame& frame, const U256& offset, const U256& size, std::int64_t gas) {
    if (!size) return gas;
    if (!size.fits_u64() || !offset.fits_u64() || size.low() > kMemoryBytesMax || offset.low() > kMemoryBytesMax)
        return failure(Outcome::out_of_gas);
    const auto end = offset.low() + size.low();
    return end <= frame.memory.size() ? gas : grow_memory(frame, end, gas);
}
inline std::int64_t reach_memory(Frame& frame, const U256& offset, std::uint64_t size, std::int64_t gas) {
    if (!offset.fits_u64() || offset.low() > kMemoryBytesMax) return failure(Outcome::out_of_gas);
    const auto end = offset.low() + size;
    return end <= frame.memory.size() ? gas : grow_memory(frame, end, gas);
}

/// Price of `per_word` gas for each 32 bytes begun. `size` must have passed reach_memory.
inline std::int64_t word_price(const U256& size, std::int64_t per_word) {
    return static_cast<std::int64_t>((size.low() + 31) / 32) * per_word;
}

/// Eight bytes, most significant first.
inline std::uint64_t load_limb(const std::uint8_t* bytes) {
    std::uint64_t limb = 0;
    std::memcpy(&limb, bytes, 8);
    return __builtin_bswap64(limb);
}
inline void store_limb(std::uint8_t* bytes, std::uint64_t limb) {
    const auto swapped = __builtin_bswap64(limb);
    std::memcpy(bytes, &swapped, 8);
}
inline U256 load_word(const std::uint8_t* bytes) {
    return {load_limb(bytes + 24), load_limb(bytes + 16), load_limb(bytes + 8), load_limb(bytes)};
}
inline void store_word(std::uint8_t* bytes, const U256& value) {
    store_limb(bytes, value.limb[3]);
    store_limb(bytes + 8, value.limb[2]);
    store_limb(bytes + 16, value.limb[1]);
    store_limb(bytes + 24, value.limb[0]);
}
inline U256 word_of(const Hash256& hash) { return load_word(hash.data()); }
inline Hash256 hash_of(const U256& value) {
    Hash256 out;
    store_word(out.data(), value);
    return out;
}
inline U256 word_of(const Address& address) {
    std::uint8_t bytes[32] = {};
    std::memcpy(bytes + 12, address.data(), 20);
    return load_word(bytes);
}
inline Address address_of(const U256& value) {
    std::uint8_t bytes[32];
    store_word(bytes, value);
    Address out;
    std::memcpy(out.data(), bytes + 12, 20);
    return out;
}

inline BytesView memory_part(const Frame& frame, const U256& offset, const U256& size) {
    return size ? BytesView{frame.memory.data() + offset.low(), size.low()} : BytesView{};
}

/// Copies from `source`, as if endless zeros followed it, into memory that is there already.
inline void copy_padded(Frame& frame, const U256& to, BytesView source, const U256& from, const U256& size) {
    if (!size) return;
    auto* target = frame.memory.data() + to.low();
    const auto start = from.fits_u64() ? std::min<std::uint64_t>(from.low(), source.size()) : source.size();
    const auto count = std::min<std::uint64_t>(size.low(), source.size() - start);
    if (count != 0) std::memcpy(target, source.data() + start, count);
    std::memset(target + count, 0, size.low() - count);
}

template <bool kTrace>
std::int64_t EXP(Frame& frame, U256* top, std::int64_t gas) {
    gas -= gas::kExponentByte * top[-2].byte_length();
    if (gas < 0) return failure(Outcome::out_of_gas);
    announce<kTrace>(frame, gas, top);
    top[-2] = power(top[-1], top[-2]);
    return gas;
}

template <bool kTrace>
std::int64_t KECCAK256(Frame& frame, U256* top, std::int64_t gas) {
    gas = reach_memory(frame, top[-1], top[-2], gas);
    if (gas < 0) return gas;
    gas -= word_price(top[-2], gas::kKeccakWord);
    if (gas < 0) return failure(Outcome::out_of_gas);
    announce<kTrace>(frame, gas, top);
    top[-2] = word_of(crypto::keccak256(memory_part(frame, top[-1], top[-2])));
    return gas;
}

inline void CALLDATALOAD(Frame& frame, U256* top) {
    const auto input = frame.message.input;
    auto& place = top[-1];
    if (!place.fits_u64() || place.low() >= input.size()) {
        place = 0;
        return;
    }
    const auto rest = input.subspan(place.low());
    if (rest.size() >= 32) {
        place = load_word(rest.data());
        return;
    }
    std::uint8_t word[32] = {};
    std::memcpy(word, rest.data(), rest.size());
    place = load_word(word);
}

/// CALLDATACOPY and CODECOPY; RETURNDATACOPY once its bounds are checked.
template <bool kTrace>
std::int64_t copy_into_memory(Frame& frame, U256* top, std::int64_t gas, BytesView source) {
    gas = reach_memory(frame, top[-1], top[-3], gas);
    if (gas < 0) return gas;
    gas -= word_price(top[-3], gas::kCopyWord);
    if (gas < 0) return failure(Outcome::out_of_gas);
    announce<kTrace>(frame, gas, top);
    copy_padded(frame, top[-1], source, top[-2], top[-3]);
    return gas;
}
template <bool kTrace>
std::int64_t CALLDATACOPY(Frame& frame, U256* top, std::int64_t gas) {
    return copy_into_memory<kTrace>(frame, top, gas, frame.message.input);
}
template <bool kTrace>
std::int64_t CODECOPY(Frame& frame, U256* top, std::int64_t gas) {
    return copy_into_memory<kTrace>(frame, top, gas, frame.program->code());
}
template <bool kTrace>
std::int64_t RETURNDATACOPY(Frame& frame, U256* top, std::int64_t gas) {
    const auto& from = top[-2];
    const auto& size = top[-3];
    const auto available = frame.return_data.size();
    if (!from.fits_u64() || !size.fits_u64() || from.low() > available || size.low() > available - from.low())
        return failure(Outcome::return_data_out_of_bounds);
    return copy_into_memory<kTrace>(frame, top, gas, frame.return_data);
}

template <bool kTrace>
[[gnu::always_inline]] inline std::int64_t MLOAD(Frame& frame, U256* top, std::int64_t gas) {
    gas = reach_memory(frame, top[-1], 32, gas);
    if (gas < 0) return gas;
    announce<kTrace>(frame, gas, top);
    top[-1] = load_word(frame.memory.data() + top[-1].low());
    return gas;
}
template <bool kTrace>
[[gnu::always_inline]] inline std::int64_t MSTORE(Frame& frame, U256* top, std::int64_t gas) {
    gas = reach_memory(frame, top[-1], 32, gas);
    if (gas < 0) return gas;
    announce<kTrace>(frame, gas, top);
    store_word(frame.memory.data() + top[-1].low(), top[-2]);
    return gas;
}
template <bool kTrace>
std::int64_t MSTORE8(Frame& frame, U256* top, std::int64_t gas) {
    gas = reach_memory(frame, top[-1], 1, gas);
    if (gas < 0) return gas;
    announce<kTrace>(frame, gas, top);
    frame.memory.data()[top[-1].low()] = static_cast<std::uint8_t>(top[-2].low());
    return gas;
}
template <bool kTrace>
std::int64_t MCOPY(Frame& frame, U256* top, std::int64_t gas) {
    const auto& to = top[-1];
    const auto& from = top[-2];
    const auto& size = top[-3];
    gas = reach_memory(frame, to > from ? to : from, size, gas);
    if (gas < 0) return gas;
    gas -= word_price(size, gas::kCopyWord);
    if (gas < 0) return failure(Outcome::out_of_gas);
    announce<kTrace>(frame, gas, top);
    if (size) std::memmove(frame.memory.data() + to.low(), frame.memory.data() + from.low(), size.low());
    return gas;
}

} // namespace cairn::evm::ops
