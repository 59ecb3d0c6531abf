#include "cli/transact.hpp"

#include "base/errors/cli.hpp"
#include "cli/governance.hpp"
#include "cli/invocation.hpp"
#include "cli/keystore.hpp"
#include "ledger/transaction.hpp"

#include <algorithm>
#include <thread>

namespace cairn::cli {
namespace {

using nlohmann::json;

json call_object(const Sender& sender, const TransactionRequest& request) {
    json call = {{"from", to_hex(sender.address)}, {"value", to_quantity(request.value)}};
    if (!request.data.empty()) {
        call["input"] = to_hex(request.data);
        call["data"] = call["input"]; // older nodes know only this name
    }
    if (request.to) call["to"] = to_hex(*request.to);
    return call;
}

U256 power_of_ten(unsigned exponent) {
    U256 out{1};
    for (unsigned i = 0; i < exponent; ++i) out = out * U256{10};
    return out;
}

} // namespace

std::vector<FlagSpec> transaction_flags() {
    return {
        {.name = "gas", .value = "N", .help = "gas limit (default: the node's estimate and a fifth more)"},
        {.name = "nonce", .value = "N", .help = "nonce (default: the account's next one)"},
        {.name = "async", .help = "print the transaction's hash and do not wait"},
        {.name = "timeout", .value = "SECONDS", .help = "how long to wait for finality (default: 30)"},
    };
}

Result<Hash256> submit(RpcClient& rpc, const Sender& sender, TransactionRequest request) {
    const auto from = to_hex(sender.address);
    std::vector<RpcCall> calls = {{"eth_chainId"},
                                  {"eth_getTransactionCount", {from, "pending"}},
                                  {"eth_getBlockByNumber", {"latest", false}},
                                  {"eth_maxPriorityFeePerGas"}};
    if (!request.gas) calls.push_back({"eth_estimateGas", json::array({call_object(sender, request)})});
    CRN_TRY(answers, rpc.batch(calls));
    for (std::size_t i = 0; i < answers.size(); ++i) {
        if (i == 3 || answers[i]) continue; // a node without tips is fine
        // The contract's revert bytes of an estimate come with a call of its own.
        if (i == 4 && answers[i].error().code == error::CliReverted)
            CRN_CHECK(rpc.call("eth_call", {call_object(sender, request), "latest"}));
        return std::unexpected(answers[i].error());
    }
    ledger::Transaction transaction;
    transaction.type = ledger::TransactionType::dynamic_fee;
    CRN_TRY(chain_id, quantity(*answers[0], "the chain id"));
    transaction.chain_id = chain_id;
    CRN_TRY(next_nonce, quantity_u64(*answers[1], "the nonce"));
    transaction.nonce = request.nonce.value_or(next_nonce);
    U256 base_fee;
    if (answers[2]->is_object() && answers[2]->contains("baseFeePerGas")) {
        CRN_TRY(fee, quantity((*answers[2])["baseFeePerGas"], "the base fee"));
        base_fee = fee;
    }
    if (answers[3]) {
        CRN_TRY(tip, quantity(*answers[3], "the priority fee"));
        transaction.max_priority_fee_per_gas = tip;
    }
    transaction.max_fee_per_gas = base_fee + base_fee + transaction.max_priority_fee_per_gas;
    if (request.gas) {
        transaction.gas_limit = *request.gas;
    } else {
        CRN_TRY(estimate, quantity_u64(*answers[4], "the gas estimate"));
        // State may move between estimate and execution; a plain transfer's 21000 does not.
        transaction.gas_limit = estimate == 21'000
                                    ? estimate
                                    : std::max(estimate, std::min<std::uint64_t>(estimate + estimate / 5, 16'777'216));
    }
    transaction.to = request.to;
    transaction.value = request.value;
    transaction.data = std::move(request.data);
    CRN_CHECK(sign_transaction(transaction, sender.key));
    CRN_TRY(answer, rpc.call("eth_sendRawTransaction", {to_hex(ledger::encode_transaction(transaction))}));
    const auto hash = answer.is_string() ? fixed_from_hex<Hash256>(answer.get<std::string>()) : std::nullopt;
    if (!hash) return fail(error::CliRpcInvalid, rpc.url() + ": eth_sendRawTransaction gave no hash");
    return *hash;
}

constexpr Milliseconds kLookAgain{200};

Result<json> wait_for_receipt(RpcClient& rpc, const Hash256& hash, std::uint64_t timeout_seconds) {
    const auto& clock = system_clock();
    const auto end = clock.monotonic() + std::chrono::seconds(timeout_seconds);
    Milliseconds pause{10};
    while (true) {
        CRN_TRY(receipt, rpc.call("eth_getTransactionReceipt", {to_hex(hash)}));
        if (receipt.is_object()) return std::move(receipt);
        if (pause >= kLookAgain) {
            // Neither in a block nor waiting: the node had to drop it.
            CRN_TRY(known, rpc.call("eth_getTransactionByHash", {to_hex(hash)}));
            CRN_TRY(late, rpc.call("eth_getTransactionReceipt", {to_hex(hash)}));
            if (late.is_object()) return std::move(late);
            if (known.is_null())
                return fail(
                    error::CliPrecondition,
                    "transaction " + to_hex(hash) +
                        " was dropped: another one of this sender with the same nonce came first; send it again");
        }
        if (clock.monotonic() >= end)
            return fail(error::CliTimedOut, "transaction " + to_hex(hash) + " is not final after " +
                                                std::to_string(timeout_seconds) +
                                                " s; it may become so yet: cairn tx show " + to_hex(hash));
        std::this_thread::sleep_for(pause);
        pause = std::min(pause * 2, kLookAgain);
    }
}

Result<json> transact(const Invocation& invocation, RpcClient& rpc, const Sender& sender, TransactionRequest request) {
    if (invocation.has("gas")) {
        CRN_TRY(gas, invocation.number("gas", 0, 21'000, 1'000'000'000'000));
        request.gas = gas;
    }
    if (invocation.has("nonce")) {
        CRN_TRY(nonce, invocation.number("nonce", 0, 0, UINT64_MAX - 1));
        request.nonce = nonce;
    }
    CRN_TRY(timeout, invocation.number("timeout", 30, 1, 86'400));
    Progress progress(invocation.terminal(), system_clock());
    progress.stage("Sending from " + checksummed(sender.address));
    const auto sent = submit(rpc, sender, std::move(request));
    if (!sent) return explained(sent.error(), rpc);
    const auto hash = *sent;
    if (invocation.has("async")) {
        progress.done();
        return json{{"transactionHash", to_hex(hash)}};
    }
    progress.stage("Waiting for finality of " + to_hex(hash));
    CRN_TRY(receipt, wait_for_receipt(rpc, hash, timeout));
    progress.done();
    if (text_of(receipt, "status") == "0x0")
        return fail(error::CliReverted, "transaction " + to_hex(hash) + " in block " + text_of(receipt, "blockNumber"));
    return std::move(receipt);
}

void print_receipt(const Invocation& invocation, const json& receipt) {
    const auto& terminal = invocation.terminal();
    if (terminal.json) {
        terminal.out << receipt.dump(2) << '\n';
        return;
    }
    std::vector<std::pair<std::string, std::string>> fields = {{"transaction", text_of(receipt, "transactionHash")}};
    if (receipt.contains("blockNumber")) {
        const auto number = quantity(receipt["blockNumber"], "block number");
        const auto gas = quantity(receipt.value("gasUsed", json{}), "gas");
        fields.emplace_back("status", text_of(receipt, "status") == "0x1" ? "success" : "reverted");
        if (number) fields.emplace_back("block", to_decimal(*number));
        fields.emplace_back("from", text_of(receipt, "from"));
        if (const auto to = text_of(receipt, "to"); !to.empty()) fields.emplace_back("to", to);
        if (const auto made = text_of(receipt, "contractAddress"); !made.empty()) {
            const auto address = fixed_from_hex<Address>(made);
            fields.emplace_back("contract", address ? checksummed(*address) : made);
        }
        if (gas) fields.emplace_back("gas used", to_decimal(*gas));
        fields.emplace_back("logs", std::to_string(receipt.value("logs", json::array()).size()));
    }
    print_fields(terminal, fields);
}

Result<U256> parse_amount(std::string_view text) {
    const auto bad = [&] {
        return fail(error::CliUsage, "\"" + std::string{text} +
                                         "\" is not an amount: a number of wei, or one with gwei or ether behind it");
    };
    const auto unit_at = std::min(text.find_first_not_of("0123456789."), text.size());
    auto digits = std::string{text.substr(0, unit_at)};
    const auto unit = text.substr(unit_at);
    unsigned decimals = 0;
    if (unit == "ether")
        decimals = 18;
    else if (unit == "gwei")
        decimals = 9;
    else if (!unit.empty() && unit != "wei")
        return bad();
    const auto point = digits.find('.');
    if (point != std::string::npos) {
        const auto behind = digits.size() - point - 1;
        if (behind == 0 || point == 0 || behind > decimals) return bad();
        digits.erase(point, 1);
        decimals -= static_cast<unsigned>(behind);
    }
    digits.append(decimals, '0');
    const auto value = from_decimal(digits);
    if (!value || unit_at == 0) return bad();
    return *value;
}

std::string amount_text(const U256& wei) {
    const auto gwei = power_of_ten(9);
    if (wei < gwei) return to_decimal(wei) + " wei";
    const auto [whole, rest] = divide(wei, power_of_ten(18));
    auto text = to_decimal(whole);
    if (rest) {
        auto fraction = to_decimal(rest);
        fraction.insert(0, 18 - fraction.size(), '0');
        fraction.erase(fraction.find_last_not_of('0') + 1);
        text += "." + fraction;
    }
    return text + " ether";
}

} // namespace cairn::cli
