#include "execution/block.hpp"

#include "execution/births.hpp"
#include "execution/candidate_order.hpp"
#include "execution/history_contract.hpp"

namespace cairn::execution {
namespace {

ledger::BlockHeader header_on(const BlockInput& input, const ledger::ChainParameters& parameters) {
    ledger::BlockHeader header;
    header.parent_hash = ledger::hash_of(input.parent);
    header.ommers_hash = ledger::kEmptyOmmersHash;
    header.beneficiary = input.beneficiary;
    header.number = input.parent.number + 1;
    header.gas_limit = parameters.block_gas_limit;
    header.timestamp = input.timestamp;
    header.mix_hash = input.consensus_digest;
    header.base_fee_per_gas = parameters.fee_mode == ledger::FeeMode::fixed ? parameters.fixed_gas_price : U256{};
    header.withdrawals_root = ledger::kEmptyTrieRoot;
    header.blob_gas_used = 0;
    header.excess_blob_gas = 0;
    header.parent_beacon_block_root = Hash256{};
    header.requests_hash = ledger::kEmptyRequestsHash;
    return header;
}

/// Roots and bloom that follow from the transactions and receipts.
void seal(ledger::Block& block, const std::vector<ledger::Receipt>& receipts) {
    const auto blooms = ledger::blooms_of(receipts);
    std::vector<Bytes> encoded;
    encoded.reserve(receipts.size());
    for (std::size_t i = 0; i < receipts.size(); ++i) {
        encoded.push_back(ledger::encode_receipt(receipts[i], blooms[i]));
        if (receipts[i].logs.empty()) continue;
        for (std::size_t byte = 0; byte < ledger::Bloom::kSize; ++byte)
            block.header.logs_bloom[byte] |= blooms[i][byte];
    }
    block.header.receipts_root = ledger::ordered_trie_root(encoded);

    std::vector<BytesView> raw;
    raw.reserve(block.transactions.size());
    for (const auto& transaction : block.transactions) raw.push_back(transaction.raw);
    block.header.transactions_root = ledger::ordered_trie_root(raw);
}

} // namespace

evm::BlockEnvironment environment_of(const ledger::BlockHeader& header, const ledger::ChainParameters& parameters,
                                     std::function<Hash256(std::uint64_t)> block_hash) {
    evm::BlockEnvironment out;
    out.number = header.number;
    out.timestamp = header.timestamp;
    out.gas_limit = header.gas_limit;
    out.coinbase = header.beneficiary;
    out.prev_randao = header.mix_hash;
    out.base_fee = header.base_fee_per_gas.value_or(U256{});
    out.blob_base_fee = blob_base_fee(header.excess_blob_gas.value_or(0), blob_fee_fraction(evm::Revision::osaka));
    out.chain_id = U256{parameters.chain_id};
    out.block_hash = std::move(block_hash);
    return out;
}

Rules rules_of(const ledger::ChainParameters& parameters, const evm::NativeContracts& natives) {
    Rules rules;
    rules.chain_id = U256{parameters.chain_id};
    rules.transaction_gas_cap = parameters.transaction_gas_cap;
    rules.code_bytes_max = parameters.code_bytes_max;
    rules.suite = parameters.suite;
    rules.natives = &natives;
    rules.account_binding = parameters.account_binding;
    return rules;
}

ExecutedBlock execute_block(const ledger::StateView& parent_state, const BlockInput& input,
                            const ledger::ChainParameters& parameters, const evm::NativeContracts& natives,
                            const std::function<Hash256(std::uint64_t)>& block_hash) {
    ExecutedBlock out;
    auto& header = out.block.header;
    header = header_on(input, parameters);
    auto own = natives; // a small map; the guard in it is the block's own
    std::optional<Quotas> quotas;
    if (input.quotas.contract) {
        quotas.emplace(parent_state, natives.guard, input.quotas);
        own.guard = &*quotas;
    }
    Births births(own.guard);
    own.guard = &births;
    const auto rules = rules_of(parameters, own);
    const auto environment = environment_of(header, parameters, block_hash);

    evm::State state(quotas ? quotas->view() : parent_state);
    record_parent_hash(state, header.number, header.parent_hash);
    for (const auto& candidate : in_block_order(input.candidates)) {
        auto outcome = apply_transaction(state, *candidate, environment, header.gas_limit - header.gas_used, rules);
        const auto made = births.take(state);
        if (!outcome) {
            out.dropped.push_back({candidate, outcome.error().code});
            continue;
        }
        if (quotas) quotas->add_logs(outcome->receipt.logs);
        header.gas_used += outcome->receipt.gas_used;
        outcome->receipt.cumulative_gas_used = header.gas_used;
        for (const auto& contract : made)
            out.made.emplace_back(static_cast<std::uint32_t>(out.receipts.size()), contract);
        out.receipts.push_back(std::move(outcome->receipt));
        out.block.transactions.push_back(*candidate);
        out.block.transactions.back().sender = outcome->sender;
    }
    seal(out.block, out.receipts);
    out.diff = state.diff();
    return out;
}

} // namespace cairn::execution
