// Does anything still accept the key? Real attempts on every interface that this version has; what it does not have, or what
// cannot be tried, is said so and never counted as refused.
#pragma once

#include "cli/key_versions.hpp"
#include "cli/keys_client.hpp"

#include <optional>
#include <string>
#include <vector>

namespace cairn::cli {

enum class ProbeOutcome {
    refused,        // for being stopped or retired, by its own error code
    accepted,       // the key still works there
    unclear,        // refused, but for another reason
    unreachable,    // no answer
    not_applicable, // a key of this class has no use there
    not_probed,     // cannot be tried from here
    not_present     // this version has no such interface
};
std::string_view name_of(ProbeOutcome outcome);

struct Probe {
    std::string interface; // peer, client, admin, consensus, storage, restore
    std::string target;
    std::string attempt;
    ProbeOutcome outcome = ProbeOutcome::not_present;
    std::string code; // of the refusal
    std::string detail;
    std::uint64_t height = 0; // head of that node when it was tried
};

/// Listener of a node's management zone.
struct ManagementDoor {
    std::string node;
    std::string organisation; // empty: not known
    std::string host;
    std::uint16_t port = 0;
};

/// Copies of the key are optional: what is tried without one asks the node's own state, by which it judges.
struct ProbePlan {
    KeyView key;
    std::vector<std::string> nodes;            // client endpoints
    std::vector<ManagementDoor> doors;         // to the management zone
    std::vector<std::string> data_dirs;        // of nodes on this machine, of this user
    std::optional<crypto::AccountKey> old_key; // an account's, to sign with
    std::string old_identity;                  // a person's folder: ca.pem, identity.pem, identity.key
    std::uint64_t since = 0;                   // first block that must not contain a use
    NotedVersions versions;                    // of the storage and backup keys when the incident was opened
};
std::vector<Probe> probe_key(const ProbePlan& plan, const std::string& token);
nlohmann::json to_json(const std::vector<Probe>& probes);
/// Nothing accepted, unclear or unreachable, and at least one refusal.
bool all_refused(const std::vector<Probe>& probes);

} // namespace cairn::cli
