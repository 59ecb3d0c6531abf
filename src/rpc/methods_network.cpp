#include "crypto/hash.hpp"
#include "rpc/json_writer.hpp"
#include "rpc/method.hpp"

namespace cairn::rpc {
namespace {

Answer client_version(Context& context, const Parameters&) {
    return json_text("Cairn/v" + context.chain.status().version + "/linux/c++23");
}
Answer sha3(Context&, const Parameters& parameters) {
    CRN_TRY(data, parameters.data(0));
    return json_hex(crypto::keccak256(data));
}
Answer net_version(Context& context, const Parameters&) {
    return json_text(std::to_string(context.chain.genesis().parameters.chain_id));
}
Answer listening(Context&, const Parameters&) { return "true"; }
Answer peer_count(Context& context, const Parameters&) {
    const auto peers = context.chain.status().peers;
    return json_quantity(static_cast<std::uint64_t>(
        std::count_if(peers.begin(), peers.end(), [](const auto& peer) { return peer.connected; })));
}
Answer chain_id(Context& context, const Parameters&) {
    return json_quantity(context.chain.genesis().parameters.chain_id);
}
Answer syncing(Context& context, const Parameters&) {
    const auto status = context.chain.status();
    if (!status.syncing) return "false";
    JsonWriter out;
    out.begin_object();
    out.key("startingBlock").quantity(0u);
    out.key("currentBlock").quantity(context.chain.head().value);
    out.key("highestBlock").quantity(std::max(status.head, context.chain.head()).value);
    out.end_object();
    return out.take();
}
/// The node holds no account keys.
Answer accounts(Context&, const Parameters&) { return "[]"; }

Answer block_number(Context& context, const Parameters&) { return json_quantity(context.chain.head().value); }

/// What this node can answer, and from which block on: states are kept for a window, all else for ever.
Answer capabilities(Context& context, const Parameters&) {
    const auto head = context.chain.block(context.chain.head());
    if (!head) return rpc_fail(code::kInternal, "no head");
    const auto number = head->block.header.number;
    const auto window = context.chain.genesis().parameters.history_blocks;
    JsonWriter out;
    out.begin_object();
    out.key("head").begin_object();
    out.key("number").quantity(number);
    out.key("hash").hex(head->hash);
    out.end_object();
    for (const auto* name : {"state", "stateproofs"}) {
        out.key(name).begin_object();
        out.key("disabled").boolean(false);
        out.key("oldestBlock").quantity(number > window ? number - window : 0);
        out.key("deleteStrategy").begin_object();
        out.key("type").text("window");
        out.key("retentionBlocks").quantity(window);
        out.end_object();
        out.end_object();
    }
    for (const auto* name : {"tx", "logs", "receipts", "blocks"}) {
        out.key(name).begin_object();
        out.key("disabled").boolean(false);
        out.key("oldestBlock").quantity(0u);
        out.end_object();
    }
    out.end_object();
    return out.take();
}

Answer modules(Context&, const Parameters&) {
    return R"({"cairn":"1.0","debug":"1.0","eth":"1.0","net":"1.0","rpc":"1.0","txpool":"1.0","web3":"1.0"})";
}

} // namespace

void add_network_methods(MethodTable& table) {
    table["web3_clientVersion"] = {Cost::quick, 0, 0, client_version};
    table["web3_sha3"] = {Cost::quick, 1, 1, sha3};
    table["net_version"] = {Cost::quick, 0, 0, net_version};
    table["net_listening"] = {Cost::quick, 0, 0, listening};
    table["net_peerCount"] = {Cost::quick, 0, 0, peer_count};
    table["eth_chainId"] = {Cost::quick, 0, 0, chain_id};
    table["eth_syncing"] = {Cost::quick, 0, 0, syncing};
    table["eth_accounts"] = {Cost::quick, 0, 0, accounts};
    table["eth_blockNumber"] = {Cost::quick, 0, 0, block_number};
    table["eth_capabilities"] = {Cost::normal, 0, 0, capabilities};
    table["rpc_modules"] = {Cost::quick, 0, 0, modules};
}

} // namespace cairn::rpc
