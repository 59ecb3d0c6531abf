#include "system/records.hpp"

#include "ledger/slot_layout.hpp"
#include "system/chain_test.hpp"

#include <gtest/gtest.h>

namespace cairn::system {
namespace {

using codec::AbiValue;

constexpr std::string_view kRecord = "record(bytes32,string)";
constexpr std::string_view kEntry = "((address,uint48,uint48,string))";
const Address kAlice = filled<Address>(0x01);
const Address kBob = filled<Address>(0x02);
const Hash256 kDigest = filled<Hash256>(0xd1);

class Records : public testing::Test {
protected:
    Answer record(const Address& sender, const Hash256& digest, std::string_view metadata) {
        return chain.send(kRecordsAddress, sender, kRecord, {digest, metadata});
    }
    Answer call(std::string_view signature, const AbiValue::List& arguments) {
        return chain.send(kRecordsAddress, kBob, signature, arguments);
    }
    TestChain chain;
};

TEST_F(Records, keeps_who_when_and_what_was_said) {
    const auto answer = record(kAlice, kDigest, "contract.pdf");
    EXPECT_EQ(answer.value("(uint256)"), AbiValue{0});
    EXPECT_EQ(call("get(bytes32)", {kDigest}).value(kEntry),
              (AbiValue::List{kAlice, 7, 1'700'000'000, "contract.pdf"}));
    EXPECT_EQ(call("count(bytes32)", {kDigest}).value("(uint256)"), AbiValue{1});
    EXPECT_EQ(records_of(chain.state(), kDigest), 1u);
    const auto stored = record_at(chain.state(), kDigest, 0);
    ASSERT_TRUE(stored);
    EXPECT_EQ(*stored, (ledger::Record{kAlice, 7, 1'700'000'000, "contract.pdf"}));
    EXPECT_FALSE(record_at(chain.state(), kDigest, 1));
}

TEST_F(Records, tells_of_each_record_in_an_event) {
    const auto answer = record(kAlice, kDigest, "note");
    ASSERT_EQ(answer.logs.size(), 1u);
    const auto& log = answer.logs[0];
    EXPECT_EQ(log.address, kRecordsAddress);
    EXPECT_EQ(log.topics, (std::vector<Hash256>{ledger::event_topic(ledger::kRecordedEvent), kDigest,
                                                to_big_endian(from_big_endian(kAlice))}));
    EXPECT_EQ(*codec::abi_decode("(uint256,string)", log.data), (AbiValue::List{0, "note"}));
}

TEST_F(Records, appends_what_is_recorded_again) {
    record(kAlice, kDigest, "first");
    chain.block().number = 8;
    EXPECT_EQ(record(kBob, kDigest, "second").value("(uint256)"), AbiValue{1});
    EXPECT_EQ(call("get(bytes32)", {kDigest}).value(kEntry).list()[3], AbiValue{"first"});
    const auto page =
        call("history(bytes32,uint256,uint256)", {kDigest, 0, 10}).value("((address,uint48,uint48,string)[])");
    EXPECT_EQ(page.list(), (AbiValue::List{AbiValue{AbiValue::List{kAlice, 7, 1'700'000'000, "first"}},
                                           AbiValue::List{kBob, 8, 1'700'000'000, "second"}}));
}

TEST_F(Records, gives_history_in_pages) {
    for (int i = 0; i < 130; ++i) record(kAlice, kDigest, std::to_string(i));
    const auto page_size = [&](const U256& offset, const U256& limit) {
        return call("history(bytes32,uint256,uint256)", {kDigest, offset, limit})
            .value("((address,uint48,uint48,string)[])")
            .list()
            .size();
    };
    EXPECT_EQ(page_size(0, 1000), 100u);
    EXPECT_EQ(page_size(100, 1000), 30u);
    EXPECT_EQ(page_size(129, 5), 1u);
    EXPECT_EQ(page_size(130, 5), 0u);
    EXPECT_EQ(page_size(~U256{}, ~U256{}), 0u);
    EXPECT_EQ(page_size(5, 0), 0u);
    const auto page =
        call("history(bytes32,uint256,uint256)", {kDigest, 41, 2}).value("((address,uint48,uint48,string)[])");
    EXPECT_EQ(page.list()[0].list()[3], AbiValue{"41"});
}

TEST_F(Records, refuses_what_is_not_evidence) {
    record(kAlice, Hash256{}, "x").expect_revert("DigestZero()", {});
    record(kAlice, kDigest, std::string(1025, 'x')).expect_revert("MetadataTooLong(uint256,uint256)", {1025, 1024});
    for (const std::string bad :
         {"\xff", "\xc0\x80", "\xed\xa0\x80", "\xf4\x90\x80\x80", "\xe2\x82", "\x80", "a\xf8\x88\x80\x80\x80"})
        record(kAlice, kDigest, bad).expect_revert("MetadataNotText()", {});
    EXPECT_EQ(records_of(chain.state(), kDigest), 0u);
    EXPECT_TRUE(record(kAlice, kDigest, "日本語 ü 🪨").result.ok());
    EXPECT_TRUE(record(kAlice, kDigest, std::string(1024, 'x')).result.ok());
}

TEST_F(Records, tells_which_digest_is_unknown) {
    call("get(bytes32)", {kDigest}).expect_revert("RecordUnknown(bytes32,uint256)", {kDigest, 0});
    EXPECT_EQ(call("count(bytes32)", {kDigest}).value("(uint256)"), AbiValue{0});
}

// The slots of the Solidity declaration in contracts/IRecords.sol, computed here from the layout rules alone.
TEST_F(Records, storage_is_where_solidity_would_put_it) {
    record(kAlice, kDigest, "short");
    record(kBob, kDigest, std::string(40, 'z'));
    const auto at = [&](const U256& slot) { return chain.state().storage(kRecordsAddress, slot); };
    const U256 array = ledger::mapping_slot(kDigest, 0);
    const U256 second = ledger::content_slot(array) + U256{2};
    EXPECT_EQ(at(array), U256{2});
    EXPECT_EQ(at(second), from_big_endian(kBob) | U256{7} << 160 | U256{1'700'000'000} << 208);
    EXPECT_EQ(at(second + U256{1}), U256{81});
    EXPECT_EQ(at(ledger::content_slot(second + U256{1})), from_big_endian(filled<Hash256>('z')));
    EXPECT_EQ(at(ledger::content_slot(second + U256{1}) + U256{1}), U256{0x7a7a7a7a7a7a7a7aull} << 192);
}

TEST_F(Records, storage_is_written_for_one_digest_only_where_that_digest_lies) {
    // Two digests share no slot, so that recording them can run in parallel.
    const auto touched = [&](const Hash256& digest) {
        evm::State state{chain.state()};
        const evm::TransactionEnvironment transaction; // the machine keeps a reference
        evm::Machine machine{state, chain.block(), transaction, evm::Revision::osaka, {.natives = &native_contracts()}};
        const Bytes input = TestChain::call_data(kRecord, {digest, "same text"});
        EXPECT_TRUE(machine.run(TestChain::message(kRecordsAddress, kAlice, input)).ok());
        state.finish_transaction();
        return state.diff().at(kRecordsAddress).storage;
    };
    const auto first = touched(filled<Hash256>(1));
    EXPECT_EQ(first.size(), 3u);
    for (const auto& [slot, value] : touched(filled<Hash256>(2))) EXPECT_FALSE(first.contains(slot));
}

// Known costs: three new slots of 22,100 (cold and set) and one look-up, hashing of slots, log, words.
TEST_F(Records, costs_what_its_storage_costs) {
    const auto answer = record(kAlice, kDigest, "short");
    // The count's slot is read cold and then set warm; the others are set cold.
    const std::int64_t storage = (2100 + 42) + (20'000 + 42) + (22'100 + 42) + (2100 + 42) + (20'000 + 42);
    const std::int64_t log = 375 * 4 + 8 * 128;
    const std::int64_t words = 3 * ((4 + 128 + 31) / 32) + 3;
    EXPECT_EQ(answer.gas_used, storage + log + words);
}

TEST_F(Records, does_with_any_gas_nothing_or_all) {
    const Bytes input = TestChain::call_data(kRecord, {kDigest, std::string(70, 'g')});
    auto message = TestChain::message(kRecordsAddress, kAlice, input);
    const std::int64_t needed = TestChain{}.run(message).gas_used;
    for (std::int64_t gas = 0; gas < needed; gas += gas < 3000 ? 7 : 997) {
        message.gas = gas;
        const auto answer = chain.run(message);
        ASSERT_EQ(answer.result.outcome, evm::Outcome::out_of_gas) << gas;
        ASSERT_EQ(answer.gas_used, gas);
        ASSERT_EQ(records_of(chain.state(), kDigest), 0u);
    }
    message.gas = needed - 1;
    EXPECT_FALSE(chain.run(message).result.ok());
    message.gas = needed;
    EXPECT_TRUE(chain.run(message).result.ok());
}

TEST_F(Records, costs_more_with_more_metadata) {
    std::int64_t last = 0;
    for (const std::size_t bytes : {0u, 32u, 64u, 96u, 512u, 1024u}) {
        const auto answer =
            record(kAlice, filled<Hash256>(static_cast<std::uint8_t>(bytes / 32 + 1)), std::string(bytes, 'x'));
        EXPECT_GT(answer.gas_used, last);
        last = answer.gas_used;
    }
}

} // namespace
} // namespace cairn::system
