// What debug_trace* can tell of a run: every step (struct logs), the tree of calls, or the state it started from.
// Forms as geth's: clients and explorers parse them field by field.
#pragma once

#include "execution/transaction.hpp"
#include "rpc/parameters.hpp"
#include "rpc/scratch_state.hpp"

#include <memory>

namespace cairn::rpc {

struct TraceOptions {
    enum class Kind : std::uint8_t { struct_logs, calls, prestate };
    Kind kind = Kind::struct_logs;
    // struct logs
    bool stack = true;
    bool storage = true;
    bool memory = false;
    bool return_data = false;
    std::uint64_t limit = 0; // steps to note; 0: all
    // callTracer
    bool only_top_call = false;
    bool with_log = false;
    // prestateTracer
    bool diff_mode = false;
    bool disable_code = false;
    bool disable_storage = false;
    // debug_traceCall
    const Json* state_overrides = nullptr;
    const Json* block_overrides = nullptr;
};
/// Null for no options. The Json must outlive the result.
RpcResult<TraceOptions> to_trace_options(const Json* value, std::string_view what);

/// What is known about the run once it is over.
struct TracedRun {
    const ledger::SignedTransaction& transaction;
    const execution::TransactionOutcome& outcome;
    const ScratchState& before;
    const ledger::StateDiff& changes;
    const evm::BlockEnvironment& block;
};

/// Watches one transaction. `state` is the one it runs on.
class TransactionTracer : public evm::Tracer {
public:
    virtual Answer result(const TracedRun& run) = 0;
};
std::unique_ptr<TransactionTracer> make_tracer(const TraceOptions& options, const RpcLimits& limits, evm::State& state);

// One file each:
std::unique_ptr<TransactionTracer> make_struct_logger(const TraceOptions& options, const RpcLimits& limits,
                                                      evm::State& state);
std::unique_ptr<TransactionTracer> make_call_tracer(const TraceOptions& options, const RpcLimits& limits,
                                                    evm::State& state);
std::unique_ptr<TransactionTracer> make_prestate_tracer(const TraceOptions& options);

} // namespace cairn::rpc
