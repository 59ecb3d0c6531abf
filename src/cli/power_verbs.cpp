// Roles, policies, freezes and labels: reading them, and proposing changes.
#include "base/errors/cli.hpp"
#include "cli/governance.hpp"
#include "cli/invocation.hpp"
#include "cli/keystore.hpp"
#include "cli/sender.hpp"
#include "cli/transact.hpp"
#include "ledger/role.hpp"
#include "system/addresses.hpp"
#include "system/subject.hpp"

#include <ostream>

namespace cairn::cli {
namespace {

using codec::AbiValue;
using nlohmann::json;
using system::kRolesAddress;

constexpr std::uint8_t kNamesAccount = 1;
constexpr std::uint8_t kNamesContract = 2;
constexpr std::uint8_t kNamesMethod = 4;

std::string label_text(std::uint64_t level, std::uint64_t compartments) {
    if (level == 0 && compartments == 0) return "-";
    std::string out = std::to_string(level);
    bool first = true;
    for (unsigned i = 0; i < 32; ++i)
        if ((compartments >> i & 1) != 0) {
            out += (first ? ":" : ",") + std::to_string(i);
            first = false;
        }
    return out;
}

std::string freeze_text(std::uint64_t until, std::uint64_t head) {
    if (until <= head) return "-";
    return until >= system::kForever ? "for ever" : "until block " + std::to_string(until);
}

Result<std::uint64_t> head_of(RpcClient& rpc) {
    CRN_TRY(answer, rpc.call("eth_blockNumber"));
    return quantity_u64(answer, "the height");
}

Status role_list(Invocation& invocation) {
    CRN_TRY(rpc, open_rpc(invocation));
    CRN_TRY(head, head_of(rpc));
    CRN_TRY(count, read_contract(rpc, kRolesAddress, "subjectCount()", {}, "(uint256)"));
    json list = json::array();
    Table table({"ACCOUNT", "ROLES", "LABEL", "FROZEN", "REASON"});
    for (std::uint64_t i = 0; i < count.front().number().low(); ++i) {
        CRN_TRY(values, read_contract(rpc, kRolesAddress, "subject(uint256)", {i},
                                      "((address,uint256,uint8,uint32,uint256,uint256,string))"));
        const auto& fields = values.front().list();
        std::string names;
        json roles = json::array();
        for (std::size_t role = 0; role < ledger::kRoleNames.size(); ++role) {
            if ((fields[1].number().low() >> role & 1) == 0) continue;
            names += (names.empty() ? "" : ", ") + std::string(ledger::kRoleNames[role]);
            roles.push_back(ledger::kRoleNames[role]);
        }
        const auto level = fields[2].number().low(), compartments = fields[3].number().low();
        const auto until = fields[5].number().low();
        const bool is_frozen = until > head;
        const auto address = fields[0].as_address();
        table.row({address.is_zero() ? "everybody" : checksummed(address), names.empty() ? "-" : names,
                   label_text(level, compartments), freeze_text(until, head), is_frozen ? fields[6].as_text() : ""});
        list.push_back({{"account", checksummed(fields[0].as_address())},
                        {"roles", roles},
                        {"level", level},
                        {"compartments", compartments},
                        {"frozen_from", is_frozen ? json(fields[4].number().low()) : json(nullptr)},
                        {"frozen_until", is_frozen ? json(until) : json(nullptr)},
                        {"reason", is_frozen ? json(fields[6].as_text()) : json(nullptr)}});
    }
    const auto& terminal = invocation.terminal();
    if (terminal.json)
        terminal.out << list.dump(2, ' ', false, json::error_handler_t::replace) << '\n';
    else
        table.print(terminal);
    return {};
}

Status change_role(Invocation& invocation, bool give) {
    const auto role = ledger::role_of(invocation.argument(0));
    if (!role) return fail(error::CliUsage, "\"" + invocation.argument(0) + "\" is no role");
    CRN_TRY(account, parse_address(invocation.argument(1)));
    const bool is_administrator = (mask_of(*role) & ledger::kAdministratorRoles) != 0;
    const std::string_view signature =
        is_administrator ? (give ? "grantAdministrator(address,uint8)" : "revokeAdministrator(address,uint8)")
                         : (give ? "grant(address,uint8)" : "revoke(address,uint8)");
    return propose_call(invocation, kRolesAddress, encode_call(signature, {account, static_cast<std::uint8_t>(*role)}));
}
Status role_grant(Invocation& invocation) { return change_role(invocation, true); }
Status role_revoke(Invocation& invocation) { return change_role(invocation, false); }

Status role_stay(Invocation& invocation) {
    CRN_TRY(rpc, open_rpc(invocation));
    CRN_TRY(receipt, send_call(invocation, rpc, system::kProposalsAddress, encode_call("stay()", {})));
    print_receipt(invocation, receipt);
    return {};
}
Status role_confirm(Invocation& invocation) {
    CRN_TRY(account, parse_address(invocation.argument(0)));
    return propose_call(invocation, system::kProposalsAddress, encode_call("confirm(address)", {account}));
}

// Policies.

Status policy_list(Invocation& invocation) {
    CRN_TRY(rpc, open_rpc(invocation));
    CRN_TRY(head, head_of(rpc));
    CRN_TRY(count, read_contract(rpc, kRolesAddress, "policyCount()", {}, "(uint256)"));
    json list = json::array();
    Table table({"RULE", "ACCOUNT", "CONTRACT", "METHOD", "NOTE"});
    for (std::uint64_t i = 0; i < count.front().number().low(); ++i) {
        CRN_TRY(values,
                read_contract(rpc, kRolesAddress, "policy(uint256)", {i}, "((address,address,bytes4,uint8,uint8))"));
        const auto& fields = values.front().list();
        const auto shape = fields[3].number().low();
        const auto verdict = fields[4].number().low();
        if (verdict == 0) continue;
        const auto rule = verdict == 1 ? "allow" : "deny";
        const auto account = (shape & kNamesAccount) != 0 ? checksummed(fields[0].as_address()) : "*";
        const auto contract = (shape & kNamesContract) == 0      ? "*"
                              : fields[1].as_address().is_zero() ? "deploy"
                                                                 : checksummed(fields[1].as_address());
        const auto method = (shape & kNamesMethod) != 0 ? to_hex(fields[2].bytes()) : "*";
        table.row({rule, account, contract, method, ""});
        list.push_back({{"rule", rule}, {"account", account}, {"contract", contract}, {"method", method}});
    }
    CRN_TRY(freezes, read_contract(rpc, kRolesAddress, "methodFreezeCount()", {}, "(uint256)"));
    for (std::uint64_t i = 0; i < freezes.front().number().low(); ++i) {
        CRN_TRY(values, read_contract(rpc, kRolesAddress, "methodFreeze(uint256)", {i},
                                      "((address,bytes4,uint256,uint256,string))"));
        const auto& fields = values.front().list();
        const auto until = fields[3].number().low();
        if (until <= head) continue;
        table.row({"frozen", "*", checksummed(fields[0].as_address()), to_hex(fields[1].bytes()),
                   freeze_text(until, head) + ": " + fields[4].as_text()});
        list.push_back({{"rule", "frozen"},
                        {"account", "*"},
                        {"contract", checksummed(fields[0].as_address())},
                        {"method", to_hex(fields[1].bytes())},
                        {"until", until},
                        {"reason", fields[4].as_text()}});
    }
    const auto& terminal = invocation.terminal();
    if (terminal.json)
        terminal.out << list.dump(2, ' ', false, json::error_handler_t::replace) << '\n';
    else if (list.empty())
        terminal.out << "No policies: ordinary calls are allowed, deployment and upgrades need the role deployer.\n";
    else
        table.print(terminal);
    return {};
}

Result<Bytes> policy_call(const Invocation& invocation, std::uint8_t verdict) {
    std::uint8_t shape = 0;
    Address account, contract;
    Bytes method(4);
    if (const auto text = invocation.flag("account")) {
        CRN_TRY(address, parse_address(*text));
        account = address;
        shape |= kNamesAccount;
    }
    if (const auto text = invocation.flag("contract")) {
        if (*text != "deploy") {
            CRN_TRY(address, parse_address(*text));
            contract = address;
        }
        shape |= kNamesContract;
    }
    if (const auto text = invocation.flag("method")) {
        CRN_TRY(selector, parse_method(*text));
        method.assign(selector.begin(), selector.end());
        shape |= kNamesMethod;
    }
    return encode_call("setPolicy(address,address,bytes4,uint8,uint8)", {account, contract, method, shape, verdict});
}

Status policy_set(Invocation& invocation) {
    CRN_TRY(data, policy_call(invocation, invocation.argument(0) == "allow" ? 1 : 2));
    return propose_call(invocation, kRolesAddress, std::move(data));
}
Status policy_remove(Invocation& invocation) {
    CRN_TRY(data, policy_call(invocation, 0));
    return propose_call(invocation, kRolesAddress, std::move(data));
}

Status policy_check(Invocation& invocation) {
    CRN_TRY(account, parse_address(invocation.argument(0)));
    Address contract;
    if (invocation.argument(1) != "deploy") {
        CRN_TRY(address, parse_address(invocation.argument(1)));
        contract = address;
    }
    Bytes data;
    if (const auto text = invocation.flag("method")) {
        CRN_TRY(selector, parse_method(*text));
        data.assign(selector.begin(), selector.end());
    }
    CRN_TRY(rpc, open_rpc(invocation));
    CRN_TRY(values, read_contract(rpc, kRolesAddress, "check(address,address,bytes)", {account, contract, data},
                                  "(bool,string)"));
    const bool allowed = values[0].as_bool();
    const auto rule = values[1].as_text();
    const auto& terminal = invocation.terminal();
    if (terminal.json)
        terminal.out << json{{"allowed", allowed}, {"rule", allowed ? json(nullptr) : json(rule)}}.dump(2) << '\n';
    else
        terminal.out << (allowed ? "allowed" : "refused: " + rule) << '\n';
    return {};
}

// Freezes.

Status freeze(Invocation& invocation) {
    CRN_TRY(subject, parse_address(invocation.argument(0)));
    const auto reason = invocation.flag("reason");
    if (!reason) return fail(error::CliUsage, "missing --reason TEXT\n" + usage_of(invocation.command()));
    if (invocation.has("for-ever")) {
        if (invocation.has("method") || invocation.has("until") || invocation.has("blocks"))
            return fail(error::CliUsage, "--for-ever goes with no other limit, and retires a whole contract");
        return propose_call(invocation, kRolesAddress, encode_call("retire(address,string)", {subject, *reason}));
    }
    CRN_TRY(blocks, invocation.number("blocks", 10'000, 2, 1'000'000'000));
    CRN_TRY(rpc, open_rpc(invocation));
    CRN_TRY(head, head_of(rpc));
    CRN_TRY(until, invocation.number("until", head + blocks, 1, system::kForever - 1));
    if (const auto text = invocation.flag("method")) {
        CRN_TRY(method, parse_method(*text));
        return propose_call(invocation, kRolesAddress,
                            encode_call("freezeMethod(address,bytes4,uint256,string)",
                                        {subject, Bytes{method.begin(), method.end()}, until, *reason}));
    }
    return propose_call(invocation, kRolesAddress,
                        encode_call("freeze(address,uint256,string)", {subject, until, *reason}));
}

Status unfreeze(Invocation& invocation) {
    CRN_TRY(subject, parse_address(invocation.argument(0)));
    if (const auto text = invocation.flag("method")) {
        CRN_TRY(method, parse_method(*text));
        return propose_call(
            invocation, kRolesAddress,
            encode_call("unfreezeMethod(address,bytes4)", {subject, Bytes{method.begin(), method.end()}}));
    }
    return propose_call(invocation, kRolesAddress, encode_call("unfreeze(address)", {subject}));
}

// Labels.

Result<std::uint32_t> parse_compartments(std::string_view text) {
    std::uint32_t out = 0;
    while (!text.empty()) {
        const auto comma = text.find(',');
        CRN_TRY(number, parse_number("--compartments", text.substr(0, comma), 0, 31));
        out |= std::uint32_t{1} << number;
        text = comma == std::string_view::npos ? std::string_view{} : text.substr(comma + 1);
    }
    return out;
}

/// An account or contract, or a record's digest.
struct Labelled {
    std::optional<Hash256> digest;
    Address address;
    AbiValue value() const { return digest ? AbiValue{*digest} : AbiValue{address}; }
};
Result<Labelled> parse_labelled(const std::string& text) {
    if (const auto digest = fixed_from_hex<Hash256>(text)) return Labelled{*digest, {}};
    CRN_TRY(address, parse_address(text));
    return Labelled{std::nullopt, address};
}

Result<system::Label> read_label(RpcClient& rpc, const Labelled& subject) {
    CRN_TRY(values, read_contract(rpc, kRolesAddress, subject.digest ? "labelOfRecord(bytes32)" : "labelOf(address)",
                                  {subject.value()}, "(uint8,uint32)"));
    return system::Label{static_cast<std::uint8_t>(values[0].number().low()),
                         static_cast<std::uint32_t>(values[1].number().low())};
}

Status label_show(Invocation& invocation) {
    CRN_TRY(subject, parse_labelled(invocation.argument(0)));
    CRN_TRY(rpc, open_rpc(invocation));
    CRN_TRY(label, read_label(rpc, subject));
    const auto& terminal = invocation.terminal();
    if (terminal.json)
        terminal.out << json{{"level", label.level}, {"compartments", label.compartments}}.dump(2) << '\n';
    else
        terminal.out << label_text(label.level, label.compartments) << '\n';
    return {};
}

Status label_set(Invocation& invocation) {
    CRN_TRY(subject, parse_labelled(invocation.argument(0)));
    CRN_TRY(level, parse_number("LEVEL", invocation.argument(1), 0, 255));
    CRN_TRY(compartments, parse_compartments(invocation.flag_or("compartments", "")));
    CRN_TRY(rpc, open_rpc(invocation));
    CRN_TRY(before, read_label(rpc, subject));
    const system::Label after{static_cast<std::uint8_t>(level), compartments};
    const std::string_view signature =
        after.dominates(before)
            ? (subject.digest ? "raiseRecordLabel(bytes32,uint8,uint32)" : "raiseLabel(address,uint8,uint32)")
            : (subject.digest ? "declassifyRecord(bytes32,uint8,uint32)" : "declassify(address,uint8,uint32)");
    return propose_call(invocation, kRolesAddress, encode_call(signature, {subject.value(), level, compartments}));
}

const std::vector<FlagSpec>& pattern_flags() {
    static const std::vector<FlagSpec> flags{
        {.name = "account", .value = "ADDRESS", .help = "whose calls (default: everybody's)"},
        {.name = "contract",
         .value = "ADDRESS",
         .help = "calls of this contract, or \"deploy\" for deployment (default: of any)"},
        {.name = "method",
         .value = "METHOD",
         .help = "calls of this method: 0x and 8 hex digits, or a signature (default: of any)"}};
    return flags;
}

std::vector<FlagSpec> with(std::vector<FlagSpec> first, const std::vector<FlagSpec>& more) {
    first.insert(first.end(), more.begin(), more.end());
    return first;
}

} // namespace

void declare_role(CommandList& out) {
    const ArgumentSpec role{
        .name = "ROLE", .help = "which role", .choices = {ledger::kRoleNames.begin(), ledger::kRoleNames.end()}};
    const ArgumentSpec account{"ACCOUNT", "address of the account"};
    out.push_back({.noun = "role",
                   .verb = "list",
                   .summary = "list accounts and contracts with their roles, labels and freezes",
                   .flags = rpc_flags(),
                   .examples = {{"cairn role list", ""}, {"cairn role list --json", ""}},
                   .run = role_list});
    out.push_back({.noun = "role",
                   .verb = "grant",
                   .summary = "propose to give an account a role",
                   .details =
                       "A security administrator proposes and one more voter approves; for the three "
                       "administrators' roles the majority of the organisations decides. It counts from the block "
                       "after the decision.",
                   .arguments = {role, account},
                   .flags = proposing_flags(),
                   .examples = {{"cairn role grant deployer 0x70997970C51812dc3A010C7d01b50e0d17dc79C8 --reason \"new "
                                 "team\" --from dev:8",
                                 ""}},
                   .run = role_grant});
    out.push_back({.noun = "role",
                   .verb = "stay",
                   .summary = "keep your role in use when there is nothing else to do by it",
                   .details = "An administrator or regulator who does nothing by the role for long "
                              "loses the use of it. Proposing and approving keep it; so does this.",
                   .flags = with(with(sender_flags(), transaction_flags()), rpc_flags()),
                   .examples = {{"cairn role stay --from dev:9", ""}},
                   .run = role_stay});
    out.push_back(
        {.noun = "role",
         .verb = "confirm",
         .summary = "propose to give an account the use of its role again",
         .details = "For who has done nothing by the role for so long that it fell asleep. The majority of the "
                    "organisations decides.",
         .arguments = {account},
         .flags = proposing_flags(),
         .examples = {{"cairn role confirm 0x70997970C51812dc3A010C7d01b50e0d17dc79C8 --reason \"back from leave\" "
                       "--from org:alpha",
                       ""}},
         .run = role_confirm});
    out.push_back(
        {.noun = "role",
         .verb = "revoke",
         .summary = "propose to take a role from an account",
         .details = "The last holder of an administrator's role keeps it: grant it to another one first.",
         .arguments = {role, account},
         .flags = proposing_flags(),
         .examples = {{"cairn role revoke deployer 0x70997970C51812dc3A010C7d01b50e0d17dc79C8 --reason \"left\" "
                       "--from dev:8",
                       ""}},
         .run = role_revoke});
}

void declare_policy(CommandList& out) {
    const ArgumentSpec verdict{.name = "RULE", .help = "what to do with such calls", .choices = {"allow", "deny"}};
    out.push_back({.noun = "policy",
                   .verb = "list",
                   .summary = "list the policies and the frozen methods",
                   .flags = rpc_flags(),
                   .examples = {{"cairn policy list", ""}},
                   .run = policy_list});
    out.push_back(
        {.noun = "policy",
         .verb = "set",
         .summary = "propose to allow or deny calls",
         .details = "The policy that names most decides; among those that name equally many, deny beats allow.",
         .arguments = {verdict},
         .flags = with(pattern_flags(), proposing_flags()),
         .examples = {{"cairn policy set deny --contract 0x5FbDB2315678afecb367f032d93F642f64180aa3 --method "
                       "\"mint(address,uint256)\" --reason \"minting is over\" --from dev:8",
                       "one method for everybody"}},
         .run = policy_set});
    out.push_back({.noun = "policy",
                   .verb = "remove",
                   .summary = "propose to remove a policy",
                   .flags = with(pattern_flags(), proposing_flags()),
                   .examples = {{"cairn policy remove --contract 0x5FbDB2315678afecb367f032d93F642f64180aa3 --method "
                                 "\"mint(address,uint256)\" --reason \"minting again\" --from dev:8",
                                 ""}},
                   .run = policy_remove});
    out.push_back({.noun = "policy",
                   .verb = "check",
                   .summary = "tell whether an account may call a contract, and which rule says no",
                   .arguments = {{"ACCOUNT", "who calls"}, {"CONTRACT", "address, or \"deploy\""}},
                   .flags = with({pattern_flags().back()}, rpc_flags()),
                   .examples = {{"cairn policy check 0x70997970C51812dc3A010C7d01b50e0d17dc79C8 deploy", ""}},
                   .run = policy_check});
}

void declare_freeze(CommandList& out) {
    const ArgumentSpec subject{"SUBJECT", "address of the account or contract"};
    const FlagSpec method{.name = "method", .value = "METHOD", .help = "only this method of the contract"};
    out.push_back(
        {.noun = "freeze",
         .summary = "propose to stop an account, a contract or a method for some time",
         .details =
             "A security administrator or a regulator proposes, two voters decide, and from the next block on no "
             "path leads there, internal calls included. It ends by itself.",
         .arguments = {subject},
         .flags = with({method,
                        {.name = "blocks", .value = "N", .help = "for so many blocks (default: 10000)"},
                        {.name = "until", .value = "HEIGHT", .help = "up to this block, which is free again"},
                        {.name = "for-ever", .help = "retire it: by the majority of the organisations, never undone"}},
                       proposing_flags()),
         .examples = {{"cairn freeze 0x70997970C51812dc3A010C7d01b50e0d17dc79C8 --reason \"key leaked\" --from dev:8",
                       ""}},
         .run = freeze});
    out.push_back(
        {.noun = "unfreeze",
         .summary = "propose to end a freeze before its time",
         .arguments = {subject},
         .flags = with({method}, proposing_flags()),
         .examples = {{"cairn unfreeze 0x70997970C51812dc3A010C7d01b50e0d17dc79C8 --reason \"new key\" --from "
                       "dev:8",
                       ""}},
         .run = unfreeze});
}

void declare_label(CommandList& out) {
    const ArgumentSpec subject{"SUBJECT", "address of an account or contract, or digest of a record"};
    out.push_back({.noun = "label",
                   .verb = "show",
                   .summary = "show the security label of an account, contract or record",
                   .arguments = {subject},
                   .flags = rpc_flags(),
                   .examples = {{"cairn label show 0x70997970C51812dc3A010C7d01b50e0d17dc79C8", ""}},
                   .run = label_show});
    out.push_back(
        {.noun = "label",
         .verb = "set",
         .summary = "propose a security label",
         .details =
             "An account reaches what its label dominates: at least the level, and all compartments. Anything but "
             "raising a label is declassification, which takes longer.",
         .arguments = {subject, {"LEVEL", "0 to 255; 0 is open to all"}},
         .flags = with({{.name = "compartments", .value = "N,N...", .help = "numbers from 0 to 31 (default: none)"}},
                       proposing_flags()),
         .examples =
             {{"cairn label set 0x70997970C51812dc3A010C7d01b50e0d17dc79C8 2 --compartments 0,3 --reason \"audit "
               "team\" --from dev:8",
               ""}},
         .run = label_set});
}

} // namespace cairn::cli
