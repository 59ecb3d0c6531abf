// Who votes: reading the sets of validators, and proposing changes. They take effect with the epoch that begins a few blocks after the
// decision is carried out.
#include "cli/validator_verbs.hpp"
#include "base/errors/cli.hpp"
#include "base/errors/ledger.hpp"
#include "cli/files.hpp"
#include "cli/governance.hpp"
#include "cli/known_chain.hpp"
#include "cli/organisation.hpp"
#include "cli/voting_key_proof.hpp"
#include "system/addresses.hpp"

#include <algorithm>
#include <ostream>

namespace cairn::cli {
namespace {

using nlohmann::json;
using system::kMembersAddress;

Status validator_list(Invocation& invocation) {
    CRN_TRY(rpc, open_rpc(invocation));
    json asked = json::array();
    if (invocation.flag("epoch")) {
        CRN_TRY(epoch, invocation.number("epoch", 0, 0, UINT64_MAX));
        asked.push_back(to_quantity(epoch));
    }
    CRN_TRY(set, rpc.call("cairn_getValidators", asked));
    const auto& terminal = invocation.terminal();
    if (terminal.json) {
        terminal.out << set.dump(2, ' ', false, json::error_handler_t::replace) << '\n';
        return {};
    }
    if (!set.is_object() || !set.contains("members") || !set["members"].is_array())
        return fail(error::CliRpcInvalid, rpc.url() + " does not tell its validators");
    CRN_TRY(epoch, quantity_u64(set.value("epoch", json{}), "the epoch"));
    CRN_TRY(quorum, quantity_u64(set.value("quorum", json{}), "the quorum"));
    terminal.out << "Epoch " << epoch << ": " << set["members"].size() << " validators, quorum " << quorum << "\n\n";
    Table table({"VALIDATOR", "ORGANISATION", "ALGORITHM", "VOTING KEY", "ADDRESS"});
    for (const auto& member : set["members"])
        table.row({text_of(member, "name"), text_of(member, "organisation"), text_of(member, "algorithm"),
                   text_of(member, "publicKey"), text_of(member, "address")});
    table.print(terminal);
    return {};
}

/// What the node tells is checked now if --genesis is given, and by whoever uses the file in any case.
Status validator_handovers(Invocation& invocation) {
    const auto out = invocation.flag("out");
    if (!out) return fail(error::CliUsage, "missing --out FILE\n" + usage_of(invocation.command()));
    CRN_TRY(rpc, open_rpc(invocation));
    CRN_TRY(chain, fetch_handovers(rpc));
    const auto text = ledger::to_json(chain);
    if (const auto file = invocation.flag("genesis")) {
        CRN_TRY(genesis_text, read_file(*file, ledger::kGenesisBytesMax));
        CRN_TRY(genesis, ledger::genesis_from_json(genesis_text));
        CRN_CHECK(ledger::verify_signatures(genesis));
        CRN_TRY(epochs, ledger::follow_handovers(genesis, chain));
        static_cast<void>(epochs);
    }
    CRN_CHECK(write_file(*out, text, Access::shared, Existing::replace));
    const auto& terminal = invocation.terminal();
    if (terminal.json)
        terminal.out
            << json{{"handovers", chain.handovers.size()}, {"genesis", to_hex(chain.genesis)}, {"file", *out}}.dump(2)
            << '\n';
    else
        print_fields(terminal, {{"handovers", std::to_string(chain.handovers.size())},
                                {"checked", invocation.has("genesis") ? "each, from genesis on" : "no: give --genesis"},
                                {"file", *out}});
    return {};
}

Result<VotingKeyProof> proof_for(const Invocation& invocation, const std::string& validator) {
    const auto file = invocation.flag("proof");
    if (!file) return fail(error::CliUsage, "missing --proof FILE\n" + usage_of(invocation.command()));
    CRN_TRY(proof, read_voting_key_proof(absolute(*file)));
    if (proof.validator != validator)
        return fail(error::CliPrecondition, *file + " is the proof of a key of " + proof.validator);
    return proof;
}

Result<Invitation> read_invitation(const std::string& path) {
    CRN_TRY(text, read_file(path));
    return invitation_from_json(text, std::chrono::duration_cast<std::chrono::seconds>(system_clock().wall()).count());
}

Status validator_replace_key(Invocation& invocation) {
    CRN_TRY(proof, proof_for(invocation, invocation.argument(0)));
    return propose_call(invocation, kMembersAddress,
                        encode_call("replaceValidatorKey(string,bytes32,uint8,bytes)",
                                    {proof.validator, *Hash256::from(proof.key.bytes),
                                     static_cast<std::uint8_t>(proof.key.algorithm), to_bytes(proof.claim)}));
}

Status validator_add(Invocation& invocation) {
    CRN_TRY(invitation, read_invitation(invocation.argument(0)));
    const auto& name = invocation.argument(1);
    CRN_TRY(proof, proof_for(invocation, name));
    const auto found = std::ranges::find(invitation.validators, name, &ledger::Validator::name);
    if (found == invitation.validators.end())
        return fail(error::CliPrecondition, invocation.argument(0) + " has no validator " + name);
    if (found->key != proof.key)
        return fail(error::CliPrecondition, "the proof is of another key than " + invocation.argument(0) + " says");
    return propose_call(
        invocation, kMembersAddress,
        encode_call("addValidator(string,string,bytes32,uint8,bytes,string)",
                    {name, found->organisation, *Hash256::from(proof.key.bytes),
                     static_cast<std::uint8_t>(proof.key.algorithm), to_bytes(proof.claim), found->address}));
}

Status validator_remove(Invocation& invocation) {
    return propose_call(invocation, kMembersAddress, encode_call("removeValidator(string)", {invocation.argument(0)}));
}

Status org_admit(Invocation& invocation) {
    CRN_TRY(invitation, read_invitation(invocation.argument(0)));
    const auto& one = invitation.organisation;
    return propose_call(
        invocation, kMembersAddress,
        encode_call("addOrganisation(string,address,bytes32,string)",
                    {one.name, one.account, *Hash256::from(BytesView{one.signing_key}), one.ca_certificate_pem}));
}

Status org_expel(Invocation& invocation) {
    return propose_call(invocation, kMembersAddress,
                        encode_call("removeOrganisation(string)", {invocation.argument(0)}));
}

} // namespace

void declare_validator(CommandList& out) {
    auto list_flags = rpc_flags();
    list_flags.push_back({.name = "epoch", .value = "N", .help = "of this epoch (default: the present one)"});
    out.push_back({.noun = "validator",
                   .verb = "list",
                   .summary = "show who votes",
                   .flags = list_flags,
                   .examples = {{"cairn validator list", ""}, {"cairn validator list --epoch 0 --json", ""}},
                   .run = validator_list});
    auto handover_flags = rpc_flags();
    handover_flags.insert(handover_flags.begin(), {{.name = "out",
                                                    .value = "FILE",
                                                    .help = "where to (required); an older file is replaced",
                                                    .completes = Completes::file},
                                                   {.name = "genesis",
                                                    .value = "GENESIS",
                                                    .help = "check each handover from this genesis file on",
                                                    .completes = Completes::file}});
    out.push_back({.noun = "validator",
                   .verb = "handovers",
                   .summary = "save how each set of validators handed over to the next, for auditors",
                   .details =
                       "The validators change while the chain runs, and the genesis file names the first alone. Who "
                       "checks evidence or an audit log without a node takes this file with --handovers, beside the "
                       "genesis file. Any node has it, and no node has to be trusted: the last block of each epoch "
                       "names the next set and is signed by a quorum of the set before, from genesis on. A file is "
                       "good up to the epoch in which it was saved.",
                   .flags = handover_flags,
                   .examples = {{"cairn validator handovers --out handovers.json --genesis genesis.json", ""}},
                   .run = validator_handovers});
    auto key_flags = proposing_flags();
    key_flags.push_back({.name = "proof",
                         .value = "FILE",
                         .help = "that the new key is its validator's: from `cairn signer voting-key` or `prove-key` "
                                 "(required)",
                         .completes = Completes::file});
    out.push_back(
        {.noun = "validator",
         .verb = "replace-key",
         .summary = "propose to replace the key with which a validator votes",
         .details =
             "The organisations decide by majority (`cairn proposal approve`, `cairn proposal execute`). A few blocks "
             "later an epoch begins with the new set. Make the key and name its file in the node's configuration "
             "first.",
         .arguments = {{"NAME", "of the validator"}},
         .flags = key_flags,
         .examples =
             {{"cairn validator replace-key alpha-1 --proof next.sealed.proof --reason \"rotation\" --from dev:0", ""}},
         .run = validator_replace_key});
    out.push_back(
        {.noun = "validator",
         .verb = "add",
         .summary = "propose a validator of an organisation that is on the chain",
         .details =
             "The organisations decide by majority (`cairn proposal approve`, `cairn proposal execute`). A few blocks "
             "later an epoch begins with the new set. Its node, started with `join = true`, follows the chain from "
             "then on and votes.",
         .arguments = {{"FILE", "organisation.json of its organisation", Need::one, {}, Completes::file},
                       {"NAME", "of the validator in that file"}},
         .flags = key_flags,
         .examples = {{"cairn validator add Epsilon/organisation.json epsilon-1 --proof epsilon-1.proof --reason \"as "
                       "agreed\" --from "
                       "dev:0",
                       ""}},
         .run = validator_add});
    out.push_back(
        {.noun = "validator",
         .verb = "remove",
         .summary = "propose to remove a validator",
         .details =
             "The organisations decide by majority (`cairn proposal approve`, `cairn proposal execute`). A few blocks "
             "later an epoch begins with the new set. The removed node stops with a code that says so.",
         .arguments = {{"NAME", "of the validator"}},
         .flags = proposing_flags(),
         .examples = {{"cairn validator remove delta-1 --reason \"left\" --from dev:0", ""}},
         .run = validator_remove});
    out.push_back(
        {.noun = "org",
         .verb = "admit",
         .summary = "propose to admit an organisation to a network that runs",
         .details = "The organisations decide by majority. Its validators are proposed one by one afterwards.",
         .arguments = {{"FILE", "its organisation.json, from `cairn org init`", Need::one, {}, Completes::file}},
         .flags = proposing_flags(),
         .examples = {{"cairn org admit Epsilon/organisation.json --reason \"as agreed\" --from dev:0", ""}},
         .run = org_admit});
    out.push_back(
        {.noun = "org",
         .verb = "expel",
         .summary = "propose to remove an organisation and its validators",
         .details =
             "The organisations decide by majority (`cairn proposal approve`, `cairn proposal execute`). A few blocks "
             "later an epoch begins with the new set.",
         .arguments = {{"NAME", "of the organisation"}},
         .flags = proposing_flags(),
         .examples = {{"cairn org expel Delta --reason \"left\" --from dev:0", ""}},
         .run = org_expel});
}

} // namespace cairn::cli
