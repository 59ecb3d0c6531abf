#include "base/errors/execution.hpp"
#include "base/errors/pool.hpp"
#include "ledger/account_key.hpp"
#include "pool/test_pool.hpp"

#include <gtest/gtest.h>

#include <functional>

namespace cairn::pool {
namespace {

using ledger::TransactionType;
using namespace testing_pool;

class PoolTest : public ::testing::Test {
protected:
    PoolTest() { config.chain_id = kChain; }

    Pool& pool() {
        if (!pool_) pool_.emplace(config);
        return *pool_;
    }
    Result<Added> add(const SharedTransaction& transaction) { return pool().add(transaction, kIntrinsic, state); }
    Result<Added> add(const Draft& draft) { return add(draft.make()); }
    /// The error's name, or "" for success.
    std::string outcome(const Draft& draft) {
        const auto added = add(draft);
        return added ? "" : std::string(error_info(added.error().code).name);
    }
    SharedTransaction added(const Draft& draft) {
        auto transaction = draft.make();
        const auto result = add(transaction);
        EXPECT_TRUE(result) << result.error().text();
        return transaction;
    }
    void include(const std::vector<SharedTransaction>& transactions) {
        for (const auto& transaction : transactions)
            state.accounts[transaction->sender].nonce = transaction->body.nonce + 1;
        pool().on_block(Height{++height_}, transactions, state);
    }
    void empty_blocks(std::uint64_t count) {
        for (std::uint64_t i = 0; i < count; ++i) include({});
    }
    static std::vector<std::uint64_t> nonces(const std::vector<SharedTransaction>& transactions) {
        std::vector<std::uint64_t> out;
        for (const auto& transaction : transactions) out.push_back(transaction->body.nonce);
        return out;
    }

