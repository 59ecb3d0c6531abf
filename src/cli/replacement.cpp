#include "cli/replacement.hpp"

#include "base/clock.hpp"
#include "base/errors/cli.hpp"
#include "cli/dev_network.hpp"
#include "cli/files.hpp"
#include "cli/governance.hpp"
#include "cli/keystore.hpp"
#include "cli/proposals.hpp"
#include "cli/transact.hpp"
#include "crypto/certificate.hpp"
#include "system/addresses.hpp"

#include <algorithm>
#include <sys/stat.h>
#include <thread>
#include <unistd.h>

namespace cairn::cli {

using nlohmann::json;

namespace {

/// Until a node of the development network has opened its data and answers.
constexpr Milliseconds kStartPatience{60'000};

} // namespace

Result<std::uint64_t> Replacement::head() const {
    CRN_TRY(text, rpc_.call("eth_blockNumber"));
    return quantity_u64(text, "the height");
}

bool Replacement::decide(const Address& target, const Bytes& act) {
    const std::string step = "decision of the organisations";
    const auto send = [&](Bytes data) {
        TransactionRequest request;
        request.to = system::kProposalsAddress;
        request.data = std::move(data);
        return transact(invocation_, rpc_, sender_, std::move(request));
    };
    auto found = find_proposal(rpc_, target, act);
    if (found && !*found) {
        const auto sent =
            send(encode_call("propose(address,bytes,string)",
                             {target, act, "a new key after incident " + std::to_string(plan_.incident)}));
        if (!sent) return give_up(step, explained(sent.error(), rpc_).error());
        found = find_proposal(rpc_, target, act);
    }
    if (!found) return give_up(step, found.error());
    if (!*found) return wait(step, "proposed, but not in a block yet");
    const auto proposal = **found;
    const auto number = "proposal " + std::to_string(proposal.id);
    if (proposal.state == ProposalState::open) {
        const auto missing = proposal.needed - std::min(proposal.needed, proposal.approvals);
        return leave(step, std::to_string(missing) + " more organisation" + (missing == 1 ? "" : "s"),
                     number + " has " + std::to_string(proposal.approvals) + " of " + std::to_string(proposal.needed) +
                         " approvals; when it has all: " + kAgain,
                     "cairn proposal approve " + std::to_string(proposal.id));
    }
    if (proposal.state == ProposalState::executed) return done(step, number + " is carried out");
    const auto height = head();
    if (!height) return give_up(step, height.error());
    if (*height + 1 < proposal.ready)
        return wait(step, number + " is approved and can be carried out from block " + std::to_string(proposal.ready) +
                              " on; the last one is " + std::to_string(*height));
    const auto sent = send(encode_call("execute(uint256)", {U256{proposal.id}}));
    // Somebody else may have been faster.
    const auto after = find_proposal(rpc_, target, act);
    if (after && *after && (*after)->state == ProposalState::executed) return done(step, number + " is carried out");
    return sent ? give_up(step, number + " is not carried out") : give_up(step, explained(sent.error(), rpc_).error());
}

bool Replacement::enter_new_key(const Hash256& id) {
    const std::string step = "entered in the register";
    if (!plan_.key.next.is_zero()) return done(step, key_text(plan_.key.next));
    if (plan_.key.head.owner != sender_.address)
        return leave(step, checksummed(plan_.key.head.owner),
                     "only the owner of the stopped key says which one follows it",
                     std::string{kAgain} + ", sent by its owner");
    const auto sent = send_keys(invocation_, rpc_, sender_, "replaceKey(bytes32,bytes32)", {plan_.key.id, id});
    if (sent) return done(step, key_text(id));
    // An earlier run may have sent it, or an earlier incident have entered the key.
    if (const auto stopped = read_key(rpc_, plan_.key.id); stopped && !stopped->next.is_zero())
        return done(step, key_text(stopped->next));
    const auto entered = read_key(rpc_, id);
    if (!entered) return give_up(step, sent.error());
    if (entered->head.owner != plan_.key.head.owner)
        return leave(step, "the organisations", checksummed(entered->head.owner) + " has entered the new key first",
                     "cairn key award " + to_hex(id) + ", then " + kAgain);
    return ledger::signs(entered->head.state)
               ? done(step, key_text(id))
               : give_up(step, "the new key is " + std::string{ledger::name_of(entered->head.state)});
}

std::optional<Replacement::Local> Replacement::local_node(const std::function<bool(const Local&)>& is_it) const {
    for (const auto& config : plan_.configs) {
        const auto settings = read_node_config(config);
        if (!settings) continue;
        auto files = settings->node.voting_keys_files;
        files.insert(files.begin(), settings->node.keys_file);
        for (const auto& file : files) {
            auto keys = signer::read_sealed_keys(file);
            if (!keys) continue;
            Local found{config, *settings, file, *std::move(keys)};
            if (is_it(found)) return found;
        }
    }
    return std::nullopt;
}

std::optional<std::string> Replacement::organisation_folder(const std::string& organisation) const {
    for (const auto& directory : plan_.organisations)
        if (const auto pem = read_file(directory + "/ca.pem", crypto::kPemBytesMax))
            if (const auto info = crypto::inspect_certificate(*pem); info && info->organisation == organisation)
                return directory;
    return std::nullopt;
}

Result<std::string> Replacement::passphrase_of(const node::NodeConfig& node) const {
    if (node.passphrase_file.empty())
        return read_passphrase(invocation_, "Passphrase of the node's keys: ", Ask::twice, {});
    CRN_TRY(text, read_secret_file(node.passphrase_file));
    auto line = text.substr(0, text.find_first_of("\r\n"));
    wipe(text);
    return line;
}

bool Replacement::is_own_file(const std::string& step, const std::string& file) {
    struct stat status{};
    if (::lstat(file.c_str(), &status) == 0 && S_ISREG(status.st_mode) && status.st_uid == ::geteuid() &&
        status.st_gid == ::getegid())
        return true;
    // Replaced as a whole, it would be ours, and the node might not read it any more.
    return leave(step, "the user of the node", file + " is not this user's own", kAgain);
}

bool Replacement::restart(const std::string& config, const std::string& validator, bool is_taken_up) {
    const std::string step = "node started again with the new key";
    auto state = read_dev_state(dev_dir(invocation_));
    const auto node =
        state ? std::ranges::find(state->nodes, config, &DevNode::config) : std::vector<DevNode>::iterator{};
    if (!state || node == state->nodes.end())
        return is_taken_up
                   ? done(step, validator)
                   : leave(step, "whoever runs " + validator, "how the node is run here is not known to this command",
                           "systemctl restart cairn, or as the node is run");
    if (is_running(*node) && is_taken_up) return done(step, node->name);
    const auto start_again = [&]() -> Status {
        if (is_running(*node)) CRN_CHECK(stop_dev_node(*state, *node));
        CRN_CHECK(check_dev_ports({&*node, 1}));
        CRN_CHECK(start_dev_node(*state, *node));
        // It may not catch up before others let it in; that it runs and answers is what counts.
        const auto end = system_clock().monotonic() + kStartPatience;
        while (!height_of(*node)) {
            if (!is_running(*node)) return ended(*node);
            if (system_clock().monotonic() >= end)
                return fail(error::CliTimedOut, node->name + " does not answer; see cairn dev logs " + node->name);
            std::this_thread::sleep_for(kReplacementPause);
        }
        return {};
    };
    if (const auto started = start_again(); !started) return give_up(step, started.error());
    return done(step, node->name);
}

bool Replacement::is_connected(const std::string& validator) const {
    const auto status = rpc_.call("cairn_nodeStatus");
    if (!status || !status->is_object()) return false;
    const bool is_itself = text_of(*status, "name") == validator;
    return std::ranges::any_of(status->value("peers", json::array()), [&](const json& peer) {
        return (is_itself || text_of(peer, "name") == validator) && peer.value("connected", json(false)) == true;
    });
}

bool Replacement::wait_for_connection(const std::string& validator) {
    const std::string step = "connected again";
    const auto end = system_clock().monotonic() + kConnectPatience;
    while (!is_connected(validator)) {
        if (system_clock().monotonic() >= end)
            return leave(step, "whoever runs " + validator, "the others do not see the node",
                         "start it with the new files, then " + std::string{kAgain});
        std::this_thread::sleep_for(kReplacementPause);
    }
    return done(step, validator);
}

} // namespace cairn::cli
