#include "base/errors/cli.hpp"
#include "cli/files.hpp"
#include "cli/governance.hpp"
#include "cli/key_commands.hpp"
#include "cli/keys_client.hpp"
#include "cli/keystore.hpp"
#include "cli/transact.hpp"
#include "ledger/genesis.hpp"
#include "system/keys.hpp"

#include <algorithm>
#include <ostream>
#include <set>

namespace cairn::cli {
namespace {

using codec::AbiValue;
using nlohmann::json;

/// Ids that genesis registers and that the contract's events name.
Result<std::set<Hash256>> known_keys(RpcClient& rpc) {
    std::set<Hash256> out;
    CRN_TRY(text, rpc.call("cairn_getGenesis"));
    CRN_TRY(genesis, ledger::genesis_from_json(text.is_string() ? text.get<std::string>() : text.dump()));
    for (const auto& organisation : genesis.organisations) {
        out.insert(system::key_id(organisation.signing_key));
        out.insert(system::authority_id(organisation.ca_certificate_pem));
    }
    for (const auto& validator : genesis.validators.members) out.insert(system::key_id(validator.key.bytes));
    CRN_TRY(logs, key_events(rpc, json::array({to_hex(system::key_state_topic())}), 0));
    for (const auto& log : logs) {
        const auto topics = log.value("topics", json::array());
        if (topics.size() < 2 || !topics[1].is_string()) continue;
        if (const auto id = fixed_from_hex<Hash256>(topics[1].get<std::string>())) out.insert(*id);
    }
    return out;
}

Status key_list(Invocation& invocation) {
    CRN_TRY(rpc, open_rpc(invocation));
    CRN_TRY(ids, known_keys(rpc));
    json list = json::array();
    Table table({"KEY", "CLASS", "STATE", "OWNER", ">VERSION"});
    for (const auto& id : ids) {
        CRN_TRY(key, read_key(rpc, id));
        list.push_back(to_json(key));
        table.row({key_text(id), std::string{ledger::name_of(key.head.key_class)},
                   std::string{ledger::name_of(key.head.state)}, checksummed(key.head.owner),
                   std::to_string(key.head.version)});
    }
    if (invocation.json())
        invocation.terminal().out << list.dump(2) << '\n';
    else
        table.print(invocation.terminal());
    return {};
}

Status key_show(Invocation& invocation) {
    CRN_TRY(id, parse_key_id(invocation.argument(0)));
    CRN_TRY(rpc, open_rpc(invocation));
    CRN_TRY(key, read_key(rpc, id));
    auto out = to_json(key);
    json history = json::array();
    CRN_TRY(page, view_keys(rpc, "history(bytes32,uint256,uint256)", {id, 0, 100}, "((uint64,uint8,uint8,address)[])"));
    for (const auto& line : page[0].list()) {
        const auto& fields = line.list();
        history.push_back({{"height", fields[0].number().low()},
                           {"from", ledger::name_of(static_cast<ledger::KeyState>(fields[1].number().low()))},
                           {"to", ledger::name_of(static_cast<ledger::KeyState>(fields[2].number().low()))},
                           {"by", checksummed(fields[3].as_address())}});
    }
    out["history"] = history;
    if (key.head.key_class == ledger::KeyClass::account) {
        CRN_TRY(current, view_keys(rpc, "keyOf(address)", {key.head.owner}, "(address,uint32)"));
        out["account"] = checksummed(key.head.owner);
        out["current_key"] = checksummed(current[0].as_address());
        CRN_TRY(reset, view_keys(rpc, "resetOf(address)", {key.head.owner}, "(address,uint64)"));
        if (!reset[0].as_address().is_zero())
            out["reset"] = {{"new_key", checksummed(reset[0].as_address())}, {"finish_at", reset[1].number().low()}};
    }
    const auto& terminal = invocation.terminal();
    if (terminal.json) {
        terminal.out << out.dump(2) << '\n';
        return {};
    }
    std::vector<std::pair<std::string, std::string>> fields;
    for (const auto& [name, value] : out.items())
        if (name != "history") fields.emplace_back(name, value.is_string() ? value.get<std::string>() : value.dump());
    print_fields(terminal, fields);
    for (const auto& line : history)
        terminal.out << "block " << line["height"] << ": " << line["from"].get<std::string>() << " -> "
                     << line["to"].get<std::string>() << " by " << line["by"].get<std::string>() << '\n';
    return {};
}

Status key_status_at(Invocation& invocation) {
    CRN_TRY(id, parse_key_id(invocation.argument(0)));
    CRN_TRY(height, parse_number("HEIGHT", invocation.argument(1), 0, UINT64_MAX - 1));
    CRN_TRY(rpc, open_rpc(invocation));
    CRN_TRY(head_text, rpc.call("eth_blockNumber"));
    CRN_TRY(head, quantity_u64(head_text, "the height"));
    if (height > head)
        return fail(error::CliNotFound,
                    "block " + std::to_string(height) + " is above the head " + std::to_string(head));
    CRN_TRY(state, view_keys(rpc, "stateAt(bytes32,uint64)", {id, height}, "(uint8)"));
    CRN_TRY(good, view_keys(rpc, "goodAt(bytes32,uint64)", {id, height}, "(bool)"));
    const auto name = std::string{ledger::name_of(static_cast<ledger::KeyState>(state[0].number().low()))};
    const auto& terminal = invocation.terminal();
    if (terminal.json)
        terminal.out << json{{"id", to_hex(id)}, {"height", height}, {"state", name}, {"good", good[0].as_bool()}}.dump(
                            2)
                     << '\n';
    else
        print_fields(terminal, {{"key", key_text(id)},
                                {"height", std::to_string(height)},
                                {"state", name},
                                {"a signature in this block is", good[0].as_bool() ? "good" : "not good"}});
    return {};
}

/// At once if the sender owns the key, else by a proposal.
Status key_state(Invocation& invocation) {
    CRN_TRY(id, parse_key_id(invocation.argument(0)));
    const auto to = ledger::key_state_of(invocation.argument(1));
    if (!to) return fail(error::CliUsage, "\"" + invocation.argument(1) + "\" is no state of a key");
    CRN_TRY(since, invocation.number("since", 0, 0, UINT64_MAX - 1));
    CRN_TRY(sender, choose_sender(invocation));
    CRN_TRY(rpc, open_rpc(invocation));
    CRN_TRY(key, read_key(rpc, id));
    CRN_TRY(acting, view_keys(rpc, "accountOf(address)", {sender.address}, "(address,uint8)"));
    const bool is_owner = acting[0].as_address() == key.head.owner;
    const auto reason = invocation.flag_or("reason", "");
    if (!is_owner) {
        if (key.head.key_class == ledger::KeyClass::consensus && ledger::signs(key.head.state) && !ledger::signs(*to) &&
            !invocation.has("force"))
            if (const auto left = check_quorum_without(rpc, id); !left)
                return fail(left.error().code,
                            left.error().detail +
                                ": the chain would stand still, for ever. With --force it is proposed "
                                "all the same");
        CRN_TRY(round, view_keys(rpc, "round(bytes32)", {id}, "(uint256)"));
        return propose_call(invocation, ledger::kKeysContract,
                            keys_call("decideState(bytes32,uint256,uint8,uint64,string)",
                                      {id, round[0], static_cast<std::uint8_t>(*to), since, reason}));
    }
    CRN_TRY(receipt, send_keys(invocation, rpc, sender, "changeState(bytes32,uint8,uint64,string)",
                               {id, static_cast<std::uint8_t>(*to), since, reason}));
    print_receipt(invocation, receipt);
    return {};
}

/// What an organisation registers, and not the chain itself.
std::vector<std::string_view> award_classes() {
    std::vector<std::string_view> out;
    for (std::uint8_t i = 1; i < ledger::kKeyClasses; ++i)
        if (const auto of = static_cast<ledger::KeyClass>(i);
            of != ledger::KeyClass::consensus && of != ledger::KeyClass::account)
            out.push_back(ledger::name_of(of));
    return out;
}

/// A key that another organisation registered, and should not have.
Status key_award(Invocation& invocation) {
    CRN_TRY(id, parse_key_id(invocation.argument(0)));
    CRN_TRY(owner, parse_address(invocation.argument(1)));
    CRN_TRY(rpc, open_rpc(invocation));
    CRN_TRY(key, read_key(rpc, id));
    auto key_class = key.head.key_class;
    if (const auto asked = invocation.flag("class"))
        for (std::uint8_t i = 1; i < ledger::kKeyClasses; ++i)
            if (ledger::name_of(static_cast<ledger::KeyClass>(i)) == *asked)
                key_class = static_cast<ledger::KeyClass>(i);
    return propose_call(invocation, ledger::kKeysContract,
                        keys_call("award(bytes32,address,uint8)", {id, owner, static_cast<std::uint8_t>(key_class)}));
}

Status key_rotate(Invocation& invocation) {
    CRN_TRY(sender, choose_sender(invocation));
    CRN_TRY(new_key, new_key_of(invocation));
    CRN_TRY(rpc, open_rpc(invocation));
    CRN_TRY(acting, view_keys(rpc, "accountOf(address)", {sender.address}, "(address,uint8)"));
    const auto account = acting[0].as_address();
    CRN_TRY(proof, prove_possession(rpc, account, new_key));
    AbiValue::List arguments{proof.key};
    for (auto& value : signature_values(proof)) arguments.push_back(std::move(value));
    CRN_TRY(receipt, send_keys(invocation, rpc, sender, "rotate(address,uint8,bytes32,bytes32)", arguments));
    const auto& terminal = invocation.terminal();
    CRN_TRY(block, quantity_u64(receipt.value("blockNumber", json{}), "the block"));
    if (terminal.json)
        terminal.out << json{{"account", checksummed(account)},
                             {"old_key", checksummed(sender.address)},
                             {"new_key", checksummed(proof.key)},
                             {"version", proof.version},
                             {"block", block}}
                            .dump(2)
                     << '\n';
    else
        print_fields(terminal, {{"account", checksummed(account) + " (unchanged)"},
                                {"old key", checksummed(sender.address) + " (retired)"},
                                {"new key", checksummed(proof.key)},
                                {"block", std::to_string(block)}});
    return {};
}

Status key_impact(Invocation& invocation) {
    CRN_TRY(id, parse_key_id(invocation.argument(0)));
    CRN_TRY(since, invocation.number("since", 0, 0, UINT64_MAX - 1));
    CRN_TRY(rpc, open_rpc(invocation));
    CRN_TRY(impact, rpc.call("cairn_keyImpact", {to_hex(id), to_quantity(U256{since})}));
    const auto& terminal = invocation.terminal();
    if (terminal.json) {
        terminal.out << impact.dump(2) << '\n';
        return {};
    }
    print_fields(terminal, {{"key", key_text(id)},
                            {"since block", std::to_string(since)},
                            {"exposed keys", std::to_string(impact["keys"].size())},
                            {"accounts", std::to_string(impact["accounts"].size())},
                            {"findings", std::to_string(impact["findings"].size())}});
    Table table({"WHAT", "VIA", "OTHER OR SUBJECT", ">HEIGHT", ">COUNT"});
    for (const auto& account : impact["accounts"])
        table.row({"account", text_of(account, "account"), "balance " + text_of(account, "balance"), "-", "1"});
    for (const auto& finding : impact["findings"]) {
        auto what = text_of(finding, "subject");
        if (what.empty()) what = text_of(finding, "other");
        table.row({text_of(finding, "what"), text_of(finding, "via"), printable(what), finding["height"].dump(),
                   finding["count"].dump()});
    }
    table.print(terminal);
    return {};
}

} // namespace

Result<crypto::AccountKey> new_key_of(const Invocation& invocation) {
    if (const auto file = invocation.flag("to-key-file")) {
        CRN_TRY(text, read_secret_file(*file));
        auto key = parse_private_key(text);
        wipe(text);
        if (!key) return fail(key.error().code, *file);
        return key;
    }
    const auto to = invocation.flag("to");
    if (!to)
        return fail(error::CliUsage, "missing --to ADDRESS or --to-key-file FILE\n" + usage_of(invocation.command()));
    CRN_TRY(address, parse_address(*to));
    CRN_TRY(keys, list_keys(absolute(invocation.flag_or("keystore", default_keystore()))));
    for (const auto& stored : keys) {
        if (stored.address != address) continue;
        CRN_TRY(text, read_secret_file(stored.path));
        CRN_TRY(passphrase, read_passphrase(invocation, "Passphrase of " + checksummed(address) + ": ", Ask::once));
        auto key = decrypt_key(text, passphrase);
        wipe(passphrase);
        return key;
    }
    return fail(error::CliNoAccount,
                "no key of " + checksummed(address) + " in the keystore; make one: cairn account new");
}

std::vector<FlagSpec> new_key_flags() {
    return {{.name = "to",
             .value = "ADDRESS",
             .help = "the new key, in the keystore (make one: cairn account new)",
             .completes = Completes::account},
            {.name = "to-key-file",
             .value = "FILE",
             .help = "file with the new private key in hex, instead of --to",
             .completes = Completes::file}};
}

std::vector<FlagSpec> joined(std::initializer_list<std::vector<FlagSpec>> lists) {
    std::vector<FlagSpec> out;
    for (const auto& list : lists) out.insert(out.end(), list.begin(), list.end());
    return out;
}

void declare_key(CommandList& out) {
    const ArgumentSpec key{"KEY",
                           "an account's or account key's address, a key id of 64 hex digits, or a certificate's file"};
    out.push_back({.noun = "key",
                   .verb = "list",
                   .summary = "list the keys that the chain has an entry for",
                   .details =
                       "Account keys that nobody has touched have none: they are active and sign for the account "
                       "of the same address.",
                   .flags = rpc_flags(),
                   .examples = {{"cairn key list", ""}},
                   .run = key_list});
    out.push_back({.noun = "key",
                   .verb = "show",
                   .summary = "show a key's class, state, spans and history",
                   .arguments = {key},
                   .flags = rpc_flags(),
                   .examples = {{"cairn key show 0x70997970C51812dc3A010C7d01b50e0d17dc79C8", ""}},
                   .run = key_show});
    out.push_back({.noun = "key",
                   .verb = "status-at",
                   .summary = "tell whether a signature by a key in a block is good",
                   .details =
                       "A signature stays good only if a block before the leak contains it. The block is the time "
                       "stamp.",
                   .arguments = {key, {"HEIGHT", "number of the block that contains the signature"}},
                   .flags = rpc_flags(),
                   .examples = {{"cairn key status-at 0x70997970C51812dc3A010C7d01b50e0d17dc79C8 12", ""}},
                   .run = key_status_at});
    out.push_back(
        {.noun = "key",
         .verb = "state",
         .summary = "change a key's state, or propose the change as an organisation",
         .details = "The key's owner changes it at once, as far as the table in contracts/IKeys.sol lets him; anybody "
                    "else must administer an organisation and proposes it: others approve the proposal (cairn proposal "
                    "approve) until more than half have.",
         .arguments = {key,
                       {"STATE",
                        "the new state",
                        Need::one,
                        {"active", "suspended", "deactivated", "compromised", "destroyed", "escrowed", "lost",
                         "quarantined"}}},
         .flags = joined(
             {{{.name = "since", .value = "HEIGHT", .help = "block of the leak, for compromised (default: now)"},
               {.name = "reason", .value = "TEXT", .help = "why, public for ever; a proposal needs one"},
               {.name = "force", .help = "propose it even if the chain then stands still for want of validators"}},
              sender_flags(),
              transaction_flags(),
              rpc_flags()}),
         .examples = {{"cairn key state 0x70997970C51812dc3A010C7d01b50e0d17dc79C8 compromised --since 120 --reason "
                       "\"seen on a forum\" --key-file administrator.key",
                       ""}},
         .run = key_state});
    out.push_back(
        {.noun = "key",
         .verb = "award",
         .summary = "propose that a key is another organisation's than the one that registered it",
         .details =
             "Whoever registers a certificate's key first is believed. Where he was wrong the organisations decide: "
             "more than half of them approve (cairn proposal approve), then it is active and OWNER's. A validator's "
             "voting key follows the validator, an account's key the account.",
         .arguments = {key, {"OWNER", "account of the administrator of the organisation whose key it is"}},
         .flags = joined({{{.name = "class",
                            .value = "CLASS",
                            .help = "what the key is for (default: as registered)",
                            .choices = award_classes()}},
                          proposing_flags()}),
         .examples =
             {{"cairn key award tls.pem 0x70997970C51812dc3A010C7d01b50e0d17dc79C8 --reason \"our certificate\" "
               "--from org:beta",
               ""}},
         .run = key_award});
    out.push_back({.noun = "key",
                   .verb = "rotate",
                   .summary = "give an account a new key; its address stays",
                   .details =
                       "From its block on the old key signs nothing any more. The new key must be a fresh one; it "
                       "shows with a signature that somebody holds it.",
                   .flags = joined({new_key_flags(), sender_flags(), transaction_flags(), rpc_flags()}),
                   .examples = {{"cairn key rotate --from dev:1 --to-key-file new.key", "new.key: 64 hex digits"}},
                   .run = key_rotate});
    out.push_back({.noun = "key",
                   .verb = "impact",
                   .summary = "list everything that a leaked key touched",
                   .details = "Accounts, contracts, balances, roles, certificates, sessions, files, backups, grants, "
                              "signatures to look at again, and keys that lie encrypted under it, as the node's own "
                              "index knows them.",
                   .arguments = {key},
                   .flags = joined(
                       {{{.name = "since", .value = "HEIGHT", .help = "block of the leak (default: 0)"}}, rpc_flags()}),
                   .examples = {{"cairn key impact 0x70997970C51812dc3A010C7d01b50e0d17dc79C8 --since 120 --json", ""}},
                   .run = key_impact});
    declare_key_reset(out);
    declare_key_incident(out);
}

} // namespace cairn::cli
