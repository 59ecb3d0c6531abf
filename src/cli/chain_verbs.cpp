// Reading the chain: block show, tx send and show, rpc.
#include "base/errors/cli.hpp"
#include "base/errors/codec.hpp"
#include "cli/files.hpp"
#include "cli/invocation.hpp"
#include "cli/keystore.hpp"
#include "cli/rpc_client.hpp"
#include "cli/sender.hpp"
#include "cli/transact.hpp"

#include <algorithm>
#include <ctime>
#include <ostream>

namespace cairn::cli {
namespace {

using nlohmann::json;

std::string number_text(const json& object, const char* member) {
    if (!object.is_object() || !object.contains(member)) return "-";
    const auto value = quantity(object[member], member);
    return value ? to_decimal(*value) : "-";
}

std::string time_text(const json& value) {
    const auto seconds = quantity(value, "timestamp");
    if (!seconds || !seconds->fits_u64() || seconds->low() > 253'402'300'799u) return "-";
    const auto time = static_cast<std::time_t>(seconds->low());
    std::tm parts{};
    ::gmtime_r(&time, &parts);
    char text[40];
    std::strftime(text, sizeof text, "%Y-%m-%d %H:%M:%S UTC", &parts);
    return text;
}

/// Decimal number, quantity, or tag as JSON-RPC wants it.
Result<std::string> block_parameter(const std::string& text) {
    if (text.starts_with("0x") || (!text.empty() && !std::isdigit(static_cast<unsigned char>(text[0])))) return text;
    CRN_TRY(number, parse_number("the block", text, 0, UINT64_MAX));
    return to_quantity(number);
}

Status block_show(Invocation& invocation) {
    const auto wanted = invocation.arguments().empty() ? std::string{"latest"} : invocation.argument(0);
    CRN_TRY(rpc, open_rpc(invocation));
    const bool by_hash = wanted.size() == 66 && wanted.starts_with("0x");
    CRN_TRY(parameter, block_parameter(wanted));
    const bool full = invocation.has("transactions");
    CRN_TRY(block, rpc.call(by_hash ? "eth_getBlockByHash" : "eth_getBlockByNumber", {parameter, full}));
    if (!block.is_object()) return fail(error::CliNotFound, "block " + wanted + " at " + rpc.url());
    const auto& terminal = invocation.terminal();
    if (terminal.json) {
        terminal.out << block.dump(2) << '\n';
        return {};
    }
    const auto transactions = block.value("transactions", json::array());
    print_fields(terminal, {{"block", number_text(block, "number")},
                            {"hash", text_of(block, "hash")},
                            {"parent", text_of(block, "parentHash")},
                            {"time", time_text(block.value("timestamp", json{}))},
                            {"transactions", std::to_string(transactions.size())},
                            {"gas used", number_text(block, "gasUsed") + " of " + number_text(block, "gasLimit")},
                            {"state root", text_of(block, "stateRoot")}});
    if (full && !transactions.empty()) {
        terminal.out << '\n';
        Table table({"HASH", "FROM", "TO", ">NONCE", ">VALUE"});
        for (const auto& transaction : transactions) {
            const auto value = quantity(transaction.value("value", json{}), "value");
            const auto to = text_of(transaction, "to");
            table.row({text_of(transaction, "hash"), text_of(transaction, "from"), to.empty() ? "(creation)" : to,
                       number_text(transaction, "nonce"), value ? amount_text(*value) : "-"});
        }
        table.print(terminal);
    }
    return {};
}

Status tx_send(Invocation& invocation) {
    const auto to = invocation.flag("to");
    if (!to) return fail(error::CliUsage, "missing --to ADDRESS\n" + usage_of(invocation.command()));
    TransactionRequest request;
    CRN_TRY(address, parse_address(*to));
    request.to = address;
    CRN_TRY(value, parse_amount(invocation.flag_or("value", "0")));
    request.value = value;
    if (const auto data = invocation.flag("data")) {
        auto bytes = from_hex(*data);
        if (!bytes) return fail(error::HexInvalid, "--data");
        request.data = *std::move(bytes);
    }
    CRN_TRY(sender, choose_sender(invocation));
    CRN_TRY(rpc, open_rpc(invocation));
    CRN_TRY(receipt, transact(invocation, rpc, sender, std::move(request)));
    print_receipt(invocation, receipt);
    return {};
}

Status tx_show(Invocation& invocation) {
    const auto& hash = invocation.argument(0);
    if (!fixed_from_hex<Hash256>(hash)) return fail(error::HexInvalid, "\"" + hash + "\" is not a transaction hash");
    CRN_TRY(rpc, open_rpc(invocation));
    CRN_TRY(answers, rpc.batch({{"eth_getTransactionByHash", {hash}}, {"eth_getTransactionReceipt", {hash}}}));
    for (const auto& answer : answers)
        if (!answer) return std::unexpected(answer.error());
    const auto& transaction = *answers[0];
    const auto& receipt = *answers[1];
    if (!transaction.is_object()) return fail(error::CliNotFound, "transaction " + hash + " at " + rpc.url());
    const auto& terminal = invocation.terminal();
    if (terminal.json) {
        terminal.out << json{{"transaction", transaction}, {"receipt", receipt}}.dump(2) << '\n';
        return {};
    }
    const auto value = quantity(transaction.value("value", json{}), "value");
    const auto to = text_of(transaction, "to");
    std::vector<std::pair<std::string, std::string>> fields = {
        {"transaction", text_of(transaction, "hash")},
        {"status", !receipt.is_object()                  ? "waiting"
                   : text_of(receipt, "status") == "0x1" ? "final, success"
                                                         : "final, reverted"},
        {"from", text_of(transaction, "from")},
        {"to", to.empty() ? "(creation)" : to},
        {"nonce", number_text(transaction, "nonce")},
        {"value", value ? amount_text(*value) : "-"},
        {"data", std::to_string(std::max<std::size_t>(text_of(transaction, "input").size(), 2) / 2 - 1) + " bytes"}};
    if (receipt.is_object()) {
        fields.emplace_back("block", number_text(receipt, "blockNumber"));
        fields.emplace_back("gas used", number_text(receipt, "gasUsed"));
        if (const auto made = text_of(receipt, "contractAddress"); !made.empty()) fields.emplace_back("contract", made);
        fields.emplace_back("logs", std::to_string(receipt.value("logs", json::array()).size()));
    }
    print_fields(terminal, fields);
    return {};
}

Status rpc_call(Invocation& invocation) {
    json parameters = json::array();
    const auto& words = invocation.arguments();
    // One JSON array holds all parameters; otherwise each word is one: JSON where it parses, text where not.
    if (words.size() == 2 && words[1].starts_with('[')) {
        parameters = json::parse(words[1], nullptr, false);
        if (parameters.is_discarded()) return fail(error::CliUsage, "PARAMS is not valid JSON: " + words[1]);
    } else {
        for (std::size_t i = 1; i < words.size(); ++i) {
            auto value = json::parse(words[i], nullptr, false);
            parameters.push_back(value.is_discarded() ? json(words[i]) : std::move(value));
        }
    }
    CRN_TRY(rpc, open_rpc(invocation));
    CRN_TRY(result, rpc.call(words[0], std::move(parameters)));
    const auto& terminal = invocation.terminal();
    if (result.is_string() && !terminal.json)
        terminal.out << printable(result.get<std::string>()) << '\n';
    else
        terminal.out << result.dump(2) << '\n';
    return {};
}

} // namespace

void declare_block(CommandList& out) {
    auto flags = rpc_flags();
    flags.push_back({.name = "transactions", .letter = 't', .help = "list the block's transactions too"});
    out.push_back({.noun = "block",
                   .verb = "show",
                   .summary = "show one block",
                   .arguments = {{"BLOCK", "number, hash, or tag such as latest (default)", Need::optional, {}}},
                   .flags = std::move(flags),
                   .examples = {{"cairn block show latest", ""},
                                {"cairn block show 12 --transactions", "with its transactions"},
                                {"cairn block show --json | jq -r .stateRoot", "for programs"}},
                   .run = block_show});
}

void declare_tx(CommandList& out) {
    std::vector<FlagSpec> flags = {
        {.name = "to", .value = "ADDRESS", .help = "receiving account or contract (required)"},
        {.name = "value", .value = "AMOUNT", .help = "e.g. 1.5ether, 20gwei, 7 (wei; default: 0)"},
        {.name = "data", .value = "HEX", .help = "call data"},
    };
    for (const auto& list : {sender_flags(), transaction_flags(), rpc_flags()})
        flags.insert(flags.end(), list.begin(), list.end());
    out.push_back({.noun = "tx",
                   .verb = "send",
                   .summary = "sign a transaction, send it and wait until it is final",
                   .flags = std::move(flags),
                   .examples = {{"cairn tx send --to 0x70997970C51812dc3A010C7d01b50e0d17dc79C8 --value 1ether", ""},
                                {"cairn tx send --from dev:1 --to 0x70997970C51812dc3A010C7d01b50e0d17dc79C8 --async",
                                 "from another account of the development network, without waiting"}},
                   .run = tx_send});
    out.push_back({.noun = "tx",
                   .verb = "show",
                   .summary = "show a transaction and its receipt",
                   .arguments = {{"HASH", "0x and 64 hex digits"}},
                   .flags = rpc_flags(),
                   .examples = {{"cairn tx show 0x5c50...e060", "the hash that `tx send` printed"}},
                   .run = tx_show});
}

void declare_rpc(CommandList& out) {
    out.push_back({.noun = "rpc",
                   .summary = "call any JSON-RPC method and print its result",
                   .arguments = {{"METHOD", "e.g. eth_getLogs"},
                                 {"PARAMS", "one JSON array of all parameters, or one word for each", Need::any}},
                   .flags = rpc_flags(),
                   .examples = {{"cairn rpc eth_blockNumber", ""},
                                {"cairn rpc eth_getBlockByNumber latest false", "words"},
                                {"cairn rpc eth_getLogs '[{\"fromBlock\":\"earliest\"}]'", "one JSON array"}},
                   .run = rpc_call});
}

} // namespace cairn::cli
