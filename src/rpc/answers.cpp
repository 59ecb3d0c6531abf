#include "rpc/answers.hpp"

#include "rpc/labels.hpp"

namespace cairn::rpc {
namespace {

using ledger::TransactionType;

/// Length of the RLP prefix of a string or list of `payload` bytes (longer than one byte).
std::size_t rlp_prefix(std::size_t payload) {
    if (payload <= 55) return 1;
    std::size_t out = 1;
    for (auto rest = payload; rest != 0; rest >>= 8) ++out;
    return out;
}
std::size_t with_prefix(std::size_t payload) { return payload + rlp_prefix(payload); }

/// Length of encode_block without encoding the transactions again.
std::size_t block_bytes(const node::StoredBlock& block) {
    std::size_t transactions = 0;
    for (const auto& transaction : block.block.transactions)
        transactions += transaction.body.type == TransactionType::legacy ? transaction.raw.size()
                                                                         : with_prefix(transaction.raw.size());
    std::size_t content = ledger::encode_header(block.block.header).size() + with_prefix(transactions) + 1;
    if (block.block.header.withdrawals_root) ++content;
    return with_prefix(content);
}

void write_access_list(JsonWriter& out, const std::vector<ledger::AccessListEntry>& list) {
    out.begin_array();
    for (const auto& entry : list) {
        out.begin_object();
        out.key("address").hex(entry.address);
        out.key("storageKeys").begin_array();
        for (const auto& key : entry.storage_keys) out.hex(key);
        out.end_array();
        out.end_object();
    }
    out.end_array();
}

void write_authorizations(JsonWriter& out, const std::vector<ledger::Authorization>& list) {
    out.begin_array();
    for (const auto& item : list) {
        out.begin_object();
        out.key("chainId").quantity(item.chain_id);
        out.key("address").hex(item.address);
        out.key("nonce").quantity(item.nonce);
        out.key("yParity").quantity(item.y_parity);
        out.key("r").quantity(item.r);
        out.key("s").quantity(item.s);
        out.end_object();
    }
    out.end_array();
}

/// EIP-1559: what the sender pays in a block with this base fee.
U256 price_in_block(const ledger::Transaction& tx, const U256& base_fee) {
    if (tx.max_fee_per_gas <= base_fee) return tx.max_fee_per_gas;
    return base_fee + std::min(tx.max_priority_fee_per_gas, tx.max_fee_per_gas - base_fee);
}

void write_signature(JsonWriter& out, const ledger::Transaction& tx) {
    if (tx.type == TransactionType::sm2) {
        out.key("publicKey").hex(tx.sm2_key);
        out.key("r").quantity(tx.signature.r);
        out.key("s").quantity(tx.signature.s);
        return;
    }
    U256 v{tx.signature.y_parity};
    if (tx.type == TransactionType::legacy) v = tx.chain_id ? *tx.chain_id + *tx.chain_id + U256{35} + v : U256{27} + v;
    out.key("v").quantity(v);
    out.key("r").quantity(tx.signature.r);
    out.key("s").quantity(tx.signature.s);
    if (tx.type != TransactionType::legacy) out.key("yParity").quantity(tx.signature.y_parity);
}

/// Fields of the header that hold for a block and for a subscriber's head alike.
void write_header(JsonWriter& out, const ledger::BlockHeader& header) {
    if (header.base_fee_per_gas) out.key("baseFeePerGas").quantity(*header.base_fee_per_gas);
    if (header.blob_gas_used) out.key("blobGasUsed").quantity(*header.blob_gas_used);
    out.key("difficulty").quantity(header.difficulty);
    if (header.excess_blob_gas) out.key("excessBlobGas").quantity(*header.excess_blob_gas);
    out.key("extraData").hex(header.extra_data);
    out.key("gasLimit").quantity(header.gas_limit);
    out.key("gasUsed").quantity(header.gas_used);
    out.key("logsBloom").hex(header.logs_bloom);
    out.key("miner").hex(header.beneficiary);
    out.key("mixHash").hex(header.mix_hash);
    out.key("number").quantity(header.number);
    if (header.parent_beacon_block_root) out.key("parentBeaconBlockRoot").hex(*header.parent_beacon_block_root);
    out.key("parentHash").hex(header.parent_hash);
    out.key("receiptsRoot").hex(header.receipts_root);
    if (header.requests_hash) out.key("requestsHash").hex(*header.requests_hash);
    out.key("sha3Uncles").hex(header.ommers_hash);
    out.key("stateRoot").hex(header.state_root);
    out.key("timestamp").quantity(header.timestamp);
    out.key("transactionsRoot").hex(header.transactions_root);
    if (header.withdrawals_root) out.key("withdrawalsRoot").hex(*header.withdrawals_root);
}

} // namespace

void write_transaction(JsonWriter& out, const ledger::SignedTransaction& transaction, const node::StoredBlock* block,
                       std::size_t index) {
    const auto& tx = transaction.body;
    out.begin_object();
    if (block != nullptr) {
        out.key("blockHash").hex(block->hash);
        out.key("blockNumber").quantity(block->block.header.number);
        out.key("blockTimestamp").quantity(block->block.header.timestamp);
    } else {
        out.key("blockHash").null();
        out.key("blockNumber").null();
        out.key("blockTimestamp").null();
    }
    out.key("from").hex(transaction.sender);
    out.key("gas").quantity(tx.gas_limit);
    const bool has_tip = tx.type != TransactionType::legacy && tx.type != TransactionType::access_list;
    out.key("gasPrice")
        .quantity(has_tip && block != nullptr
                      ? price_in_block(tx, block->block.header.base_fee_per_gas.value_or(U256{}))
                      : tx.max_fee_per_gas);
    if (has_tip) {
        out.key("maxFeePerGas").quantity(tx.max_fee_per_gas);
        out.key("maxPriorityFeePerGas").quantity(tx.max_priority_fee_per_gas);
    }
    out.key("hash").hex(transaction.hash);
    out.key("input").hex(tx.data);
    out.key("nonce").quantity(tx.nonce);
    if (tx.to)
        out.key("to").hex(*tx.to);
    else
        out.key("to").null();
    if (block != nullptr)
        out.key("transactionIndex").quantity(index);
    else
        out.key("transactionIndex").null();
    out.key("value").quantity(tx.value);
    out.key("type").quantity(static_cast<std::uint64_t>(tx.type));
    if (tx.type != TransactionType::legacy) {
        out.key("accessList");
        write_access_list(out, tx.access_list);
    }
    if (tx.chain_id) out.key("chainId").quantity(*tx.chain_id);
    if (tx.type == TransactionType::blob) {
        out.key("maxFeePerBlobGas").quantity(tx.max_fee_per_blob_gas);
        out.key("blobVersionedHashes").begin_array();
        for (const auto& hash : tx.blob_versioned_hashes) out.hex(hash);
        out.end_array();
    }
    if (tx.type == TransactionType::set_code) {
        out.key("authorizationList");
        write_authorizations(out, tx.authorization_list);
    }
    write_signature(out, tx);
    out.end_object();
}

void write_log(JsonWriter& out, const node::StoredBlock& block, const LogPlace& place) {
    out.begin_object();
    out.key("address").hex(place.log->address);
    out.key("topics").begin_array();
    for (const auto& topic : place.log->topics) out.hex(topic);
    out.end_array();
    out.key("data").hex(place.log->data);
    out.key("blockNumber").quantity(block.block.header.number);
    out.key("transactionHash").hex(block.block.transactions[place.transaction].hash);
    out.key("transactionIndex").quantity(place.transaction);
    out.key("blockHash").hex(block.hash);
    out.key("blockTimestamp").quantity(block.block.header.timestamp);
    out.key("logIndex").quantity(place.index);
    out.key("removed").boolean(false);
    out.end_object();
}

void write_receipt(JsonWriter& out, const node::StoredBlock& block, std::size_t index, std::size_t first_log,
                   Labels& labels) {
    const auto& transaction = block.block.transactions[index];
    const auto& receipt = block.receipts[index];
    out.begin_object();
    out.key("blockHash").hex(block.hash);
    out.key("blockNumber").quantity(block.block.header.number);
    if (receipt.contract_address && !transaction.body.to)
        out.key("contractAddress").hex(*receipt.contract_address);
    else
        out.key("contractAddress").null();
    out.key("cumulativeGasUsed").quantity(receipt.cumulative_gas_used);
    out.key("effectiveGasPrice").quantity(receipt.effective_gas_price);
    out.key("from").hex(transaction.sender);
    out.key("gasUsed").quantity(receipt.gas_used);
    out.key("logs").begin_array();
    for (std::size_t i = 0; i < receipt.logs.size(); ++i)
        if (!labels.covers(receipt.logs[i])) write_log(out, block, {&receipt.logs[i], index, first_log + i});
    out.end_array();
    out.key("logsBloom").hex(ledger::bloom_of(receipt.logs));
    out.key("status").quantity(receipt.success ? 1u : 0u);
    if (transaction.body.to)
        out.key("to").hex(*transaction.body.to);
    else
        out.key("to").null();
    out.key("transactionHash").hex(transaction.hash);
    out.key("transactionIndex").quantity(index);
    out.key("type").quantity(static_cast<std::uint64_t>(receipt.type));
    out.end_object();
}

std::string block_json(const node::StoredBlock& block, Transactions transactions) {
    JsonWriter out;
    out.begin_object();
    write_header(out, block.block.header);
    out.key("hash").hex(block.hash);
    out.key("nonce").hex(block.block.header.nonce);
    out.key("size").quantity(block_bytes(block));
    out.key("transactions").begin_array();
    for (std::size_t i = 0; i < block.block.transactions.size(); ++i) {
        if (transactions == Transactions::full)
            write_transaction(out, block.block.transactions[i], &block, i);
        else
            out.hex(block.block.transactions[i].hash);
    }
    out.end_array();
    out.key("uncles").begin_array();
    out.end_array();
    if (block.block.header.withdrawals_root) {
        out.key("withdrawals").begin_array();
        out.end_array();
    }
    out.end_object();
    return out.take();
}

std::string pending_block_json(const node::StoredBlock& parent,
                               const std::vector<std::shared_ptr<const ledger::SignedTransaction>>& waiting,
                               Transactions transactions) {
    node::StoredBlock next;
    auto& header = next.block.header;
    header = parent.block.header;
    header.parent_hash = parent.hash;
    header.number = parent.block.header.number + 1;
    header.gas_used = 0;
    header.logs_bloom = {};
    JsonWriter out;
    out.begin_object();
    write_header(out, header);
    out.key("hash").null();
    out.key("nonce").null();
    out.key("size").quantity(block_bytes(next));
    out.key("transactions").begin_array();
    for (const auto& transaction : waiting) {
        if (transactions == Transactions::full)
            write_transaction(out, *transaction, nullptr, 0);
        else
            out.hex(transaction->hash);
    }
    out.end_array();
    out.key("uncles").begin_array();
    out.end_array();
    out.key("withdrawals").begin_array();
    out.end_array();
    out.end_object();
    return out.take();
}

std::string head_json(const node::StoredBlock& block) {
    JsonWriter out;
    out.begin_object();
    write_header(out, block.block.header);
    out.key("hash").hex(block.hash);
    out.key("nonce").hex(block.block.header.nonce);
    out.end_object();
    return out.take();
}

std::string receipt_json(const node::StoredBlock& block, std::size_t index, Labels& labels) {
    std::size_t first_log = 0;
    for (std::size_t i = 0; i < index; ++i) first_log += block.receipts[i].logs.size();
    JsonWriter out;
    write_receipt(out, block, index, first_log, labels);
    return out.take();
}

std::string receipts_json(const node::StoredBlock& block, Labels& labels) {
    JsonWriter out;
    std::size_t first_log = 0;
    out.begin_array();
    for (std::size_t i = 0; i < block.receipts.size(); ++i) {
        write_receipt(out, block, i, first_log, labels);
        first_log += block.receipts[i].logs.size();
    }
    out.end_array();
    return out.take();
}

std::string log_json(const node::StoredBlock& block, const LogPlace& place) {
    JsonWriter out;
    write_log(out, block, place);
    return out.take();
}

std::optional<std::string> transaction_json(const node::Chain& chain, const Hash256& hash) {
    JsonWriter out;
    if (const auto location = chain.find_transaction(hash); location && location->height <= chain.head()) {
        const auto block = chain.block(location->height);
        if (block && location->index < block->block.transactions.size()) {
            write_transaction(out, block->block.transactions[location->index], block.get(), location->index);
            return out.take();
        }
    }
    const auto waiting = chain.pending(hash);
    if (!waiting) return std::nullopt;
    write_transaction(out, *waiting, nullptr, 0);
    return out.take();
}

} // namespace cairn::rpc
