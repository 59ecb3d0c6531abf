#include "evm/precompiles.hpp"

#include "crypto/hash.hpp"
#include "crypto/secp256k1.hpp"

#include <limits>

namespace cairn::evm {
namespace {

constexpr unsigned kPointEvaluation = 0x0a; // EIP-4844
constexpr unsigned kBlsFirst = 0x0b;        // EIP-2537
constexpr unsigned kBlsLast = 0x11;
constexpr unsigned kP256Verify = 0x100; // EIP-7951

std::int64_t words(BytesView input) { return static_cast<std::int64_t>((input.size() + 31) / 32); }

/// 32 bytes at `offset`, as if endless zeros followed the input.
Hash256 word_at(BytesView input, std::size_t offset) {
    Hash256 out;
    if (offset < input.size())
        std::memcpy(out.data(), input.data() + offset, std::min<std::size_t>(32, input.size() - offset));
    return out;
}

Bytes padded_left(BytesView bytes) {
    Bytes out(32 - bytes.size());
    append(out, bytes);
    return out;
}

/// A signature that fits no key is no failure: the output is empty.
Bytes ecrecover(BytesView input) {
    const auto v = from_big_endian(word_at(input, 32));
    if (v != U256{27} && v != U256{28}) return {};
    const crypto::EcdsaSignature signature{from_big_endian(word_at(input, 64)), from_big_endian(word_at(input, 96)),
                                           static_cast<std::uint8_t>(v.low() - 27)};
    const auto signer = crypto::recover_address(word_at(input, 0), signature);
    return signer ? padded_left(*signer) : Bytes{};
}

std::int64_t gas_of(unsigned number, Revision revision, BytesView input) {
    switch (number) {
    case 0x01: return 3000;
    case 0x02: return 60 + 12 * words(input);
    case 0x03: return 600 + 120 * words(input);
    case 0x04: return 15 + 3 * words(input);
    case 0x05: return modexp_gas(input, revision);
    case 0x06: return 150; // EIP-1108
    case 0x07: return 6000;
    case 0x08: return 45'000 + 34'000 * static_cast<std::int64_t>(input.size() / 192);
    case 0x09: return blake2f_gas(input);
    case kP256Verify: return 6900;
    default: return std::numeric_limits<std::int64_t>::max();
    }
}

PrecompileOutput output_of(unsigned number, Revision revision, BytesView input) {
    switch (number) {
    case 0x01: return ecrecover(input);
    case 0x02: return to_bytes(crypto::sha256(input));
    case 0x03: return padded_left(crypto::ripemd160(input));
    case 0x04: return to_bytes(input);
    case 0x05: return modexp(input, revision);
    case 0x06: return bn254_add(input);
    case 0x07: return bn254_multiply(input);
    case 0x08: return bn254_pairing(input);
    case 0x09: return blake2f(input);
    case kP256Verify: return p256_verify(input);
    default: return std::nullopt;
    }
}

} // namespace

std::optional<unsigned> precompile_number(const Address& address, Revision revision) {
    std::uint64_t head = 0;
    std::uint64_t middle = 0;
    std::memcpy(&head, address.data(), 8);
    std::memcpy(&middle, address.data() + 8, 8);
    if ((head | middle) != 0 || address[16] != 0 || address[17] != 0) return std::nullopt;
    const unsigned number = address[18] * 256u + address[19];
    const bool known = (number >= 0x01 && number <= kPointEvaluation) ||
                       (number >= kBlsFirst && number <= kBlsLast && revision >= Revision::prague) ||
                       (number == kP256Verify && revision >= Revision::osaka);
    return known ? std::optional{number} : std::nullopt;
}

bool is_precompile(const Address& address, Revision revision) {
    return precompile_number(address, revision).has_value();
}

bool is_precompile_missing(unsigned number) { return number >= kPointEvaluation && number <= kBlsLast; }

CallResult run_precompile(unsigned number, Revision revision, BytesView input, std::int64_t gas) {
    if (is_precompile_missing(number)) return {Outcome::precompile_failure, 0, {}, {}};
    const auto price = gas_of(number, revision, input);
    if (price > gas) return {Outcome::out_of_gas, 0, {}, {}};
    auto output = output_of(number, revision, input);
    if (!output) return {Outcome::precompile_failure, 0, {}, {}};
    return {Outcome::success, gas - price, std::move(*output), {}};
}

} // namespace cairn::evm
