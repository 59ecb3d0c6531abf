// Receipts and logs.
#pragma once

#include "base/bytes.hpp"
#include "ledger/transaction.hpp"

#include <vector>

namespace cairn::ledger {

struct Log {
    Address address;
    std::vector<Hash256> topics;
    Bytes data;
    bool operator==(const Log&) const = default;
};

using Bloom = FixedBytes<256, struct BloomTag>;

struct Receipt {
    TransactionType type = TransactionType::legacy;
    bool success = false;
    std::uint64_t cumulative_gas_used = 0;
    std::vector<Log> logs;
    // Not part of the encoding, but of every answer:
    std::uint64_t gas_used = 0;
    U256 effective_gas_price;
    std::optional<Address> contract_address;
    bool operator==(const Receipt&) const = default;
};

Bloom bloom_of(const std::vector<Log>& logs);
/// Adds one address or topic.
void add_to_bloom(Bloom& bloom, BytesView value);
/// False only if no log of the block can have `value`.
bool may_contain(const Bloom& bloom, BytesView value);
/// The bloom of each receipt. Hashes what all of them contain together, which is several times faster.
std::vector<Bloom> blooms_of(const std::vector<Receipt>& receipts);
/// EIP-2718 form as in the receipts trie.
Bytes encode_receipt(const Receipt& receipt);
/// The same for a caller who has computed bloom_of(receipt.logs) already.
Bytes encode_receipt(const Receipt& receipt, const Bloom& bloom);
Result<Receipt> decode_receipt(BytesView raw);
/// Keccak-256 of the RLP list of logs: the "logs hash" of state tests.
Hash256 logs_hash(const std::vector<Log>& logs);

} // namespace cairn::ledger
