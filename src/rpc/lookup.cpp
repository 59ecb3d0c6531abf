#include "rpc/lookup.hpp"

namespace cairn::rpc {

namespace {

std::optional<Height> height_of(const node::Chain& chain, const BlockParameter& parameter) {
    const auto head = chain.head();
    auto height = std::optional{head};
    if (parameter.kind == BlockParameter::Kind::number) height = parameter.number;
    if (parameter.kind == BlockParameter::Kind::hash) height = chain.height_of(parameter.hash);
    return height && *height <= head ? height : std::nullopt;
}

} // namespace

BlockPointer find_block(const node::Chain& chain, const BlockParameter& parameter) {
    const auto height = height_of(chain, parameter);
    return height ? chain.block(*height) : nullptr;
}

RpcResult<Height> find_height(const node::Chain& chain, const BlockParameter& parameter) {
    if (const auto height = height_of(chain, parameter)) return *height;
    return rpc_fail(code::kRejected,
                    parameter.kind == BlockParameter::Kind::hash ? "header for hash not found" : "header not found");
}

RpcResult<std::shared_ptr<const ledger::StateView>> find_view(const node::Chain& chain,
                                                              const BlockParameter& parameter) {
    CRN_TRY(height, find_height(chain, parameter));
    return lift(chain.state(height));
}

RpcResult<BlockPointer> require_block(const node::Chain& chain, const BlockParameter& parameter) {
    CRN_TRY(height, find_height(chain, parameter));
    auto block = chain.block(height);
    if (block) return block;
    return rpc_fail(code::kRejected, "header not found");
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
