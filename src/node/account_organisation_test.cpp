#include "node/account_organisation.hpp"
#include "node/hot_spots.hpp"

#include <gtest/gtest.h>

namespace cairn::node {
namespace {

Address address(std::uint8_t number) {
    Address out;
    out.bytes.fill(number);
    return out;
}

const std::vector<system::OrganisationShare> kShares{
    {"Alpha", address(1), 100}, {"Beta", address(2), 100}, {"Gamma", address(3), 100}};

TEST(AccountOrganisation, is_the_administrators_or_the_nodes_own) {
    const AccountOrganisation of(kShares, "Beta", {});
    EXPECT_EQ(of(address(1)), 0u);
    EXPECT_EQ(of(address(3)), 2u);
    EXPECT_EQ(of(address(77)), 1u) << "nobody's account counts with the node that took its transaction";
}

TEST(AccountOrganisation, is_what_the_identity_says_wherever_it_sends) {
    const AccountOrganisation of(kShares, "Beta", [](const Address& account) -> std::optional<std::string> {
        if (account == address(77)) return "Gamma";
        if (account == address(78)) return "Nobody";
        return std::nullopt;
    });
    EXPECT_EQ(of(address(77)), 2u);
    EXPECT_EQ(of(address(78)), 1u);
    EXPECT_EQ(of(address(1)), 0u);
}

TEST(HotSpots, are_the_contracts_with_most_gas_of_the_last_blocks) {
    HotSpots spots;
    const auto call = [](std::uint8_t to) {
        ledger::SignedTransaction out;
        out.body.to = address(to);
        out.body.data = {1, 2, 3, 4};
        return std::make_shared<const ledger::SignedTransaction>(std::move(out));
    };
    const std::vector<SharedTransaction> block{call(1), call(2), call(1)};
    spots.add_block(block, std::vector<std::uint64_t>{100, 350, 200});
    ASSERT_EQ(spots.top(5).size(), 2u);
    EXPECT_EQ(spots.top(5)[0].contract, address(2));
    EXPECT_EQ(spots.top(5)[1].gas, 300u);
    EXPECT_EQ(spots.top(5)[1].transactions, 2u);
    EXPECT_EQ(spots.top(1).size(), 1u);
    for (std::uint64_t i = 0; i < kHotSpotBlocks; ++i) spots.add_block({}, {});
    EXPECT_TRUE(spots.top(5).empty());
}

TEST(HotSpots, remember_a_bounded_number) {
    HotSpots spots;
    std::vector<SharedTransaction> block;
    std::vector<std::uint64_t> gas;
    for (std::size_t i = 0; i < 2 * HotSpots::kPerBlockMax; ++i) {
        ledger::SignedTransaction out;
        out.body.to = Address{};
        out.body.to->bytes[0] = static_cast<std::uint8_t>(i);
        out.body.to->bytes[1] = static_cast<std::uint8_t>(i >> 8);
        out.body.data = {1};
        block.push_back(std::make_shared<const ledger::SignedTransaction>(std::move(out)));
        gas.push_back(i);
    }
    spots.add_block(block, gas);
    EXPECT_EQ(spots.top(10'000).size(), HotSpots::kPerBlockMax);
    EXPECT_EQ(spots.top(1)[0].gas, 2 * HotSpots::kPerBlockMax - 1);
}

} // namespace
} // namespace cairn::node
