#include "base/errors/cli.hpp"
#include "cli/files.hpp"
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

Status approve(Invocation& invocation, RpcClient& rpc, const Address& account) {
    const auto file = invocation.flag("proof");
    if (!file) return fail(error::CliUsage, "missing --proof FILE\n" + usage_of(invocation.command()));
    CRN_TRY(text, read_file(*file));
    CRN_TRY(proof, possession_from_json(*file, text));
    if (proof.account != account)
        return fail(error::CliUsage, *file + " is for the account " + checksummed(proof.account));
    CRN_TRY(delay, invocation.number("delay", 100, 0, 10'000'000));
    CRN_TRY(sender, choose_sender(invocation));
    AbiValue::List arguments{account, proof.key, delay};
    for (auto& value : signature_values(proof)) arguments.push_back(std::move(value));
    CRN_TRY(receipt, send_keys(invocation, rpc, sender, "approveReset(address,address,uint64,uint8,bytes32,bytes32)",
                               arguments));
    CRN_TRY(waiting, view_keys(rpc, "resetOf(address)", {account}, "(address,uint64)"));
    const bool decided = !waiting[0].as_address().is_zero();
    const auto& terminal = invocation.terminal();
    if (terminal.json)
        terminal.out << json{{"account", checksummed(account)},
                             {"new_key", checksummed(proof.key)},
                             {"decided", decided},
                             {"finish_at", decided ? json(waiting[1].number().low()) : json(nullptr)},
                             {"transaction", text_of(receipt, "transactionHash")}}
                            .dump(2)
                     << '\n';
    else
        print_fields(terminal,
                     {{"account", checksummed(account)},
                      {"new key", checksummed(proof.key)},
                      {"decided", decided ? "yes; the key can take over from block " + to_decimal(waiting[1].number())
                                          : "not yet: more than half of the organisations must approve the same"}});
    return {};
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
    if (action == "propose" || action == "approve") return approve(invocation, rpc, account);
    if (action == "object") return act(invocation, rpc, ledger::kObjectReset, account);
    return act(invocation, rpc, "finishReset(address)", account);
}

} // namespace

void declare_key_reset(CommandList& out) {
    out.push_back(
        {.noun = "key",
         .verb = "reset",
         .summary = "give an account a new key when its own is lost or stopped",
         .details = "In this order: who holds the new key proves it (`prove`); an organisation's administrator "
                    "proposes, others "
                    "approve (the same act) until more than half have; then the account is locked, and for DELAY "
                    "blocks the old "
                    "key can still `object`, which ends it; after that anybody may `finish` it. If the old key is in "
                    "quarantine "
                    "or compromised it cannot object, and DELAY may be 0.",
         .arguments = {{"ACTION", "the step", Need::one, {"prove", "propose", "approve", "object", "finish"}},
                       {"ACCOUNT", "the account; its address stays"}},
         .flags = joined(
             {{{.name = "out", .value = "FILE", .help = "prove: where the proof goes", .completes = Completes::file},
               {.name = "proof",
                .value = "FILE",
                .help = "propose, approve: what prove has written",
                .completes = Completes::file},
               {.name = "delay", .value = "BLOCKS", .help = "time to object (default: 100; at least 5)"}},
              new_key_flags(),
              sender_flags(),
              transaction_flags(),
              rpc_flags()}),
         .examples =
             {{"cairn key reset prove 0x70997970C51812dc3A010C7d01b50e0d17dc79C8 --to-key-file new.key --out "
               "proof.json",
               ""},
              {"cairn key reset propose 0x70997970C51812dc3A010C7d01b50e0d17dc79C8 --proof proof.json --key-file "
               "administrator.key",
               ""},
              {"cairn key reset finish 0x70997970C51812dc3A010C7d01b50e0d17dc79C8", "after the delay"}},
         .run = key_reset});
}

} // namespace cairn::cli
