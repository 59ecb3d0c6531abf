// Proofs of guilt as files in the node's data directory, for operators and courts: one per offender and kind, so their number is bounded.
// `cairn evidence verify` checks one with the genesis file alone.
#pragma once

#include "base/result.hpp"
#include "consensus/evidence.hpp"
#include "storage/file.hpp"

#include <string>

namespace cairn::node {

class EvidenceStore {
public:
    /// Nothing is written before the first proof. `files` must outlive it; a node gives its encrypted ones.
    EvidenceStore(storage::FileSystem& files, std::string directory)
        : files_(files), directory_(std::move(directory)) {}

    /// Durable when it returns; does nothing if a proof of this kind against this offender is kept already. StorageIo.
    Status put(const consensus::Evidence& evidence, std::uint64_t chain_id) const;

private:
    storage::FileSystem& files_;
    std::string directory_;
};

/// {"chain_id", "epoch", "validator", "kind", "evidence": hex of consensus::encode_evidence}.
std::string evidence_json(const consensus::Evidence& evidence, std::uint64_t chain_id);

} // namespace cairn::node
