// Block 0.
#include "ledger/genesis.hpp"

namespace cairn::ledger {

BlockHeader genesis_header(const Genesis& genesis, const Hash256& state_root) {
    BlockHeader header;
    header.ommers_hash = kEmptyOmmersHash;
    header.state_root = state_root;
    header.transactions_root = kEmptyTrieRoot;
    header.receipts_root = kEmptyTrieRoot;
    header.gas_limit = genesis.parameters.block_gas_limit;
    header.timestamp = genesis.timestamp;
    header.mix_hash = hash_of(genesis);
    header.base_fee_per_gas =
        genesis.parameters.fee_mode == FeeMode::fixed ? genesis.parameters.fixed_gas_price : U256{};
    header.withdrawals_root = kEmptyTrieRoot;
    header.blob_gas_used = 0;
    header.excess_blob_gas = 0;
    header.parent_beacon_block_root = Hash256{};
    header.requests_hash = kEmptyRequestsHash;
    return header;
}

} // namespace cairn::ledger
