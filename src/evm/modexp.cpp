#include "evm/precompiles.hpp"

#include <gmp.h>
#include <limits>

namespace cairn::evm {
namespace {

constexpr std::int64_t kNotPayable = std::numeric_limits<std::int64_t>::max();
constexpr std::uint64_t kLengthMax = 1024; // EIP-7823
constexpr std::size_t kHeader = 96;        // three lengths

struct Lengths {
    U256 base;
    U256 exponent;
    U256 modulus;
};

/// `size` bytes at `offset`; what lies behind the input is zero.
Bytes slice(BytesView input, std::uint64_t offset, std::uint64_t size) {
    Bytes out(size);
    if (offset < input.size())
        std::copy_n(input.data() + offset, std::min<std::uint64_t>(size, input.size() - offset), out.data());
    return out;
}

Lengths lengths_of(BytesView input) {
    const auto header = slice(input, 0, kHeader);
    const BytesView view{header};
    return {from_big_endian(view.subspan(0, 32)), from_big_endian(view.subspan(32, 32)),
            from_big_endian(view.subspan(64, 32))};
}

using Wide = unsigned __int128;

// Both arguments are at most 2^32; the product stays far below 2^127.
Wide multiplication_complexity(std::uint64_t length, Revision revision) {
    const Wide words = (length + 7) / 8;
    if (revision < Revision::osaka) return words * words;
    return length <= 32 ? 16 : 2 * words * words; // EIP-7883
}

Wide iterations(std::uint64_t exponent_length, const U256& head, Revision revision) {
    const unsigned factor = revision < Revision::osaka ? 8 : 16;
    const unsigned head_bits = head.bit_length();
    Wide count = head_bits > 0 ? head_bits - 1 : 0;
    if (exponent_length > 32) count += Wide{factor} * (exponent_length - 32);
    return std::max<Wide>(count, 1);
}

class Integer {
public:
    Integer() { mpz_init(value_); }
    explicit Integer(BytesView big_endian) : Integer() {
        mpz_import(value_, big_endian.size(), 1, 1, 1, 0, big_endian.data());
    }
    ~Integer() { mpz_clear(value_); }
    Integer(const Integer&) = delete;
    Integer& operator=(const Integer&) = delete;
    mpz_ptr get() { return value_; }

private:
    mpz_t value_;
};

} // namespace

std::int64_t modexp_gas(BytesView input, Revision revision) {
    const auto lengths = lengths_of(input);
    const bool is_osaka = revision >= Revision::osaka;
    if (is_osaka &&
        (lengths.base > U256{kLengthMax} || lengths.exponent > U256{kLengthMax} || lengths.modulus > U256{kLengthMax}))
        return kNotPayable;
    const std::int64_t least = is_osaka ? 500 : 200;
    // A base and a modulus of no bytes cost the least before Osaka, however long the exponent.
    if (!is_osaka && !lengths.base && !lengths.modulus) return least;
    constexpr std::uint64_t kAbsurd = std::uint64_t{1} << 32; // costs more than any gas limit
    const auto longest = std::max(lengths.base, lengths.modulus);
    if (longest > U256{kAbsurd} || lengths.exponent > U256{kAbsurd}) return kNotPayable;

    const auto exponent_length = lengths.exponent.low();
    const auto head = slice(input, kHeader + lengths.base.low(), std::min<std::uint64_t>(exponent_length, 32));
    const Wide divisor = is_osaka ? 1 : 3;
    const Wide price = multiplication_complexity(longest.low(), revision) *
                       iterations(exponent_length, from_big_endian(head), revision) / divisor;
    if (price > static_cast<Wide>(kNotPayable)) return kNotPayable;
    return std::max(least, static_cast<std::int64_t>(price));
}

PrecompileOutput modexp(BytesView input, Revision) {
    const auto lengths = lengths_of(input);
    // Checked again on purpose: the price alone keeps these lengths small.
    if (!lengths.modulus) return Bytes{};
    if (!lengths.base.fits_u64() || !lengths.exponent.fits_u64() || !lengths.modulus.fits_u64()) return std::nullopt;
    const auto base_length = lengths.base.low();
    const auto exponent_length = lengths.exponent.low();
    const auto modulus_length = lengths.modulus.low();

    Bytes out(modulus_length);
    Integer modulus{slice(input, kHeader + base_length + exponent_length, modulus_length)};
    if (mpz_cmp_ui(modulus.get(), 1) <= 0) return out; // GMP refuses 0; everything modulo 1 is 0
    Integer base{slice(input, kHeader, base_length)};
    Integer exponent{slice(input, kHeader + base_length, exponent_length)};
    Integer result;
    mpz_powm(result.get(), base.get(), exponent.get(), modulus.get());
    const auto size = (mpz_sizeinbase(result.get(), 2) + 7) / 8;
    if (mpz_sgn(result.get()) != 0) mpz_export(out.data() + (modulus_length - size), nullptr, 1, 1, 1, 0, result.get());
    return out;
}

} // namespace cairn::evm
