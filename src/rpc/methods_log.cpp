#include "rpc/filters.hpp"
#include "rpc/json_writer.hpp"
#include "rpc/log_search.hpp"
#include "rpc/lookup.hpp"
#include "rpc/method.hpp"
#include "rpc/subscriptions.hpp"

namespace cairn::rpc {
namespace {

Answer get_logs(Context& context, const Parameters& parameters) {
    CRN_TRY(filter, to_log_filter(parameters.at(0), Parameters::name(0), context.limits));
    return search_logs(context, filter);
}

Answer filter_id(RpcResult<std::uint64_t> id) {
    if (!id) return std::unexpected(std::move(id.error()));
    return json_quantity(*id);
}

Answer new_filter(Context& context, const Parameters& parameters) {
    CRN_TRY(filter, to_log_filter(parameters.at(0), Parameters::name(0), context.limits));
    if (filter.block_hash) return invalid("a filter cannot watch a single block: use eth_getLogs");
    if (filter.from && filter.to && filter.from->kind == BlockParameter::Kind::number &&
        filter.to->kind == BlockParameter::Kind::number && filter.from->number > filter.to->number)
        return invalid("invalid block range params");
    return filter_id(context.filters.add(LogsFilter{std::move(filter), context.chain.head().next()}));
}
Answer new_block_filter(Context& context, const Parameters&) {
    return filter_id(context.filters.add(BlockFilter{context.chain.head().next()}));
}
Answer new_pending_filter(Context& context, const Parameters&) {
    return filter_id(context.filters.add(PendingFilter{context.filters.pending_end()}));
}
Answer uninstall_filter(Context& context, const Parameters& parameters) {
    CRN_TRY(id, parameters.u64(0));
    return context.filters.remove(id) ? "true" : "false";
}

std::string hash_list(const std::vector<Hash256>& hashes) {
    JsonWriter out;
    out.begin_array();
    for (const auto& hash : hashes) out.hex(hash);
    out.end_array();
    return out.take();
}

/// How far one poll goes: a client that comes back late gets the rest in its next polls.
Height poll_end(const Context& context, Height next) {
    const auto head = context.chain.head();
    return head.value - next.value < context.limits.log_blocks_max
               ? head
               : Height{next.value + context.limits.log_blocks_max - 1};
}

Answer changes(Context& context, BlockFilter& filter) {
    if (filter.next > context.chain.head()) return "[]";
    const auto end = poll_end(context, filter.next);
    std::vector<Hash256> hashes;
    for (; filter.next <= end; filter.next = filter.next.next())
        if (const auto block = context.chain.block(filter.next)) hashes.push_back(block->hash);
    return hash_list(hashes);
}
Answer changes(Context& context, LogsFilter& filter) {
    auto first = filter.next;
    if (first > context.chain.head()) return "[]";
    auto end = poll_end(context, first);
    const auto after = end.next();
    const auto bound = [](const std::optional<BlockParameter>& parameter) {
        return parameter && parameter->kind == BlockParameter::Kind::number;
    };
    if (bound(filter.criteria.from)) first = std::max(first, filter.criteria.from->number);
    if (bound(filter.criteria.to)) end = std::min(end, filter.criteria.to->number);
    if (first > end) {
        filter.next = after;
        return "[]";
    }
    auto found = search_logs(context, filter.criteria, first, end);
    if (found) filter.next = after;
    return found;
}
Answer changes(Context& context, PendingFilter& filter) {
    return hash_list(context.filters.pending_since(filter.next));
}

Answer filter_changes(Context& context, const Parameters& parameters) {
    CRN_TRY(id, parameters.u64(0));
    auto filter = context.filters.find(id);
    if (!filter) return rpc_fail(code::kRejected, "filter not found");
    auto answer = std::visit([&](auto& kind) { return changes(context, kind); }, *filter);
    context.filters.replace(id, std::move(*filter));
    return answer;
}

Answer filter_logs(Context& context, const Parameters& parameters) {
    CRN_TRY(id, parameters.u64(0));
    const auto filter = context.filters.find(id);
    if (!filter || !std::holds_alternative<LogsFilter>(*filter)) return rpc_fail(code::kRejected, "filter not found");
    return search_logs(context, std::get<LogsFilter>(*filter).criteria);
}

RpcResult<Topic> to_topic(const Context& context, const Parameters& parameters) {
    const auto* name = parameters.at(0).get_ptr<const std::string*>();
    if (name == nullptr) return invalid("invalid argument 0: must be the name of a subscription");
    const auto head = context.chain.head();
    if (*name == "newHeads") return HeadsTopic{head};
    if (*name == "syncing") return SyncingTopic{};
    if (*name == "newPendingTransactions") {
        CRN_TRY(full, parameters.boolean(1, false));
        return PendingTopic{context.filters.pending_end(), full};
    }
    if (*name != "logs")
        return rpc_fail(code::kMethod, "no \"" + name->substr(0, 64) + "\" subscription in eth namespace");
    if (!parameters.has(1)) return LogsTopic{head, {}};
    CRN_TRY(filter, to_log_filter(parameters.at(1), Parameters::name(1), context.limits));
    if (filter.block_hash) return invalid("invalid argument 1: a subscription cannot watch a single block");
    return LogsTopic{head, std::move(filter)};
}

Answer subscribe(Context& context, const Parameters& parameters) {
    if (!context.connection) return rpc_fail(code::kMethod, "notifications not supported: subscribe over a WebSocket");
    CRN_TRY(topic, to_topic(context, parameters));
    CRN_TRY(id, context.subscriptions.add(context.connection, std::move(topic)));
    context.after_reply->push_back([&subscriptions = context.subscriptions, id] { subscriptions.activate(id); });
    return json_quantity(id);
}

Answer unsubscribe(Context& context, const Parameters& parameters) {
    CRN_TRY(id, parameters.u64(0));
    if (!context.connection || !context.subscriptions.remove(id, context.connection->id()))
        return rpc_fail(code::kRejected, "subscription not found");
    return "true";
}

} // namespace

void add_log_methods(MethodTable& table) {
    table["eth_getLogs"] = {Cost::slow, 1, 1, get_logs};
    table["eth_newFilter"] = {Cost::quick, 1, 1, new_filter};
    table["eth_newBlockFilter"] = {Cost::quick, 0, 0, new_block_filter};
    table["eth_newPendingTransactionFilter"] = {Cost::quick, 0, 1, new_pending_filter};
    table["eth_getFilterChanges"] = {Cost::slow, 1, 1, filter_changes};
    table["eth_getFilterLogs"] = {Cost::slow, 1, 1, filter_logs};
    table["eth_uninstallFilter"] = {Cost::quick, 1, 1, uninstall_filter};
    table["eth_subscribe"] = {Cost::quick, 1, 2, subscribe};
    table["eth_unsubscribe"] = {Cost::quick, 1, 1, unsubscribe};
}

} // namespace cairn::rpc
