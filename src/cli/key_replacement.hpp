// The replacement of a stopped key, driven as far as this machine and this sender reach. What is done already is found where it was done
// - on chain, in the node's files - and not done again, so it may stop at any instant and be run again.
#pragma once

#include "cli/key_versions.hpp"
#include "cli/keys_client.hpp"

#include <nlohmann/json.hpp>

#include <string>
#include <vector>

namespace cairn::cli {

enum class StepState : std::uint8_t {
    done,    // now or in an earlier run
    waiting, // for the chain
    left,    // for whom `who` names
    failed   // this machine tried and could not; `detail` says why
};
std::string_view name_of(StepState state);

struct ReplacementStep {
    std::string step;
    StepState state = StepState::done;
    std::string detail;
    std::string who;     // left: for whom
    std::string command; // what comes next, in words where it is no single command
};

struct ReplacementPlan {
    KeyView key;
    std::uint64_t incident = 0;
    std::vector<std::string> configs;            // of nodes on this machine
    std::vector<std::string> organisations = {}; // folders of organisations on this machine, with their CAs
    std::string proof;                           // file that shows who holds the new key; empty: none given
    NotedVersions versions = {};                 // of storage and backup keys when the incident was opened
};

/// In order; what follows a step that is not done waits for it. Never fails as a whole: what went wrong is a step that says so.
/// A voting key stays stopped whatever happens here, and a second one counts only from the organisations' decision on.
std::vector<ReplacementStep> replace_key(const Invocation& invocation, RpcClient& rpc, const Sender& sender,
                                         const ReplacementPlan& plan);
bool all_done(const std::vector<ReplacementStep>& steps);
nlohmann::json to_json(const std::vector<ReplacementStep>& steps);
/// What is not done yet, for a person.
std::string left_to_do(const std::vector<ReplacementStep>& steps);

/// `text` of a configuration with the file added to voting_keys in section [signer], and nothing else changed; nothing if its
/// voting_keys is not written on one line. The caller parses the result: this knows lines, not TOML.
std::optional<std::string> with_voting_key(std::string_view text, const std::string& file);

} // namespace cairn::cli
