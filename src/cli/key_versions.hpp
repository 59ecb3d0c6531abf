// Versions of the storage and backup keys of nodes on this machine, and which of them there were when an incident was opened: what was
// made since no thief has.
#pragma once

#include "base/bytes.hpp"
#include "base/result.hpp"

#include <nlohmann/json.hpp>

#include <map>
#include <optional>
#include <string>
#include <vector>

namespace cairn::cli {

struct KeyVersion {
    std::uint32_t number = 0;
    std::string state; // "current", "superseded", "destroyed"
};
/// As the running node tells them; `noun` is "storage-key" or "backup-key". NodeUnreachable, EncryptionOffRefused.
Result<std::vector<KeyVersion>> versions_of(const std::string& data_dir, const std::string& noun);

/// In the directory of the evidence.
inline constexpr std::string_view kVersionsFile = "versions.json";

/// The highest version by data directory and noun; 0 if there was none.
class NotedVersions {
public:
    std::optional<std::uint32_t> highest(const std::string& data_dir, const std::string& noun) const;
    /// Asks the running nodes for what is missing. What stands here stays: a version that was made later is not one of then.
    void add(const std::vector<std::string>& data_dirs);
    bool operator==(const NotedVersions&) const = default;

    nlohmann::json to_json(std::uint64_t incident, const Hash256& key) const;
    /// Nothing if it is malformed, or of another incident.
    static std::optional<NotedVersions> from_json(std::string_view text, std::uint64_t incident, const Hash256& key);

private:
    std::map<std::string, std::map<std::string, std::uint32_t>> nodes_;
};

} // namespace cairn::cli
