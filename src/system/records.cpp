// Evidence of documents. Interface: contracts/IRecords.sol; layout of an entry: ledger/record.hpp.
#include "system/records.hpp"

#include "ledger/record.hpp"
#include "ledger/slot_layout.hpp"
#include "system/addresses.hpp"
#include "system/contract.hpp"

namespace cairn::system {

static_assert(system_address(0x02) == kRecordsAddress);

namespace {

constexpr std::uint64_t kHistoryPageMax = 100;
constexpr std::string_view kUnknown = "RecordUnknown(bytes32,uint256)";
constexpr Event kRecorded{.name = "Recorded", .indexed = "bytes32,address", .data = "uint256,string"};

AbiValue value_of(const ledger::Record& record) {
    return AbiValue::List{record.sender, record.block_number, record.timestamp, record.metadata};
}

/// What this contract has written itself is always well-formed; out of gas it reads zeros, and the answer does not count.
AbiValue entry_at(Call& call, const Hash256& digest, std::uint64_t index) {
    const auto record =
        ledger::load_record(digest, index, [&](const U256& slot) -> Result<U256> { return call.own().load(slot); });
    return value_of(record.value_or(ledger::Record{}));
}

std::uint64_t entries_of(Call& call, const Hash256& digest) {
    return call.own().load(ledger::record_count_slot(digest)).low();
}

Reply record(Call& call, const AbiValue::List& arguments) {
    const Hash256 digest = arguments[0].as_hash();
    const std::string metadata = arguments[1].as_text();
    if (digest.is_zero()) return revert("DigestZero()", {});
    if (metadata.size() > ledger::kRecordMetadataBytesMax)
        return revert("MetadataTooLong(uint256,uint256)", {metadata.size(), ledger::kRecordMetadataBytesMax});
    if (!is_utf8(metadata)) return revert("MetadataNotText()", {});

    const std::uint64_t index = entries_of(call, digest);
    const ledger::Record entry{.sender = call.caller(),
                               .block_number = call.block().number,
                               .timestamp = call.block().timestamp,
                               .metadata = metadata};
    const U256 slot = ledger::record_entry_slot(digest, index);
    call.own().store(ledger::record_count_slot(digest), U256{index + 1});
    call.own().store(slot, ledger::pack_record_head(entry));
    store_text(call.own(), slot + U256{1}, metadata);
    call.emit(kRecorded, {digest, call.caller()}, {index, metadata});
    return AbiValue::List{index};
}

Reply get(Call& call, const AbiValue::List& arguments) {
    const Hash256 digest = arguments[0].as_hash();
    if (entries_of(call, digest) == 0) return revert(kUnknown, {digest, 0});
    return AbiValue::List{entry_at(call, digest, 0)};
}

Reply count(Call& call, const AbiValue::List& arguments) {
    return AbiValue::List{entries_of(call, arguments[0].as_hash())};
}

Reply history(Call& call, const AbiValue::List& arguments) {
    const Hash256 digest = arguments[0].as_hash();
    const U256 entries = entries_of(call, digest);
    const U256 offset = std::min(arguments[1].number(), entries);
    const U256 limit = std::min({arguments[2].number(), U256{kHistoryPageMax}, entries - offset});
    AbiValue::List page;
    for (std::uint64_t i = 0; i < limit.low() && !call.exhausted(); ++i)
        page.push_back(entry_at(call, digest, offset.low() + i));
    AbiValue::List out;
    out.emplace_back(std::move(page));
    return out;
}

} // namespace

const Contract& records_contract() {
    static const Contract contract{
        "IRecords",
        kRecordsAddress,
        {
            {"record", "(bytes32,string)", "(uint256)", Access::write, record},
            {"get", "(bytes32)", "((address,uint48,uint48,string))", Access::view, get},
            {"count", "(bytes32)", "(uint256)", Access::view, count},
            {"history", "(bytes32,uint256,uint256)", "((address,uint48,uint48,string)[])", Access::view, history},
        },
        {kRecorded},
        {kUnknown, "DigestZero()", "MetadataTooLong(uint256,uint256)", "MetadataNotText()"}};
    return contract;
}

std::uint64_t records_of(const ledger::StateView& view, const Hash256& digest) {
    return view.storage(kRecordsAddress, ledger::record_count_slot(digest)).low();
}

Result<ledger::Record> record_at(const ledger::StateView& view, const Hash256& digest, std::uint64_t index) {
    return ledger::load_record(digest, index,
                               [&](const U256& slot) -> Result<U256> { return view.storage(kRecordsAddress, slot); });
}

} // namespace cairn::system
