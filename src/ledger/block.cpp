#include "ledger/block.hpp"

#include "base/assert.hpp"
#include "base/errors/ledger.hpp"
#include "codec/rlp.hpp"
#include "crypto/hash.hpp"
#include "ledger/trie_root.hpp"

namespace cairn::ledger {
namespace {

using codec::RlpReader;
using codec::RlpWriter;

constexpr std::size_t kExtraDataMax = 32;

consteval Hash256 digest(std::string_view digits) {
    Hash256 out;
    for (std::size_t i = 0; i < 64; ++i) {
        const char c = digits[i];
        const int value = c <= '9' ? c - '0' : c - 'a' + 10;
        out.bytes[i / 2] = static_cast<std::uint8_t>(out.bytes[i / 2] << 4 | value);
    }
    return out;
}

/// Keys RLP(index) and the entries in ascending order of keys. Views into the items.
struct OrderedEntries {
    explicit OrderedEntries(const auto& items) {
        entries.reserve(items.size());
        ends.reserve(items.size());
        for (std::size_t i = 0; i < items.size(); ++i) {
            keys.put(std::uint64_t{i});
            ends.push_back(keys.size());
        }
        // RLP(0) is 0x80, between the one-byte keys of 1..127 and the longer keys, which ascend with their index.
        const auto add = [&](std::size_t i) { entries.push_back({key(i), items[i]}); };
        for (std::size_t i = 1; i < std::min<std::size_t>(items.size(), 128); ++i) add(i);
        if (!items.empty()) add(0);
        for (std::size_t i = 128; i < items.size(); ++i) add(i);
    }
    BytesView key(std::size_t i) const {
        const std::size_t begin = i == 0 ? 0 : ends[i - 1];
        return BytesView{keys.bytes()}.subspan(begin, ends[i] - begin);
    }
    RlpWriter keys; // one behind the other
    std::vector<std::size_t> ends;
    std::vector<TrieEntry> entries;
};

template <class T>
Status read_optional(RlpReader& in, std::optional<T>& out) {
    if (in.at_end()) return {};
    if constexpr (std::is_same_v<T, U256>) {
        CRN_TRY(value, in.u256());
        out = value;
    } else if constexpr (std::is_same_v<T, std::uint64_t>) {
        CRN_TRY(value, in.u64());
        out = value;
    } else {
        CRN_TRY(value, in.fixed<T>());
        out = value;
    }
    return {};
}

Result<SignedTransaction> read_block_transaction(RlpReader& in) {
    CRN_TRY(item, in.next());
    // Legacy transactions stand as a list in the block, typed ones as a string.
    if (item.is_list) return decode_signed_transaction(item.whole);
    if (item.payload.empty() || item.payload[0] >= 0xc0)
        return fail(error::BlockInvalid, "legacy transaction wrapped in a string");
    return decode_signed_transaction(item.payload);
}

} // namespace

constinit const Hash256 kEmptyOmmersHash = digest("1dcc4de8dec75d7aab85b567b6ccd41ad312451b948a7413f0a142fd40d49347");
constinit const Hash256 kEmptyTrieRoot = digest("56e81f171bcc55a6ff8345e692c0f86e5b48e01b996cadc001622fb5e363b421");
constinit const Hash256 kEmptyRequestsHash = digest("e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");

Bytes encode_header(const BlockHeader& header) {
    RlpWriter out;
    out.put(header.parent_hash);
    out.put(header.ommers_hash);
    out.put(header.beneficiary);
    out.put(header.state_root);
    out.put(header.transactions_root);
    out.put(header.receipts_root);
    out.put(header.logs_bloom);
    out.put(header.difficulty);
    out.put(header.number);
    out.put(header.gas_limit);
    out.put(header.gas_used);
    out.put(header.timestamp);
    out.put(header.extra_data);
    out.put(header.mix_hash);
    out.put(header.nonce);
    // Forks added fields at the end, so each one needs those before it.
    bool ended = false;
    const auto put_optional = [&](const auto& field) {
        CRN_ASSERT(!(ended && field));
        if (field)
            out.put(*field);
        else
            ended = true;
    };
    put_optional(header.base_fee_per_gas);
    put_optional(header.withdrawals_root);
    put_optional(header.blob_gas_used);
    put_optional(header.excess_blob_gas);
    put_optional(header.parent_beacon_block_root);
    put_optional(header.requests_hash);
    return out.as_list();
}

Result<BlockHeader> decode_header(BytesView rlp) {
    RlpReader outer{rlp};
    CRN_TRY(in, outer.list());
    CRN_CHECK(outer.finish());
    BlockHeader header;
    CRN_TRY(parent_hash, in.fixed<Hash256>());
    CRN_TRY(ommers_hash, in.fixed<Hash256>());
    CRN_TRY(beneficiary, in.fixed<Address>());
    CRN_TRY(state_root, in.fixed<Hash256>());
    CRN_TRY(transactions_root, in.fixed<Hash256>());
    CRN_TRY(receipts_root, in.fixed<Hash256>());
    CRN_TRY(logs_bloom, in.fixed<Bloom>());
    CRN_TRY(difficulty, in.u256());
    CRN_TRY(number, in.u64());
    CRN_TRY(gas_limit, in.u64());
    CRN_TRY(gas_used, in.u64());
    CRN_TRY(timestamp, in.u64());
    CRN_TRY(extra_data, in.string());
    CRN_TRY(mix_hash, in.fixed<Hash256>());
    using Nonce = decltype(header.nonce);
    CRN_TRY(nonce, in.fixed<Nonce>());
    if (extra_data.size() > kExtraDataMax) return fail(error::BlockInvalid, "extra data is over 32 bytes");
    header = {parent_hash,
              ommers_hash,
              beneficiary,
              state_root,
              transactions_root,
              receipts_root,
              logs_bloom,
              difficulty,
              number,
              gas_limit,
              gas_used,
              timestamp,
              to_bytes(extra_data),
              mix_hash,
              nonce,
              {},
              {},
              {},
              {},
              {},
              {}};
    CRN_CHECK(read_optional(in, header.base_fee_per_gas));
    CRN_CHECK(read_optional(in, header.withdrawals_root));
    CRN_CHECK(read_optional(in, header.blob_gas_used));
    CRN_CHECK(read_optional(in, header.excess_blob_gas));
    CRN_CHECK(read_optional(in, header.parent_beacon_block_root));
    CRN_CHECK(read_optional(in, header.requests_hash));
    CRN_CHECK(in.finish());
    return header;
}

Hash256 hash_of(const BlockHeader& header) { return crypto::keccak256(encode_header(header)); }

Bytes encode_block(const Block& block) {
    RlpWriter transactions;
    for (const auto& transaction : block.transactions) {
        if (transaction.body.type == TransactionType::legacy)
            transactions.put_raw(transaction.raw);
        else
            transactions.put(transaction.raw);
    }
    RlpWriter out;
    out.put_raw(encode_header(block.header));
    out.put_list(transactions);
    out.put_list(RlpWriter{});
    if (block.header.withdrawals_root) out.put_list(RlpWriter{});
    return out.as_list();
}

Result<Block> decode_block(BytesView rlp) {
    RlpReader outer{rlp};
    CRN_TRY(in, outer.list());
    CRN_CHECK(outer.finish());
    CRN_TRY(header_item, in.next());
    CRN_TRY(header, decode_header(header_item.whole));
    Block block{std::move(header), {}};
    CRN_TRY(transactions, in.list());
    CRN_TRY(ommers, in.list());
    if (!ommers.at_end()) return fail(error::BlockInvalid, "block with ommers");
    if (block.header.withdrawals_root) {
        CRN_TRY(withdrawals, in.list());
        if (!withdrawals.at_end()) return fail(error::BlockInvalid, "block with withdrawals");
    }
    CRN_CHECK(in.finish());
    while (!transactions.at_end()) {
        CRN_TRY(transaction, read_block_transaction(transactions));
        block.transactions.push_back(std::move(transaction));
    }
    return block;
}

Hash256 ordered_trie_root(const std::vector<Bytes>& items) { return trie_root(OrderedEntries{items}.entries); }
Hash256 ordered_trie_root(std::span<const BytesView> items) { return trie_root(OrderedEntries{items}.entries); }

std::vector<Bytes> prove_ordered_item(const std::vector<Bytes>& items, std::size_t index) {
    CRN_ASSERT(index < items.size());
    const OrderedEntries ordered{items};
    return trie_proof(ordered.entries, ordered.key(index));
}

} // namespace cairn::ledger
