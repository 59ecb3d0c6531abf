// The contracts that Ethereum defines by rule instead of code.
#pragma once

#include "evm/machine.hpp"

namespace cairn::evm {

/// Number of the precompile at this address (its address as an integer), if the revision has one there.
std::optional<unsigned> precompile_number(const Address& address, Revision revision);
/// Addresses that are precompiles (warm, without code) but whose function is not there yet: calling one fails.
bool is_precompile_missing(unsigned number);

/// Outcome success, out_of_gas or precompile_failure; the latter two leave no gas. `number` must be known.
CallResult run_precompile(unsigned number, Revision revision, BytesView input, std::int64_t gas);

// One function per file below. Gas is paid already; nothing means failure.
using PrecompileOutput = std::optional<Bytes>;

/// EIP-198 with the price of EIP-2565, from Osaka on EIP-7883 and the limits of EIP-7823.
std::int64_t modexp_gas(BytesView input, Revision revision); // INT64_MAX if it is not payable
PrecompileOutput modexp(BytesView input, Revision revision);

/// EIP-196 and EIP-197.
PrecompileOutput bn254_add(BytesView input);
PrecompileOutput bn254_multiply(BytesView input);
PrecompileOutput bn254_pairing(BytesView input);

/// EIP-152. The number of rounds is the price.
std::int64_t blake2f_gas(BytesView input);
PrecompileOutput blake2f(BytesView input);

/// EIP-7951: 32 bytes of 1, or nothing for any signature that is not valid.
Bytes p256_verify(BytesView input);

} // namespace cairn::evm
