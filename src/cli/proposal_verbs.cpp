#include "base/errors/cli.hpp"
#include "cli/governance.hpp"
#include "cli/invocation.hpp"
#include "cli/keystore.hpp"
#include "cli/proposals.hpp"
#include "cli/sender.hpp"
#include "cli/transact.hpp"
#include "system/addresses.hpp"
#include "system/system_contracts.hpp"

#include <algorithm>
#include <ostream>

namespace cairn::cli {
namespace {

using codec::AbiValue;
using nlohmann::json;

/// A proposal lapses long before so many others have followed it.
constexpr std::uint64_t kProposalsLookedAt = 500;
constexpr std::array<std::string_view, 7> kStates{"unknown",  "open",      "approved", "executed",
                                                  "rejected", "withdrawn", "expired"};
constexpr std::array<std::string_view, 11> kMatters{
    "membership", "parameters", "administrators",   "rules",      "rights", "policy",
    "freeze",     "labels",     "declassification", "retirement", "keys"};

template <class Names>
std::string name_in(const Names& names, const U256& number) {
    return number < U256{names.size()} ? std::string(names[number.low()]) : to_decimal(number);
}

/// The governed call in words: "IRoles.grant(address,uint8) (0x..., 4)".
std::string act_text(BytesView data) {
    if (data.size() < 4) return to_hex(data);
    const auto selector = to_hex(data.first(4));
    for (const auto& line : system::interface_lines()) {
        const auto at = line.find(" function ");
        if (at == std::string::npos || !line.ends_with(selector)) continue;
        const auto signature = line.substr(at + 10, line.find(" returns") - at - 10);
        const auto type = codec::parse_abi_type(signature.substr(signature.find('(')));
        const auto values =
            type ? codec::abi_decode(*type, data.subspan(4)) : Result<AbiValue::List>{fail(error::CliRpcInvalid)};
        if (!values) return signature;
        std::string out = signature.substr(0, signature.find('(')) + "(";
        for (std::size_t i = 0; i < values->size(); ++i) {
            const auto kind = type->parts[i].kind;
            const auto& value = (*values)[i];
            out += i == 0 ? "" : ", ";
            out += kind == codec::AbiKind::address                ? checksummed(value.as_address())
                   : kind == codec::AbiKind::string               ? "\"" + value.as_text() + "\""
                   : std::holds_alternative<Bytes>(value.content) ? to_hex(value.bytes())
                                                                  : to_decimal(value.number());
        }
        return out + ")";
    }
    return to_hex(data);
}

json document_of(const U256& id, const AbiValue::List& fields) {
    return {{"id", id.low()},
            {"proposer", checksummed(fields[0].as_address())},
            {"target", checksummed(fields[1].as_address())},
            {"data", to_hex(fields[2].bytes())},
            {"act", act_text(fields[2].bytes())},
            {"reason", fields[3].as_text()},
            {"matter", name_in(kMatters, fields[4].number())},
            {"state", name_in(kStates, fields[5].number())},
            {"created", fields[6].number().low()},
            {"expires", fields[7].number().low()},
            {"ready", fields[8].number().low()},
            {"approvals", fields[9].number().low()},
            {"approvals_needed", fields[10].number().low()},
            {"objections", fields[11].number().low()},
            {"objections_needed", fields[12].number().low()}};
}

Result<U256> id_argument(const Invocation& invocation) {
    CRN_TRY(id, parse_number("ID", invocation.argument(0), 1, UINT64_MAX));
    return U256{id};
}

Result<json> read_proposal(RpcClient& rpc, const U256& id) {
    CRN_TRY(values, read_contract(rpc, system::kProposalsAddress, "proposal(uint256)", {id}, kProposalOutputs));
    return document_of(id, values.front().list());
}

Status proposal_list(Invocation& invocation) {
    CRN_TRY(rpc, open_rpc(invocation));
    CRN_TRY(count, read_contract(rpc, system::kProposalsAddress, "count()", {}, "(uint256)"));
    const std::uint64_t last = count.front().number().low();
    CRN_TRY(limit, invocation.number("limit", 20, 1, 1000));
    json list = json::array();
    Table table({">ID", "MATTER", "STATE", "VOTES", "ACT", "REASON"});
    for (std::uint64_t id = last; id > 0 && list.size() < limit; --id) {
        CRN_TRY(one, read_proposal(rpc, U256{id}));
        const auto waits = one["state"] == "open" || one["state"] == "approved";
        if (!waits && !invocation.has("all")) continue;
        table.row({std::to_string(id), text_of(one, "matter"), text_of(one, "state"),
                   one["approvals"].dump() + "/" + one["approvals_needed"].dump(), text_of(one, "act"),
                   text_of(one, "reason")});
        list.push_back(std::move(one));
    }
    const auto& terminal = invocation.terminal();
    if (terminal.json)
        terminal.out << list.dump(2, ' ', false, json::error_handler_t::replace) << '\n';
    else if (list.empty())
        terminal.out << "No proposals wait for anything" << (invocation.has("all") ? "" : "; --all shows the others")
                     << ".\n";
    else
        table.print(terminal);
    return {};
}

Status proposal_show(Invocation& invocation) {
    CRN_TRY(id, id_argument(invocation));
    CRN_TRY(rpc, open_rpc(invocation));
    CRN_TRY(one, read_proposal(rpc, id));
    CRN_TRY(voters, read_contract(rpc, system::kProposalsAddress, "approvers(uint256)", {id}, "(address[])"));
    one["approved_by"] = json::array();
    std::string names;
    for (const auto& voter : voters.front().list()) {
        one["approved_by"].push_back(checksummed(voter.as_address()));
        names += (names.empty() ? "" : ", ") + checksummed(voter.as_address());
    }
    const auto& terminal = invocation.terminal();
    if (terminal.json) {
        terminal.out << one.dump(2, ' ', false, json::error_handler_t::replace) << '\n';
        return {};
    }
    print_fields(terminal, {{"proposal", to_decimal(id)},
                            {"matter", text_of(one, "matter")},
                            {"state", text_of(one, "state")},
                            {"act", text_of(one, "act")},
                            {"of contract", text_of(one, "target")},
                            {"reason", text_of(one, "reason")},
                            {"proposed by", text_of(one, "proposer")},
                            {"approvals", one["approvals"].dump() + " of " + one["approvals_needed"].dump() +
                                              (names.empty() ? "" : ": " + names)},
                            {"objections", one["objections"].dump() + " of " + one["objections_needed"].dump()},
                            {"executable from", one["ready"] == 0 ? "-" : "block " + one["ready"].dump()},
                            {"lapses after", "block " + one["expires"].dump()}});
    return {};
}

/// Sends one act on a proposal and shows what became of it.
Status act_on(Invocation& invocation, std::string_view signature, bool with_reason) {
    CRN_TRY(id, id_argument(invocation));
    AbiValue::List arguments{id};
    if (with_reason) {
        const auto reason = invocation.flag("reason");
        if (!reason) return fail(error::CliUsage, "missing --reason TEXT\n" + usage_of(invocation.command()));
        arguments.push_back(*reason);
    }
    CRN_TRY(rpc, open_rpc(invocation));
    CRN_TRY(receipt, send_call(invocation, rpc, system::kProposalsAddress, encode_call(signature, arguments)));
    CRN_TRY(one, read_proposal(rpc, id));
    one["transaction"] = text_of(receipt, "transactionHash");
    const auto& terminal = invocation.terminal();
    if (terminal.json) {
        terminal.out << one.dump(2, ' ', false, json::error_handler_t::replace) << '\n';
        return {};
    }
    print_fields(terminal, {{"proposal", to_decimal(id)},
                            {"act", text_of(one, "act")},
                            {"state", text_of(one, "state")},
                            {"approvals", one["approvals"].dump() + " of " + one["approvals_needed"].dump()}});
    if (!terminal.quiet && one["state"] == "approved")
        terminal.err << "Next: from block " << one["ready"].dump() << " on, cairn proposal execute " << to_decimal(id)
                     << "\n";
    return {};
}

Status proposal_approve(Invocation& invocation) { return act_on(invocation, "approve(uint256)", false); }
Status proposal_object(Invocation& invocation) { return act_on(invocation, "object(uint256,string)", true); }
Status proposal_withdraw(Invocation& invocation) { return act_on(invocation, "withdraw(uint256)", false); }
Status proposal_execute(Invocation& invocation) { return act_on(invocation, "execute(uint256)", false); }

} // namespace

Result<std::optional<ProposalView>> find_proposal(RpcClient& rpc, const Address& target, BytesView call) {
    CRN_TRY(count, read_contract(rpc, system::kProposalsAddress, "count()", {}, "(uint256)"));
    const auto last = count.front().number().low();
    for (auto id = last; id > 0 && last - id < kProposalsLookedAt; --id) {
        CRN_TRY(values,
                read_contract(rpc, system::kProposalsAddress, "proposal(uint256)", {U256{id}}, kProposalOutputs));
        const auto& fields = values.front().list();
        const auto state = static_cast<ProposalState>(fields[5].number().low());
        if (fields[1].as_address() != target || !std::ranges::equal(fields[2].bytes(), call)) continue;
        if (state == ProposalState::open || state == ProposalState::approved || state == ProposalState::executed)
            return ProposalView{.id = id,
                                .state = state,
                                .ready = fields[8].number().low(),
                                .approvals = fields[9].number().low(),
                                .needed = fields[10].number().low()};
    }
    return std::nullopt;
}

void declare_proposal(CommandList& out) {
    const ArgumentSpec id{"ID", "number of the proposal"};
    auto acting = proposing_flags();
    acting.erase(acting.begin()); // the reason
    auto listing = rpc_flags();
    listing.insert(listing.begin(), {.name = "all", .help = "also those that are decided, withdrawn or lapsed"});
    listing.insert(listing.begin() + 1, {.name = "limit", .value = "N", .help = "at most so many (default: 20)"});
    out.push_back({.noun = "proposal",
                   .verb = "list",
                   .summary = "list what waits for a decision",
                   .flags = std::move(listing),
                   .examples = {{"cairn proposal list", ""}, {"cairn proposal list --all --json", ""}},
                   .run = proposal_list});
    out.push_back({.noun = "proposal",
                   .verb = "show",
                   .summary = "show one proposal, what it would do and who approves it",
                   .arguments = {id},
                   .flags = rpc_flags(),
                   .examples = {{"cairn proposal show 3", ""}},
                   .run = proposal_show});
    out.push_back({.noun = "proposal",
                   .verb = "approve",
                   .summary = "approve a proposal; the approval that is enough decides it",
                   .details =
                       "Organisations vote with their administrator's account, security administrators with their "
                       "own, where the matter lets them.",
                   .arguments = {id},
                   .flags = acting,
                   .examples = {{"cairn proposal approve 3 --key-file Alpha/administrator.key", ""},
                                {"cairn proposal approve 3 --from org:alpha", "in a development network"}},
                   .run = proposal_approve});
    out.push_back(
        {.noun = "proposal",
         .verb = "object",
         .summary = "object to a proposal; more than a third of the organisations stop it",
         .arguments = {id},
         .flags = proposing_flags(),
         .examples = {{"cairn proposal object 3 --reason \"not agreed\" --key-file Alpha/administrator.key", ""}},
         .run = proposal_object});
    out.push_back({.noun = "proposal",
                   .verb = "withdraw",
                   .summary = "take your own proposal back",
                   .arguments = {id},
                   .flags = acting,
                   .examples = {{"cairn proposal withdraw 3", ""}},
                   .run = proposal_withdraw});
    out.push_back({.noun = "proposal",
                   .verb = "execute",
                   .summary = "carry out an approved proposal when its delay is over",
                   .arguments = {id},
                   .flags = acting,
                   .examples = {{"cairn proposal execute 3 --from org:alpha", ""}},
                   .run = proposal_execute});
}

} // namespace cairn::cli
