#include "rpc/lookup.hpp"

namespace cairn::rpc {

BlockPointer find_block(const node::Chain& chain, const BlockParameter& parameter) {
    switch (parameter.kind) {
    case BlockParameter::Kind::latest:
    case BlockParameter::Kind::pending: return chain.block(chain.head());
    case BlockParameter::Kind::number:
        return parameter.number > chain.head() ? nullptr : chain.block(parameter.number);
    case BlockParameter::Kind::hash: break;
    }
    const auto height = chain.height_of(parameter.hash);
    return height && *height <= chain.head() ? chain.block(*height) : nullptr;
}

RpcResult<BlockPointer> require_block(const node::Chain& chain, const BlockParameter& parameter) {
    auto block = find_block(chain, parameter);
    if (block) return block;
    return rpc_fail(code::kRejected, parameter.kind == BlockParameter::Kind::hash ? "header for hash not found"
                                                                                  : "header not found");
}

RpcResult<StateAt> find_state(const node::Chain& chain, const BlockParameter& parameter) {
    CRN_TRY(block, require_block(chain, parameter));
    CRN_TRY(view, lift(chain.state(Height{block->block.header.number})));
    return StateAt{std::move(block), std::move(view)};
}

std::function<Hash256(std::uint64_t)> block_hashes(const node::Chain& chain) {
    return [&chain](std::uint64_t number) {
        const auto block = chain.block(Height{number});
        return block ? block->hash : Hash256{};
    };
}

} // namespace cairn::rpc
