#include "base/errors/cli.hpp"
#include "cli/files.hpp"
#include "cli/governance.hpp"
#include "cli/key_commands.hpp"
#include "cli/keys_client.hpp"
#include "cli/keystore.hpp"
#include "cli/transact.hpp"

#include <ostream>

namespace cairn::cli {
namespace {

using codec::AbiValue;
using nlohmann::json;

Status prove(Invocation& invocation, RpcClient& rpc, const Address& account) {
    const auto out = invocation.flag("out");
    if (!out) return fail(error::CliUsage, "missing --out FILE\n" + usage_of(invocation.command()));
    CRN_TRY(key, new_key_of(invocation));
    CRN_TRY(proof, prove_possession(rpc, account, key));
    CRN_CHECK(write_file(*out, to_json(proof).dump(2) + "\n", Access::shared, Existing::replace));
    print_fields(invocation.terminal(),
                 {{"account", checksummed(account)}, {"new key", checksummed(proof.key)}, {"proof", *out}});
    return {};
}

Status propose(Invocation& invocation, RpcClient& rpc, const Address& account) {
    const auto file = invocation.flag("proof");
    if (!file) return fail(error::CliUsage, "missing --proof FILE\n" + usage_of(invocation.command()));
    CRN_TRY(text, read_file(*file));
    CRN_TRY(proof, possession_from_json(*file, text));
    if (proof.account != account)
        return fail(error::CliUsage, *file + " is for the account " + checksummed(proof.account));
    CRN_TRY(delay, invocation.number("delay", 100, 0, 10'000'000));
    CRN_TRY(call, reset_call(rpc, proof, delay));
    return propose_call(invocation, ledger::kKeysContract, std::move(call));
}

Status act(Invocation& invocation, RpcClient& rpc, std::string_view signature, const Address& account) {
    CRN_TRY(sender, choose_sender(invocation));
    CRN_TRY(receipt, send_keys(invocation, rpc, sender, signature, {account}));
    print_receipt(invocation, receipt);
    return {};
}

Status key_reset(Invocation& invocation) {
    const auto& action = invocation.argument(0);
    CRN_TRY(account, parse_address(invocation.argument(1)));
    CRN_TRY(rpc, open_rpc(invocation));
    if (action == "prove") return prove(invocation, rpc, account);
    if (action == "propose") return propose(invocation, rpc, account);
    if (action == "object") return act(invocation, rpc, ledger::kObjectReset, account);
    return act(invocation, rpc, "finishReset(address)", account);
}

} // namespace

void declare_key_reset(CommandList& out) {
    out.push_back(
        {.noun = "key",
         .verb = "reset",
         .summary = "give an account a new key when its own is lost or stopped",
         .details =
             "In this order: who holds the new key proves it (`prove`); an organisation's administrator proposes "
             "it, and others approve the proposal (cairn proposal approve) until more than half have; then the "
             "account is locked, and for DELAY blocks the old key can still `object`, which ends it; after that "
             "anybody may `finish` it. If the old key is in quarantine or compromised it cannot object, and DELAY "
             "may be 0.",
         .arguments = {{"ACTION", "the step", Need::one, {"prove", "propose", "object", "finish"}},
                       {"ACCOUNT", "the account; its address stays"}},
         .flags = joined(
             {{{.name = "out", .value = "FILE", .help = "prove: where the proof goes", .completes = Completes::file},
               {.name = "proof",
                .value = "FILE",
                .help = "propose: what prove has written",
                .completes = Completes::file},
               {.name = "delay", .value = "BLOCKS", .help = "propose: time to object (default: 100; at least 5)"}},
              new_key_flags(),
              proposing_flags()}),
         .examples = {{"cairn key reset prove 0x70997970C51812dc3A010C7d01b50e0d17dc79C8 --to-key-file new.key --out "
                       "proof.json",
                       ""},
                      {"cairn key reset propose 0x70997970C51812dc3A010C7d01b50e0d17dc79C8 --proof proof.json --reason "
                       "\"the old one is lost\" --key-file administrator.key",
                       ""},
                      {"cairn key reset finish 0x70997970C51812dc3A010C7d01b50e0d17dc79C8", "after the delay"}},
         .run = key_reset});
}

} // namespace cairn::cli
