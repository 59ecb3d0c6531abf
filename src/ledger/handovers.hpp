// How the validators of later epochs follow from genesis: each set has finalized the last block of its epoch, which names the next set.
// Proof bundles lead over epochs this way, and the file of handovers that auditors take does (docs/reference/proof-bundle.md).
#pragma once

#include "ledger/proof_bundle.hpp"

#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace cairn::ledger {

/// An epoch that handovers lead to.
struct KnownEpoch {
    ValidatorSet validators;
    Height start; // of the last block of the epoch before; 0 for genesis'
};

/// Genesis' epoch and each that the handovers lead to, one after the other. HandoverInvalid names the first that does not hold:
/// "handover 0: ...". Genesis is taken as it is. Thread-safe.
Result<std::vector<KnownEpoch>> follow_handovers(const Genesis& genesis, std::span<const EpochHandover> handovers);

inline constexpr std::size_t kHandoversMax = 2000;
inline constexpr std::size_t kHandoversBytesMax = 64u << 20;

/// Successive handovers of one chain, as a node tells them and a file keeps them.
struct HandoverChain {
    std::uint64_t chain_id = 0;
    Hash256 genesis;                      // hash_of(genesis)
    std::vector<EpochHandover> handovers; // in a file: of epochs 0, 1, ...
    bool operator==(const HandoverChain&) const = default;
};
/// As a bundle's: JSON, keys sorted, indented by two, one newline at the end. There is exactly one text per chain.
std::string to_json(const HandoverChain& chain);
/// HandoverInvalid for anything that is not the exact text of a chain.
Result<HandoverChain> handovers_from_json(std::string_view json);
/// As above; HandoverInvalid also if the chain is of another genesis.
Result<std::vector<KnownEpoch>> follow_handovers(const Genesis& genesis, const HandoverChain& chain);

} // namespace cairn::ledger
