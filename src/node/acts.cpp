#include "node/acts.hpp"

#include "codec/abi.hpp"
#include "system/system_contracts.hpp"

#include <algorithm>

namespace cairn::node {
namespace {

bool is_business(const Address& contract) { return contract == system::kRecordsAddress; }

bool is_system(const Address& contract) { return system::is_system_contract(contract) && !is_business(contract); }

/// Whose anchor a call of Anchors is: the first argument of both functions that write.
std::string anchored_node(BytesView input) {
    if (input.size() < 4) return {};
    for (const auto* arguments : {"(string,uint64,bytes32,bytes)", "(string,bytes32,bytes)"})
        if (const auto values = codec::abi_decode(arguments, input.subspan(4))) return (*values)[0].as_text();
    return {};
}

} // namespace

bool is_privileged(const ledger::Transaction& transaction) {
    return transaction.to && is_system(*transaction.to) && *transaction.to != system::kAnchorsAddress;
}

std::vector<audit::Event> acts_of(const StoredBlock& stored, const std::string& node,
                                  const std::function<std::string(const Address&)>& organisation_of) {
    std::vector<audit::Event> out;
    const auto& transactions = stored.block.transactions;
    for (std::size_t i = 0; i < transactions.size() && i < stored.receipts.size(); ++i) {
        const auto& transaction = transactions[i];
        const auto& receipt = stored.receipts[i];
        audit::Event event{.subject = "account " + to_hex(transaction.sender),
                           .origin = "block " + std::to_string(stored.block.header.number),
                           .outcome = receipt.success ? audit::Outcome::accepted : audit::Outcome::failed,
                           .reason = "transaction " + to_hex(transaction.hash)};
        const auto& to = transaction.body.to;
        if (!to) {
            event.action = "contract.deploy";
            event.object = "contract " + (receipt.contract_address ? to_hex(*receipt.contract_address) : "none");
        } else if (*to == system::kAnchorsAddress) {
            if (anchored_node(transaction.body.data) != node) continue;
            event.action = "anchor.recorded";
            event.object = system::name_of_call(*to, transaction.body.data);
        } else if (is_system(*to)) {
            event.action = "contract.call";
            event.object = system::name_of_call(*to, transaction.body.data);
        } else {
            const auto log = std::ranges::find_if(receipt.logs, [](const ledger::Log& one) {
                return is_system(one.address) && one.address != system::kAnchorsAddress;
            });
            if (log == receipt.logs.end()) continue;
            event.action = "contract.call";
            event.object = system::name_of_call(log->address, {}) + " through " + to_hex(*to);
        }
        event.identity = organisation_of(transaction.sender);
        out.push_back(std::move(event));
    }
    return out;
}

} // namespace cairn::node
