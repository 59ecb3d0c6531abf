#include "ledger/selector.hpp"

#include <gtest/gtest.h>

using namespace cairn;

TEST(Selector, is_that_of_well_known_functions) {
    EXPECT_EQ(ledger::selector_of("transfer(address,uint256)"), (ledger::Selector{0xa9, 0x05, 0x9c, 0xbb}));
    EXPECT_EQ(ledger::selector_of("Error(string)"), (ledger::Selector{0x08, 0xc3, 0x79, 0xa0}));
}

TEST(Selector, event_topic_is_the_whole_hash) {
    EXPECT_EQ(to_hex(ledger::event_topic("Transfer(address,address,uint256)")),
              "0xddf252ad1be2c89b69c2b068fc378daa952ba7f163c4a11628f55a4df523b3ef");
}
