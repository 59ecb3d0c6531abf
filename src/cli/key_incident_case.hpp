// One incident of a key while it is worked on: what was found and done, as files of the evidence, and each step noted on chain.
#pragma once

#include "cli/key_probes.hpp"
#include "cli/key_replacement.hpp"
#include "cli/keys_client.hpp"

#include <nlohmann/json.hpp>

#include <map>
#include <string>
#include <vector>

namespace cairn::cli {

class Invocation;

inline constexpr const char* kImpactStep = "impact";
inline constexpr const char* kOwnersStep = "owners notified";
inline constexpr const char* kProbesStep = "probes";
inline constexpr const char* kReplacementStep = "replacement";
inline constexpr const char* kVerifiedStep = "verified";
inline constexpr const char* kVersionsStep = "versions of storage keys";

/// Configurations of the nodes on this machine: --config, or those of the development network.
std::vector<std::string> configs_of(const Invocation& invocation);

struct IncidentCase {
    const Invocation& invocation;
    RpcClient& rpc;
    const Sender& sender;
    IncidentView incident;
    KeyView key;
    nlohmann::json steps = nlohmann::json::array(); // the quarantine and what was noted since, as the chain has them
    std::map<std::string, nlohmann::json> files = {};
    std::vector<Probe> probes = {};
    NotedVersions versions = {}; // of this machine's storage and backup keys when the incident was opened

    /// Reads the incident, its key and its steps: whoever goes on with an incident learns from the chain what was done.
    static Result<IncidentCase> read(const Invocation& invocation, RpcClient& rpc, const Sender& sender,
                                     std::uint64_t number);

    /// The sender cannot note steps if its own key is the one that was stopped.
    bool can_note() const;
    /// What an earlier run has noted and left in the directory stands; otherwise `files[file]` does, and is noted.
    Status note_once(const std::string& directory, const std::string& step, const std::string& file);
    /// On disk before it is on chain: no digest there is of something that is lost with this process.
    Status note(const std::string& directory, const std::string& step, const std::string& file);

    /// Whether the key is one that protects storage keys: then their versions are part of the case.
    bool has_versions() const;
    /// What an earlier run has left in the directory, if it is of this incident.
    void read_versions(const std::string& directory);
    /// On disk before anything else is asked: what is made from now on is not the thief's. The first note stays, also after a kill. One
    /// that was lost is made anew, and then asks for more than it must: one more rotation.
    Status note_versions(const std::string& directory);

    Status find_impact();
    /// Who must hear of it: the owner, the accounts concerned, and whoever administers an organisation.
    Status find_owners();
    /// Tries until no node accepts the key any more, or patience ends.
    Status probe();
    std::vector<ReplacementStep> replace();
    /// The signed evidence; the digest of its manifest.
    Result<Hash256> pack(const std::string& directory, std::string_view status);

private:
    std::string noted(const std::string& step) const;
    std::uint64_t first_without_use() const;
    Status add_proof();
};

} // namespace cairn::cli
