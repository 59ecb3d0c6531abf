#include "rpc/log_search.hpp"

#include "rpc/labels.hpp"
#include "rpc/lookup.hpp"

namespace cairn::rpc {
namespace {

/// Writes the matching logs of one block; kLimit when there are too many in all.
RpcResult<std::size_t> write_matches(JsonWriter& out, const node::StoredBlock& block, const LogFilter& filter,
                                     std::size_t found, const RpcLimits& limits, Labels& labels) {
    if (!may_match(block.block.header.logs_bloom, filter)) return found;
    const bool complete = for_each_log(block, [&](const LogPlace& place) {
        if (!matches(*place.log, filter) || labels.covers(*place.log)) return true;
        if (++found > limits.logs_max || out.size() > limits.answer_bytes_max) return false;
        write_log(out, block, place);
        return true;
    });
    if (!complete)
        return rpc_fail(code::kLimit, "query returned more than " + std::to_string(limits.logs_max) +
                                          " results or too many bytes: ask for fewer blocks");
    return found;
}

} // namespace

bool matches(const ledger::Log& log, const LogFilter& filter) {
    if (!filter.addresses.empty() &&
        std::find(filter.addresses.begin(), filter.addresses.end(), log.address) == filter.addresses.end())
        return false;
    if (filter.topics.size() > log.topics.size()) return false;
    for (std::size_t i = 0; i < filter.topics.size(); ++i) {
        const auto& wanted = filter.topics[i];
        if (!wanted.empty() && std::find(wanted.begin(), wanted.end(), log.topics[i]) == wanted.end()) return false;
    }
    return true;
}

bool may_match(const ledger::Bloom& bloom, const LogFilter& filter) {
    const auto any = [&](const auto& values) {
        return values.empty() || std::any_of(values.begin(), values.end(),
                                             [&](const auto& value) { return ledger::may_contain(bloom, value); });
    };
    return any(filter.addresses) && std::all_of(filter.topics.begin(), filter.topics.end(), any);
}

Answer search_logs(const Context& context, const LogFilter& filter, Height first, Height last) {
    if (last.value - first.value >= context.limits.log_blocks_max)
        return rpc_fail(code::kLimit, "block range is too wide: at most " +
                                          std::to_string(context.limits.log_blocks_max) + " blocks");
    Labels labels{context};
    CRN_CHECK(labels.known());
    for (const auto& address : filter.addresses) CRN_CHECK(labels.readable(address));
    JsonWriter out;
    out.begin_array();
    std::size_t found = 0;
    for (auto height = first; height <= last; height = height.next()) {
        const auto block = context.chain.block(height);
        if (!block) return rpc_fail(code::kRejected, "block " + std::to_string(height.value) + " is not available");
        CRN_TRY(total, write_matches(out, *block, filter, found, context.limits, labels));
        found = total;
    }
    out.end_array();
    return out.take();
}

Answer search_logs(const Context& context, const LogFilter& filter) {
    if (filter.block_hash) {
        const auto block = find_block(context.chain, {BlockParameter::Kind::hash, {}, *filter.block_hash});
        if (!block) return rpc_fail(code::kRejected, "unknown block");
        Labels labels{context};
        CRN_CHECK(labels.known());
        for (const auto& address : filter.addresses) CRN_CHECK(labels.readable(address));
        JsonWriter out;
        out.begin_array();
        CRN_TRY(found, write_matches(out, *block, filter, 0, context.limits, labels));
        static_cast<void>(found);
        out.end_array();
        return out.take();
    }
    const auto head = context.chain.head();
    const auto height_of = [&](const std::optional<BlockParameter>& parameter) {
        return parameter && parameter->kind == BlockParameter::Kind::number ? parameter->number : head;
    };
    const auto first = height_of(filter.from);
    const auto last = height_of(filter.to);
    const bool to_number = filter.to && filter.to->kind == BlockParameter::Kind::number;
    if (to_number && first > last) return invalid("invalid block range params");
    if (last > head) return invalid("block range extends beyond current head block");
    if (first > last) return std::string{"[]"}; // from a block that is still to come
    return search_logs(context, filter, first, last);
}

} // namespace cairn::rpc
