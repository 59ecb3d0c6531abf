#include "cli/key_replacement.hpp"

#include "base/errors/cli.hpp"
#include "base/errors/storage.hpp"
#include "cli/config.hpp"
#include "cli/dev_network.hpp"
#include "cli/files.hpp"
#include "cli/governance.hpp"
#include "cli/keystore.hpp"
#include "cli/node_data.hpp"
#include "cli/proposals.hpp"
#include "cli/transact.hpp"
#include "cli/voting_key_proof.hpp"
#include "node/own_signer.hpp"
#include "signer/sealed_keys.hpp"
#include "storage/file.hpp"
#include "system/addresses.hpp"
#include "system/keys.hpp"

#include <algorithm>
#include <filesystem>
#include <sys/stat.h>
#include <thread>
#include <unistd.h>

namespace cairn::cli {
namespace {

namespace fs = std::filesystem;
using nlohmann::json;

/// From the decision to the first block of the epoch that begins with it, and the validator's connections after it.
constexpr Milliseconds kEpochPatience{30'000};
/// Until a node of the development network has opened its data and answers.
constexpr Milliseconds kStartPatience{60'000};
constexpr Milliseconds kPause{100};

constexpr std::uint64_t kReencryptMib = 32; // a second, as `cairn storage key reencrypt`

constexpr const char* kAgain = "the same command again";

Result<std::uint64_t> head_of(RpcClient& rpc) {
    CRN_TRY(text, rpc.call("eth_blockNumber"));
    return quantity_u64(text, "the height");
}

class Replacement {
public:
    Replacement(const Invocation& invocation, RpcClient& rpc, const Sender& sender, const ReplacementPlan& plan)
        : invocation_(invocation), rpc_(rpc), sender_(sender), plan_(plan) {}

    std::vector<ReplacementStep> run();

private:
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

    bool decide(const Address& target, const Bytes& act);

    bool account_key();

    bool voting_key();
    struct Seat {
        std::string name;
        crypto::VotingKey decided; // that the chain names for it; the set of the next epoch follows
        bool is_active = false;
        bool is_taken_up = false; // the stopped key is in the present set no more
    };
    Result<std::optional<Seat>> seat_of_key();
    struct Local {
        std::string config;
        NodeSettings settings;
        signer::SealedKeys keys; // the stopped one among them
    };
    std::optional<Local> local_node_with_key();
    bool new_voting_key(const Seat& seat, std::string& proof_file);
    Result<std::string> passphrase_of(const node::NodeConfig& node);
    bool make(const Local& local, const std::string& validator, const std::string& folder);
    bool name_in_configuration(Local& local, const std::string& file);
    bool restart(const Local& local, const std::string& validator, const std::string& file);
    bool is_connected(const std::string& validator);
    bool wait_for_seat(const std::string& validator);

    bool storage_keys();
    bool new_version(const std::string& data_dir, const std::string& noun);
    bool old_files(const std::string& data_dir);
    bool old_versions(const std::string& data_dir, const std::string& noun);

    const Invocation& invocation_;
    RpcClient& rpc_;
    const Sender& sender_;
    const ReplacementPlan& plan_;
    std::vector<ReplacementStep> steps_;
};

// ---- The decision of the organisations -------------------------------------------------------------------------------------

/// Proposes the act unless it has been, and carries out what enough have approved.
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
    const auto head = head_of(rpc_);
    if (!head) return give_up(step, head.error());
    if (*head + 1 < proposal.ready)
        return wait(step, number + " is approved and can be carried out from block " + std::to_string(proposal.ready) +
                              " on; the last one is " + std::to_string(*head));
    const auto sent = send(encode_call("execute(uint256)", {U256{proposal.id}}));
    // Somebody else may have been faster.
    const auto after = find_proposal(rpc_, target, act);
    if (after && *after && (*after)->state == ProposalState::executed) return done(step, number + " is carried out");
    return sent ? give_up(step, number + " is not carried out") : give_up(step, explained(sent.error(), rpc_).error());
}

// ---- The key of an account -------------------------------------------------------------------------------------------------

/// Each way out is a step, so that what it returns says nothing more.
bool Replacement::account_key() {
    const std::string step = "new account key";
    const auto& owner = plan_.key.head.owner;
    if (!plan_.key.next.is_zero()) return done(step, key_text(plan_.key.next));
    const auto reset_of = [&] { return view_keys(rpc_, "resetOf(address)", {owner}, "(address,uint64)"); };
    auto reset = reset_of();
    if (reset && (*reset)[0].as_address().is_zero()) {
        if (plan_.proof.empty())
            return leave(step, "whoever shall hold it", "the holder of the new key proves that he has it",
                         "cairn key reset prove " + checksummed(owner) +
                             " --to-key-file NEW.key --out proof.json, then " + kAgain + " with --proof proof.json");
        const auto text = read_file(plan_.proof);
        if (!text) return give_up(step, text.error());
        const auto proof = possession_from_json(plan_.proof, *text);
        if (!proof) return give_up(step, proof.error());
        if (proof->account != owner)
            return give_up(step, plan_.proof + " is for the account " + checksummed(proof->account));
        // Without a delay: a stopped key cannot object.
        const auto act = reset_call(rpc_, *proof, 0);
        if (!act) return give_up(step, act.error());
        if (!decide(ledger::kKeysContract, *act)) return false;
        reset = reset_of();
    }
    if (!reset) return give_up(step, reset.error());
    const auto head = head_of(rpc_);
    if (!head) return give_up(step, head.error());
    const auto ready = (*reset)[1].number().low();
    if (*head + 1 < ready)
        return wait(step, "decided, and takes over from block " + std::to_string(ready) + " on; the last one is " +
                              std::to_string(*head));
    const auto sent = send_keys(invocation_, rpc_, sender_, "finishReset(address)", {owner});
    const auto after = read_key(rpc_, plan_.key.id);
    if (after && !after->next.is_zero()) return done(step, key_text(after->next));
    return sent ? give_up(step, "the key of the account is the same as before") : give_up(step, sent.error());
}

// ---- A voting key ----------------------------------------------------------------------------------------------------------

/// Who had the stopped key, and what has become of the seat; nothing if no validator ever had it.
Result<std::optional<Replacement::Seat>> Replacement::seat_of_key() {
    CRN_TRY(present, rpc_.call("cairn_getValidators"));
    if (!present.is_object()) return fail(error::CliRpcInvalid, rpc_.url() + " does not tell its validators");
    CRN_TRY(newest, quantity_u64(present.value("epoch", json{}), "the epoch"));
    const auto member_with_key = [&](const json& set) -> std::string {
        if (!set.is_object()) return {};
        for (const auto& member : set.value("members", json::array()))
            if (const auto bytes = from_hex(text_of(member, "publicKey"));
                bytes && system::key_id(*bytes) == plan_.key.id)
                return text_of(member, "name");
        return {};
    };
    Seat out;
    out.name = member_with_key(present);
    out.is_taken_up = out.name.empty();
    for (auto epoch = newest; out.name.empty() && epoch-- > 0;) {
        CRN_TRY(set, rpc_.call("cairn_getValidators", {to_quantity(U256{epoch})}));
        out.name = member_with_key(set);
    }
    if (out.name.empty()) return std::optional<Seat>{};
    CRN_TRY(entry, read_contract(rpc_, system::kMembersAddress, "validatorByName(string)", {out.name},
                                 "(uint256,(string,uint32,bool,bytes32,string,uint8))"));
    const auto& fields = entry[1].list();
    out.is_active = fields[2].as_bool();
    out.decided.bytes = *decltype(out.decided.bytes)::from(fields[3].as_hash());
    out.decided.algorithm = static_cast<crypto::VotingAlgorithm>(fields[5].number().low());
    return std::optional{std::move(out)};
}

std::optional<Replacement::Local> Replacement::local_node_with_key() {
    for (const auto& config : plan_.configs) {
        const auto settings = read_node_config(config);
        if (!settings) continue;
        auto files = settings->node.voting_keys_files;
        files.insert(files.begin(), settings->node.keys_file);
        for (const auto& file : files)
            if (auto keys = signer::read_sealed_keys(file);
                keys && system::key_id(keys->public_keys.consensus.bytes) == plan_.key.id)
                return Local{config, *settings, *std::move(keys)};
    }
    return std::nullopt;
}

/// From the node's own file, or asked for: the command's flag for a passphrase is the sender's.
Result<std::string> Replacement::passphrase_of(const node::NodeConfig& node) {
    if (node.passphrase_file.empty())
        return read_passphrase(invocation_, "Passphrase of the node's keys: ", Ask::twice, {});
    CRN_TRY(text, read_secret_file(node.passphrase_file));
    auto line = text.substr(0, text.find_first_of("\r\n"));
    wipe(text);
    return line;
}

/// Key, memory and proof appear at once, by the folder's name: what a kill leaves half made has another name and is never used.
bool Replacement::make(const Local& local, const std::string& validator, const std::string& folder) {
    const std::string step = "new voting key";
    const auto file = folder + "/keys.sealed";
    if (exists(folder)) {
        const auto proof = read_voting_key_proof(file + ".proof");
        if (!proof) return give_up(step, proof.error());
        if (proof->validator == validator) return done(step, file);
        return give_up(step, folder + " holds a key of " + proof->validator + ": move it away");
    }
    const auto make_in = [&](const std::string& half) -> Status {
        CRN_TRY(genesis_text, read_file(local.settings.node.genesis_file, ledger::kGenesisBytesMax));
        CRN_TRY(genesis, ledger::genesis_from_json(genesis_text));
        CRN_CHECK(ledger::verify_signatures(genesis));
        CRN_TRY(passphrase, passphrase_of(local.settings.node));
        CRN_CHECK(make_directory(half, Access::secret));
        CRN_TRY(proof, make_voting_key(half + "/keys.sealed", {genesis.parameters.chain_id, validator},
                                       local.keys.public_keys.consensus.algorithm, std::move(passphrase)));
        CRN_CHECK(write_file(half + "/keys.sealed.proof", to_json(proof), Access::shared, Existing::refuse));
        CRN_CHECK(storage::posix_file_system().rename(half, folder));
        return storage::posix_file_system().sync_directory(fs::path{folder}.parent_path());
    };
    const auto half = folder + ".half-" + std::to_string(::getpid());
    std::error_code ignored;
    fs::remove_all(half, ignored); // of an earlier process with our number
    if (const auto made = make_in(half); !made) {
        fs::remove_all(half, ignored);
        return give_up(step, made.error());
    }
    return done(step, file);
}

bool Replacement::name_in_configuration(Local& local, const std::string& file) {
    const std::string step = "named in the node's configuration";
    const auto is_named = [&](const NodeSettings& settings) {
        return std::ranges::find(settings.node.voting_keys_files, file) != settings.node.voting_keys_files.end();
    };
    if (is_named(local.settings)) return done(step, local.config);
    const auto by_hand = [&](const std::string& why) {
        return leave(step, "whoever administers this machine", why,
                     "add \"" + file + "\" to voting_keys in section [signer] of " + local.config + ", then " + kAgain);
    };
    // Replaced as a whole: owner and mode must come out as they were, and a link must stay one.
    struct stat status{};
    if (::lstat(local.config.c_str(), &status) != 0 || !S_ISREG(status.st_mode) || status.st_uid != ::geteuid() ||
        status.st_gid != ::getegid())
        return by_hand("the file is not this user's own");
    const auto mode = status.st_mode & 07777;
    if (mode != 0600 && mode != 0644) return by_hand("its mode is neither 0600 nor 0644");
    const auto text = read_file(local.config);
    if (!text) return by_hand(text.error().text());
    const auto changed = with_voting_key(*text, file);
    if (!changed) return by_hand("voting_keys does not stand on one line");
    const auto parsed = parse_node_config(*changed, local.config);
    if (!parsed || !is_named(*parsed)) return by_hand("it is written in a way that this command does not change");
    const auto written =
        write_file(local.config, *changed, mode == 0600 ? Access::secret : Access::shared, Existing::replace);
    if (!written) return by_hand(written.error().text());
    local.settings = *parsed;
    return done(step, local.config);
}

/// Only a node of the development network is ours to start again.
bool Replacement::restart(const Local& local, const std::string& validator, const std::string& file) {
    const std::string step = "node started again with the new key";
    const bool is_opened = exists(node::witness_of_voting_key(file));
    auto state = read_dev_state(dev_dir(invocation_));
    const auto node = state ? std::ranges::find(state->nodes, local.config, &DevNode::config)
                            : std::vector<DevNode>::iterator{};
    if (!state || node == state->nodes.end()) {
        if (is_opened) return done(step, validator);
        // The decision need not wait for it: until then the validator is missing, as it is now.
        leave(step, "whoever runs " + validator, "how the node is run here is not known to this command",
              "systemctl restart cairn, or as the node is run");
        return true;
    }
    if (is_running(*node) && is_opened) return done(step, node->name);
    const auto start_again = [&]() -> Status {
        if (is_running(*node)) CRN_CHECK(stop_dev_node(*state, *node));
        CRN_CHECK(check_dev_ports({&*node, 1}));
        CRN_CHECK(start_dev_node(*state, *node));
        // It cannot catch up before its seat has the new key, because nobody lets it in; that it runs and answers is what counts.
        const auto end = system_clock().monotonic() + kStartPatience;
        while (!height_of(*node)) {
            if (!is_running(*node)) return ended(*node);
            if (system_clock().monotonic() >= end)
                return fail(error::CliTimedOut, node->name + " does not answer; see cairn dev logs " + node->name);
            std::this_thread::sleep_for(kPause);
        }
        return {};
    };
    if (const auto started = start_again(); !started) return give_up(step, started.error());
    return done(step, node->name);
}

/// Everything for which the secret has to be at hand.
bool Replacement::new_voting_key(const Seat& seat, std::string& proof_file) {
    const std::string step = "new voting key";
    if (!plan_.proof.empty()) {
        proof_file = absolute(plan_.proof);
        return done(step, proof_file);
    }
    auto local = local_node_with_key();
    const auto name = "voting-after-incident-" + std::to_string(plan_.incident);
    const auto prove = " --validator " + seat.name + " --genesis genesis.json";
    const auto then = ", add it to voting_keys in section [signer] of node.toml, start the node again, then " +
                      std::string{kAgain} + " with --proof " + name + ".sealed.proof";
    if (!local)
        return leave(step, "the operator of " + seat.name, "no configuration on this machine names the stopped key",
                     "cairn signer voting-key --out " + name + ".sealed" + prove + then);
    if (local->keys.on_token())
        return leave(step, "whoever has the token", "the key is on the token " + local->keys.token_label,
                     "cairn signer token --module " + local->keys.token_module + " --token LABEL --out " + name +
                         ".sealed, cairn signer prove-key --keys " + name + ".sealed --out " + name + ".sealed.proof" +
                         prove + then);
    const auto folder = absolute((fs::path{local->settings.node.keys_file}.parent_path() / name).string());
    const auto file = folder + "/keys.sealed";
    proof_file = file + ".proof";
    return make(*local, seat.name, folder) && name_in_configuration(*local, file) &&
           restart(*local, seat.name, file);
}

bool Replacement::is_connected(const std::string& validator) {
    const auto status = rpc_.call("cairn_nodeStatus");
    if (!status || !status->is_object()) return false;
    if (text_of(*status, "name") == validator) return true; // it has followed the chain so far itself
    return std::ranges::any_of(status->value("peers", json::array()), [&](const json& peer) {
        return text_of(peer, "name") == validator && peer.value("connected", json(false)) == true;
    });
}

bool Replacement::wait_for_seat(const std::string& validator) {
    const std::string step = "taken up";
    const auto end = system_clock().monotonic() + kEpochPatience;
    while (true) {
        const auto now = seat_of_key();
        const bool is_taken_up = now && *now && (*now)->is_taken_up;
        if (is_taken_up && is_connected(validator))
            return done(step, validator + " has the seat with " + to_hex((*now)->decided.bytes) + " and is connected");
        if (system_clock().monotonic() < end)
            std::this_thread::sleep_for(kPause);
        else if (is_taken_up)
            return leave(step, "the operator of " + validator,
                         "the new key has the seat, but the node is not connected",
                         "start the node with the new key's file in voting_keys, then " + std::string{kAgain});
        else
            return wait(step, "decided; the epoch with the new key has not begun yet");
    }
}

bool Replacement::voting_key() {
    const auto seat = seat_of_key();
    if (!seat) return give_up("seat of the key", seat.error());
    if (!*seat || !(*seat)->is_active)
        return done("seat of the key",
                    *seat ? (*seat)->name + " is a validator no more" : "no validator ever voted with it");
    const auto& name = (*seat)->name;
    if (system::key_id((*seat)->decided.bytes) == plan_.key.id) {
        std::string proof_file;
        if (!new_voting_key(**seat, proof_file)) return false;
        const auto proof = read_voting_key_proof(proof_file);
        if (!proof) return give_up("proof of the new key", proof.error());
        if (proof->validator != name)
            return give_up("proof of the new key", proof_file + " is of a key of " + proof->validator);
        const auto act = encode_call("replaceValidatorKey(string,bytes32,uint8,bytes)",
                                     {name, *Hash256::from(proof->key.bytes),
                                      static_cast<std::uint8_t>(proof->key.algorithm), to_bytes(proof->claim)});
        if (!decide(system::kMembersAddress, act)) return false;
    }
    return wait_for_seat(name);
}

// ---- Keys that protect the nodes' data and backups ---------------------------------------------------------------------------

/// What was made since the incident was opened is not the thief's: each node of this machine makes its next version once, and brings its
/// old files under it. That the old versions end takes two persons.
bool Replacement::storage_keys() {
    if (plan_.configs.empty())
        return leave("new storage keys", "the operator of each node", "no node of this machine is known here",
                     "the same command with --config FILE, on the node's machine");
    bool all = true;
    for (const auto& config : plan_.configs) {
        const auto settings = read_node_config(config);
        if (!settings) {
            all = give_up("new storage keys of " + config, settings.error());
            continue;
        }
        const auto& data_dir = settings->node.data_dir;
        const bool backups = new_version(data_dir, "backup-key") && old_versions(data_dir, "backup-key");
        const bool files =
            new_version(data_dir, "storage-key") && old_files(data_dir) && old_versions(data_dir, "storage-key");
        all = all && backups && files;
    }
    return all;
}

bool Replacement::new_version(const std::string& data_dir, const std::string& noun) {
    const auto step = "new " + noun + " of " + data_dir;
    const auto versions = versions_of(data_dir, noun);
    if (!versions && versions.error().code == error::EncryptionOffRefused)
        return done(step, "nothing of this node is encrypted");
    const auto noted = plan_.versions.highest(data_dir, noun);
    if (!versions || !noted)
        return leave(step, "the operator of the node",
                     versions ? "its versions were not noted yet" : versions.error().text(),
                     std::string{"start the node, then "} + kAgain);
    if (*noted == 0) return done(step, "there was none");
    if (std::ranges::any_of(*versions, [&](const KeyVersion& one) { return one.number > *noted; }))
        return done(step, "made since the incident was opened");
    if (const auto rotated = ask_control(data_dir, noun + " rotate"); !rotated) return give_up(step, rotated.error());
    return done(step, "made now, after version " + std::to_string(*noted));
}

bool Replacement::old_files(const std::string& data_dir) {
    const auto step = "old files of " + data_dir;
    auto status = ask_control(data_dir, "storage-key rewrap");
    if (status) status = ask_control(data_dir, "storage-key status");
    if (!status && status.error().code == error::EncryptionOffRefused) return true; // as said of its new version
    if (!status) return give_up(step, status.error());
    const auto run = status->value("reencryption", json::object());
    const auto left = run.value("files_left", std::uint64_t{0});
    const bool is_running = run.value("running", false);
    if (left == 0 && !is_running) return done(step, "none is under an old version");
    if (!is_running)
        if (const auto begun = ask_control(data_dir, "storage-key reencrypt " + std::to_string(kReencryptMib)); !begun)
            return give_up(step, begun.error());
    return wait(step, std::to_string(left) + " are under an old version; the node brings them under the new one");
}

bool Replacement::old_versions(const std::string& data_dir, const std::string& noun) {
    const auto step = "end of the old versions of the " + noun + " of " + data_dir;
    const auto versions = versions_of(data_dir, noun);
    if (!versions) return versions.error().code == error::EncryptionOffRefused || give_up(step, versions.error());
    const auto noted = plan_.versions.highest(data_dir, noun).value_or(0);
    for (const auto& one : *versions)
        if (one.number <= noted && one.state != "destroyed")
            return leave(step, "two security administrators",
                         "version " + std::to_string(one.number) +
                             " still opens what it protects; a root that is known itself is replaced with its keys.sealed",
                         "cairn admin retire-" + noun + " " + std::to_string(one.number) + ", then " + kAgain);
    return done(step, "they open nothing");
}

// ---- All classes -----------------------------------------------------------------------------------------------------------

std::vector<ReplacementStep> Replacement::run() {
    const auto close = ", then cairn key incident close " + std::to_string(plan_.incident) + " --out DIR";
    const auto leave_to = [&](std::string step, std::string who, std::string detail, std::string command) {
        leave(std::move(step), std::move(who), std::move(detail), std::move(command) + close);
    };
    switch (plan_.key.head.key_class) {
    case ledger::KeyClass::account: account_key(); break;
    case ledger::KeyClass::consensus: voting_key(); break;
    case ledger::KeyClass::tls:
        leave_to("new TLS key", "the organisation's registrar, who has its CA key",
                 "the key is made where the node is, its certificate where the CA key is",
                 "cairn signer renew-tls-key --keys DIR --org DIR, restart the node");
        break;
    case ledger::KeyClass::person:
        leave_to("new certificate", "the person, and the organisation's registrar, who has its CA key",
                 "the old one is refused everywhere; the new one is under another name",
                 "cairn identity request KIND NAME --name ORGANISATION --out DIR, cairn identity sign DIR/request.pem "
                 "--org DIR --role KIND");
        break;
    case ledger::KeyClass::audit_seal:
        leave_to("new seal key", "the operator of the node", "the old key introduces the new one",
                 "cairn signer replace-audit-key --keys keys.sealed, restart the node");
        break;
    case ledger::KeyClass::authority:
        leave_to("new CA", "the organisation's registrar", "in three stages, so that no node is shut out",
                 "cairn org rotate-ca --stage trust --org DIR");
        break;
    case ledger::KeyClass::storage_root: storage_keys(); break;
    default:
        leave_to("new key", "its owner", "no command makes keys of this class",
                 "replaceKey(bytes32,bytes32) of the contract Keys, by the owner's account");
    }
    return std::move(steps_);
}

} // namespace

std::string_view name_of(StepState state) {
    switch (state) {
    case StepState::done: return "done";
    case StepState::waiting: return "waiting";
    case StepState::left: return "left";
    case StepState::failed: return "failed";
    }
    return "";
}

std::vector<ReplacementStep> replace_key(const Invocation& invocation, RpcClient& rpc, const Sender& sender,
                                         const ReplacementPlan& plan) {
    return Replacement{invocation, rpc, sender, plan}.run();
}

bool all_done(const std::vector<ReplacementStep>& steps) {
    return std::ranges::all_of(steps, [](const ReplacementStep& one) { return one.state == StepState::done; });
}

json to_json(const std::vector<ReplacementStep>& steps) {
    json out = json::array();
    for (const auto& one : steps)
        out.push_back({{"step", one.step},
                       {"state", name_of(one.state)},
                       {"detail", one.detail},
                       {"for", one.who},
                       {"command", one.command}});
    return out;
}

std::string left_to_do(const std::vector<ReplacementStep>& steps) {
    std::string out;
    for (const auto& one : steps) {
        if (one.state == StepState::done) continue;
        out += "  " + one.step + " (" + std::string{name_of(one.state)} + (one.who.empty() ? "" : " for " + one.who) +
               "): " + printable(one.detail) + "\n    " + one.command + "\n";
    }
    return out;
}

std::optional<std::string> with_voting_key(std::string_view whole, const std::string& file) {
    if (file.find_first_of("\"\\\n") != std::string::npos) return std::nullopt;
    std::string ended{whole};
    if (!ended.empty() && ended.back() != '\n') ended += '\n';
    std::string_view text = ended;
    const auto entry = '"' + file + '"';
    std::string out;
    std::size_t after_header = 0; // 0: no section [signer] yet
    bool in_section = false, is_added = false;
    while (!text.empty()) {
        const auto length = text.find('\n') + 1;
        std::string line{text.substr(0, length)};
        text.remove_prefix(length);
        const auto words = std::string_view{line}.substr(std::min(line.find_first_not_of(" \t"), line.size()));
        const bool is_header = words.starts_with('[');
        if (is_header) in_section = words.starts_with("[signer]");
        if (in_section && words.starts_with("voting_keys")) {
            const auto open = line.find('['), close = line.find(']');
            if (open == std::string::npos || close == std::string::npos || close < open) return std::nullopt;
            const bool is_empty = line.find_first_not_of(" \t", open + 1) == close;
            line.insert(close, (is_empty ? "" : ", ") + entry);
            is_added = true;
        }
        out += line;
        if (is_header && in_section) after_header = out.size();
    }
    if (is_added) return out;
    const auto line = "voting_keys = [" + entry + "]\n";
    if (after_header == 0) return out + "\n[signer]\n" + line;
    return out.insert(after_header, line);
}

} // namespace cairn::cli
