#include "cli/replacement.hpp"

#include "base/clock.hpp"
#include "base/errors/cli.hpp"
#include "cli/files.hpp"
#include "cli/governance.hpp"
#include "cli/voting_key_proof.hpp"
#include "ledger/genesis.hpp"
#include "node/own_signer.hpp"
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

class VotingKeyReplacement : public Replacement {
public:
    using Replacement::Replacement;
    bool run();

private:
    struct Seat {
        std::string name;
        crypto::VotingKey decided; // that the chain names for it; the set of the next epoch follows
        bool is_active = false;
        bool is_taken_up = false; // the stopped key is in the present set no more
    };
    Result<std::optional<Seat>> seat_of_key();
    bool new_voting_key(const Seat& seat, std::string& proof_file);
    bool make(const Local& local, const std::string& validator, const std::string& folder);
    bool name_in_configuration(Local& local, const std::string& file);
    bool wait_for_seat(const std::string& validator);
};

/// Who had the stopped key, and what has become of the seat; nothing if no validator ever had it.
Result<std::optional<VotingKeyReplacement::Seat>> VotingKeyReplacement::seat_of_key() {
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

/// Key, memory and proof appear at once, by the folder's name: what a kill leaves half made has another name and is never used.
bool VotingKeyReplacement::make(const Local& local, const std::string& validator, const std::string& folder) {
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

bool VotingKeyReplacement::name_in_configuration(Local& local, const std::string& file) {
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

/// Everything for which the secret has to be at hand.
bool VotingKeyReplacement::new_voting_key(const Seat& seat, std::string& proof_file) {
    const std::string step = "new voting key";
    if (!plan_.proof.empty()) {
        proof_file = absolute(plan_.proof);
        return done(step, proof_file);
    }
    auto local = local_node(
        [&](const Local& one) { return system::key_id(one.keys.public_keys.consensus.bytes) == plan_.key.id; });
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
    if (!make(*local, seat.name, folder) || !name_in_configuration(*local, file)) return false;
    // The decision need not wait for whoever runs the node: until then the validator is missing, as it is now.
    return restart(local->config, seat.name, exists(node::witness_of_voting_key(file))) ||
           steps_.back().state == StepState::left;
}

bool VotingKeyReplacement::wait_for_seat(const std::string& validator) {
    const std::string step = "taken up";
    const auto end = system_clock().monotonic() + kConnectPatience;
    while (true) {
        const auto now = seat_of_key();
        const bool is_taken_up = now && *now && (*now)->is_taken_up;
        if (is_taken_up && is_connected(validator))
            return done(step, validator + " has the seat with " + to_hex((*now)->decided.bytes) + " and is connected");
        if (system_clock().monotonic() < end)
            std::this_thread::sleep_for(kReplacementPause);
        else if (is_taken_up)
            return leave(step, "the operator of " + validator,
                         "the new key has the seat, but the node is not connected",
                         "start the node with the new key's file in voting_keys, then " + std::string{kAgain});
        else
            return wait(step, "decided; the epoch with the new key has not begun yet");
    }
}

bool VotingKeyReplacement::run() {
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

} // namespace

std::vector<ReplacementStep> replace_voting_key(const ReplacementCase& of) {
    VotingKeyReplacement out{of};
    out.run();
    return std::move(out).steps();
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
