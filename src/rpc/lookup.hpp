// Finds the block or state that a block parameter means.
#pragma once

#include "node/chain.hpp"
#include "rpc/parameters.hpp"

#include <memory>

namespace cairn::rpc {

using BlockPointer = std::shared_ptr<const node::StoredBlock>;

/// Null if there is no such block; `pending` means the head.
BlockPointer find_block(const node::Chain& chain, const BlockParameter& parameter);

/// The height of the block; -32000 "header not found" for an unknown one. Reads no block.
RpcResult<Height> find_height(const node::Chain& chain, const BlockParameter& parameter);
/// The state after the block. StatePruned for one whose state is no longer kept.
RpcResult<std::shared_ptr<const ledger::StateView>> find_view(const node::Chain& chain,
                                                              const BlockParameter& parameter);

/// A state and the block after which it holds.
struct StateAt {
    BlockPointer block;
    std::shared_ptr<const ledger::StateView> view;
};
RpcResult<StateAt> find_state(const node::Chain& chain, const BlockParameter& parameter);
/// The block alone, with the same error.
RpcResult<BlockPointer> require_block(const node::Chain& chain, const BlockParameter& parameter);

/// For BLOCKHASH in calls on top of the chain.
std::function<Hash256(std::uint64_t)> block_hashes(const node::Chain& chain);

} // namespace cairn::rpc
