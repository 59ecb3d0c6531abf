// What gas costs on this chain. gasPrice, maxPriorityFeePerGas, feeHistory, the filling of transactions and the base fee of
// headers all follow from here, so that no two answers contradict each other.
#pragma once

#include "ledger/genesis.hpp"
#include "node/chain.hpp"
#include "rpc/rpc_error.hpp"

namespace cairn::rpc {

struct Fees {
    U256 base_fee; // of a block: zero in free mode, the fixed price otherwise
    U256 tip;      // always zero: nobody is paid for being faster
    U256 gas_price() const { return base_fee + tip; }
};

Fees fees_of(const ledger::ChainParameters& parameters);
/// Of the block after the head: what a transaction sent now has to pay.
RpcResult<Fees> next_fees(const node::Chain& chain);

} // namespace cairn::rpc
