#include "system/parameters.hpp"

#include "ledger/slot_layout.hpp"
#include "system/chain_test.hpp"

#include <gtest/gtest.h>

namespace cairn::system {
namespace {

using codec::AbiValue;

constexpr std::string_view kChange = "change(string,uint256,uint256)";

class Parameters : public testing::Test {
protected:
    Answer send(const Address& sender, std::string_view signature, const AbiValue::List& arguments) {
        return chain.send(kParametersAddress, sender, signature, arguments);
    }
    AbiValue get(std::string_view name) { return send(kStranger, "get(string)", {name}).value("(uint256)"); }
    Answer propose(const Address& sender, const AbiValue::List& arguments) {
        return chain.propose(sender, kParametersAddress, kChange, arguments);
    }
    void decide(std::string_view name, const U256& value, std::uint64_t activation) {
        chain.carry_out(propose(kAlpha, {name, value, activation}), {kBeta, kDelta});
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

TEST_F(Parameters, change_is_told_in_an_event_of_this_contract) {
    const auto id = propose(kAlpha, {"codeBytesMax", 32'768, 8}).value("(uint256)");
    chain.send(kProposalsAddress, kBeta, "approve(uint256)", {id});
    const auto last = chain.send(kProposalsAddress, kDelta, "approve(uint256)", {id});
    ASSERT_EQ(last.logs.size(), 4u); // approved, decided, changed, executed
    EXPECT_EQ(last.logs[2].address, kParametersAddress);
    EXPECT_EQ(last.logs[2].topics,
              std::vector<Hash256>{ledger::event_topic("ParameterChanged(string,uint256,uint256)")});
    EXPECT_EQ(*codec::abi_decode("(string,uint256,uint256)", last.logs[2].data),
              (AbiValue::List{"codeBytesMax", 32'768, 8}));
}

TEST_F(Parameters, minority_changes_nothing) {
    const auto id = propose(kAlpha, {"codeBytesMax", 32'768, 8}).value("(uint256)");
    chain.send(kProposalsAddress, kBeta, "approve(uint256)", {id});
    EXPECT_EQ(parameters_of(chain.state(), Height{8}).code_bytes_max, 24'576u);
    propose(kStranger, {"codeBytesMax", 32'768, 8}).expect_revert("NotAuthorised(address)", {kStranger});
    send(kAlpha, kChange, {"codeBytesMax", 32'768, 8}).expect_revert("NotAuthorised(address)", {kAlpha});
    EXPECT_EQ(parameters_of(chain.state(), Height{8}).code_bytes_max, 24'576u);
}

TEST_F(Parameters, refuse_values_and_heights_that_would_harm) {
    propose(kAlpha, {"chainId", 1, 8}).expect_revert("ValueRefused(string,uint256,uint256)", {"chainId", 1, 0});
    propose(kAlpha, {"blockGasLimit", 29'999'999, 8})
        .expect_revert("ValueRefused(string,uint256,uint256)", {"blockGasLimit", 30'000'000, 1ull << 53});
    propose(kAlpha, {"codeBytesMax", ~U256{}, 8})
        .expect_revert("ValueRefused(string,uint256,uint256)", {"codeBytesMax", 24'576, 1u << 20});
    propose(kAlpha, {"codeBytesMax", 32'768, 7}).expect_revert("ActivationTooEarly(uint256,uint256)", {7, 8});
    propose(kAlpha, {"codeBytesMax", 32'768, 0}).expect_revert("ActivationTooEarly(uint256,uint256)", {0, 8});
    propose(kAlpha, {"nothing", 1, 8}).expect_revert("ParameterUnknown(string)", {"nothing"});
    decide("codeBytesMax", 32'768, 100);
    propose(kAlpha, {"codeBytesMax", 40'000, 50}).expect_revert("ChangePending(string,uint256)", {"codeBytesMax", 100});
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
}

} // namespace
} // namespace cairn::system
