#include "execution/history_contract.hpp"
#include "rpc/json_writer.hpp"
#include "rpc/labels.hpp"
#include "rpc/simulation.hpp"
#include "rpc/tracers.hpp"
#include "system/parameters.hpp"

namespace cairn::rpc {
namespace {

/// Runs the transactions of a block again, one after another, on the state before it. What entered or changed something with a label is
/// traced for nobody: LabelForbidsRead.
class Replay {
public:
    static RpcResult<Replay> start(const Context& context, BlockPointer block) {
        const auto number = block->block.header.number;
        if (number == 0) return rpc_fail(code::kRejected, "genesis is not traceable");
        CRN_TRY(parent, lift(context.chain.state(Height{number - 1})));
        const auto parameters = system::parameters_of(*parent, Height{number});
        Replay out(context, std::move(block), std::move(parent), parameters);
        return out;
    }

    std::size_t size() const { return block_->block.transactions.size(); }
    const ledger::SignedTransaction& transaction(std::size_t i) const { return block_->block.transactions[i]; }

    /// Runs transaction `i`, which must be the next one, untraced.
    RpcResult<bool> skip(std::size_t i) {
        evm::State state(state_);
        CRN_TRY(outcome, apply(state, i, nullptr));
        advance(outcome, state.diff());
        return true;
    }
    Answer trace(std::size_t i, const TraceOptions& options, const RpcLimits& limits) {
        evm::State state(state_);
        const auto tracer = make_tracer(options, limits, state);
        CRN_TRY(outcome, apply(state, i, tracer.get()));
        const auto changes = state.diff();
        CRN_CHECK(watch_->readable_by_all(changes));
        auto answer = tracer->result({transaction(i), outcome, state_, changes, environment_});
        advance(outcome, changes);
        return answer;
    }

private:
    Replay(const Context& context, BlockPointer block, std::shared_ptr<const ledger::StateView> parent,
           const ledger::ChainParameters& parameters)
        : block_(std::move(block)),
          state_(std::move(parent)),
          environment_(execution::environment_of(block_->block.header, parameters, block_hashes(context.chain))),
          rules_(execution::rules_of(parameters, context.chain.natives())),
          watch_(std::make_unique<ReadWatch>(context)) {
        evm::State state(state_);
        execution::record_parent_hash(state, block_->block.header.number, block_->block.header.parent_hash);
        state_.apply(state.diff());
    }

    RpcResult<execution::TransactionOutcome> apply(evm::State& state, std::size_t i, evm::Tracer* tracer) {
        auto rules = rules_;
        rules.tracer = tracer;
        if (tracer != nullptr && watch_->natives() != nullptr) rules.natives = watch_->natives();
        auto outcome = execution::apply_transaction(state, transaction(i), environment_,
                                                    environment_.gas_limit - gas_used_, rules);
        // The block is certified: that one of its transactions does not apply means this node's state is damaged.
        if (!outcome) return rpc_fail(code::kInternal, "cannot replay the block: " + outcome.error().text());
        return std::move(*outcome);
    }
    void advance(const execution::TransactionOutcome& outcome, const ledger::StateDiff& changes) {
        gas_used_ += outcome.receipt.gas_used;
        state_.apply(changes);
    }

