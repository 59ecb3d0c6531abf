#include "ledger/record.hpp"
#include "ledger/slot_layout.hpp"

#include <gtest/gtest.h>

#include <map>

using namespace cairn;

namespace {

using Slots = std::map<U256, U256>;

Slots stored(const Hash256& digest, std::uint64_t index, const ledger::Record& record) {
    Slots slots;
    const U256 head = ledger::record_entry_slot(digest, index);
    slots[head] = ledger::pack_record_head(record);
    slots[head + U256{1}] = ledger::string_word(as_bytes(record.metadata));
    U256 at = ledger::content_slot(head + U256{1});
    for (const auto& word : ledger::string_content(as_bytes(record.metadata))) {
        slots[at] = word;
        at += U256{1};
    }
    return slots;
}

ledger::Record some_record(std::size_t metadata_bytes) {
    ledger::Record record;
    record.sender.bytes.fill(0xab);
    record.block_number = 0xfedcba987654;
    record.timestamp = 0xffffffffffff;
    record.metadata = std::string(metadata_bytes, 'm');
    return record;
}

} // namespace

TEST(Record, comes_back_from_its_slots_for_every_length_of_metadata) {
    Hash256 digest;
    digest.bytes.fill(7);
    for (const std::size_t bytes : {0u, 1u, 31u, 32u, 33u, 64u, 65u, 1024u}) {
        const auto record = some_record(bytes);
        auto slots = stored(digest, 3, record);
        const auto loaded = ledger::load_record(digest, 3, [&](const U256& s) -> Result<U256> { return slots[s]; });
        ASSERT_TRUE(loaded) << loaded.error().text();
        EXPECT_EQ(*loaded, record);
        const auto order = ledger::record_slots(digest, 3, [&](const U256& s) { return slots[s]; });
        ASSERT_TRUE(order);
        EXPECT_EQ(order->size(), bytes <= 31 ? 2 : 2 + (bytes + 31) / 32);
    }
}

TEST(Record, is_refused_if_absent_or_if_no_contract_writes_such_words) {
    const Hash256 digest;
    Slots slots;
    const auto load = [&](const U256& s) -> Result<U256> { return slots[s]; };
    EXPECT_FALSE(ledger::load_record(digest, 0, load));
    slots = stored(digest, 0, some_record(1));
    const U256 metadata = ledger::record_entry_slot(digest, 0) + U256{1};
    for (const U256& word : {U256{64}, U256{63}, U256{2 * 1025 + 1}, ~U256{}}) {
        slots[metadata] = word;
        EXPECT_FALSE(ledger::load_record(digest, 0, load)) << to_quantity(word);
    }
}

// Known values from solc: keccak256(abi.encode(uint256(5), uint256(1))) and keccak256(abi.encode(uint256(0))).
TEST(SlotLayout, is_that_of_solidity) {
    Hash256 five;
    five[31] = 5;
    EXPECT_EQ(to_quantity(ledger::mapping_slot(five, U256{1})),
              "0xe2689cd4a84e23ad2f564004f1c9013e9589d260bde6380aba3ca7e09e4df40c");
    EXPECT_EQ(to_quantity(ledger::content_slot(U256{})),
              "0x290decd9548b62a8d60345a988386fc84ba6bc95484008f6362f93160ef3e563");
}
