// The executed chain of one node: blocks, receipts and state on disk, always one consistent prefix of what was ordered.
#pragma once

#include "base/result.hpp"
#include "execution/block.hpp"
#include "ledger/genesis.hpp"
#include "node/block_store.hpp"
#include "state/state_store.hpp"

#include <memory>
#include <string>

namespace cairn::node {

/// One writer (the executor); reads from any thread.
class DataAtRest;

class ExecutedChain {
public:
    /// Opens `directory`, or makes block 0 from `genesis` in it. A crash at any earlier instant is repaired here: blocks that
    /// the state missed are executed again and must give the same roots. Errors: storage's, ForeignData, StateDiverged.
    /// With `at_rest`, which must outlive the chain, all files are encrypted as it says.
    static Result<std::unique_ptr<ExecutedChain>> open(const std::string& directory, const ledger::Genesis& genesis,
                                                       const evm::NativeContracts& natives,
                                                       DataAtRest* at_rest = nullptr);

    struct Outcome {
        std::shared_ptr<const StoredBlock> block;
        std::vector<execution::ExecutedBlock::Dropped> dropped;
    };
    /// Runs the candidates on top of the last block and stores the result durably.
    Result<Outcome> extend(std::uint64_t timestamp_ms, const Hash256& consensus_digest, const Address& beneficiary,
                           std::vector<std::shared_ptr<const ledger::SignedTransaction>> candidates);
    Status certify(Height height, const ledger::Certificate& certificate) {
        return blocks_->put_certificate(height, certificate);
    }

    Height height() const { return *blocks_->last(); }
    const BlockStore& blocks() const { return *blocks_; }
    const state::StateStore& state() const { return *state_; }
    const ledger::Genesis& genesis() const { return genesis_; }
    storage::KeyValueStore& store() { return *store_; }

private:
    explicit ExecutedChain(const ledger::Genesis& genesis, const evm::NativeContracts& natives)
        : genesis_(genesis), natives_(natives) {}
    Status start_from_genesis();
    Status replay();
    execution::ExecutedBlock run(const StoredBlock& parent, const execution::BlockInput& input) const;

    ledger::Genesis genesis_;
    const evm::NativeContracts& natives_;
    std::unique_ptr<storage::KeyValueStore> store_;
    std::unique_ptr<storage::RecordLog> log_;
    std::unique_ptr<BlockStore> blocks_;
    std::unique_ptr<state::StateStore> state_;
};

} // namespace cairn::node
