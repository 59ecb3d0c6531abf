#include "rpc/simulation.hpp"

#include "base/errors/execution.hpp"
#include "ledger/account_key.hpp"
#include "system/parameters.hpp"

namespace cairn::rpc {
namespace {

void apply(evm::BlockEnvironment& block, const BlockOverrides& overrides) {
    if (overrides.number) block.number = *overrides.number;
    if (overrides.time) block.timestamp = *overrides.time;
    if (overrides.gas_limit) block.gas_limit = *overrides.gas_limit;
    if (overrides.fee_recipient) block.coinbase = *overrides.fee_recipient;
    if (overrides.prev_randao) block.prev_randao = *overrides.prev_randao;
    if (overrides.base_fee) block.base_fee = *overrides.base_fee;
    if (overrides.blob_base_fee) block.blob_base_fee = *overrides.blob_base_fee;
}

bool names_price(const CallRequest& request) {
    const auto given = [](const std::optional<U256>& fee) { return fee && *fee; };
    return given(request.gas_price) || given(request.max_fee_per_gas) || given(request.max_priority_fee_per_gas);
}

} // namespace

Simulation::Simulation(StateAt at, evm::BlockEnvironment block, execution::Rules rules, std::uint64_t gas_max,
                       std::unique_ptr<ReadWatch> watch)
    : at_(std::move(at)),
      state_(at_.view),
      block_(std::move(block)),
      rules_(rules),
      gas_max_(gas_max),
      watch_(std::move(watch)) {
    rules_.simulate = true;
    if (const auto* natives = watch_->natives()) rules_.natives = natives;
}

RpcResult<Simulation> Simulation::prepare(const Context& context, const BlockParameter& at, const Json* state_overrides,
                                          const Json* block_overrides) {
    CRN_TRY(state, find_state(context.chain, at));
    const auto parameters = system::parameters_of(*state.view, Height{state.block->block.header.number});
    auto block = execution::environment_of(state.block->block.header, parameters, block_hashes(context.chain));
    if (block_overrides != nullptr) {
        CRN_TRY(overrides, to_block_overrides(*block_overrides, "block overrides"));
        apply(block, overrides);
    }
    Simulation out(std::move(state), std::move(block), execution::rules_of(parameters, context.chain.natives()),
                   context.limits.call_gas_max, std::make_unique<ReadWatch>(context));
    if (state_overrides != nullptr) {
        CRN_TRY(overrides, to_state_overrides(*state_overrides, "state overrides"));
        out.state_.apply(overrides);
    }
    return out;
}

RpcResult<Simulation> Simulation::prepare(const Context& context, const Parameters& parameters) {
    CRN_TRY(at, parameters.block(1));
    return prepare(context, at, parameters.has(2) ? &parameters.at(2) : nullptr,
                   parameters.has(3) ? &parameters.at(3) : nullptr);
}

std::uint64_t Simulation::gas_of(const CallRequest& request) const {
    return request.gas ? std::min(*request.gas, gas_max_) : gas_max_;
}

Address Simulation::account_of(const CallRequest& request) const {
    return ledger::account_meant_by(request.from.value_or(Address{}), state_);
}

RpcResult<ledger::SignedTransaction> Simulation::transaction(const CallRequest& request, std::uint64_t gas) const {
    ledger::SignedTransaction out;
    out.sender = account_of(request);
    auto& tx = out.body;
    if (request.chain_id && U256{*request.chain_id} != rules_.chain_id)
        return rpc_fail(code::kRejected, "chainId does not match node's (have=" + std::to_string(*request.chain_id) +
                                             ", want=" + to_decimal(rules_.chain_id) + ")");
    tx.chain_id = rules_.chain_id;
    const auto account = state_.account(out.sender);
    tx.nonce = request.nonce.value_or(account ? account->nonce : 0);
    tx.gas_limit = gas;
    tx.to = request.to;
    tx.value = request.value.value_or(U256{});
    tx.data = request.data;
    if (request.access_list) tx.access_list = *request.access_list;
    if (request.gas_price) {
        tx.max_fee_per_gas = tx.max_priority_fee_per_gas = *request.gas_price;
    } else {
        tx.max_priority_fee_per_gas = request.max_priority_fee_per_gas.value_or(U256{});
        tx.max_fee_per_gas = request.max_fee_per_gas.value_or(
            tx.max_priority_fee_per_gas ? block_.base_fee + tx.max_priority_fee_per_gas : U256{});
    }
    if (request.authorization_list) {
        tx.type = ledger::TransactionType::set_code;
        tx.authorization_list = *request.authorization_list;
    } else if (!request.gas_price) {
        tx.type = ledger::TransactionType::dynamic_fee;
    } else {
        tx.type = request.access_list ? ledger::TransactionType::access_list : ledger::TransactionType::legacy;
    }
    return out;
}

RpcResult<execution::TransactionOutcome> Simulation::run(const CallRequest& request, std::uint64_t gas,
                                                         evm::Tracer* tracer) const {
    evm::State state(state_);
    return run(state, request, gas, tracer);
}

RpcResult<execution::TransactionOutcome> Simulation::run(evm::State& state, const CallRequest& request,
                                                         std::uint64_t gas, evm::Tracer* tracer) const {
    CRN_TRY(transaction, this->transaction(request, gas));
    auto block = block_;
    if (!names_price(request)) {
        block.base_fee = {}; // nobody pays, so contracts see a price and a base fee of zero, as in geth
    } else if (transaction.body.max_fee_per_gas < block.base_fee) {
        return std::unexpected(rejected({error::FeeBelowBase, {}}));
    }
    auto rules = rules_;
    rules.tracer = tracer;
    auto outcome = execution::apply_transaction(state, transaction, block, std::max(gas, block.gas_limit), rules);
    if (const auto noted = watch_->report(transaction.sender); !noted) return std::unexpected(rejected(noted.error()));
    return lift(std::move(outcome));
}

RpcError failure_of(const execution::TransactionOutcome& outcome) {
    if (outcome.outcome == evm::Outcome::revert) return reverted(outcome.output);
    return {code::kRejected, std::string{evm::describe(outcome.outcome)}, {}};
}

} // namespace cairn::rpc
