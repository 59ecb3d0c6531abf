// How blocks, transactions, receipts and logs look in answers: field for field as Ethereum's clients expect them.
#pragma once

#include "node/chain.hpp"
#include "rpc/json_writer.hpp"

#include <optional>
#include <string>

namespace cairn::rpc {

class Labels;

/// A log and where it lies.
struct LogPlace {
    const ledger::Log* log = nullptr;
    std::size_t transaction = 0; // index in the block
    std::size_t index = 0;       // in the block
};

/// Calls `visit` for each log of a block in order until it returns false.
template <class Visit>
bool for_each_log(const node::StoredBlock& block, Visit visit) {
    std::size_t index = 0;
    for (std::size_t i = 0; i < block.receipts.size(); ++i)
        for (const auto& log : block.receipts[i].logs)
            if (!visit(LogPlace{&log, i, index++})) return false;
    return true;
}

enum class Transactions : std::uint8_t { hashes, full };

/// A transaction of a block, or one that waits (`block` null: the place is null).
void write_transaction(JsonWriter& out, const ledger::SignedTransaction& transaction, const node::StoredBlock* block,
                       std::size_t index);
void write_log(JsonWriter& out, const node::StoredBlock& block, const LogPlace& place);
/// Without the logs that `labels` cover; the bloom filter is that of the block.
void write_receipt(JsonWriter& out, const node::StoredBlock& block, std::size_t index, std::size_t first_log,
                   Labels& labels);

std::string block_json(const node::StoredBlock& block, Transactions transactions);
/// The block that would follow `parent` now. Its hash and nonce are null, since nobody has agreed on it.
std::string pending_block_json(const node::StoredBlock& parent,
                               const std::vector<std::shared_ptr<const ledger::SignedTransaction>>& waiting,
                               Transactions transactions);
/// As subscribers of newHeads get it: the header alone.
std::string head_json(const node::StoredBlock& block);
std::string receipt_json(const node::StoredBlock& block, std::size_t index, Labels& labels);
std::string receipts_json(const node::StoredBlock& block, Labels& labels);
std::string log_json(const node::StoredBlock& block, const LogPlace& place);
/// A final or waiting transaction; nothing if the hash is unknown.
std::optional<std::string> transaction_json(const node::Chain& chain, const Hash256& hash);

} // namespace cairn::rpc