    BlockPointer block_;
    ScratchState state_;
    evm::BlockEnvironment environment_;
    execution::Rules rules_;
    std::unique_ptr<ReadWatch> watch_;
    std::uint64_t gas_used_ = 0;
};

Answer trace_transaction(Context& context, const Parameters& parameters) {
    CRN_TRY(hash, parameters.hash(0));
    CRN_TRY(options, to_trace_options(parameters.has(1) ? &parameters.at(1) : nullptr, Parameters::name(1)));
    const auto location = context.chain.find_transaction(hash);
    if (!location || location->height > context.chain.head()) return rpc_fail(code::kRejected, "transaction not found");
    auto block = context.chain.block(location->height);
    if (!block) return rpc_fail(code::kRejected, "block is not available");
    CRN_TRY(replay, Replay::start(context, std::move(block)));
    for (std::size_t i = 0; i < location->index; ++i) {
        CRN_TRY(skipped, replay.skip(i));
        static_cast<void>(skipped);
    }
    return replay.trace(location->index, options, context.limits);
}

Answer trace_block(Context& context, const Parameters& parameters, const BlockParameter& at) {
    CRN_TRY(options, to_trace_options(parameters.has(1) ? &parameters.at(1) : nullptr, Parameters::name(1)));
    auto block = find_block(context.chain, at);
    if (!block)
        return rpc_fail(
            code::kRejected,
            "block " +
                (at.kind == BlockParameter::Kind::hash ? to_hex(at.hash) : "#" + std::to_string(at.number.value)) +
                " not found");
    CRN_TRY(replay, Replay::start(context, std::move(block)));
    JsonWriter out;
    out.begin_array();
    for (std::size_t i = 0; i < replay.size(); ++i) {
        CRN_TRY(trace, replay.trace(i, options, context.limits));
        if (out.size() + trace.size() > context.limits.answer_bytes_max)
            return rpc_fail(code::kLimit, "trace too large: trace single transactions, or use callTracer");
        out.begin_object();
        out.key("txHash").hex(replay.transaction(i).hash);
        out.key("result").raw(trace);
        out.end_object();
    }
    out.end_array();
    return out.take();
}
Answer trace_block_by_number(Context& context, const Parameters& parameters) {
    CRN_TRY(at, parameters.block_number(0));
    return trace_block(context, parameters, at);
}
Answer trace_block_by_hash(Context& context, const Parameters& parameters) {
    CRN_TRY(hash, parameters.hash(0));
    return trace_block(context, parameters, {BlockParameter::Kind::hash, {}, hash});
}

Answer trace_call(Context& context, const Parameters& parameters) {
    CRN_TRY(request, to_call(parameters.at(0), Parameters::name(0)));
    CRN_TRY(at, parameters.block(1));
    CRN_TRY(options, to_trace_options(parameters.has(2) ? &parameters.at(2) : nullptr, Parameters::name(2)));
    CRN_TRY(simulation, Simulation::prepare(context, at, options.state_overrides, options.block_overrides));
    const auto gas = simulation.gas_of(request);
    CRN_TRY(transaction, simulation.transaction(request, gas));
    evm::State state(simulation.state());
    const auto tracer = make_tracer(options, context.limits, state);
    CRN_TRY(outcome, simulation.run(state, request, gas, tracer.get()));
    return tracer->result({transaction, outcome, simulation.state(), state.diff(), simulation.block()});
}

Answer raw_header(Context& context, const Parameters& parameters) {
    CRN_TRY(at, to_block(parameters.at(0), Parameters::name(0)));
    CRN_TRY(block, require_block(context.chain, at));
    return json_hex(ledger::encode_header(block->block.header));
}
Answer raw_block(Context& context, const Parameters& parameters) {
    CRN_TRY(at, to_block(parameters.at(0), Parameters::name(0)));
    CRN_TRY(block, require_block(context.chain, at));
    return json_hex(ledger::encode_block(block->block));
}
Answer raw_receipts(Context& context, const Parameters& parameters) {
    CRN_TRY(at, to_block(parameters.at(0), Parameters::name(0)));
    CRN_TRY(block, require_block(context.chain, at));
    // As bytes they are whole or nothing.
    Labels labels{context};
    for (const auto& receipt : block->receipts)
        for (const auto& log : receipt.logs)
            if (labels.covers(log))
                return labels.refuse("receipts of block " + std::to_string(block->block.header.number));
    JsonWriter out;
    out.begin_array();
    for (const auto& receipt : block->receipts) out.hex(ledger::encode_receipt(receipt));
    out.end_array();
    return out.take();
}
Answer raw_transaction(Context& context, const Parameters& parameters) {
    CRN_TRY(hash, parameters.hash(0));
    if (const auto location = context.chain.find_transaction(hash);
        location && location->height <= context.chain.head())
        if (const auto block = context.chain.block(location->height); block)
            return json_hex(block->block.transactions.at(location->index).raw);
    if (const auto waiting = context.chain.pending(hash)) return json_hex(waiting->raw);
    return "\"0x\"";
}
/// Blocks that a quorum refused do not exist here.
Answer bad_blocks(Context&, const Parameters&) { return "[]"; }

} // namespace

void add_trace_methods(MethodTable& table) {
    table["debug_traceTransaction"] = {Cost::slow, 1, 2, trace_transaction};
    table["debug_traceBlockByNumber"] = {Cost::slow, 1, 2, trace_block_by_number};
    table["debug_traceBlockByHash"] = {Cost::slow, 1, 2, trace_block_by_hash};
    table["debug_traceCall"] = {Cost::slow, 1, 3, trace_call};
    table["debug_getRawHeader"] = {Cost::normal, 1, 1, raw_header};
    table["debug_getRawBlock"] = {Cost::normal, 1, 1, raw_block};
    table["debug_getRawReceipts"] = {Cost::normal, 1, 1, raw_receipts};
    table["debug_getRawTransaction"] = {Cost::normal, 1, 1, raw_transaction};
    table["debug_getBadBlocks"] = {Cost::quick, 0, 0, bad_blocks};
}

} // namespace cairn::rpc
