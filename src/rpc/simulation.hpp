// Runs a transaction that nobody signed on a state of the chain: eth_call, estimates, access lists, traces of calls.
#pragma once

#include "execution/block.hpp"
#include "rpc/lookup.hpp"
#include "rpc/method.hpp"
#include "rpc/read_watch.hpp"
#include "rpc/scratch_state.hpp"

namespace cairn::rpc {

class Simulation {
public:
    /// On top of `at`, with what the client wants to pretend. Overrides may be null.
    static RpcResult<Simulation> prepare(const Context& context, const BlockParameter& at, const Json* state_overrides,
                                         const Json* block_overrides);
    /// The usual arguments: call, block, state overrides, block overrides, from argument 1 on.
    static RpcResult<Simulation> prepare(const Context& context, const Parameters& parameters);

    /// `gas` overrules the request's. Changes nothing that lasts. An error means that the transaction cannot even start, or that what it
    /// read has a label and must be noted, but cannot.
    RpcResult<execution::TransactionOutcome> run(const CallRequest& request, std::uint64_t gas,
                                                 evm::Tracer* tracer = nullptr) const;
    /// The same on a state of the caller, who may look at it afterwards.
    RpcResult<execution::TransactionOutcome> run(evm::State& state, const CallRequest& request, std::uint64_t gas,
                                                 evm::Tracer* tracer) const;

    /// The request as a transaction of the type that its fields ask for; what is missing is filled for a simulation.
    RpcResult<ledger::SignedTransaction> transaction(const CallRequest& request, std::uint64_t gas) const;
    /// The account that acts: `from`, or the one that the key at `from` signs for.
    Address account_of(const CallRequest& request) const;
    /// Gas of the request within the limit for calls.
    std::uint64_t gas_of(const CallRequest& request) const;

    const ScratchState& state() const { return state_; }
    const evm::BlockEnvironment& block() const { return block_; }
    const execution::Rules& rules() const { return rules_; }
    const StateAt& at() const { return at_; }

private:
    Simulation(StateAt at, evm::BlockEnvironment block, execution::Rules rules, std::uint64_t gas_max,
               std::unique_ptr<ReadWatch> watch);

    StateAt at_;
    ScratchState state_;
    evm::BlockEnvironment block_;
    execution::Rules rules_;
    std::uint64_t gas_max_;
    std::unique_ptr<ReadWatch> watch_;
};

/// The error of a run that did not succeed: code 3 with the data for a revert, -32000 with the reason otherwise.
RpcError failure_of(const execution::TransactionOutcome& outcome);

} // namespace cairn::rpc
