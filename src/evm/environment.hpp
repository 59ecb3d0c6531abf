// What a running contract can see of its block and transaction.
#pragma once

#include "base/bytes.hpp"
#include "base/u256.hpp"

#include <functional>
#include <vector>

namespace cairn::evm {

struct BlockEnvironment {
    std::uint64_t number = 0;
    std::uint64_t timestamp = 0; // seconds
    std::uint64_t gas_limit = 0;
    Address coinbase;
    Hash256 prev_randao;
    U256 base_fee;
    U256 blob_base_fee;
    U256 chain_id;
    /// Hash of an earlier block; zero if it is not one of the last 256. Must be pure.
    std::function<Hash256(std::uint64_t number)> block_hash;
};

struct TransactionEnvironment {
    Address origin;
    U256 gas_price; // effective
    std::vector<Hash256> blob_hashes;
};

} // namespace cairn::evm
