#include "base/errors/execution.hpp"
#include "execution/test_chain.hpp"
#include "execution/transaction.hpp"

#include <gtest/gtest.h>

#include <random>

namespace cairn::execution {
namespace {

using test::actor;
using test::sign;
using test::transfer;

evm::BlockEnvironment block_environment() {
    evm::BlockEnvironment block;
    block.number = 10;
    block.gas_limit = 30'000'000;
    block.coinbase = actor(900).address;
    block.base_fee = U256{2};
    block.chain_id = U256{test::kChainId};
    block.block_hash = [](std::uint64_t) { return Hash256{}; };
    return block;
}

Rules rules() {
    Rules out;
    out.chain_id = U256{test::kChainId};
    return out;
}

/// Sees everything and changes nothing: with it, a transfer takes the long way through the machine.
class Watcher final : public evm::Tracer {
public:
    void on_enter(const evm::Message&, BytesView) override { ++entered; }
    int entered = 0;
};

struct Applied {
    Result<TransactionOutcome> outcome;
    ledger::StateDiff diff;
};

Applied apply(const ledger::StateView& world, const ledger::SignedTransaction& tx, const Rules& with = rules()) {
    evm::State state(world);
    auto outcome = apply_transaction(state, tx, block_environment(), 30'000'000, with);
    return {std::move(outcome), state.diff()};
}

TEST(Transaction, transfer_by_the_short_way_equals_transfer_through_the_machine) {
    const auto world = test::world(4);
    for (std::uint64_t seed = 1; seed <= 300; ++seed) {
        SCOPED_TRACE("seed " + std::to_string(seed));
        std::mt19937_64 random(seed);
        const Address recipients[] = {actor(0).address,
                                      actor(1).address,
                                      actor(500).address,
                                      actor(900).address,
                                      *fixed_from_hex<Address>("0x0000000000000000000000000000000000000002"),
                                      test::kToken};
        auto tx = transfer(random() % 8 == 0, recipients[random() % 6], U256{random() % 3} * U256{random() % 1'000});
        tx.data = Bytes(random() % 40, static_cast<std::uint8_t>(random() % 2));
        tx.gas_limit = 20'000 + random() % 50'000;
        tx.max_fee_per_gas = U256{random() % 10 + 1};
        tx.max_priority_fee_per_gas = std::min(tx.max_fee_per_gas, U256{random() % 3});
        if (random() % 5 == 0) tx.access_list = {{recipients[random() % 6], {Hash256{}}}};
        if (random() % 50 == 0) tx.value = test::kFunds;
        const auto signed_tx = sign(tx, actor(0));
        const auto quick = apply(world, *signed_tx);
        Watcher watcher;
        auto watched = rules();
        watched.tracer = &watcher;
        const auto slow = apply(world, *signed_tx, watched);
        ASSERT_EQ(quick.outcome.has_value(), slow.outcome.has_value());
        EXPECT_EQ(quick.diff, slow.diff);
        if (!quick.outcome) {
            EXPECT_EQ(quick.outcome.error().text(), slow.outcome.error().text());
            EXPECT_TRUE(quick.diff.empty());
            continue;
        }
        EXPECT_EQ(watcher.entered, 1);
        EXPECT_EQ(quick.outcome->receipt, slow.outcome->receipt);
        EXPECT_EQ(quick.outcome->outcome, slow.outcome->outcome);
        EXPECT_EQ(quick.outcome->output, slow.outcome->output);
    }
}

TEST(Transaction, refusal_changes_nothing) {
    const auto world = test::world(2);
    for (const auto& tx : {transfer(3, actor(1).address, 1), transfer(0, actor(1).address, test::kFunds + U256{1})}) {
        const auto applied = apply(world, *sign(tx, actor(0)));
        EXPECT_FALSE(applied.outcome);
        EXPECT_TRUE(applied.diff.empty());
    }
}

TEST(Transaction, creation_names_its_contract_also_when_it_fails) {
    const auto world = test::world(1);
    for (const bool fails : {false, true}) {
        auto tx = transfer(0, {}, {});
        tx.to.reset();
        tx.max_fee_per_gas = U256{2};
        tx.data = fails ? Bytes{0xfe} : *from_hex("0x60fe60005360016000f3"); // invalid; or deploys the one byte fe
        tx.gas_limit = 100'000;
        const auto applied = apply(world, *sign(tx, actor(0)));
        ASSERT_TRUE(applied.outcome) << applied.outcome.error().text();
        EXPECT_EQ(applied.outcome->receipt.success, !fails);
        EXPECT_EQ(applied.outcome->receipt.contract_address, evm::create_address(actor(0).address, 0));
        EXPECT_EQ(applied.diff.contains(evm::create_address(actor(0).address, 0)), !fails);
        if (fails) {
            EXPECT_EQ(applied.outcome->receipt.gas_used, tx.gas_limit);
        }
    }
}

TEST(Transaction, simulation_needs_neither_nonce_nor_money_for_gas) {
    const auto world = test::world(1);
    auto tx = transfer(77, test::kToken, {});
    tx.gas_limit = 500'000'000;
    auto simulated = rules();
    simulated.simulate = true;
    ledger::SignedTransaction call{tx, {}, {}, actor(600).address}; // unknown account, fee 0 below the base fee
    const auto applied = apply(world, call, simulated);
    ASSERT_TRUE(applied.outcome) << applied.outcome.error().text();
    EXPECT_TRUE(applied.outcome->receipt.success);
    call.body.value = U256{1};
    const auto poor = apply(world, call, simulated);
    ASSERT_FALSE(poor.outcome);
    EXPECT_EQ(poor.outcome.error().code, error::InsufficientFunds);
}

TEST(Transaction, floor_of_the_data_price_holds_for_transfers_too) {
    const auto world = test::world(2);
    auto tx = transfer(0, actor(1).address, 1);
    tx.max_fee_per_gas = U256{2};
    tx.data = Bytes(100, 0xff);
    tx.gas_limit = 100'000;
    const auto applied = apply(world, *sign(tx, actor(0)));
    ASSERT_TRUE(applied.outcome);
    EXPECT_EQ(applied.outcome->receipt.gas_used, 21'000u + 100 * 40);
    tx.gas_limit = 21'000 + 100 * 40 - 1;
    EXPECT_EQ(apply(world, *sign(tx, actor(0))).outcome.error().code, error::IntrinsicGasTooLow);
}

TEST(BlobBaseFee, follows_the_exponential_of_eip_4844) {
    const auto cancun = blob_fee_fraction(evm::Revision::cancun);
    EXPECT_EQ(blob_base_fee(0, cancun), U256{1});
    EXPECT_EQ(blob_base_fee(2'314'057, cancun), U256{1});
    EXPECT_EQ(blob_base_fee(2'314'058, cancun), U256{2});
    EXPECT_EQ(blob_base_fee(10 * 1024 * 1024, cancun), U256{23});
    EXPECT_EQ(blob_base_fee(~std::uint64_t{0}, cancun), ~U256{});
}

} // namespace
} // namespace cairn::execution
