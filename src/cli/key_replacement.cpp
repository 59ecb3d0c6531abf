#include "cli/key_replacement.hpp"

#include "base/errors/cli.hpp"
#include "cli/config.hpp"
#include "cli/dev_state.hpp"
#include "cli/files.hpp"
#include "cli/governance.hpp"
#include "cli/keystore.hpp"
#include "cli/transact.hpp"
#include "cli/voting_key_proof.hpp"
#include "signer/sealed_keys.hpp"
#include "system/addresses.hpp"
#include "system/keys.hpp"

#include <algorithm>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <sstream>
#include <sys/stat.h>
#include <thread>
#include <unistd.h>

namespace cairn::cli {
namespace {

namespace fs = std::filesystem;
using nlohmann::json;

/// A proposal lapses long before so many others have followed it.
constexpr std::uint64_t kProposalsLookedAt = 500;
/// From the decision to the first block of the epoch that begins with it, and the validator's connections after it.
constexpr Milliseconds kEpochPatience{30'000};
constexpr Milliseconds kPause{200};

constexpr const char* kRestartStep = "node started again with the new key";

/// As the contract Proposals counts its states.
enum class ProposalState : std::uint8_t { unknown, open, approved, executed };
struct ProposalView {
    std::uint64_t id = 0;
    ProposalState state = ProposalState::unknown;
    std::uint64_t ready = 0; // first block that may carry it out
    std::uint64_t approvals = 0;
    std::uint64_t needed = 0;
};

/// The newest proposal of this very act that is open, approved or executed; nothing if there is none.
Result<std::optional<ProposalView>> find_proposal(RpcClient& rpc, const Address& target, BytesView act) {
    CRN_TRY(count, read_contract(rpc, system::kProposalsAddress, "count()", {}, "(uint256)"));
    const auto last = count.front().number().low();
    for (auto id = last; id > 0 && last - id < kProposalsLookedAt; --id) {
        CRN_TRY(values,
                read_contract(rpc, system::kProposalsAddress, "proposal(uint256)", {U256{id}},
                              "((address,address,bytes,string,uint8,uint8,uint256,uint256,uint256,uint256,uint256,"
                              "uint256,uint256))"));
        const auto& fields = values.front().list();
        const auto state = fields[5].number().low();
        if (fields[1].as_address() != target || !std::ranges::equal(fields[2].bytes(), act)) continue;
        if (state < 1 || state > 3) continue; // rejected, withdrawn, lapsed: it may be proposed again
        return std::optional{ProposalView{.id = id,
                                          .state = static_cast<ProposalState>(state),
                                          .ready = fields[8].number().low(),
                                          .approvals = fields[9].number().low(),
                                          .needed = fields[10].number().low()}};
    }
    return std::optional<ProposalView>{};
}

Result<std::uint64_t> head_of(RpcClient& rpc) {
    CRN_TRY(text, rpc.call("eth_blockNumber"));
    return quantity_u64(text, "the height");
}

/// Another command of this program, as if it had been typed; nothing, or what it said first.
std::optional<std::string> problem_of(std::vector<std::string> words, const Terminal& asked_on) {
    words.emplace_back("--json");
    std::ostringstream out, err;
    Terminal terminal{out, err};
    terminal.in_is_tty = asked_on.in_is_tty; // who is asked for a passphrase is asked by that command
    if (run(words, terminal) == 0) return std::nullopt;
    auto text = err.str(); // the error is its last line
    while (text.ends_with('\n')) text.pop_back();
    const auto told = json::parse(text.substr(text.rfind('\n') + 1), nullptr, false);
    if (!told.is_object() || !told.contains("error")) return text;
    const auto& error = told["error"];
    return text_of(error, "code") + " " + text_of(error, "what") + ": " + text_of(error, "where");
}

/// Seconds since 1970 at which a process of this boot started.
std::int64_t started_at(std::uint64_t ticks) {
    std::ifstream in{"/proc/stat"};
    std::int64_t boot = 0;
    for (std::string word; in >> word;)
        if (word == "btime") in >> boot;
    return boot + static_cast<std::int64_t>(ticks) / ::sysconf(_SC_CLK_TCK);
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
        steps_.push_back({std::move(step), StepState::waiting, std::move(detail), {}, plan_.again});
        return false;
    }
    bool leave(std::string step, std::string who, std::string detail, std::string command) {
        steps_.push_back({std::move(step), StepState::left, std::move(detail), std::move(who), std::move(command)});
        return false;
    }
    bool give_up(std::string step, std::string detail, std::string command = {}) {
        steps_.push_back({std::move(step),
                          StepState::failed,
                          std::move(detail),
                          {},
                          command.empty() ? plan_.again : std::move(command)});
        return false;
    }

    bool decide(const Address& target, const Bytes& act);

    void account_key();

    void voting_key();
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
    bool make(const Local& local, const std::string& validator, const std::string& folder);
    bool name_in_configuration(Local& local, const std::string& file);
    bool restart(const Local& local, const std::string& validator);
    bool enter(const crypto::VotingKey& key);
    bool is_connected(const std::string& validator);
    void wait_for_seat(const std::string& validator);

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
        if (!sent) return give_up(step, explained(sent.error(), rpc_).error().text());
        found = find_proposal(rpc_, target, act);
    }
    if (!found) return give_up(step, found.error().text());
    if (!*found) return wait(step, "proposed, but not in a block yet");
    auto proposal = **found;
    const auto number = "proposal " + std::to_string(proposal.id);
    if (proposal.state == ProposalState::open) {
        const auto missing = proposal.needed - std::min(proposal.needed, proposal.approvals);
        return leave(step, std::to_string(missing) + " more organisation" + (missing == 1 ? "" : "s"),
                     number + " has " + std::to_string(proposal.approvals) + " of " + std::to_string(proposal.needed) +
                         " approvals; when it has all: " + plan_.again,
                     "cairn proposal approve " + std::to_string(proposal.id));
    }
    if (proposal.state == ProposalState::approved) {
        const auto head = head_of(rpc_);
        if (!head) return give_up(step, head.error().text());
        if (*head + 1 < proposal.ready)
            return wait(step, number + " is approved and can be carried out from block " +
                                  std::to_string(proposal.ready) + " on; the last one is " + std::to_string(*head));
        const auto sent = send(encode_call("execute(uint256)", {U256{proposal.id}}));
        // Somebody else may have been faster.
        const auto after = find_proposal(rpc_, target, act);
        if (!after || !*after || (*after)->state != ProposalState::executed)
            return give_up(step, sent ? number + " is not carried out" : explained(sent.error(), rpc_).error().text());
    }
    return done(step, number + " is carried out");
}

// ---- The key of an account -------------------------------------------------------------------------------------------------

void Replacement::account_key() {
    const std::string step = "new account key";
    const auto& owner = plan_.key.head.owner;
    if (!plan_.key.next.is_zero()) {
        done(step, key_text(plan_.key.next));
        return;
    }
    const auto reset_of = [&] { return view_keys(rpc_, "resetOf(address)", {owner}, "(address,uint64)"); };
    auto waiting = reset_of();
    if (waiting && (*waiting)[0].as_address().is_zero()) {
        if (plan_.proof.empty()) {
            leave(step, "whoever shall hold it", "the holder of the new key proves that he has it",
                  "cairn key reset prove " + checksummed(owner) + " --to-key-file NEW.key --out proof.json, then " +
                      plan_.again + " --proof proof.json");
            return;
        }
        const auto text = read_file(plan_.proof);
        const auto proof =
            text ? possession_from_json(plan_.proof, *text) : Result<Possession>{std::unexpected(text.error())};
        if (proof && proof->account != owner) {
            give_up(step, plan_.proof + " is for the account " + checksummed(proof->account));
            return;
        }
        // Without a delay: a stopped key cannot object.
        const auto act = proof ? reset_call(rpc_, *proof, 0) : Result<Bytes>{std::unexpected(proof.error())};
        if (!act) {
            give_up(step, act.error().text());
            return;
        }
        if (!decide(ledger::kKeysContract, *act)) return;
        waiting = reset_of();
    }
    const auto head = head_of(rpc_);
    if (!waiting || !head) {
        give_up(step, waiting ? head.error().text() : waiting.error().text());
        return;
    }
    const auto ready = (*waiting)[1].number().low();
    if (*head + 1 < ready) {
        wait(step, "decided, and takes over from block " + std::to_string(ready) + " on; the last one is " +
                       std::to_string(*head));
        return;
    }
    const auto sent = send_keys(invocation_, rpc_, sender_, "finishReset(address)", {owner});
    const auto after = read_key(rpc_, plan_.key.id);
    if (after && !after->next.is_zero())
        done(step, key_text(after->next));
    else
        give_up(step, sent ? "the key of the account is the same as before" : sent.error().text());
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

/// Key, memory and proof appear at once, by the folder's name: what a kill leaves half made has another name and is never used.
bool Replacement::make(const Local& local, const std::string& validator, const std::string& folder) {
    const std::string step = "new voting key";
    const auto file = folder + "/keys.sealed";
    const auto& node = local.settings.node;
    const bool is_national = local.keys.public_keys.consensus.algorithm == crypto::VotingAlgorithm::sm2;
    std::vector<std::string> words{"signer",    "voting-key",     "--validator",
                                   validator,   "--suite",        is_national ? "national" : "international",
                                   "--genesis", node.genesis_file};
    if (!node.passphrase_file.empty()) words.insert(words.end(), {"--passphrase-file", node.passphrase_file});
    if (!exists(folder)) {
        const auto half = folder + ".half-" + std::to_string(::getpid());
        std::error_code ignored;
        fs::remove_all(half, ignored); // of an earlier process with our number
        if (const auto made = make_directory(half, Access::secret); !made) return give_up(step, made.error().text());
        auto making = words;
        making.insert(making.end(), {"--out", half + "/keys.sealed"});
        const auto problem = problem_of(making, invocation_.terminal());
        if (!problem && ::rename(half.c_str(), folder.c_str()) == 0) return done(step, file);
        const auto reason = problem.value_or(folder + " (" + std::strerror(errno) + ")");
        fs::remove_all(half, ignored);
        return give_up(step, reason);
    }
    const auto proof = read_voting_key_proof(file + ".proof");
    if (!proof) return give_up(step, proof.error().text());
    if (proof->validator != validator)
        return give_up(step, folder + " holds a key of " + proof->validator + ": move it away");
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
                     "add \"" + file + "\" to voting_keys in section [signer] of " + local.config + ", then " +
                         plan_.again);
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
bool Replacement::restart(const Local& local, const std::string& validator) {
    const std::string step = kRestartStep;
    const auto node_of = [&](const DevState& state) -> const DevNode* {
        const auto found = std::ranges::find(state.nodes, local.config, &DevNode::config);
        return found == state.nodes.end() ? nullptr : &*found;
    };
    const auto state = read_dev_state(dev_dir(invocation_));
    const auto* node = state ? node_of(*state) : nullptr;
    if (!node) {
        // The decision need not wait for it: until then the validator is missing, as it is now.
        leave(step, "whoever runs " + validator, "how the node is run here is not known to this command",
              "systemctl restart cairn, or as the node is run");
        return true;
    }
    struct stat status{};
    const bool is_read = is_running(*node) && ::stat(local.config.c_str(), &status) == 0 &&
                         started_at(node->started_ticks) > status.st_mtim.tv_sec + 1;
    if (is_read) return done(step, node->name);
    // It cannot catch up before its seat has the new key, because nobody lets it in; so that it runs is what counts.
    const auto problem =
        problem_of({"dev", "restart", node->name, "--dir", state->directory, "--timeout", "3"}, invocation_.terminal());
    const auto after = read_dev_state(state->directory);
    const auto* again = after ? node_of(*after) : nullptr;
    if (again && is_running(*again)) return done(step, node->name);
    return give_up(step, problem.value_or(node->name + " has ended"), "cairn dev logs " + node->name);
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
                      plan_.again + " --proof " + name + ".sealed.proof";
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
    return make(*local, seat.name, folder) && name_in_configuration(*local, file) && restart(*local, seat.name);
}

/// In the contract Keys, before a proposal makes it known: who enters a key owns its entry, and alone may stop it without the others.
bool Replacement::enter(const crypto::VotingKey& key) {
    const std::string step = "entered in the register of keys";
    const auto id = system::key_id(key.bytes);
    const auto& owner = plan_.key.head.owner;
    auto entry = read_key(rpc_, id);
    if (!entry && sender_.address != owner) {
        leave(step, checksummed(owner), "the account that owns the old key's entry enters the new one", plan_.again);
        return true; // it votes without an entry; it is the next incident that needs one
    }
    if (!entry) {
        const auto sent = send_keys(invocation_, rpc_, sender_, "register(bytes32,uint8,uint64,uint64,bool)",
                                    {id, static_cast<std::uint8_t>(ledger::KeyClass::consensus), 0, 0, 1});
        entry = read_key(rpc_, id);
        if (!entry) return give_up(step, sent ? entry.error().text() : sent.error().text());
    }
    if (entry->head.owner != owner)
        return give_up(step, "the entry of " + to_hex(id) + " belongs to " + checksummed(entry->head.owner) +
                                 ": make another key");
    if (!ledger::signs(entry->head.state))
        return give_up(step, "the new key " + to_hex(id) + " is " + std::string{ledger::name_of(entry->head.state)});
    return done(step, to_hex(id));
}

bool Replacement::is_connected(const std::string& validator) {
    const auto status = rpc_.call("cairn_nodeStatus");
    if (!status || !status->is_object()) return false;
    if (text_of(*status, "name") == validator) return true; // it has followed the chain so far itself
    return std::ranges::any_of(status->value("peers", json::array()), [&](const json& peer) {
        return text_of(peer, "name") == validator && peer.value("connected", json(false)) == true;
    });
}

void Replacement::wait_for_seat(const std::string& validator) {
    const std::string step = "taken up";
    const auto& clock = system_clock();
    const auto end = clock.monotonic() + kEpochPatience;
    while (true) {
        const auto now = seat_of_key();
        const bool is_taken_up = now && *now && (*now)->is_taken_up;
        if (is_taken_up && is_connected(validator)) {
            // Whoever was to start the node again has done so.
            for (auto& one : steps_)
                if (one.step == kRestartStep && one.state == StepState::left)
                    one = {one.step, StepState::done, one.detail, {}, {}};
            done(step, validator + " has the seat with " + to_hex((*now)->decided.bytes) + " and is connected");
            return;
        }
        if (clock.monotonic() >= end) {
            if (is_taken_up)
                leave(step, "the operator of " + validator, "the new key has the seat, but the node is not connected",
                      "start the node with the new key's file in voting_keys, then " + plan_.again);
            else
                wait(step, "decided; the epoch with the new key has not begun yet");
            return;
        }
        std::this_thread::sleep_for(kPause);
    }
}

void Replacement::voting_key() {
    const std::string step = "seat of the key";
    const auto seat = seat_of_key();
    if (!seat) {
        give_up(step, seat.error().text());
        return;
    }
    if (!*seat || !(*seat)->is_active) {
        done(step, *seat ? (*seat)->name + " is a validator no more" : "no validator ever voted with it");
        return;
    }
    const auto& name = (*seat)->name;
    if (system::key_id((*seat)->decided.bytes) == plan_.key.id) {
        std::string proof_file;
        if (!new_voting_key(**seat, proof_file)) return;
        const auto proof = read_voting_key_proof(proof_file);
        if (!proof || proof->validator != name) {
            give_up("decision of the organisations",
                    proof ? proof_file + " is the proof of a key of " + proof->validator : proof.error().text());
            return;
        }
        if (!enter(proof->key)) return;
        const auto act = encode_call("replaceValidatorKey(string,bytes32,uint8,bytes)",
                                     {name, *Hash256::from(proof->key.bytes),
                                      static_cast<std::uint8_t>(proof->key.algorithm), to_bytes(proof->claim)});
        if (!decide(system::kMembersAddress, act)) return;
    }
    wait_for_seat(name);
}

// ---- All classes -----------------------------------------------------------------------------------------------------------

std::vector<ReplacementStep> Replacement::run() {
    const auto close = ", then cairn key incident close " + std::to_string(plan_.incident) + " --out DIR";
    switch (plan_.key.head.key_class) {
    case ledger::KeyClass::account: account_key(); break;
    case ledger::KeyClass::consensus: voting_key(); break;
    case ledger::KeyClass::tls:
        leave("new TLS key", "the organisation's registrar, who has its CA key",
              "the key is made where the node is, its certificate where the CA key is",
              "cairn signer renew-tls-key --keys DIR --org DIR, restart the node" + close);
        break;
    case ledger::KeyClass::person:
        leave("new certificate", "the person, and the organisation's registrar, who has its CA key",
              "the old one is refused everywhere; the new one is under another name",
              "cairn identity request KIND NAME --name ORGANISATION --out DIR, cairn identity sign DIR/request.pem "
              "--org DIR --role KIND" +
                  close);
        break;
    case ledger::KeyClass::audit_seal:
        leave("new seal key", "the operator of the node", "the old key introduces the new one",
              "cairn signer replace-audit-key --keys keys.sealed, restart the node" + close);
        break;
    case ledger::KeyClass::authority:
        leave("new CA", "the organisation's registrar", "in three stages, so that no node is shut out",
              "cairn org rotate-ca --stage trust --org DIR" + close);
        break;
    case ledger::KeyClass::storage_root:
        leave("new storage keys", "the operator of the node, and two security administrators",
              "the old versions end by two persons; a root that is known itself is replaced with its keys.sealed",
              "cairn storage key rotate, rewrap and reencrypt, cairn backup key rotate, cairn admin retire-storage-key "
              "and retire-backup-key" +
                  close);
        break;
    default:
        leave("new key", "its owner", "no command makes keys of this class",
              "replaceKey(bytes32,bytes32) of the contract Keys, by the owner's account" + close);
    }
    return std::move(steps_);
}

std::string quoted(const std::string& word) {
    const auto is_plain = [](char c) {
        return std::isalnum(static_cast<unsigned char>(c)) ||
               std::string_view{"-_./:=,@+"}.find(c) != std::string::npos;
    };
    if (!word.empty() && std::ranges::all_of(word, is_plain)) return word;
    std::string out = "'";
    for (const char c : word) out += c == '\'' ? std::string{"'\\''"} : std::string{c};
    return out + "'";
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

std::string command_line(const Invocation& invocation, const std::vector<std::string_view>& dropped) {
    auto out = full_name(invocation.command());
    for (const auto& word : invocation.arguments()) out += " " + quoted(word);
    for (const auto& flag : invocation.command().flags) {
        if (std::ranges::find(dropped, flag.name) != dropped.end()) continue;
        for (const auto& value : invocation.all(flag.name))
            out += " --" + std::string{flag.name} + (flag.value.empty() ? "" : " " + quoted(value));
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
