#include "rpc/answers.hpp"
#include "rpc/labels.hpp"
#include "rpc/lookup.hpp"
#include "rpc/method.hpp"

namespace cairn::rpc {
namespace {

const std::string kNull = "null";

RpcResult<BlockParameter> by_hash(const Parameters& parameters) {
    CRN_TRY(hash, parameters.hash(0));
    return BlockParameter{BlockParameter::Kind::hash, {}, hash};
}
RpcResult<BlockParameter> by_number(const Parameters& parameters) { return parameters.block_number(0); }

using Which = RpcResult<BlockParameter> (*)(const Parameters&);

/// Transactions that can go into the next block now, in the order of their nonces.
std::vector<std::shared_ptr<const ledger::SignedTransaction>> executable(const node::Chain& chain) {
    auto all = chain.pending();
    std::map<Address, std::uint64_t> next;
    std::erase_if(all, [&](const auto& transaction) {
        const auto [entry, added] = next.try_emplace(transaction->sender, 0);
        if (added) entry->second = chain.pending_nonce(transaction->sender);
        return transaction->body.nonce >= entry->second;
    });
    return all;
}

template <Which which>
Answer get_block(Context& context, const Parameters& parameters) {
    CRN_TRY(at, which(parameters));
    CRN_TRY(full, parameters.boolean(1, false));
    const auto detail = full ? Transactions::full : Transactions::hashes;
    const auto block = find_block(context.chain, at);
    if (!block) return kNull;
    if (at.kind == BlockParameter::Kind::pending) return pending_block_json(*block, executable(context.chain), detail);
    return block_json(*block, detail);
}

template <Which which>
Answer transaction_count(Context& context, const Parameters& parameters) {
    CRN_TRY(at, which(parameters));
    if (at.kind == BlockParameter::Kind::pending) return json_quantity(executable(context.chain).size());
    const auto block = find_block(context.chain, at);
    return block ? json_quantity(block->block.transactions.size()) : kNull;
}

template <Which which>
Answer transaction_at(Context& context, const Parameters& parameters) {
    CRN_TRY(at, which(parameters));
    CRN_TRY(index, parameters.u64(1));
    const auto block = find_block(context.chain, at);
    if (!block || index >= block->block.transactions.size()) return kNull;
    JsonWriter out;
    write_transaction(out, block->block.transactions[index], block.get(), index);
    return out.take();
}

/// There are no forks, hence no uncles.
template <Which which>
Answer uncle_count(Context& context, const Parameters& parameters) {
    CRN_TRY(at, which(parameters));
    return find_block(context.chain, at) ? json_quantity(0) : kNull;
}
template <Which which>
Answer uncle(Context&, const Parameters& parameters) {
    CRN_TRY(at, which(parameters));
    CRN_TRY(index, parameters.u64(1));
    static_cast<void>(at);
    static_cast<void>(index);
    return kNull;
}

Answer transaction_by_hash(Context& context, const Parameters& parameters) {
    CRN_TRY(hash, parameters.hash(0));
    return transaction_json(context.chain, hash).value_or(kNull);
}

Answer receipt(Context& context, const Parameters& parameters) {
    CRN_TRY(hash, parameters.hash(0));
    const auto location = context.chain.find_transaction(hash);
    if (!location || location->height > context.chain.head()) return kNull;
    const auto block = context.chain.block(location->height);
    if (!block || location->index >= block->receipts.size()) return kNull;
    Labels labels{context};
    CRN_CHECK(labels.known());
    return receipt_json(*block, location->index, labels);
}

Answer block_receipts(Context& context, const Parameters& parameters) {
    CRN_TRY(at, to_block(parameters.at(0), Parameters::name(0)));
    const auto block = find_block(context.chain, at);
    if (!block) return kNull;
    Labels labels{context};
    CRN_CHECK(labels.known());
    return receipts_json(*block, labels);
}

} // namespace

void add_block_methods(MethodTable& table) {
    table["eth_getBlockByHash"] = {Cost::normal, 1, 2, get_block<by_hash>};
    table["eth_getBlockByNumber"] = {Cost::normal, 1, 2, get_block<by_number>};
    table["eth_getBlockTransactionCountByHash"] = {Cost::normal, 1, 1, transaction_count<by_hash>};
    table["eth_getBlockTransactionCountByNumber"] = {Cost::normal, 1, 1, transaction_count<by_number>};
    table["eth_getTransactionByBlockHashAndIndex"] = {Cost::normal, 2, 2, transaction_at<by_hash>};
    table["eth_getTransactionByBlockNumberAndIndex"] = {Cost::normal, 2, 2, transaction_at<by_number>};
    table["eth_getUncleCountByBlockHash"] = {Cost::quick, 1, 1, uncle_count<by_hash>};
    table["eth_getUncleCountByBlockNumber"] = {Cost::quick, 1, 1, uncle_count<by_number>};
    table["eth_getUncleByBlockHashAndIndex"] = {Cost::quick, 2, 2, uncle<by_hash>};
    table["eth_getUncleByBlockNumberAndIndex"] = {Cost::quick, 2, 2, uncle<by_number>};
    table["eth_getTransactionByHash"] = {Cost::normal, 1, 1, transaction_by_hash};
    table["eth_getTransactionReceipt"] = {Cost::normal, 1, 1, receipt};
    table["eth_getBlockReceipts"] = {Cost::normal, 1, 1, block_receipts};
}

} // namespace cairn::rpc
