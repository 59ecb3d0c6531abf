#include "cli/governance.hpp"

#include "base/errors/cli.hpp"
#include "cli/invocation.hpp"
#include "cli/keystore.hpp"
#include "cli/sender.hpp"
#include "cli/transact.hpp"
#include "system/system_contracts.hpp"

#include <ostream>

namespace cairn::cli {
namespace {

using codec::AbiValue;
using nlohmann::json;

constexpr std::array<std::string_view, 7> kStates{"unknown",  "open",      "approved", "executed",
                                                  "rejected", "withdrawn", "expired"};

std::string value_text(const codec::AbiType& type, const AbiValue& value) {
    switch (type.kind) {
    case codec::AbiKind::address: return checksummed(value.as_address());
    case codec::AbiKind::string: return value.as_text();
    case codec::AbiKind::fixed_bytes:
    case codec::AbiKind::bytes: return to_hex(value.bytes());
    default: return to_decimal(value.number());
    }
}

/// Errors of all system contracts by selector: from the same list as contracts/interfaces.txt.
const std::map<Bytes, std::string>& known_errors() {
    static const std::map<Bytes, std::string> errors = [] {
        std::map<Bytes, std::string> out;
        for (const auto& line : system::interface_lines()) {
            const auto at = line.find(" error ");
            if (at == std::string::npos) continue;
            const auto end = line.rfind(' ');
            out.emplace(from_hex(line.substr(end + 1)).value(), line.substr(at + 7, end - at - 7));
        }
        return out;
    }();
    return errors;
}

} // namespace

Bytes encode_call(std::string_view signature, const AbiValue::List& arguments) {
    const auto selector = ledger::selector_of(signature);
    Bytes out{selector.begin(), selector.end()};
    append(out, codec::abi_encode(signature.substr(signature.find('(')), arguments).value());
    return out;
}

std::string explain_revert(BytesView data) {
    if (data.size() < 4) return "reverted without a reason";
    const auto arguments = data.subspan(4);
    if (const auto text = codec::abi_decode("(string)", arguments);
        text && to_hex(data.first(4)) == to_hex(ledger::selector_of("Error(string)")))
        return text->front().as_text();
    const auto found = known_errors().find(to_bytes(data.first(4)));
    if (found == known_errors().end()) return "reverted with " + to_hex(data);
    const auto& signature = found->second;
    const auto name = signature.substr(0, signature.find('('));
    const auto type = codec::parse_abi_type(signature.substr(name.size()));
    const auto values = type ? codec::abi_decode(*type, arguments) : Result<AbiValue::List>{fail(error::CliRpcInvalid)};
    if (!values) return signature;
    std::string out = name + "(";
    for (std::size_t i = 0; i < values->size(); ++i)
        out += (i == 0 ? "" : ", ") + value_text(type->parts[i], (*values)[i]);
    return out + ")";
}

std::unexpected<Error> explained(Error error, const RpcClient& rpc) {
    const auto reverted = from_hex(rpc.revert_data());
    if (reverted && reverted->size() >= 4 && known_errors().contains(to_bytes(BytesView{*reverted}.first(4))))
        error.detail = explain_revert(*reverted);
    return std::unexpected(std::move(error));
}

Result<AbiValue::List> read_contract(RpcClient& rpc, const Address& contract, std::string_view signature,
                                     const AbiValue::List& arguments, std::string_view outputs) {
    const auto data = to_hex(encode_call(signature, arguments));
    auto answer = rpc.call("eth_call", {{{"to", to_hex(contract)}, {"data", data}, {"input", data}}, "latest"});
    if (!answer) return explained(answer.error(), rpc);
    const auto bytes = answer->is_string() ? from_hex(answer->get<std::string>()) : std::nullopt;
    if (!bytes || bytes->empty())
        return fail(error::CliRpcInvalid, rpc.url() + " has no such system contract: it is not a Cairn node");
    return codec::abi_decode(outputs, *bytes);
}

Result<json> send_call(const Invocation& invocation, RpcClient& rpc, const Address& contract, Bytes data) {
    CRN_TRY(sender, choose_sender(invocation));
    TransactionRequest request;
    request.to = contract;
    request.data = std::move(data);
    return transact(invocation, rpc, sender, std::move(request));
}

Result<json> send_proposal(const Invocation& invocation, RpcClient& rpc, const Address& contract, Bytes data,
                           const std::string& reason) {
    return send_call(invocation, rpc, system::kProposalsAddress,
                     encode_call("propose(address,bytes,string)", {contract, std::move(data), reason}));
}

std::optional<U256> proposal_in(const json& receipt) {
    const auto topic = to_hex(ledger::event_topic("Proposed(uint256,address,address,uint8,bytes,string)"));
    for (const auto& log : receipt.value("logs", json::array()))
        if (log.contains("topics") && log["topics"].size() == 4 && log["topics"][0] == topic)
            if (const auto word = fixed_from_hex<Hash256>(log["topics"][1].get<std::string>()))
                return from_big_endian(*word);
    return std::nullopt;
}

Status propose_call(const Invocation& invocation, const Address& contract, Bytes data) {
    const auto reason = invocation.flag("reason");
    if (!reason) return fail(error::CliUsage, "missing --reason TEXT\n" + usage_of(invocation.command()));
    CRN_TRY(rpc, open_rpc(invocation));
    CRN_TRY(receipt, send_proposal(invocation, rpc, contract, std::move(data), *reason));
    const auto& terminal = invocation.terminal();
    const auto id = proposal_in(receipt);
    if (!id) { // --async
        print_receipt(invocation, receipt);
        return {};
    }
    CRN_TRY(told, read_contract(rpc, system::kProposalsAddress, "proposal(uint256)", {*id},
                                "((address,address,bytes,string,uint8,uint8,uint256,uint256,uint256,uint256,uint256,"
                                "uint256,uint256))"));
    const auto& fields = told.front().list();
    const auto state = kStates[std::min<std::uint64_t>(fields[5].number().low(), kStates.size() - 1)];
    if (terminal.json) {
        terminal.out << json{{"proposal", id->low()},
                             {"state", state},
                             {"approvals", fields[9].number().low()},
                             {"needed", fields[10].number().low()},
                             {"transaction", text_of(receipt, "transactionHash")}}
                            .dump(2)
                     << '\n';
        return {};
    }
    print_fields(terminal, {{"proposal", to_decimal(*id)},
                            {"state", std::string(state)},
                            {"approvals", to_decimal(fields[9].number()) + " of " + to_decimal(fields[10].number())}});
    if (!terminal.quiet && state == "open")
        terminal.err << "Next: another voter runs cairn proposal approve " << to_decimal(*id) << "\n";
    return {};
}

std::vector<FlagSpec> proposing_flags() {
    std::vector<FlagSpec> flags = {
        {.name = "reason", .value = "TEXT", .help = "why, for those who decide; kept on the chain (required)"}};
    for (const auto& list : {sender_flags(), transaction_flags(), rpc_flags()})
        flags.insert(flags.end(), list.begin(), list.end());
    return flags;
}

Result<ledger::Selector> parse_method(std::string_view text) {
    if (const auto open = text.find('('); open != std::string_view::npos && open > 0) {
        const auto type = codec::parse_abi_type(text.substr(open));
        if (type && type->text() == text.substr(open)) return ledger::selector_of(text);
    } else if (const auto bytes = from_hex(text); bytes && bytes->size() == 4) {
        ledger::Selector out{};
        std::copy(bytes->begin(), bytes->end(), out.begin());
        return out;
    }
    return fail(error::CliUsage, "\"" + std::string(text) +
                                     "\" is not a method: 0x and 8 hex digits, or a signature like "
                                     "transfer(address,uint256)");
}

} // namespace cairn::cli
