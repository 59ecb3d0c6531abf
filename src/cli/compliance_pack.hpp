// A folder that is handed to an auditor: files, their digests in manifest.json, and an organisation's signature over that in
// manifest.sig. Whoever has the genesis file can check it without a node.
//
// manifest.json: {"format":"cairn-evidence-v1","organisation":NAME,"genesis":HASH,"created":SECONDS,"files":{PATH:SHA256,...}} with
// sorted keys. manifest.sig: 0x and the Ed25519 signature (hex) of "cairn-evidence-v1" and the bytes of manifest.json by the
// organisation's signing key. Paths are relative, without "..".
#pragma once

#include "base/result.hpp"
#include "ledger/handovers.hpp"

#include <optional>
#include <string>

namespace cairn::cli {

/// The validators since genesis, as ledger::HandoverChain.
inline constexpr std::string_view kPackHandovers = "handovers.json";

struct PackSeal {
    std::string organisation;
    std::int64_t created = 0;
    std::size_t files = 0;
    std::optional<Epoch> epoch; // up to which the pack tells and proves who votes
};

/// Lists every file below `directory` and signs the list. CliFileUnwritable, CliFileUnreadable.
Result<PackSeal> seal_pack(const std::string& directory, const ledger::Genesis& genesis,
                           const std::string& organisation, const crypto::ValidatorKey& key, std::int64_t now);
/// CliPackInvalid names what is missing, added, changed, or not signed by a member of this genesis; HandoverInvalid if a change of
/// validators is forged, whoever signed the pack.
Result<PackSeal> verify_pack(const std::string& directory, const ledger::Genesis& genesis);

} // namespace cairn::cli