    PoolConfig config;
    State state;

private:
    std::optional<Pool> pool_;
    std::uint64_t height_ = 0;
};

using Nonces = std::vector<std::uint64_t>;

TEST_F(PoolTest, rules_of_the_transaction_alone) {
    struct Row {
        std::string error;
        std::function<void(Draft&)> change;
    };
    const std::vector<Row> table{
        {"", [](Draft&) {}},
        {"", [](Draft& d) { d.size = 128 * 1024; }},
        {"TransactionTooLarge", [](Draft& d) { d.size = 128 * 1024 + 1; }},
        {"TypeNotSupported", [](Draft& d) { d.body.type = TransactionType::blob; }},
        {"TypeNotSupported", [](Draft& d) { d.body.type = static_cast<TransactionType>(5); }},
        {"TypeNotSupported", [](Draft& d) { d.body.type = TransactionType::sm2; }},
        {"", [](Draft& d) { d.body.type = TransactionType::access_list; }},
        {"", [](Draft& d) { d.body.type = TransactionType::legacy; }},
        {"ReplayUnprotected", [](Draft& d) { d.body.type = TransactionType::legacy, d.body.chain_id.reset(); }},
        {"WrongChainId", [](Draft& d) { d.body.chain_id = U256{kChain + 1}; }},
        {"WrongChainId", [](Draft& d) { d.body.chain_id = U256{kChain, 1, 0, 0}; }},
        {"SetCodeInvalid", [](Draft& d) { d.body.type = TransactionType::set_code; }},
        {"SetCodeInvalid",
         [](Draft& d) {
             d.body.type = TransactionType::set_code, d.body.authorization_list.resize(1), d.body.to.reset();
         }},
        {"", [](Draft& d) { d.body.type = TransactionType::set_code, d.body.authorization_list.resize(1); }},
        {"", [](Draft& d) { d.body.signature.s = crypto::kSecp256k1HalfOrder; }},
        {"SignatureInvalid", [](Draft& d) { d.body.signature.s = crypto::kSecp256k1HalfOrder + U256{1}; }},
        {"NonceOverflow", [](Draft& d) { d.body.nonce = ~std::uint64_t{0}; }},
        {"", [](Draft& d) { d.body.to.reset(), d.body.data.resize(49'152); }},
        {"InitCodeTooLarge", [](Draft& d) { d.body.to.reset(), d.body.data.resize(49'153); }},
        {"", [](Draft& d) { d.body.data.resize(49'153); }},
        {"PriorityOverFee", [](Draft& d) { d.fee(1, 2); }},
        {"InsufficientFunds", [](Draft& d) { d.fee(1, 1); }},
        {"InsufficientFunds", [](Draft& d) { d.body.value = U256{1}; }},
        {"InsufficientFunds", [](Draft& d) { d.fee(1, 1), d.body.value = ~U256{}; }},
        {"", [](Draft& d) { d.gas(16'777'216); }},
        {"GasOverCap", [](Draft& d) { d.gas(16'777'217); }},
        {"", [](Draft& d) { d.gas(kIntrinsic); }},
        {"IntrinsicGasTooLow", [](Draft& d) { d.gas(kIntrinsic - 1); }},
        {"GasPriceOverflow", [](Draft& d) { d.body.max_fee_per_gas = ~U256{}; }},
    };
    for (std::size_t i = 0; i < table.size(); ++i) {
        Draft draft(static_cast<std::uint8_t>(i + 1), 0);
        table[i].change(draft);
        EXPECT_EQ(outcome(draft), table[i].error) << "row " << i;
    }
}

TEST_F(PoolTest, small_block_limits_the_gas_of_a_transaction) {
    config.block_gas_limit = 30'000;
    EXPECT_EQ(outcome(Draft(1, 0).gas(30'000)), "");
    EXPECT_EQ(outcome(Draft(2, 0).gas(30'001)), "GasOverBlock");
}

TEST_F(PoolTest, fixed_price_must_be_offered_and_paid) {
    config.base_fee = U256{10};
    state.accounts[address_of(1)].balance = U256{21'000 * 10};
    EXPECT_EQ(outcome(Draft(1, 0).fee(9, 0)), "FeeBelowBase");
    EXPECT_EQ(outcome(Draft(2, 0).fee(10, 0)), "InsufficientFunds");
    EXPECT_EQ(outcome(Draft(1, 0).fee(10, 0)), "");
    // The first one is counted.
    EXPECT_EQ(outcome(Draft(1, 1).fee(10, 0)), "InsufficientFunds");
    state.accounts[address_of(1)].balance = U256{2 * 21'000 * 10};
    EXPECT_EQ(outcome(Draft(1, 1).fee(10, 0)), "") << "income that no transaction names is noticed";
}

TEST_F(PoolTest, nonce_must_be_neither_used_nor_too_far_ahead) {
    state.accounts[address_of(1)].nonce = 5;
    config.nonce_gap_max = 10;
    EXPECT_EQ(outcome(Draft(1, 4)), "NonceTooLow");
    EXPECT_EQ(outcome(Draft(1, 16)), "NonceGapTooWide");
    EXPECT_EQ(outcome(Draft(1, 15)), "");
    EXPECT_EQ(outcome(Draft(1, 5)), "");
    EXPECT_EQ(outcome(Draft(1, 16)), "") << "the first missing one is 6 now";
    EXPECT_EQ(outcome(Draft(1, 17)), "NonceGapTooWide");
}

TEST_F(PoolTest, contract_cannot_send_but_delegated_account_can) {
    Hash256 code;
    code[0] = 1;
    state.accounts[address_of(1)].code_hash = code;
    state.codes[code] = Bytes{0x60, 0x00};
    EXPECT_EQ(outcome(Draft(1, 0)), "SenderHasCode");
    Hash256 delegation;
    delegation[0] = 2;
    state.accounts[address_of(2)].code_hash = delegation;
    state.codes[delegation] = Bytes{0xef, 0x01, 0x00};
    state.codes[delegation].resize(23);
    EXPECT_EQ(outcome(Draft(2, 0)), "");
}

TEST_F(PoolTest, same_transaction_is_known) {
    const auto transaction = added(Draft(1, 0));
    EXPECT_EQ(add(transaction).error().code, error::AlreadyKnown);
    EXPECT_EQ(pool().find(transaction->hash), transaction);
    EXPECT_EQ(pool().find(Hash256{}), nullptr);
}

TEST_F(PoolTest, replacement_in_free_mode_needs_a_higher_nominal_fee) {
    state.accounts[address_of(1)].balance = ~U256{};
    const auto first = added(Draft(1, 0));
    EXPECT_EQ(outcome(Draft(1, 0)), "ReplacementUnderpriced");
    const auto second = Draft(1, 0).fee(1, 0).make();
    const auto result = add(second);
    ASSERT_TRUE(result);
    EXPECT_EQ(result->replaced, first->hash);
    EXPECT_EQ(pool().find(first->hash), nullptr);
    EXPECT_EQ(outcome(Draft(1, 0).fee(1, 1)), "ReplacementUnderpriced");
    EXPECT_EQ(outcome(Draft(1, 0).fee(2, 1)), "");
    EXPECT_EQ(outcome(Draft(1, 0).fee(3, 0)), "ReplacementUnderpriced") << "the tip must not fall";
    EXPECT_EQ(pool().counts().pending, 1u);
}

TEST_F(PoolTest, replacement_with_a_price_needs_a_tenth_more_of_both_fees) {
    config.base_fee = U256{1};
    state.accounts[address_of(1)].balance = ~U256{};
    added(Draft(1, 0).fee(100, 15));
    EXPECT_EQ(outcome(Draft(1, 0).fee(109, 17)), "ReplacementUnderpriced");
    EXPECT_EQ(outcome(Draft(1, 0).fee(110, 16)), "ReplacementUnderpriced");
    EXPECT_EQ(outcome(Draft(1, 0).fee(110, 17)), "");
    added(Draft(1, 1).fee(100, 0));
    EXPECT_EQ(outcome(Draft(1, 1).fee(110, 0)), "ReplacementUnderpriced");
    EXPECT_EQ(outcome(Draft(1, 1).fee(110, 1)), "");
}

TEST_F(PoolTest, replacement_counts_only_the_difference_against_the_balance) {
    config.base_fee = U256{1};
    state.accounts[address_of(1)].balance = U256{21'000 * 110};
    added(Draft(1, 0).fee(100, 1));
    EXPECT_EQ(outcome(Draft(1, 0).fee(111, 2)), "InsufficientFunds");
    EXPECT_EQ(outcome(Draft(1, 0).fee(110, 2)), "");
}

TEST_F(PoolTest, gap_is_queued_until_it_closes) {
    EXPECT_FALSE(add(Draft(1, 2))->executable);
    EXPECT_FALSE(add(Draft(1, 1))->executable);
    EXPECT_EQ(pool().counts().queued, 2u);
    EXPECT_EQ(pool().counts().pending, 0u);
    EXPECT_FALSE(pool().has_ready());
    EXPECT_EQ(pool().pending_nonce(address_of(1)), 0u);
    EXPECT_TRUE(pool().take_batch(kAmple).empty());
    EXPECT_TRUE(add(Draft(1, 0))->executable);
    EXPECT_EQ(pool().counts().queued, 0u);
    EXPECT_EQ(pool().counts().pending, 3u);
    EXPECT_EQ(pool().pending_nonce(address_of(1)), 3u);
    EXPECT_EQ(nonces(pool().take_batch(kAmple)), (Nonces{0, 1, 2}));
}

TEST_F(PoolTest, pending_nonce_of_an_unknown_sender_is_the_states_business) {
    EXPECT_EQ(pool().pending_nonce(address_of(9)), std::nullopt);
}

TEST_F(PoolTest, senders_take_turns) {
    config.turn_transactions = 2;
    for (std::uint64_t nonce = 0; nonce < 5; ++nonce) added(Draft(1, nonce));
    added(Draft(2, 0));
    added(Draft(3, 0));
    std::vector<std::pair<std::uint8_t, std::uint64_t>> order;
    for (const auto& transaction : pool().take_batch(kAmple))
        order.emplace_back(transaction->sender[0], transaction->body.nonce);
    EXPECT_EQ(order, (std::vector<std::pair<std::uint8_t, std::uint64_t>>{
                         {1, 0}, {1, 1}, {2, 0}, {3, 0}, {1, 2}, {1, 3}, {1, 4}}));
}

TEST_F(PoolTest, batch_keeps_each_of_its_limits) {
    for (std::uint8_t sender = 1; sender <= 10; ++sender) added(Draft(sender, 0).bytes(96).gas(30'000));
    EXPECT_EQ(pool().take_batch({1000, 3, 1'000'000}).size(), 3u);
    EXPECT_EQ(pool().take_batch({299, 10, 1'000'000}).size(), 2u);
    EXPECT_EQ(pool().take_batch({1000, 10, 59'999}).size(), 1u);
    EXPECT_EQ(pool().take_batch({99, 10, 1'000'000}).size(), 0u);
    EXPECT_EQ(pool().take_batch({1000, 0, 1'000'000}).size(), 0u);
    EXPECT_EQ(pool().take_batch({1000, 10, 120'000}).size(), 4u);
    EXPECT_FALSE(pool().has_ready());
}

TEST_F(PoolTest, large_transaction_is_passed_over_and_comes_first_next_time) {
    added(Draft(1, 0).bytes(100));
    added(Draft(2, 0).bytes(5000));
    added(Draft(3, 0).bytes(100));
    const auto first = pool().take_batch({1000, 10, 1'000'000});
    ASSERT_EQ(first.size(), 2u);
    EXPECT_EQ(first[1]->sender, address_of(3));
    EXPECT_EQ(pool().take_batch({6000, 10, 1'000'000}).size(), 1u);
}

TEST_F(PoolTest, taken_transactions_are_not_offered_again) {
    added(Draft(1, 0));
    EXPECT_EQ(pool().take_batch(kAmple).size(), 1u);
    EXPECT_EQ(pool().counts().in_flight, 1u);
    EXPECT_EQ(pool().counts().pending, 1u);
    EXPECT_TRUE(pool().take_batch(kAmple).empty());
    added(Draft(1, 1));
    EXPECT_EQ(nonces(pool().take_batch(kAmple)), Nonces{1});
}

TEST_F(PoolTest, transaction_in_flight_cannot_be_replaced) {
    state.accounts[address_of(1)].balance = ~U256{};
    added(Draft(1, 0));
    (void)pool().take_batch(kAmple);
    EXPECT_EQ(outcome(Draft(1, 0).fee(100, 100)), "ReplacementUnderpriced");
}

TEST_F(PoolTest, executed_transactions_leave_whoever_ordered_them) {
    const auto first = added(Draft(1, 0));
    added(Draft(1, 1));
    added(Draft(1, 2));
    const auto other = Draft(1, 1).make(); // came through another node
    (void)pool().take_batch({1000, 1, 1'000'000});
    include({first, other});
    EXPECT_EQ(pool().find(first->hash), nullptr);
    EXPECT_EQ(nonces(pool().pending()), Nonces{2});
    EXPECT_EQ(pool().counts().in_flight, 0u);
    EXPECT_EQ(nonces(pool().take_batch(kAmple)), Nonces{2});
}

TEST_F(PoolTest, taken_transactions_that_no_block_includes_are_offered_again) {
    config.in_flight_heights = 3;
    added(Draft(1, 0));
    added(Draft(1, 1));
    EXPECT_EQ(pool().take_batch(kAmple).size(), 2u);
    empty_blocks(2);
    EXPECT_TRUE(pool().take_batch(kAmple).empty());
    empty_blocks(1);
    EXPECT_EQ(nonces(pool().take_batch(kAmple)), (Nonces{0, 1}));
    empty_blocks(2);
    EXPECT_TRUE(pool().take_batch(kAmple).empty());
    empty_blocks(1);
    EXPECT_EQ(pool().take_batch(kAmple).size(), 2u);
}

TEST_F(PoolTest, give_back_offers_everything_again) {
    for (std::uint8_t sender = 1; sender <= 3; ++sender) added(Draft(sender, 0));
    EXPECT_EQ(pool().take_batch(kAmple).size(), 3u);
    pool().give_back();
    EXPECT_EQ(pool().counts().in_flight, 0u);
    EXPECT_EQ(pool().take_batch(kAmple).size(), 3u);
}

TEST_F(PoolTest, dropped_for_a_nonce_too_high_is_offered_again_with_its_successors) {
    for (std::uint64_t nonce = 0; nonce < 4; ++nonce) added(Draft(1, nonce));
    const auto taken = pool().take_batch(kAmple);
    pool().on_dropped(taken[1]->hash, error::NonceTooHigh);
    include({taken[0]});
    EXPECT_EQ(nonces(pool().take_batch(kAmple)), (Nonces{1, 2, 3}));
}

TEST_F(PoolTest, dropped_by_a_full_block_is_offered_again_with_its_successors) {
    config.block_gas_limit = 100'000;
    added(Draft(1, 0).gas(60'000));
    added(Draft(1, 1).gas(60'000));
    added(Draft(1, 2));
    const auto taken = pool().take_batch(kAmple);
    pool().on_dropped(taken[1]->hash, error::GasOverBlock);
    pool().on_dropped(taken[2]->hash, error::NonceTooHigh);
    include({taken[0]});
    EXPECT_EQ(pool().find(taken[1]->hash), taken[1]);
    EXPECT_EQ(nonces(pool().take_batch(kAmple)), (Nonces{1, 2}));
}

TEST_F(PoolTest, dropped_because_no_block_has_room_for_it_is_forgotten) {
    config.block_gas_limit = 100'000;
    added(Draft(1, 0).gas(60'000));
    const auto taken = pool().take_batch(kAmple);
    pool().set_rules({.chain_id = kChain, .block_gas_limit = 50'000});
    pool().on_dropped(taken[0]->hash, error::GasOverBlock);
    EXPECT_EQ(pool().find(taken[0]->hash), nullptr);
}

TEST_F(PoolTest, new_rules_hold_for_what_comes_after_them) {
    added(Draft(1, 0));
    pool().set_rules({.chain_id = kChain,
                      .fee_mode = ledger::FeeMode::fixed,
                      .fixed_gas_price = U256{10},
                      .block_gas_limit = 40'000,
                      .transaction_gas_cap = 30'000});
    EXPECT_EQ(outcome(Draft(2, 0)), "FeeBelowBase");
    EXPECT_EQ(outcome(Draft(2, 0).fee(10, 0).gas(30'001)), "GasOverCap");
    EXPECT_EQ(pool().pending().size(), 1u);
    pool().set_rules({.chain_id = kChain});
    EXPECT_EQ(outcome(Draft(2, 0)), "");
}

TEST_F(PoolTest, dropped_for_another_reason_is_forgotten_and_its_successors_wait) {
    for (std::uint64_t nonce = 0; nonce < 3; ++nonce) added(Draft(1, nonce));
    const auto taken = pool().take_batch(kAmple);
    pool().on_dropped(taken[1]->hash, error::InsufficientFunds);
    EXPECT_EQ(pool().find(taken[1]->hash), nullptr);
    EXPECT_EQ(pool().counts().queued, 1u);
    EXPECT_EQ(pool().pending_nonce(address_of(1)), 1u);
    added(Draft(1, 1));
    EXPECT_EQ(nonces(pool().take_batch(kAmple)), (Nonces{1, 2}));
}

TEST_F(PoolTest, nonce_that_an_authorization_used_up_does_not_block_the_sender) {
    added(Draft(1, 0));
    added(Draft(1, 1));
    const auto taken = pool().take_batch(kAmple);
    state.accounts[address_of(1)].nonce = 1; // no transaction of this sender was included
    pool().on_dropped(taken[0]->hash, error::NonceTooLow);
    include({});
    EXPECT_EQ(nonces(pool().pending()), Nonces{1});
    EXPECT_EQ(nonces(pool().take_batch(kAmple)), Nonces{1});
}

TEST_F(PoolTest, sender_who_can_pay_no_longer_loses_the_last_ones) {
    config.base_fee = U256{1};
    state.accounts[address_of(1)].balance = U256{3 * 21'000};
    const auto first = added(Draft(1, 0).fee(1, 0));
    added(Draft(1, 1).fee(1, 0));
    added(Draft(1, 2).fee(1, 0));
    state.accounts[address_of(1)].balance = U256{1 * 21'000};
    include({first});
    EXPECT_EQ(nonces(pool().pending()), Nonces{1});
    EXPECT_EQ(pool().pending_nonce(address_of(1)), 2u);
}

TEST_F(PoolTest, old_transactions_expire_but_not_in_flight) {
    config.expiry_heights = 5;
    config.in_flight_heights = 100;
    added(Draft(1, 1)); // behind a gap
    added(Draft(2, 0));
    (void)pool().take_batch(kAmple);
    empty_blocks(3);
    added(Draft(3, 1));
    empty_blocks(1);
    EXPECT_EQ(pool().counts().queued, 2u);
    empty_blocks(1);
    EXPECT_EQ(pool().counts().queued, 1u);
    EXPECT_EQ(pool().counts().in_flight, 1u);
    empty_blocks(3);
    EXPECT_EQ(pool().counts().queued, 0u);
    EXPECT_EQ(pool().counts().senders, 1u);
}

TEST_F(PoolTest, full_sender_is_refused_while_others_are_served) {
    config.sender_transactions_max = 3;
    config.sender_bytes_max = 1000;
    for (std::uint64_t nonce = 0; nonce < 3; ++nonce) added(Draft(1, nonce));
    EXPECT_EQ(outcome(Draft(1, 3)), "PoolFull");
    EXPECT_EQ(outcome(Draft(2, 0).bytes(999)), "");
    EXPECT_EQ(outcome(Draft(2, 1).bytes(2)), "PoolFull");
    EXPECT_EQ(outcome(Draft(2, 1).bytes(1)), "");
}

TEST_F(PoolTest, full_pool_gives_up_what_cannot_run_for_what_can) {
    config.transactions_max = 4;
    added(Draft(1, 0));
    added(Draft(2, 5));
    added(Draft(3, 5));
    const auto last = added(Draft(3, 6));
    EXPECT_EQ(outcome(Draft(4, 1)), "PoolFull") << "what cannot run evicts nothing";
    const auto result = add(Draft(5, 0));
    ASSERT_TRUE(result);
    EXPECT_EQ(result->evicted, std::vector<Hash256>{last->hash}) << "the sender with most of them, its highest nonce";
    EXPECT_TRUE(add(Draft(6, 0)));
    EXPECT_TRUE(add(Draft(7, 0)));
    EXPECT_EQ(pool().counts().queued, 0u);
    EXPECT_EQ(outcome(Draft(8, 0)), "PoolFull") << "what can run is never evicted";
    EXPECT_EQ(pool().counts().senders, 4u);
}

TEST_F(PoolTest, nothing_is_evicted_for_what_is_refused) {
    config.bytes_max = 1000;
    added(Draft(1, 0).bytes(700));
    added(Draft(2, 1).bytes(200));
    EXPECT_EQ(outcome(Draft(3, 0).bytes(301)), "PoolFull");
    EXPECT_EQ(pool().counts().queued, 1u);
    EXPECT_EQ(outcome(Draft(3, 0).bytes(300)), "");
    EXPECT_EQ(pool().counts().queued, 0u);
    EXPECT_EQ(pool().counts().bytes, 1000u);
}

TEST_F(PoolTest, queued_transactions_have_their_own_limit) {
    config.queued_max = 2;
    added(Draft(1, 1));
    added(Draft(2, 1));
    EXPECT_EQ(outcome(Draft(3, 1)), "PoolFull");
    EXPECT_EQ(outcome(Draft(3, 0)), "");
    EXPECT_EQ(outcome(Draft(1, 0)), "");
    EXPECT_EQ(outcome(Draft(3, 2)), "") << "one of them can run now";
}

TEST_F(PoolTest, filling_one_gap_may_evict_the_senders_own_queue) {
    config.transactions_max = 2;
    added(Draft(1, 1));
    added(Draft(1, 2));
    ASSERT_TRUE(add(Draft(1, 0)));
    EXPECT_EQ(nonces(pool().pending()), (Nonces{0, 1}));
}

TEST_F(PoolTest, block_costs_look_ups_only_for_its_own_accounts) {
    for (std::uint8_t sender = 1; sender <= 100; ++sender) added(Draft(sender, 0));
    const auto mine = added(Draft(200, 0));
    state.looks = 0;
    include({mine, Draft(201, 0).make()});
    EXPECT_EQ(state.looks, 1u)
        << "one sender that the pool holds; the recipients and the other sender are unknown to it";
}

TEST_F(PoolTest, known_sender_costs_no_look_up) {
    added(Draft(1, 0));
    state.looks = 0;
    added(Draft(1, 1));
    EXPECT_EQ(state.looks, 0u);
}

TEST_F(PoolTest, refused_transaction_leaves_no_trace) {
    EXPECT_EQ(outcome(Draft(1, 0).fee(1, 1)), "InsufficientFunds");
    EXPECT_EQ(outcome(Draft(1, 5000)), "NonceGapTooWide");
    const auto counts = pool().counts();
    EXPECT_EQ(counts.senders, 0u);
    EXPECT_EQ(counts.bytes, 0u);
}

TEST_F(PoolTest, what_a_key_signed_leaves_when_the_key_stops_signing) {
    for (std::uint64_t nonce : {0, 1, 2, 5}) added(Draft(1, nonce));
    added(Draft(2, 0));
    ASSERT_EQ(pool().take_batch({64u << 20, 1, ~std::uint64_t{0}}).size(), 1u); // one is on its way into a block
    pool().on_keys_changed(address_of(1), state);
    EXPECT_EQ(pool().counts().pending + pool().counts().queued, 5u) << "nothing has changed yet";
    state.keys[U256{ledger::kAccountKeysSlot}] = U256{1};
    state.keys[ledger::key_slot(ledger::account_key_id(address_of(1)))] =
        ledger::pack(ledger::KeyHead{.owner = address_of(1),
                                     .key_class = ledger::KeyClass::account,
                                     .state = ledger::KeyState::quarantined,
                                     .version = 1});
    pool().on_keys_changed(address_of(1), state);
    pool().on_keys_changed(address_of(3), state);
    EXPECT_EQ(nonces(pool().pending()), Nonces{0}); // sender 2's
    EXPECT_EQ(pool().pending().front()->sender, address_of(2));
    EXPECT_TRUE(pool().queued().empty());
    EXPECT_EQ(pool().counts().in_flight, 0u);
}

TEST_F(PoolTest, lists_are_ordered_by_sender_and_nonce) {
    added(Draft(3, 0));
    added(Draft(1, 1));
    added(Draft(1, 0));
    added(Draft(2, 7));
    std::vector<std::pair<std::uint8_t, std::uint64_t>> order;
    for (const auto& transaction : pool().pending())
        order.emplace_back(transaction->sender[0], transaction->body.nonce);
    EXPECT_EQ(order, (std::vector<std::pair<std::uint8_t, std::uint64_t>>{{1, 0}, {1, 1}, {3, 0}}));
    EXPECT_EQ(nonces(pool().queued()), Nonces{7});
}

} // namespace
} // namespace cairn::pool
