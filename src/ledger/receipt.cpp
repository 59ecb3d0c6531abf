#include "ledger/receipt.hpp"

#include "codec/rlp.hpp"
#include "crypto/hash.hpp"

namespace cairn::ledger {
namespace {

using codec::RlpReader;
using codec::RlpWriter;

/// Yellow paper, section 4.3.1: three bits, each from 11 bits of a byte pair of the hash, counted from the end.
template <class Visit>
void for_each_bloom_bit(BytesView value, Visit visit) {
    const auto hash = crypto::keccak256(value);
    for (std::size_t pair = 0; pair < 6; pair += 2) {
        const unsigned bit = (static_cast<unsigned>(hash[pair]) << 8 | hash[pair + 1]) & 2047u;
        visit(255 - bit / 8, static_cast<std::uint8_t>(1u << (bit % 8)));
    }
}

void put_logs(RlpWriter& out, const std::vector<Log>& logs) {
    RlpWriter list;
    for (const auto& log : logs) {
        RlpWriter topics;
        for (const auto& topic : log.topics) topics.put(topic);
        RlpWriter item;
        item.put(log.address);
        item.put_list(topics);
        item.put(log.data);
        list.put_list(item);
    }
    out.put_list(list);
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
            if (log.topics.size() == 4) return fail(ErrorCode::BlockInvalid, "log with more than four topics");
            log.topics.push_back(topic);
        }
        CRN_TRY(data, item.string());
        log.data = to_bytes(data);
        CRN_CHECK(item.finish());
    }
    return out;
}

} // namespace

void add_to_bloom(Bloom& bloom, BytesView value) {
    for_each_bloom_bit(value, [&](std::size_t byte, std::uint8_t mask) { bloom[byte] |= mask; });
}

bool may_contain(const Bloom& bloom, BytesView value) {
    bool all = true;
    for_each_bloom_bit(value, [&](std::size_t byte, std::uint8_t mask) { all = all && (bloom[byte] & mask) != 0; });
    return all;
}

Bloom bloom_of(const std::vector<Log>& logs) {
    Bloom bloom;
    for (const auto& log : logs) {
        add_to_bloom(bloom, log.address);
        for (const auto& topic : log.topics) add_to_bloom(bloom, topic);
    }
    return bloom;
}

Bytes encode_receipt(const Receipt& receipt) {
    RlpWriter fields;
    fields.put(std::uint64_t{receipt.success ? 1u : 0u});
    fields.put(receipt.cumulative_gas_used);
    fields.put(bloom_of(receipt.logs));
    put_logs(fields, receipt.logs);
    RlpWriter out;
    if (receipt.type != TransactionType::legacy) {
        const std::uint8_t prefix = static_cast<std::uint8_t>(receipt.type);
        out.put_raw({&prefix, 1});
    }
    out.put_list(fields);
    return out.take();
}

Result<Receipt> decode_receipt(BytesView raw) {
    if (raw.empty()) return fail(ErrorCode::BlockInvalid, "receipt without bytes");
    Receipt out;
    if (raw[0] < 0xc0) {
        if (raw[0] < 1 || raw[0] > 4) return fail(ErrorCode::BlockInvalid, "receipt of an unknown type");
        out.type = static_cast<TransactionType>(raw[0]);
        raw = raw.subspan(1);
    }
    RlpReader envelope{raw};
    CRN_TRY(in, envelope.list());
    CRN_CHECK(envelope.finish());
    CRN_TRY(status, in.u64());
    if (status > 1) return fail(ErrorCode::BlockInvalid, "receipt status is neither 0 nor 1");
    CRN_TRY(gas, in.u64());
    CRN_TRY(bloom, in.fixed<Bloom>());
    CRN_TRY(logs, read_logs(in));
    CRN_CHECK(in.finish());
    out.success = status == 1;
    out.cumulative_gas_used = gas;
    out.logs = std::move(logs);
    if (bloom != bloom_of(out.logs)) return fail(ErrorCode::BlockInvalid, "receipt bloom does not fit its logs");
    return out;
}

Hash256 logs_hash(const std::vector<Log>& logs) {
    RlpWriter out;
    put_logs(out, logs);
    return crypto::keccak256(out.bytes());
}

} // namespace cairn::ledger
