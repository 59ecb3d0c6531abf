#include "ledger/record.hpp"

#include "base/errors/ledger.hpp"
#include "ledger/slot_layout.hpp"

namespace cairn::ledger {

namespace {

constexpr std::uint64_t kHistorySlot = 0;
constexpr std::uint64_t kEntrySlots = 2;
constexpr unsigned kSenderBits = 160;
constexpr unsigned kNumberBits = 48;
constexpr U256 kNumberMask{(1ull << kNumberBits) - 1};

/// Metadata's length as the words of a valid entry hold it.
Result<std::uint64_t> metadata_length(const U256& head, const U256& metadata_word) {
    if (!head) return fail(error::ProofInvalid, "there is no such entry");
    const auto length = string_length(metadata_word);
    if (!length || *length > kRecordMetadataBytesMax)
        return fail(error::ProofInvalid, "the entry's metadata is malformed");
    return *length;
}

std::size_t content_words(std::uint64_t length) {
    if (length <= kShortStringBytesMax) return 0;
    return static_cast<std::size_t>((length + Hash256::kSize - 1) / Hash256::kSize);
}

} // namespace

const Address kRecordsContract = *fixed_from_hex<Address>("0x000000000000000000000000000000000000ca02");

U256 record_count_slot(const Hash256& digest) { return mapping_slot(digest, kHistorySlot); }

U256 record_entry_slot(const Hash256& digest, std::uint64_t index) {
    return content_slot(record_count_slot(digest)) + U256{index} * U256{kEntrySlots};
}

Result<std::vector<U256>> record_slots(const Hash256& digest, std::uint64_t index,
                                       const std::function<U256(const U256& slot)>& load) {
    const U256 head = record_entry_slot(digest, index);
    std::vector<U256> slots{head, head + U256{1}};
    CRN_TRY(length, metadata_length(load(slots[0]), load(slots[1])));
    const U256 content = content_slot(slots[1]);
    for (std::size_t i = 0; i < content_words(length); ++i) slots.push_back(content + U256{i});
    return slots;
}

Result<Record> load_record(const Hash256& digest, std::uint64_t index,
                           const std::function<Result<U256>(const U256& slot)>& load) {
    const U256 slot = record_entry_slot(digest, index);
    CRN_TRY(head, load(slot));
    CRN_TRY(word, load(slot + U256{1}));
    CRN_TRY(length, metadata_length(head, word));

    Record record;
    record.sender = *Address::from(BytesView{to_big_endian(head)}.last(Address::kSize));
    record.block_number = (head >> kSenderBits & kNumberMask).low();
    record.timestamp = (head >> (kSenderBits + kNumberBits)).low();

    Bytes metadata;
    if (content_words(length) == 0) {
        append(metadata, BytesView{to_big_endian(word)}.first(length));
    } else {
        const U256 content = content_slot(slot + U256{1});
        for (std::size_t i = 0; i < content_words(length); ++i) {
            CRN_TRY(part, load(content + U256{i}));
            append(metadata, to_big_endian(part));
        }
        metadata.resize(length);
    }
    record.metadata = std::string{as_text(metadata)};
    return record;
}

U256 pack_record_head(const Record& record) {
    return from_big_endian(record.sender) | (U256{record.block_number} & kNumberMask) << kSenderBits |
           U256{record.timestamp} << (kSenderBits + kNumberBits);
}

} // namespace cairn::ledger
