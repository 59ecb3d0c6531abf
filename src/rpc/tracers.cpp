#include "rpc/tracers.hpp"

namespace cairn::rpc {
namespace {

/// Sets `out` from a boolean field if it is there.
RpcResult<bool> read_flag(const Json& object, const char* name, bool& out, std::string_view what) {
    const auto found = object.find(name);
    if (found == object.end() || found->is_null()) return false;
    CRN_TRY(value, to_bool(*found, std::string{what} + ": field " + name));
    out = value;
    return true;
}

} // namespace

RpcResult<TraceOptions> to_trace_options(const Json* value, std::string_view what) {
    TraceOptions out;
    if (value == nullptr) return out;
    if (!value->is_object()) return invalid(std::string{what} + ": must be an object");
    bool disable_stack = false;
    bool disable_storage = false;
    CRN_TRY(stack, read_flag(*value, "disableStack", disable_stack, what));
    CRN_TRY(storage, read_flag(*value, "disableStorage", disable_storage, what));
    CRN_TRY(memory, read_flag(*value, "enableMemory", out.memory, what));
    CRN_TRY(returned, read_flag(*value, "enableReturnData", out.return_data, what));
    static_cast<void>(stack);
    static_cast<void>(storage);
    static_cast<void>(memory);
    static_cast<void>(returned);
    out.stack = !disable_stack;
    out.storage = !disable_storage;
    if (const auto limit = value->find("limit"); limit != value->end() && !limit->is_null()) {
        if (!limit->is_number_unsigned()) return invalid(std::string{what} + ": field limit: must be a number");
        out.limit = limit->get<std::uint64_t>();
    }
    if (const auto overrides = value->find("stateOverrides"); overrides != value->end() && !overrides->is_null())
        out.state_overrides = &*overrides;
    if (const auto overrides = value->find("blockOverrides"); overrides != value->end() && !overrides->is_null())
        out.block_overrides = &*overrides;

    const auto tracer = value->find("tracer");
    if (tracer == value->end() || tracer->is_null()) return out;
    if (!tracer->is_string()) return invalid(std::string{what} + ": field tracer: must be a string");
    const auto& name = tracer->get_ref<const std::string&>();
    if (name.empty()) return out;
    if (name == "callTracer")
        out.kind = TraceOptions::Kind::calls;
    else if (name == "prestateTracer")
        out.kind = TraceOptions::Kind::prestate;
    else
        return invalid(std::string{what} + ": unknown tracer " + name.substr(0, 64) +
                       ": use callTracer or prestateTracer");

    const auto config = value->find("tracerConfig");
    if (config == value->end() || config->is_null()) return out;
    if (!config->is_object()) return invalid(std::string{what} + ": field tracerConfig: must be an object");
    const std::pair<const char*, bool*> flags[] = {{"onlyTopCall", &out.only_top_call},
                                                   {"withLog", &out.with_log},
                                                   {"diffMode", &out.diff_mode},
                                                   {"disableCode", &out.disable_code},
                                                   {"disableStorage", &out.disable_storage}};
    for (const auto& [flag, target] : flags) {
        CRN_TRY(given, read_flag(*config, flag, *target, what));
        static_cast<void>(given);
    }
    return out;
}

std::unique_ptr<TransactionTracer> make_tracer(const TraceOptions& options, const RpcLimits& limits,
                                               evm::State& state) {
    switch (options.kind) {
    case TraceOptions::Kind::calls: return make_call_tracer(options, limits, state);
    case TraceOptions::Kind::prestate: return make_prestate_tracer(options);
    case TraceOptions::Kind::struct_logs: break;
    }
    return make_struct_logger(options, limits, state);
}

} // namespace cairn::rpc
