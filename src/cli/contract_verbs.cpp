#include "base/errors/cli.hpp"
#include "cli/files.hpp"
#include "cli/governance.hpp"
#include "cli/interface.hpp"
#include "cli/invocation.hpp"
#include "cli/keystore.hpp"
#include "cli/rpc_client.hpp"
#include "cli/sender.hpp"
#include "cli/transact.hpp"

#include <ostream>

namespace cairn::cli {
namespace {

using nlohmann::json;

Result<Artefact> load_artefact(const std::string& path) {
    CRN_TRY(text, read_file(path));
    auto artefact = parse_artefact(text);
    if (!artefact) return fail(artefact.error().code, path + ": " + artefact.error().detail);
    return artefact;
}

Result<Artefact> artefact_of(const Invocation& invocation) {
    const auto path = invocation.flag("abi");
    if (!path) return fail(error::CliUsage, "missing --abi FILE\n" + usage_of(invocation.command()));
    return load_artefact(*path);
}

/// A revert's bytes are put into words with the contract's own errors, unless the chain's rules refused.
std::unexpected<Error> explained(Error error, const RpcClient& rpc, const Artefact& artefact) {
    if (auto told = explained(error, rpc); told.error().detail.starts_with("PolicyDenied(")) return told;
    if (error.code == error::CliReverted)
        if (const auto data = from_hex(rpc.revert_data())) error.detail = explain_revert(artefact, *data);
    return std::unexpected(std::move(error));
}

Result<U256> value_of(const Invocation& invocation, const Function& function) {
    CRN_TRY(value, parse_amount(invocation.flag_or("value", "0")));
    if (value && !function.payable)
        return fail(error::CliAbiArgument,
                    (function.name.empty() ? "the constructor" : function.signature()) + " takes no value");
    return value;
}

Status contract_deploy(Invocation& invocation) {
    CRN_TRY(artefact, load_artefact(invocation.argument(0)));
    if (artefact.bytecode.empty())
        return fail(error::CliFileInvalid,
                    invocation.argument(0) + ": no bytecode (an interface or abstract contract?)");
    const auto& words = invocation.arguments();
    CRN_TRY(arguments, encode_arguments(artefact.constructor, {words.begin() + 1, words.end()}));
    TransactionRequest request;
    request.data = artefact.bytecode;
    append(request.data, arguments);
    CRN_TRY(value, value_of(invocation, artefact.constructor));
    request.value = value;
    CRN_TRY(sender, choose_sender(invocation));
    CRN_TRY(rpc, open_rpc(invocation));
    auto receipt = transact(invocation, rpc, sender, std::move(request));
    if (!receipt) return explained(receipt.error(), rpc, artefact);
    print_receipt(invocation, *receipt);
    return {};
}

struct Target {
    Address address;
    Artefact artefact;
    const Function* function = nullptr;
    std::vector<std::string> words;
};

Result<Target> target_of(const Invocation& invocation) {
    const auto& words = invocation.arguments();
    CRN_TRY(address, parse_address(words[0]));
    CRN_TRY(artefact, artefact_of(invocation));
    Target target{address, std::move(artefact), nullptr, {words.begin() + 2, words.end()}};
    return target;
}

Status contract_call(Invocation& invocation) {
    CRN_TRY(target, target_of(invocation));
    CRN_TRY(function, find_function(target.artefact, invocation.argument(1), target.words.size()));
    CRN_TRY(data, encode_call(*function, target.words));
    CRN_TRY(rpc, open_rpc(invocation));
    json call = {{"to", to_hex(target.address)}, {"input", to_hex(data)}, {"data", to_hex(data)}};
    if (const auto from = invocation.flag("from")) {
        CRN_TRY(address, parse_address(*from));
        call["from"] = to_hex(address);
    }
    auto answer = rpc.call("eth_call", {call, invocation.flag_or("block", "latest")});
    if (!answer) return explained(answer.error(), rpc, target.artefact);
    const auto bytes = answer->is_string() ? from_hex(answer->get<std::string>()) : std::nullopt;
    if (!bytes) return fail(error::CliRpcInvalid, "eth_call gave no bytes");
    if (bytes->empty() && !function->outputs.empty())
        return fail(error::CliNotFound, "no contract answers at " + checksummed(target.address));
    CRN_TRY(values, decode_outputs(*function, *bytes));
    const auto& terminal = invocation.terminal();
    if (terminal.json) {
        terminal.out << (values.size() == 1 ? values[0] : values).dump(2) << '\n';
        return {};
    }
    for (const auto& value : values)
        terminal.out << (value.is_string() ? printable(value.get<std::string>()) : value.dump()) << '\n';
    return {};
}

Status contract_send(Invocation& invocation) {
    CRN_TRY(target, target_of(invocation));
    CRN_TRY(function, find_function(target.artefact, invocation.argument(1), target.words.size()));
    TransactionRequest request;
    request.to = target.address;
    CRN_TRY(data, encode_call(*function, target.words));
    request.data = std::move(data);
    CRN_TRY(value, value_of(invocation, *function));
    request.value = value;
    CRN_TRY(sender, choose_sender(invocation));
    CRN_TRY(rpc, open_rpc(invocation));
    // A call to an address without code succeeds and does nothing: never what was meant.
    CRN_TRY(code, rpc.call("eth_getCode", {to_hex(target.address), "latest"}));
    if (code == "0x") return fail(error::CliNotFound, "no contract at " + checksummed(target.address));
    auto receipt = transact(invocation, rpc, sender, std::move(request));
    if (!receipt) return explained(receipt.error(), rpc, target.artefact);
    print_receipt(invocation, *receipt);
    return {};
}

} // namespace

void declare_contract(CommandList& out) {
    const FlagSpec value{.name = "value", .value = "AMOUNT", .help = "sent with it, e.g. 1.5ether (default: 0)"};
    const FlagSpec abi{.name = "abi",
                       .value = "FILE",
                       .help = "the contract's ABI: artefact of solc or Hardhat (required)",
                       .completes = Completes::file};
    const auto joined = [](std::vector<FlagSpec> flags, std::initializer_list<std::vector<FlagSpec>> lists) {
        for (const auto& list : lists) flags.insert(flags.end(), list.begin(), list.end());
        return flags;
    };
    const ArgumentSpec arguments{"ARGUMENT", "value; JSON for arrays and tuples", Need::any};
    out.push_back({.noun = "contract",
                   .verb = "deploy",
                   .summary = "deploy a contract from a compiled artefact",
                   .details =
                       "ARTEFACT is JSON with `abi` and `bytecode` (Hardhat, solcjs) or `evm.bytecode.object` (solc's "
                       "standard output).",
                   .arguments = {{"ARTEFACT", "compiled contract", Need::one, {}, Completes::file}, arguments},
                   .flags = joined({value}, {sender_flags(), transaction_flags(), rpc_flags()}),
                   .examples = {{"cairn contract deploy Token.json", ""},
                                {"cairn contract deploy Registry.json \"Land registry\" '[1,2,3]'",
                                 "with arguments of the constructor"}},
                   .run = contract_deploy});
    std::vector<FlagSpec> call_flags = {
        abi,
        {.name = "from", .value = "ADDRESS", .help = "whom the call claims to come from"},
        {.name = "block", .value = "BLOCK", .help = "state of this block: hex number or tag (default: latest)"}};
    out.push_back({.noun = "contract",
                   .verb = "call",
                   .summary = "read from a contract",
                   .arguments = {{"ADDRESS", "the contract"},
                                 {"FUNCTION", "name, or signature where names are shared"},
                                 arguments},
                   .flags = joined(call_flags, {rpc_flags()}),
                   .examples = {{"cairn contract call 0x5FbDB2315678afecb367f032d93F642f64180aa3 balanceOf "
                                 "0x70997970C51812dc3A010C7d01b50e0d17dc79C8 --abi Token.json",
                                 ""}},
                   .run = contract_call});
    out.push_back({.noun = "contract",
                   .verb = "send",
                   .summary = "change a contract: send a transaction and wait until it is final",
                   .arguments = {{"ADDRESS", "the contract"},
                                 {"FUNCTION", "name, or signature where names are shared"},
                                 arguments},
                   .flags = joined({abi, value}, {sender_flags(), transaction_flags(), rpc_flags()}),
                   .examples = {{"cairn contract send 0x5FbDB2315678afecb367f032d93F642f64180aa3 transfer "
                                 "0x70997970C51812dc3A010C7d01b50e0d17dc79C8 1000 --abi Token.json",
                                 ""}},
                   .run = contract_send});
}

} // namespace cairn::cli
