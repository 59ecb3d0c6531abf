#include "rpc/fees.hpp"
#include "rpc/json_writer.hpp"
#include "rpc/lookup.hpp"
#include "rpc/method.hpp"

namespace cairn::rpc {
namespace {

Answer gas_price(Context& context, const Parameters&) {
    CRN_TRY(fees, next_fees(context.chain));
    return json_quantity(fees.gas_price());
}
Answer priority_fee(Context& context, const Parameters&) {
    CRN_TRY(fees, next_fees(context.chain));
    return json_quantity(fees.tip);
}
Answer base_fee(Context& context, const Parameters&) {
    CRN_TRY(fees, next_fees(context.chain));
    return json_quantity(fees.base_fee);
}
/// No blobs are taken, so their price stays at its minimum (EIP-4844).
Answer blob_base_fee(Context&, const Parameters&) { return json_quantity(1); }

/// Block counts came as plain numbers in early clients, so both forms are taken.
RpcResult<std::uint64_t> block_count(const Json& value) {
    if (value.is_number_unsigned()) return value.get<std::uint64_t>();
    return to_u64(value, Parameters::name(0));
}

RpcResult<std::vector<double>> percentiles(const Parameters& parameters) {
    std::vector<double> out;
    if (!parameters.has(2)) return out;
    const auto& given = parameters.at(2);
    if (!given.is_array()) return invalid("invalid argument 2: must be an array of numbers");
    if (given.size() > 100) return invalid("invalid argument 2: at most 100 percentiles");
    for (const auto& value : given) {
        if (!value.is_number()) return invalid("invalid argument 2: must be an array of numbers");
        const auto percentile = value.get<double>();
        if (!(percentile >= 0 && percentile <= 100)) return invalid("invalid argument 2: invalid reward percentile");
        if (!out.empty() && percentile <= out.back())
            return invalid("invalid argument 2: invalid reward percentile: must be ascending");
        out.push_back(percentile);
    }
    return out;
}

/// Tips of a block's transactions at these percentiles of the gas they used.
std::vector<U256> rewards(const node::StoredBlock& block, const std::vector<double>& at) {
    const auto base_fee = block.block.header.base_fee_per_gas.value_or(U256{});
    std::vector<std::pair<U256, std::uint64_t>> tips;
    for (const auto& receipt : block.receipts)
        tips.emplace_back(receipt.effective_gas_price > base_fee ? receipt.effective_gas_price - base_fee : U256{},
                          receipt.gas_used);
    std::sort(tips.begin(), tips.end());
    std::vector<U256> out;
    std::size_t i = 0;
    std::uint64_t sum = tips.empty() ? 0 : tips[0].second;
    for (const auto percentile : at) {
        const auto threshold = static_cast<double>(block.block.header.gas_used) * percentile / 100;
        while (i + 1 < tips.size() && static_cast<double>(sum) < threshold) sum += tips[++i].second;
        out.push_back(tips.empty() ? U256{} : tips[i].first);
    }
    return out;
}

Answer fee_history(Context& context, const Parameters& parameters) {
    CRN_TRY(wanted, block_count(parameters.at(0)));
    CRN_TRY(newest, parameters.block_number(1));
    CRN_TRY(at, percentiles(parameters));
    CRN_TRY(last, require_block(context.chain, newest));
    const auto end = last->block.header.number;
    const auto count = std::min({wanted, context.limits.fee_history_blocks_max, end + 1});
    const auto oldest = end + 1 - count;

    JsonWriter reward;
    JsonWriter base_fees;
    JsonWriter used;
    JsonWriter blob_fees;
    JsonWriter blobs_used;
    for (auto* list : {&reward, &base_fees, &used, &blob_fees, &blobs_used}) list->begin_array();
    for (auto number = oldest; number <= end && count > 0; ++number) {
        const auto block = context.chain.block(Height{number});
        if (!block) return rpc_fail(code::kRejected, "block " + std::to_string(number) + " is not available");
        const auto& header = block->block.header;
        base_fees.quantity(header.base_fee_per_gas.value_or(U256{}));
        used.number(
            header.gas_limit == 0 ? 0.0 : static_cast<double>(header.gas_used) / static_cast<double>(header.gas_limit));
        blob_fees.quantity(1u);
        blobs_used.number(0.0);
        reward.begin_array();
        for (const auto& tip : rewards(*block, at)) reward.quantity(tip);
        reward.end_array();
    }
    if (count > 0) {
        if (const auto after = context.chain.block(Height{end + 1})) {
            base_fees.quantity(after->block.header.base_fee_per_gas.value_or(U256{}));
        } else {
            CRN_TRY(fees, next_fees(context.chain));
            base_fees.quantity(fees.base_fee);
        }
        blob_fees.quantity(1u);
    }
    for (auto* list : {&reward, &base_fees, &used, &blob_fees, &blobs_used}) list->end_array();

    JsonWriter out;
    out.begin_object();
    out.key("oldestBlock").quantity(count > 0 ? oldest : 0);
    if (!at.empty()) out.key("reward").raw(reward.take());
    out.key("baseFeePerGas").raw(base_fees.take());
    out.key("gasUsedRatio").raw(used.take());
    out.key("baseFeePerBlobGas").raw(blob_fees.take());
    out.key("blobGasUsedRatio").raw(blobs_used.take());
    out.end_object();
    return out.take();
}

} // namespace

void add_fee_methods(MethodTable& table) {
    table["eth_gasPrice"] = {Cost::quick, 0, 0, gas_price};
    table["eth_maxPriorityFeePerGas"] = {Cost::quick, 0, 0, priority_fee};
    table["eth_baseFee"] = {Cost::quick, 0, 0, base_fee};
    table["eth_blobBaseFee"] = {Cost::quick, 0, 0, blob_base_fee};
    table["eth_feeHistory"] = {Cost::slow, 2, 3, fee_history};
}

} // namespace cairn::rpc
