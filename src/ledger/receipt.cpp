#include "ledger/receipt.hpp"

#include "base/errors/ledger.hpp"
#include "codec/rlp.hpp"
#include "crypto/hash.hpp"

namespace cairn::ledger {
namespace {

using codec::RlpReader;
using codec::RlpWriter;

/// Yellow paper, section 4.3.1: three bits, each from 11 bits of a byte pair of the hash, counted from the end.
template <class Visit>
void for_each_bloom_bit(const Hash256& hash, Visit visit) {
    for (std::size_t pair = 0; pair < 6; pair += 2) {
        const unsigned bit = (static_cast<unsigned>(hash[pair]) << 8 | hash[pair + 1]) & 2047u;
        visit(255 - bit / 8, static_cast<std::uint8_t>(1u << (bit % 8)));
    }
}

void set_bloom_bits(Bloom& bloom, const Hash256& hash) {
    for_each_bloom_bit(hash, [&](std::size_t byte, std::uint8_t mask) { bloom[byte] |= mask; });
}

constexpr std::size_t kAddressSize = 1 + Address::kSize;
constexpr std::size_t kTopicSize = 1 + Hash256::kSize;

std::size_t log_payload(const Log& log) {
    return kAddressSize + codec::rlp_list_size(log.topics.size() * kTopicSize) + codec::rlp_string_size(log.data);
}

std::size_t logs_payload(const std::vector<Log>& logs) {
    std::size_t out = 0;
    for (const auto& log : logs) out += codec::rlp_list_size(log_payload(log));
    return out;
}

void put_logs(RlpWriter& out, const std::vector<Log>& logs) {
    out.begin_list(logs_payload(logs));
    for (const auto& log : logs) {
        out.begin_list(log_payload(log));
        out.put(log.address);
        out.begin_list(log.topics.size() * kTopicSize);
        for (const auto& topic : log.topics) out.put(topic);
        out.put(log.data);
    }
}

Result<std::vector<Log>> read_logs(RlpReader& in) {
    std::vector<Log> out;
    CRN_TRY(list, in.list());
    while (!list.at_end()) {
        CRN_TRY(item, list.list());
        auto& log = out.emplace_back();
        CRN_TRY(address, item.fixed<Address>());
        CRN_TRY(topics, item.list());
        log.address = address;
        while (!topics.at_end()) {
            CRN_TRY(topic, topics.fixed<Hash256>());
            if (log.topics.size() == 4) return fail(error::BlockInvalid, "log with more than four topics");
            log.topics.push_back(topic);
        }
        CRN_TRY(data, item.string());
        log.data = to_bytes(data);
        CRN_CHECK(item.finish());
    }
    return out;
}

} // namespace

void add_to_bloom(Bloom& bloom, BytesView value) { set_bloom_bits(bloom, crypto::keccak256(value)); }

bool may_contain(const Bloom& bloom, BytesView value) {
    bool all = true;
    for_each_bloom_bit(crypto::keccak256(value),
                       [&](std::size_t byte, std::uint8_t mask) { all = all && (bloom[byte] & mask) != 0; });
    return all;
}

std::vector<Bloom> blooms_of(const std::vector<Receipt>& receipts) {
    std::vector<BytesView> values;
    for (const auto& receipt : receipts)
        for (const auto& log : receipt.logs) {
            values.push_back(log.address);
            values.insert(values.end(), log.topics.begin(), log.topics.end());
        }
    std::vector<Hash256> hashes(values.size());
    crypto::keccak256_many(values, hashes);
    std::vector<Bloom> out(receipts.size());
    auto next = hashes.begin();
    for (std::size_t i = 0; i < receipts.size(); ++i)
        for (const auto& log : receipts[i].logs)
            for (std::size_t n = 0; n <= log.topics.size(); ++n) set_bloom_bits(out[i], *next++);
    return out;
}

Bloom bloom_of(const std::vector<Log>& logs) {
    Bloom bloom;
    for (const auto& log : logs) {
        add_to_bloom(bloom, log.address);
        for (const auto& topic : log.topics) add_to_bloom(bloom, topic);
    }
    return bloom;
}

Bytes encode_receipt(const Receipt& receipt) { return encode_receipt(receipt, bloom_of(receipt.logs)); }

Bytes encode_receipt(const Receipt& receipt, const Bloom& bloom) {
    RlpWriter gas;
    gas.put(receipt.cumulative_gas_used);
    const auto payload =
        1 + gas.size() + codec::rlp_list_size(Bloom::kSize) + codec::rlp_list_size(logs_payload(receipt.logs));
    RlpWriter out;
    out.reserve(1 + codec::rlp_list_size(payload));
    if (receipt.type != TransactionType::legacy) {
        const std::uint8_t prefix = static_cast<std::uint8_t>(receipt.type);
        out.put_raw({&prefix, 1});
    }
    out.begin_list(payload);
    out.put(std::uint64_t{receipt.success ? 1u : 0u});
    out.put_raw(gas.bytes());
    out.put(bloom);
    put_logs(out, receipt.logs);
    return out.take();
}

Result<Receipt> decode_receipt(BytesView raw) {
    if (raw.empty()) return fail(error::BlockInvalid, "receipt without bytes");
    Receipt out;
    if (raw[0] < 0xc0) {
        if ((raw[0] < 1 || raw[0] > 4) && raw[0] != static_cast<std::uint8_t>(TransactionType::sm2))
            return fail(error::BlockInvalid, "receipt of an unknown type");
        out.type = static_cast<TransactionType>(raw[0]);
        raw = raw.subspan(1);
    }
    RlpReader envelope{raw};
    CRN_TRY(in, envelope.list());
    CRN_CHECK(envelope.finish());
    CRN_TRY(status, in.u64());
    if (status > 1) return fail(error::BlockInvalid, "receipt status is neither 0 nor 1");
    CRN_TRY(gas, in.u64());
    CRN_TRY(bloom, in.fixed<Bloom>());
    CRN_TRY(logs, read_logs(in));
    CRN_CHECK(in.finish());
    out.success = status == 1;
    out.cumulative_gas_used = gas;
    out.logs = std::move(logs);
    if (bloom != bloom_of(out.logs)) return fail(error::BlockInvalid, "receipt bloom does not fit its logs");
    return out;
}

Hash256 logs_hash(const std::vector<Log>& logs) {
    RlpWriter out;
    put_logs(out, logs);
    return crypto::keccak256(out.bytes());
}

} // namespace cairn::ledger
