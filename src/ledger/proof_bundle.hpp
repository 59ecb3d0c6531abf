// The evidence file: shows to anyone who has the genesis file, without a node, that a digest was recorded on the chain, by
// whom and when. docs/reference/proof-bundle.md describes it so that another program can check it.
//
// The bundle states as little as possible: what follows from another part (the block's hash, its number, the slots, the
// record itself) is computed by the checker and cannot contradict. Trust goes: genesis file -> validator set of epoch 0 ->
// handovers to later sets -> quorum of execution votes on a block header -> Merkle proof below that header -> record.
#pragma once

#include "base/result.hpp"
#include "ledger/genesis.hpp"
#include "ledger/record.hpp"
#include "ledger/validators.hpp"

#include <string>
#include <string_view>
#include <variant>
#include <vector>

namespace cairn::ledger {

inline constexpr std::size_t kBundleBytesMax = 4u << 20;
inline constexpr std::size_t kBundleHandoversMax = 1000;
inline constexpr std::uint64_t kBundleVersion = 1;

/// The last block of an epoch, finalized by that epoch's set, names the next set.
struct EpochHandover {
    Bytes block;                           // encoding of the ConsensusBlock
    std::uint64_t view = 0;                // in which it was finalized: its own or, if that failed, a later one
    std::vector<Certificate::Entry> votes; // finalize votes on it
    Bytes validators;                      // encoding of the next ValidatorSet
    bool operator==(const EpochHandover&) const = default;
};

/// The entry stands in the state of the block: EIP-1186 proofs, nodes from the root to the leaf.
struct RecordStorageProof {
    std::uint64_t index = 0; // in the digest's history; 0 is the first time it was recorded
    std::vector<Bytes> account_proof;
    std::vector<std::vector<Bytes>> storage_proofs; // one for each of record_slots(), in that order
    bool operator==(const RecordStorageProof&) const = default;
};

/// The event was emitted in the block itself: proof of a receipt below the receipts root.
struct RecordReceiptProof {
    std::uint64_t transaction_index = 0;
    std::uint64_t log_index = 0; // within the receipt
    std::vector<Bytes> proof;
    bool operator==(const RecordReceiptProof&) const = default;
};

struct ProofBundle {
    std::uint64_t chain_id = 0;
    Hash256 genesis;                       // hash_of(genesis)
    Hash256 digest;                        // what was recorded
    std::vector<EpochHandover> handovers;  // of epochs 0, 1, ... up to the one before the block's
    Bytes header;                          // RLP of the block's header
    std::vector<Certificate::Entry> votes; // execution votes on the header
    std::variant<RecordStorageProof, RecordReceiptProof> proof;
    bool operator==(const ProofBundle&) const = default;
};

/// The form on disk: JSON, keys sorted, indented by two, one newline at the end. There is exactly one text per bundle.
std::string to_json(const ProofBundle& bundle);
/// ProofInvalid for anything that is not the exact text of a bundle, so that no byte of a file can change unnoticed.
Result<ProofBundle> bundle_from_json(std::string_view json);

/// What a bundle has shown.
struct ProvenRecord {
    Hash256 digest;
    std::uint64_t index = 0;
    Record record;    // sender, block number and time of the recording, metadata
    Height proven_at; // block whose header was certified
    Hash256 header_hash;
    std::size_t votes = 0;      // that certified it
    std::size_t validators = 0; // of the epoch
};

/// ProofInvalid names the step that failed: "digest: ...", "genesis: ...", "handover 0: ...", "certificate: ...",
/// "header: ...", "account proof: ...", "storage proof 1: ...", "receipt proof: ...". Thread-safe; needs nothing else.
Result<ProvenRecord> verify_bundle(const Genesis& genesis, const ProofBundle& bundle, const Hash256& digest);
Result<ProvenRecord> verify_bundle(const Genesis& genesis, std::string_view json, const Hash256& digest);

} // namespace cairn::ledger
