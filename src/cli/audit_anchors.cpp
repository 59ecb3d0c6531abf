#include "cli/audit_anchors.hpp"

#include "base/errors/cli.hpp"
#include "codec/abi.hpp"
#include "ledger/selector.hpp"
#include "system/addresses.hpp"

namespace cairn::cli {
namespace {

using codec::AbiValue;
using nlohmann::json;

constexpr std::uint64_t kPage = 100; // the contract's own limit

/// Pages of a list of the contract until one is not full.
Result<AbiValue::List> fetch_list(RpcClient& rpc, std::string_view function, std::string_view result,
                                  const std::string& node) {
    AbiValue::List out;
    const auto selector = ledger::selector_of(std::string{function} + "(string,uint256,uint256)");
    while (true) {
        Bytes data{selector.begin(), selector.end()};
        append(data, codec::abi_encode("(string,uint256,uint256)", {node, out.size(), kPage}).value());
        CRN_TRY(answer,
                rpc.call("eth_call", {{{"to", to_hex(system::kAnchorsAddress)}, {"input", to_hex(data)}}, "latest"}));
        const auto bytes = answer.is_string() ? from_hex(answer.get<std::string>()) : std::nullopt;
        if (!bytes || bytes->empty())
            return fail(error::CliRpcInvalid, rpc.url() + " has no Anchors contract: it is not a Cairn node");
        CRN_TRY(values, codec::abi_decode(result, *bytes));
        const auto& page = values[0].list();
        out.insert(out.end(), page.begin(), page.end());
        if (page.size() < kPage) return out;
    }
}

} // namespace

Result<std::vector<crypto::ValidatorPublicKey>> fetch_seal_keys(RpcClient& rpc, const std::string& node) {
    CRN_TRY(keys, fetch_list(rpc, "sealKeys", "((uint48,bytes32)[])", node));
    std::vector<crypto::ValidatorPublicKey> out;
    for (const auto& key : keys) out.push_back(*crypto::ValidatorPublicKey::from(key.list()[1].as_hash()));
    return out;
}

Result<audit::AnchorList> fetch_anchors(RpcClient& rpc, const std::string& node) {
    audit::AnchorList out{.node = node};
    CRN_TRY(chain, rpc.call("eth_chainId"));
    CRN_TRY(chain_id, quantity_u64(chain, "the chain id"));
    out.chain_id = chain_id;
    CRN_TRY(keys, fetch_seal_keys(rpc, node));
    out.seal_keys = std::move(keys);
    CRN_TRY(anchors, fetch_list(rpc, "anchors", "((uint64,uint48,uint48,bytes32)[])", node));
    for (const auto& anchor : anchors) {
        const auto& fields = anchor.list();
        out.anchors.push_back({fields[0].number().low(), fields[3].as_hash(), fields[1].number().low()});
    }
    if (out.seal_keys.empty()) return fail(error::CliNotFound, "the chain has no anchor of the audit log of " + node);
    return out;
}

std::string anchors_to_json(const audit::AnchorList& list) {
    json keys = json::array(), anchors = json::array();
    for (const auto& key : list.seal_keys) keys.push_back(to_hex(key));
    for (const auto& anchor : list.anchors)
        anchors.push_back({{"event", anchor.sequence}, {"head", to_hex(anchor.head)}, {"block", anchor.height}});
    return json{{"node", list.node}, {"chain_id", list.chain_id}, {"seal_keys", keys}, {"anchors", anchors}}.dump(2) +
           "\n";
}

Result<audit::AnchorList> anchors_from_json(std::string_view text) {
    const auto invalid = [](const char* what) { return fail(error::CliFileInvalid, std::string{"anchors: "} + what); };
    const auto document = json::parse(text, nullptr, false);
    if (!document.is_object()) return invalid("no JSON object");
    const auto member = [&](const char* name) { return document.contains(name) ? document[name] : json(nullptr); };
    const auto node = member("node"), chain_id = member("chain_id"), keys = member("seal_keys"),
               list = member("anchors");
    if (!node.is_string() || !chain_id.is_number_unsigned() || !keys.is_array() || !list.is_array())
        return invalid("node, chain_id, seal_keys or anchors is missing");
    audit::AnchorList out{.node = node, .chain_id = chain_id};
    for (const auto& item : keys) {
        const auto key =
            item.is_string() ? fixed_from_hex<crypto::ValidatorPublicKey>(item.get<std::string>()) : std::nullopt;
        if (!key) return invalid("a seal key is not 32 bytes in hex");
        out.seal_keys.push_back(*key);
    }
    for (const auto& item : list) {
        if (!item.is_object() || !item.contains("event") || !item["event"].is_number_unsigned() ||
            !item.contains("block") || !item["block"].is_number_unsigned())
            return invalid("an anchor without event or block");
        const auto head = fixed_from_hex<Hash256>(text_of(item, "head"));
        if (!head) return invalid("an anchor without head");
        out.anchors.push_back({item["event"], *head, item["block"]});
    }
    return out;
}

} // namespace cairn::cli
