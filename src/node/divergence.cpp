#include "node/divergence.hpp"

#include "base/log.hpp"

#include <fstream>

namespace cairn::node {

void write_divergence_dump(const std::string& directory, const ExecutedChain& chain, const Error& error) {
    const auto stored = chain.blocks().block(chain.height());
    if (!stored) return;
    const auto& header = stored->block.header;
    const auto path = directory + "/divergence-" + std::to_string(header.number) + ".json";
    std::ofstream out{path};
    out << "{\n  \"error\": \"" << error.text() << "\",\n  \"height\": " << header.number << ",\n  \"hash\": \""
        << to_hex(stored->hash) << "\",\n  \"parentHash\": \"" << to_hex(header.parent_hash) << "\",\n  \"stateRoot\": \""
        << to_hex(header.state_root) << "\",\n  \"transactionsRoot\": \"" << to_hex(header.transactions_root)
        << "\",\n  \"receiptsRoot\": \"" << to_hex(header.receipts_root) << "\",\n  \"gasUsed\": " << header.gas_used
        << ",\n  \"timestamp\": " << header.timestamp << ",\n  \"rawHeader\": \""
        << to_hex(ledger::encode_header(header)) << "\",\n  \"receipts\": [";
    for (std::size_t i = 0; i < stored->receipts.size(); ++i)
        out << (i == 0 ? "\n" : ",\n") << "    {\"transaction\": \"" << to_hex(stored->block.transactions[i].hash)
            << "\", \"raw\": \"" << to_hex(ledger::encode_receipt(stored->receipts[i])) << "\"}";
    out << "\n  ]\n}\n";
    log(LogLevel::error, "node", "result differs from the certified one; dump written", {{"file", path}});
}

} // namespace cairn::node
