// What the replacements of keys of all classes share: their steps, the organisations' decision, the node on this machine, the entry of the new
// key. Private to what stands behind key_replacement.hpp.
#pragma once

#include "cli/config.hpp"
#include "cli/key_replacement.hpp"
#include "signer/sealed_keys.hpp"

#include <functional>

namespace cairn::cli {

inline constexpr const char* kAgain = "the same command again";
/// Until a node that was started is connected; from a decision to the first block of the epoch that begins with it.
inline constexpr Milliseconds kConnectPatience{30'000};
inline constexpr Milliseconds kReplacementPause{100};

struct ReplacementCase {
    const Invocation& invocation;
    RpcClient& rpc;
    const Sender& sender;
    const ReplacementPlan& plan;
};

class Replacement {
public:
    explicit Replacement(const ReplacementCase& of)
        : invocation_(of.invocation), rpc_(of.rpc), sender_(of.sender), plan_(of.plan) {}
    std::vector<ReplacementStep> steps() && { return std::move(steps_); }

protected:
    /// Each says whether the next step may follow.
    bool done(std::string step, std::string detail) {
        steps_.push_back({std::move(step), StepState::done, std::move(detail), {}, {}});
        return true;
    }
    bool wait(std::string step, std::string detail) {
        steps_.push_back({std::move(step), StepState::waiting, std::move(detail), {}, kAgain});
        return false;
    }
    bool leave(std::string step, std::string who, std::string detail, std::string command) {
        steps_.push_back({std::move(step), StepState::left, std::move(detail), std::move(who), std::move(command)});
        return false;
    }
    bool give_up(std::string step, std::string detail) {
        steps_.push_back({std::move(step), StepState::failed, std::move(detail), {}, kAgain});
        return false;
    }
    bool give_up(std::string step, const Error& error) { return give_up(std::move(step), error.text()); }

    /// Proposes the act unless it has been, and carries out what enough have approved.
    bool decide(const Address& target, const Bytes& act);
    /// The register names the key that follows the stopped one. Only its owner may say so.
    bool enter_new_key(const Hash256& id);

    struct Local {
        std::string config;
        NodeSettings settings;
        std::string file; // of the keys
        signer::SealedKeys keys;
    };
    /// The node of this machine of which one of the files of keys is the one that is looked for.
    std::optional<Local> local_node(const std::function<bool(const Local&)>& is_it) const;
    /// The folder of this organisation, if it is on this machine.
    std::optional<std::string> organisation_folder(const std::string& organisation) const;
    /// From the node's own file, or asked for: the command's flag for a passphrase is the sender's. The caller wipes it.
    Result<std::string> passphrase_of(const node::NodeConfig& node) const;
    /// Whether the file may be replaced by this user; a step that says so otherwise.
    bool is_own_file(const std::string& step, const std::string& file);
    /// Only a node of the development network is ours to start again; others are left to whoever runs them. `is_taken_up`: it has been
    /// started since the key was made.
    bool restart(const std::string& config, const std::string& validator, bool is_taken_up);
    /// As the node that is asked sees it; of itself, whether it has any peer.
    bool is_connected(const std::string& validator) const;
    bool wait_for_connection(const std::string& validator);
    Result<std::uint64_t> head() const;

    const Invocation& invocation_;
    RpcClient& rpc_;
    const Sender& sender_;
    const ReplacementPlan& plan_;
    std::vector<ReplacementStep> steps_;
};

// One for each class of keys.
std::vector<ReplacementStep> replace_account_key(const ReplacementCase& of);
std::vector<ReplacementStep> replace_voting_key(const ReplacementCase& of);
std::vector<ReplacementStep> replace_tls_key(const ReplacementCase& of);
std::vector<ReplacementStep> replace_seal_key(const ReplacementCase& of);
std::vector<ReplacementStep> replace_person_key(const ReplacementCase& of);
std::vector<ReplacementStep> replace_authority_key(const ReplacementCase& of);
std::vector<ReplacementStep> replace_storage_keys(const ReplacementCase& of);

} // namespace cairn::cli
