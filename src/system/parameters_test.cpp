#include "system/parameters.hpp"

#include "ledger/slot_layout.hpp"
#include "system/chain_test.hpp"

#include <gtest/gtest.h>

namespace cairn::system {
namespace {

using codec::AbiValue;

constexpr std::string_view kApprove = "approveChange(string,uint256,uint256)";
const Address kAlpha = filled<Address>(0xa0);
const Address kBeta = filled<Address>(0xa1);
const Address kDelta = filled<Address>(0xa2);
const Address kStranger = filled<Address>(0x66);

class Parameters : public testing::Test {
protected:
    Answer send(const Address& sender, std::string_view signature, const AbiValue::List& arguments) {
        return chain.send(kParametersAddress, sender, signature, arguments);
    }
    AbiValue get(std::string_view name) { return send(kStranger, "get(string)", {name}).value("(uint256)"); }
    void decide(std::string_view name, const U256& value, std::uint64_t activation) {
        for (const auto& sender : {kAlpha, kBeta, kDelta})
            EXPECT_TRUE(send(sender, kApprove, {name, value, activation}).result.ok());
    }
    TestChain chain; // at block 7
};

TEST_F(Parameters, genesis_values_are_read_back_as_they_were) {
    auto genesis = four_organisations();
    EXPECT_EQ(parameters_of(chain.state(), Height{1}), genesis.parameters);
    genesis.parameters = {.chain_id = 9,
                          .fee_mode = ledger::FeeMode::fixed,
                          .fixed_gas_price = 1'000'000'000,
                          .block_gas_limit = 40'000'000,
                          .transaction_gas_cap = 30'000'000,
                          .code_bytes_max = 30'000,
                          .history_blocks = 5,
                          .min_block_interval_ms = 0};
    const TestChain other{genesis};
    EXPECT_EQ(parameters_of(other.state(), Height{1}), genesis.parameters);
}

TEST_F(Parameters, getters_tell_the_same_to_contracts) {
    EXPECT_EQ(get("chainId"), AbiValue{20260});
    EXPECT_EQ(get("fixedGasPrice"), AbiValue{0});
    EXPECT_EQ(get("blockGasLimit"), AbiValue{500'000'000});
    EXPECT_EQ(get("transactionGasCap"), AbiValue{16'777'216});
    EXPECT_EQ(get("codeBytesMax"), AbiValue{24'576});
    EXPECT_EQ(get("historyBlocks"), AbiValue{10'000});
    EXPECT_EQ(get("minBlockIntervalMs"), AbiValue{50});
    send(kStranger, "get(string)", {"no such"}).expect_revert("ParameterUnknown(string)", {"no such"});
    EXPECT_EQ(send(kStranger, "pending(string)", {"chainId"}).values("(uint256,uint256)"), (AbiValue::List{0, 0}));
    send(kStranger, "pending(string)", {""}).expect_revert("ParameterUnknown(string)", {""});
}

TEST_F(Parameters, change_at_the_height_that_the_majority_chose) {
    decide("blockGasLimit", 60'000'000, 100);
    EXPECT_EQ(send(kStranger, "pending(string)", {"blockGasLimit"}).values("(uint256,uint256)"),
              (AbiValue::List{60'000'000, 100}));
    EXPECT_EQ(parameters_of(chain.state(), Height{99}).block_gas_limit, 500'000'000u);
    EXPECT_EQ(parameters_of(chain.state(), Height{100}).block_gas_limit, 60'000'000u);
    chain.block().number = 99;
    EXPECT_EQ(get("blockGasLimit"), AbiValue{500'000'000});
    chain.block().number = 100;
    EXPECT_EQ(get("blockGasLimit"), AbiValue{60'000'000});
    // And again later: what counts now is kept until then.
    decide("blockGasLimit", 70'000'000, 200);
    EXPECT_EQ(parameters_of(chain.state(), Height{150}).block_gas_limit, 60'000'000u);
    EXPECT_EQ(parameters_of(chain.state(), Height{200}).block_gas_limit, 70'000'000u);
}

TEST_F(Parameters, change_is_told_in_events) {
    send(kAlpha, kApprove, {"codeBytesMax", 32'768, 8});
    send(kBeta, kApprove, {"codeBytesMax", 32'768, 8});
    const auto last = send(kDelta, kApprove, {"codeBytesMax", 32'768, 8});
    ASSERT_EQ(last.logs.size(), 2u);
    EXPECT_EQ(last.logs[0].topics[0], ledger::event_topic("ChangeApproved(bytes32,uint256,uint256,uint256)"));
    EXPECT_EQ(last.logs[0].topics[2], to_big_endian(U256{2}));
    EXPECT_EQ(last.logs[1].topics,
              std::vector<Hash256>{ledger::event_topic("ParameterChanged(string,uint256,uint256)")});
    EXPECT_EQ(*codec::abi_decode("(string,uint256,uint256)", last.logs[1].data),
              (AbiValue::List{"codeBytesMax", 32'768, 8}));
    EXPECT_EQ(send(kStranger, "round()", {}).value("(uint256)"), AbiValue{1});
}

TEST_F(Parameters, minority_changes_nothing) {
    const auto change = send(kAlpha, kApprove, {"codeBytesMax", 32'768, 8}).value("(bytes32)");
    send(kBeta, kApprove, {"codeBytesMax", 32'768, 8});
    EXPECT_EQ(send(kStranger, "approvals(bytes32)", {change}).value("(uint256)"), AbiValue{2});
    EXPECT_EQ(parameters_of(chain.state(), Height{8}).code_bytes_max, 24'576u);
    send(kAlpha, kApprove, {"codeBytesMax", 32'768, 8}).expect_revert("AlreadyApproved(bytes32)", {change});
    send(kStranger, kApprove, {"codeBytesMax", 32'768, 8}).expect_revert("NotAuthorised(address)", {kStranger});
    send(kDelta, kApprove, {"codeBytesMax", 32'769, 8}); // another change
    EXPECT_EQ(parameters_of(chain.state(), Height{8}).code_bytes_max, 24'576u);
}

TEST_F(Parameters, removed_organisations_have_no_say) {
    send(kDelta, kApprove, {"codeBytesMax", 32'768, 8});
    for (const auto& sender : {kAlpha, kBeta, filled<Address>(0xa3)})
        chain.send(kMembersAddress, sender, "approveRemoval(string)", {"Delta"});
    const auto change =
        send(kAlpha, kApprove, {"codeBytesMax", 32'768, 8}).value("(bytes32)"); // 1 of 2, Delta not counted
    EXPECT_EQ(send(kStranger, "approvals(bytes32)", {change}).value("(uint256)"), AbiValue{1});
    EXPECT_EQ(parameters_of(chain.state(), Height{8}).code_bytes_max, 24'576u);
    send(kBeta, kApprove, {"codeBytesMax", 32'768, 8});
    EXPECT_EQ(parameters_of(chain.state(), Height{8}).code_bytes_max, 32'768u);
}

TEST_F(Parameters, refuse_values_and_heights_that_would_harm) {
    send(kAlpha, kApprove, {"chainId", 1, 8}).expect_revert("ValueRefused(string,uint256,uint256)", {"chainId", 1, 0});
    send(kAlpha, kApprove, {"blockGasLimit", 29'999'999, 8})
        .expect_revert("ValueRefused(string,uint256,uint256)", {"blockGasLimit", 30'000'000, 1ull << 53});
    send(kAlpha, kApprove, {"codeBytesMax", ~U256{}, 8})
        .expect_revert("ValueRefused(string,uint256,uint256)", {"codeBytesMax", 24'576, 1u << 20});
    send(kAlpha, kApprove, {"codeBytesMax", 32'768, 7}).expect_revert("ActivationTooEarly(uint256,uint256)", {7, 8});
    send(kAlpha, kApprove, {"codeBytesMax", 32'768, 0}).expect_revert("ActivationTooEarly(uint256,uint256)", {0, 8});
    send(kAlpha, kApprove, {"nothing", 1, 8}).expect_revert("ParameterUnknown(string)", {"nothing"});
    decide("codeBytesMax", 32'768, 100);
    send(kAlpha, kApprove, {"codeBytesMax", 40'000, 50})
        .expect_revert("ChangePending(string,uint256)", {"codeBytesMax", 100});
}

TEST_F(Parameters, a_price_above_zero_ends_free_gas) {
    decide("fixedGasPrice", 5, 8);
    EXPECT_EQ(parameters_of(chain.state(), Height{7}).fee_mode, ledger::FeeMode::free);
    EXPECT_EQ(parameters_of(chain.state(), Height{8}).fee_mode, ledger::FeeMode::fixed);
    EXPECT_EQ(parameters_of(chain.state(), Height{8}).fixed_gas_price, U256{5});
}

TEST_F(Parameters, transaction_cap_stays_within_the_block) {
    decide("transactionGasCap", 400'000'000, 8);
    decide("blockGasLimit", 30'000'000, 9);
    EXPECT_EQ(parameters_of(chain.state(), Height{8}).transaction_gas_cap, 400'000'000u);
    EXPECT_EQ(parameters_of(chain.state(), Height{9}).transaction_gas_cap, 30'000'000u);
}

TEST_F(Parameters, storage_is_where_solidity_would_put_it) {
    decide("blockGasLimit", 60'000'000, 100);
    const auto at = [&](const U256& slot) { return chain.state().storage(kParametersAddress, slot); };
    const U256 slot = ledger::mapping_slot("blockGasLimit", 0);
    EXPECT_EQ(at(slot), U256{500'000'000});
    EXPECT_EQ(at(slot + U256{1}), U256{60'000'000});
    EXPECT_EQ(at(slot + U256{2}), U256{100});
    EXPECT_EQ(at(2), U256{1});
}

} // namespace
} // namespace cairn::system
