#include "node/divergence.hpp"

#include <gtest/gtest.h>
#include <thread>

namespace cairn::node {
namespace {

StoredBlock block_with_gas(std::uint64_t gas) {
    StoredBlock stored;
    stored.block.header.number = 7;
    ledger::SignedTransaction transaction;
    transaction.body.gas_limit = 21'000;
    transaction.body.to = Address{};
    transaction.body.signature = {1, 1, 0};
    transaction.raw = ledger::encode_transaction(transaction.body);
    transaction.hash = crypto::keccak256(transaction.raw);
    stored.block.transactions.push_back(transaction);
    stored.receipts.push_back({.success = true, .gas_used = gas});
    stored.block.header.gas_used = gas;
    stored.block.header.ommers_hash = ledger::kEmptyOmmersHash;
    stored.hash = ledger::hash_of(stored.block.header);
    return stored;
}

} // namespace

TEST(Divergence, names_the_receipt_before_the_sums_that_follow_from_it) {
    const auto difference = first_difference(block_with_gas(21'000), block_with_gas(21'004));
    EXPECT_NE(difference.find("receipt 0"), std::string::npos) << difference;
    EXPECT_NE(difference.find("gas used: 21000 here, 21004 there"), std::string::npos) << difference;
    EXPECT_EQ(first_difference(block_with_gas(5), block_with_gas(5)), "");
}

TEST(Divergence, believes_only_what_enough_peers_say) {
    Inquiry inquiry;
    inquiry.answer({1}, encode_stored_block(block_with_gas(1)));
    inquiry.answer({1}, encode_stored_block(block_with_gas(2)));
    inquiry.answer({2}, as_bytes("junk"));
    EXPECT_FALSE(inquiry.wait(Height{7}, 2, std::chrono::milliseconds{1}));
    inquiry.answer({2}, encode_stored_block(block_with_gas(2)));
    const auto agreed = inquiry.wait(Height{7}, 2, std::chrono::seconds{10});
    ASSERT_TRUE(agreed);
    EXPECT_EQ(agreed->receipts[0].gas_used, 2u);
    EXPECT_FALSE(inquiry.wait(Height{8}, 1, std::chrono::milliseconds{1}));
}

} // namespace cairn::node
