#include "node/executed_chain.hpp"

#include "base/errors/node.hpp"
#include "base/errors/state.hpp"
#include "base/errors/storage.hpp"
#include "base/log.hpp"
#include "node/data_at_rest.hpp"
#include "storage/segment_log.hpp"
#include "system/parameters.hpp"
#include "system/system_contracts.hpp"

#include <filesystem>

namespace cairn::node {
namespace {

constexpr std::uint64_t kBlockHashesVisible = 256; // BLOCKHASH

std::vector<std::shared_ptr<const ledger::SignedTransaction>> candidates_of(const StoredBlock& stored) {
    std::vector<std::shared_ptr<const ledger::SignedTransaction>> out;
    out.reserve(stored.block.transactions.size());
    for (const auto& transaction : stored.block.transactions)
        out.push_back(std::make_shared<const ledger::SignedTransaction>(transaction));
    return out;
}

/// `state` must outlive the result.
execution::QuotaSource quotas_at(const ledger::StateView& state, Height height) {
    return {[&state, height](const Address& contract) -> execution::ContractQuota {
                if (!system::has_quotas(state, contract)) return {};
                return {.calls = system::quota_of(state, height, contract, system::kQuotaCalls),
                        .slots = system::quota_of(state, height, contract, system::kQuotaSlots),
                        .log_bytes = system::quota_of(state, height, contract, system::kQuotaLogs)};
            },
            [&state, height](const Address& contract, const std::array<std::uint8_t, 4>& selector) {
                return system::quota_of(state, height, contract,
                                        to_hex(selector) + ":" + std::string{system::kQuotaCalls});
            }};
}

} // namespace

Result<std::unique_ptr<ExecutedChain>> ExecutedChain::open(const std::string& directory, const ledger::Genesis& genesis,
                                                           const evm::NativeContracts& natives, DataAtRest* at_rest) {
    std::error_code ignored;
    std::filesystem::create_directories(directory, ignored);
    std::unique_ptr<ExecutedChain> chain{new ExecutedChain(genesis, natives)};
    CRN_TRY(store, storage::open_rocksdb(directory + "/state", at_rest == nullptr ? nullptr : at_rest->encryption()));
    chain->store_ = std::move(store);
    CRN_TRY(log, storage::open_segment_log_on(at_rest == nullptr ? storage::posix_file_system() : at_rest->files(),
                                              directory + "/blocks", {}));
    chain->log_ = std::move(log);
    CRN_TRY(blocks, BlockStore::open(*chain->log_, *chain->store_));
    chain->blocks_ = std::move(blocks);
    CRN_TRY(state, state::open_state(*chain->store_, {.history_blocks = genesis.parameters.history_blocks}));
    chain->state_ = std::move(state);
    if (!chain->state_->is_initialised() || !chain->blocks_->last()) CRN_CHECK(chain->start_from_genesis());
    CRN_CHECK(chain->replay());
    return chain;
}

Status ExecutedChain::start_from_genesis() {
    if (!state_->is_initialised()) {
        CRN_TRY(accounts, system::genesis_accounts(genesis_));
        CRN_TRY(root, state_->initialise(accounts));
        (void)root;
    }
    if (blocks_->last()) return {};
    auto block = std::make_shared<StoredBlock>();
    block->block.header = ledger::genesis_header(genesis_, state_->root());
    block->hash = ledger::hash_of(block->block.header);
    return blocks_->append(std::move(block));
}

Status ExecutedChain::replay() {
    const auto genesis_block = blocks_->block(Height{0});
    if (!genesis_block) return fail(error::StorageCorrupt, "block 0 cannot be read");
    if (genesis_block->block.header.mix_hash != ledger::hash_of(genesis_))
        return fail(error::ForeignData, "block 0 was made from another genesis file");
    if (state_->height() > height()) return fail(error::StorageCorrupt, "the state is ahead of the blocks");
    for (Height next = state_->height().next(); next <= height(); next = next.next()) {
        const auto stored = blocks_->block(next);
        const auto parent = blocks_->block(next.previous());
        if (!stored || !parent)
            return fail(error::StorageCorrupt, "block " + std::to_string(next.value) + " cannot be read");
        const auto& header = stored->block.header;
        const auto again = run(*parent, {.parent = parent->block.header,
                                         .timestamp = header.timestamp,
                                         .consensus_digest = header.mix_hash,
                                         .beneficiary = header.beneficiary,
                                         .candidates = candidates_of(*stored)});
        CRN_TRY(root, state_->commit(again.diff));
        if (root != header.state_root)
            return fail(error::StateDiverged, "executing block " + std::to_string(next.value) +
                                                  " again gives state root " + to_hex(root) + " instead of " +
                                                  to_hex(header.state_root));
    }
    return {};
}

execution::ExecutedBlock ExecutedChain::run(const StoredBlock& parent, const execution::BlockInput& input) const {
    const auto block_hash = [this, head = parent.block.header.number](std::uint64_t number) {
        return number <= head && head - number < kBlockHashesVisible ? blocks_->hash_of(Height{number}) : Hash256{};
    };
    // Once per block: a few slots that the state has at hand.
    const auto state = state_->latest();
    const auto parameters = system::parameters_of(*state, Height{parent.block.header.number}.next());
    const Height height = Height{parent.block.header.number}.next();
    if (!system::has_quotas(*state)) return execution::execute_block(*state, input, parameters, natives_, block_hash);
    auto metered = input;
    metered.quotas = quotas_at(*state, height);
    return execution::execute_block(*state, metered, parameters, natives_, block_hash);
}

Result<ExecutedChain::Outcome>
ExecutedChain::extend(std::uint64_t timestamp_ms, const Hash256& consensus_digest, const Address& beneficiary,
                      std::vector<std::shared_ptr<const ledger::SignedTransaction>> candidates) {
    const auto parent = blocks_->block(height());
    if (!parent) return fail(error::StorageCorrupt, "the last block cannot be read");
    auto executed = run(*parent, {.parent = parent->block.header,
                                  .timestamp = std::max(timestamp_ms / 1000, parent->block.header.timestamp),
                                  .consensus_digest = consensus_digest,
                                  .beneficiary = beneficiary,
                                  .candidates = std::move(candidates)});
    auto stored = std::make_shared<StoredBlock>();
    stored->block = std::move(executed.block);
    stored->receipts = std::move(executed.receipts);
    stored->made = std::move(executed.made);
    CRN_TRY(root, state_->prepare(executed.diff));
    stored->block.header.state_root = root;
    stored->hash = ledger::hash_of(stored->block.header);
    // Block first: a crash in between is repaired by replay(), which the other order would not allow.
    CRN_CHECK(blocks_->append(stored));
    CRN_CHECK(state_->commit(executed.diff));
    return Outcome{std::move(stored), std::move(executed.dropped)};
}

} // namespace cairn::node
