#include "base/errors/execution.hpp"
#include "rpc/access_list_tracer.hpp"
#include "rpc/answers.hpp"
#include "rpc/fees.hpp"
#include "rpc/json_writer.hpp"
#include "rpc/simulation.hpp"

namespace cairn::rpc {
namespace {

constexpr std::uint64_t kTransferGas = 21'000;
/// geth's tolerance: an estimate may be that much above the least that works, for fewer runs.
constexpr double kEstimateTolerance = 0.015;
constexpr int kAccessListRounds = 8;

Answer call(Context& context, const Parameters& parameters) {
    CRN_TRY(request, to_call(parameters.at(0), Parameters::name(0)));
    CRN_TRY(simulation, Simulation::prepare(context, parameters));
    CRN_TRY(outcome, simulation.run(request, simulation.gas_of(request)));
    if (outcome.outcome != evm::Outcome::success) return std::unexpected(failure_of(outcome));
    return json_hex(outcome.output);
}

/// The most gas that the sender may offer: the request's, the chain's cap, and what its balance pays for.
RpcResult<std::uint64_t> allowance(const Simulation& simulation, const CallRequest& request) {
    const auto& rules = simulation.rules();
    auto most = std::min(simulation.block().gas_limit, rules.transaction_gas_cap);
    if (request.gas && *request.gas >= kTransferGas) most = std::min(most, *request.gas);
    const auto price = request.gas_price ? *request.gas_price : request.max_fee_per_gas.value_or(U256{});
    if (!price) return most;
    const auto account = simulation.state().account(simulation.account_of(request));
    const auto balance = account ? account->balance : U256{};
    const auto value = request.value.value_or(U256{});
    if (balance < value) return std::unexpected(rejected({error::InsufficientFunds, "balance is below the value"}));
    const auto payable = divide(balance - value, price).quotient;
    if (payable.fits_u64()) most = std::min(most, payable.low());
    return most;
}

enum class Attempt : std::uint8_t { enough, too_little };

/// Finds the least gas with which the request succeeds, within the tolerance.
RpcResult<std::uint64_t> estimate(const Simulation& simulation, const CallRequest& request) {
    CRN_TRY(most, allowance(simulation, request));
    const auto try_with = [&](std::uint64_t gas) -> RpcResult<Attempt> {
        const auto outcome = simulation.run(request, gas);
        return outcome && outcome->outcome == evm::Outcome::success ? Attempt::enough : Attempt::too_little;
    };
    // A plain transfer needs no search.
    if (request.data.empty() && request.to && !request.access_list && !request.authorization_list &&
        most >= kTransferGas) {
        const auto target = simulation.state().account(*request.to);
        const bool plain = (!target || target->code_hash == crypto::kEmptyKeccak) &&
                           !evm::is_precompile(*request.to, simulation.rules().revision);
        if (plain) {
            CRN_TRY(attempt, try_with(kTransferGas));
            if (attempt == Attempt::enough) return kTransferGas;
        }
    }
    CRN_TRY(full, simulation.run(request, most));
    if (full.outcome == evm::Outcome::out_of_gas)
        return rpc_fail(code::kRejected, "gas required exceeds allowance (" + std::to_string(most) + ")");
    if (full.outcome != evm::Outcome::success) return std::unexpected(failure_of(full));

    // `low` is known to be too little, `high` to be enough.
    auto low = full.receipt.gas_used - 1;
    auto high = most;
    // A call may keep back 1/64 of the gas at each depth, and a stipend: most calls need no more than this.
    const auto guess = (full.receipt.gas_used + 2300) * 64 / 63;
    if (guess < high) {
        CRN_TRY(attempt, try_with(guess));
        (attempt == Attempt::enough ? high : low) = guess;
    }
    // The gas used may be below what is needed by the refund, so nothing is known below it... except that less fails.
    while (low + 1 < high) {
        if (static_cast<double>(high - low) / static_cast<double>(high) < kEstimateTolerance) break;
        const auto middle = std::min(low + (high - low) / 2, low * 2);
        CRN_TRY(attempt, try_with(middle));
        (attempt == Attempt::enough ? high : low) = middle;
    }
    return high;
}

Answer estimate_gas(Context& context, const Parameters& parameters) {
    CRN_TRY(request, to_call(parameters.at(0), Parameters::name(0)));
    CRN_TRY(simulation, Simulation::prepare(context, parameters));
    CRN_TRY(gas, estimate(simulation, request));
    return json_quantity(gas);
}

void write_list(JsonWriter& out, const std::vector<ledger::AccessListEntry>& list) {
    out.begin_array();
    for (const auto& entry : list) {
        out.begin_object();
        out.key("address").hex(entry.address);
        out.key("storageKeys").begin_array();
        for (const auto& key : entry.storage_keys) out.hex(key);
        out.end_array();
        out.end_object();
    }
    out.end_array();
}

/// Runs until the list that a run is given is the list that it needs: a warm slot can change the way a contract takes.
Answer create_access_list(Context& context, const Parameters& parameters) {
    CRN_TRY(request, to_call(parameters.at(0), Parameters::name(0)));
    CRN_TRY(simulation, Simulation::prepare(context, parameters));
    const auto gas = simulation.gas_of(request);
    std::set<Address> free{simulation.account_of(request)};
    if (request.to) free.insert(*request.to);
    for (int round = 0; round < kAccessListRounds; ++round) {
        AccessListTracer tracer(free);
        CRN_TRY(outcome, simulation.run(request, gas, &tracer));
        auto list = tracer.list(simulation.rules().revision);
        const bool settled = request.access_list && *request.access_list == list;
        if (!settled && round + 1 < kAccessListRounds) {
            request.access_list = std::move(list);
            continue;
        }
        JsonWriter out;
        out.begin_object();
        out.key("accessList");
        write_list(out, list);
        if (outcome.outcome != evm::Outcome::success) out.key("error").text(evm::describe(outcome.outcome));
        out.key("gasUsed").quantity(outcome.receipt.gas_used);
        out.end_object();
        return out.take();
    }
    return rpc_fail(code::kInternal, "no access list");
}

/// Everything a wallet needs to sign: what the client left out is chosen as its own library would.
Answer fill_transaction(Context& context, const Parameters& parameters) {
    CRN_TRY(request, to_call(parameters.at(0), Parameters::name(0)));
    CRN_TRY(simulation, Simulation::prepare(context, BlockParameter{}, nullptr, nullptr));
    CRN_TRY(fees, next_fees(context.chain));
    if (!request.to && request.data.empty())
        return rpc_fail(code::kRejected, "contract creation without any data provided");
    if (!request.nonce) request.nonce = context.chain.pending_nonce(simulation.account_of(request));
    if (!request.gas) {
        CRN_TRY(gas, estimate(simulation, request));
        request.gas = gas;
    }
    if (!request.gas_price) {
        const auto wanted = request.type.value_or(2);
        if (wanted < 2) {
            request.gas_price = fees.gas_price();
        } else {
            if (!request.max_priority_fee_per_gas)
                request.max_priority_fee_per_gas =
                    request.max_fee_per_gas ? std::min(fees.tip, *request.max_fee_per_gas) : fees.tip;
            if (!request.max_fee_per_gas) request.max_fee_per_gas = fees.base_fee + *request.max_priority_fee_per_gas;
        }
    }
    CRN_TRY(filled, simulation.transaction(request, *request.gas));
    if (filled.body.max_priority_fee_per_gas > filled.body.max_fee_per_gas)
        return std::unexpected(rejected({error::PriorityOverFee, {}}));
    filled.raw = ledger::encode_transaction(filled.body);
    filled.hash = crypto::keccak256(filled.raw);
    JsonWriter out;
    out.begin_object();
    out.key("raw").hex(filled.raw);
    out.key("tx");
    write_transaction(out, filled, nullptr, 0);
    out.end_object();
    return out.take();
}

} // namespace

void add_call_methods(MethodTable& table) {
    table["eth_call"] = {Cost::slow, 1, 4, call};
    table["eth_estimateGas"] = {Cost::slow, 1, 4, estimate_gas};
    table["eth_createAccessList"] = {Cost::slow, 1, 3, create_access_list};
    table["eth_fillTransaction"] = {Cost::slow, 1, 1, fill_transaction};
}

} // namespace cairn::rpc
