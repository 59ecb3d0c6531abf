// Evidence of an incident as a directory that a third party can check: files, and a manifest with the digest of each, signed by
// the account that made it. The manifest's digest stands on chain when the incident is closed.
#pragma once

#include "base/result.hpp"
#include "cli/sender.hpp"

#include <nlohmann/json.hpp>

#include <map>
#include <string>

namespace cairn::cli {

/// Writes the files and manifest.json into the directory, which is made if need be; the SHA-256 of manifest.json.
Result<Hash256> write_evidence(const std::string& directory, const std::map<std::string, nlohmann::json>& files,
                               const nlohmann::json& about, const Sender& signer);

struct Evidence {
    nlohmann::json about;
    Address signer;
    Hash256 manifest_digest;
    std::size_t files = 0;
};
/// EvidencePackInvalid that names what is missing, changed, or not signed by whom the manifest names.
Result<Evidence> verify_evidence(const std::string& directory);

} // namespace cairn::cli
