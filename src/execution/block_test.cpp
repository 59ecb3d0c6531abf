#include "base/errors/execution.hpp"
#include "execution/candidate_order.hpp"
#include "execution/test_chain.hpp"

#include <gtest/gtest.h>
#include <set>

#include <random>

namespace cairn::execution {
namespace {

using test::actor;
using test::execute;
using test::input_of;
using test::sign;
using test::transfer;

std::vector<std::uint64_t> nonces_of(const ledger::Block& block, const Address& sender) {
    std::vector<std::uint64_t> out;
    for (const auto& transaction : block.transactions)
        if (transaction.sender == sender) out.push_back(transaction.body.nonce);
    return out;
}

TEST(CandidateOrder, drops_duplicates_and_sorts_each_sender_within_its_own_slots) {
    const auto a = actor(0), b = actor(1);
    const auto a0 = sign(transfer(0, b.address, 1), a), a1 = sign(transfer(1, b.address, 1), a),
               a2 = sign(transfer(2, b.address, 1), a), b0 = sign(transfer(0, a.address, 1), b),
               b1 = sign(transfer(1, a.address, 1), b);
    EXPECT_EQ(in_block_order({a2, b1, a0, a2, b0, a1}), (Candidates{a0, b0, a1, b1, a2}));
    EXPECT_EQ(in_block_order({}), Candidates{});
}

TEST(CandidateOrder, keeps_lane_order_among_equal_nonces) {
    const auto a = actor(0), b = actor(1);
    const auto first = sign(transfer(0, b.address, 1), a), second = sign(transfer(0, b.address, 2), a);
    EXPECT_EQ(in_block_order({first, second}), (Candidates{first, second}));
    EXPECT_EQ(in_block_order({second, first}), (Candidates{second, first}));
}

TEST(Block, header_has_the_fields_of_an_osaka_block) {
    const auto world = test::world(2);
    const auto input = input_of({sign(transfer(0, actor(1).address, 5), actor(0))});
    const auto executed = execute(world, input);
    const auto& header = executed.block.header;
    EXPECT_EQ(header.parent_hash, ledger::hash_of(input.parent));
    EXPECT_EQ(header.number, 10u);
    EXPECT_EQ(header.timestamp, input.timestamp);
    EXPECT_EQ(header.mix_hash, input.consensus_digest);
    EXPECT_EQ(header.beneficiary, input.beneficiary);
    EXPECT_EQ(header.gas_limit, test::parameters().block_gas_limit);
    EXPECT_EQ(header.gas_used, 21'000u);
    EXPECT_EQ(header.base_fee_per_gas, U256{});
    EXPECT_EQ(header.withdrawals_root, ledger::kEmptyTrieRoot);
    EXPECT_EQ(header.requests_hash, ledger::kEmptyRequestsHash);
    EXPECT_EQ(header.parent_beacon_block_root, Hash256{});
    EXPECT_EQ(header.ommers_hash, ledger::kEmptyOmmersHash);
    EXPECT_LE(header.extra_data.size(), 32u);
    EXPECT_EQ(header.transactions_root, ledger::ordered_trie_root({executed.block.transactions[0].raw}));
    EXPECT_EQ(header.receipts_root, ledger::ordered_trie_root({ledger::encode_receipt(executed.receipts[0])}));
    EXPECT_EQ(ledger::decode_block(ledger::encode_block(executed.block))->header, header);
}

TEST(Block, drops_what_is_invalid_and_says_why) {
    const auto world = test::world(4);
    auto foreign = transfer(0, actor(1).address, 1);
    foreign.chain_id = U256{1};
    auto blob = transfer(0, actor(1).address, 1);
    blob.type = ledger::TransactionType::blob;
    blob.blob_versioned_hashes = {Hash256{{1}}};
    auto little_gas = transfer(0, actor(1).address, 1);
    little_gas.gas_limit = 20'999;
    auto over_cap = transfer(0, actor(1).address, 1);
    over_cap.gas_limit = 16'777'217;
    const std::vector<std::pair<ledger::Transaction, ErrorCode>> cases{
        {foreign, error::WrongChainId},
        {blob, error::TypeNotSupported},
        {little_gas, error::IntrinsicGasTooLow},
        {over_cap, error::GasOverCap},
        {transfer(1, actor(1).address, 1), error::NonceTooHigh},
        {transfer(0, actor(1).address, test::kFunds + U256{1}), error::InsufficientFunds},
    };
    for (const auto& [tx, reason] : cases) {
        const auto executed = execute(world, input_of({sign(tx, actor(0))}));
        ASSERT_EQ(executed.dropped.size(), 1u) << error_id(reason);
        EXPECT_EQ(executed.dropped[0].reason, reason);
        EXPECT_TRUE(executed.block.transactions.empty());
        EXPECT_EQ(executed.diff.size(), 1u) << "only the history contract changes";
    }
}

TEST(Block, takes_the_algorithms_of_its_suite_alone) {
    auto world = test::world(2);
    const auto key = *crypto::Sm2Key::from(crypto::keccak256(as_bytes("sm2")));
    const auto address = crypto::sm2_address(crypto::sm2_public_key(key).value());
    ledger::StateDiff funds;
    funds[address].account = ledger::Account{0, test::kFunds, crypto::kEmptyKeccak};
    world.apply(funds);
    auto tx = transfer(0, actor(1).address, 7);
    tx.type = ledger::TransactionType::sm2;
    ASSERT_TRUE(ledger::sign_transaction(tx, key));
    const auto sm2 = std::make_shared<const ledger::SignedTransaction>(
        ledger::decode_signed_transaction(ledger::encode_transaction(tx)).value());
    const auto secp256k1 = sign(transfer(0, actor(1).address, 1), actor(0));

    for (const auto suite : {ledger::Suite::international, ledger::Suite::national, ledger::Suite::mixed}) {
        auto parameters = test::parameters();
        parameters.suite = suite;
        const auto executed = execute(world, input_of({sm2, secp256k1}), parameters);
        std::set<Address> senders;
        for (const auto& included : executed.block.transactions) senders.insert(included.sender);
        EXPECT_EQ(senders.contains(address), ledger::accepts_sm2(suite)) << ledger::name_of(suite);
        EXPECT_EQ(senders.contains(actor(0).address), ledger::accepts_secp256k1(suite)) << ledger::name_of(suite);
        for (const auto& dropped : executed.dropped) EXPECT_EQ(dropped.reason, error::TypeNotSupported);
        // A receipt of this type survives its encoding, and the block its own.
        EXPECT_EQ(ledger::decode_block(ledger::encode_block(executed.block))->header, executed.block.header);
        for (const auto& receipt : executed.receipts)
            EXPECT_TRUE(ledger::decode_receipt(ledger::encode_receipt(receipt)));
    }
}

TEST(Block, second_transaction_with_a_nonce_is_dropped_as_stale) {
    const auto world = test::world(2);
    const auto executed = execute(world, input_of({sign(transfer(0, actor(1).address, 1), actor(0)),
                                                   sign(transfer(0, actor(1).address, 2), actor(0)),
                                                   sign(transfer(1, actor(1).address, 3), actor(0))}));
    EXPECT_EQ(executed.block.transactions.size(), 2u);
    ASSERT_EQ(executed.dropped.size(), 1u);
    EXPECT_EQ(executed.dropped[0].reason, error::NonceTooLow);
}

TEST(Block, fills_up_to_its_gas_limit_and_drops_the_rest) {
    const auto world = test::world(3);
    auto parameters = test::parameters();
    parameters.block_gas_limit = 50'000;
    std::vector<std::shared_ptr<const ledger::SignedTransaction>> candidates;
    for (std::uint64_t nonce = 0; nonce < 3; ++nonce)
        candidates.push_back(sign(transfer(nonce, actor(1).address, 1), actor(0)));
    const auto executed = execute(world, input_of(candidates), parameters);
    EXPECT_EQ(executed.block.header.gas_used, 42'000u);
    ASSERT_EQ(executed.dropped.size(), 1u);
    EXPECT_EQ(executed.dropped[0].reason, error::GasOverBlock);
    EXPECT_EQ(executed.receipts[1].cumulative_gas_used, 42'000u);
    EXPECT_EQ(executed.receipts[1].gas_used, 21'000u);
}

TEST(Block, with_a_fixed_price_burns_it_and_refuses_less) {
    const auto world = test::world(2);
    auto parameters = test::parameters();
    parameters.fee_mode = ledger::FeeMode::fixed;
    parameters.fixed_gas_price = U256{7};
    auto paying = transfer(0, actor(1).address, 100);
    paying.max_fee_per_gas = U256{10};
    paying.max_priority_fee_per_gas = U256{2};
    auto cheap = transfer(1, actor(1).address, 100);
    cheap.max_fee_per_gas = U256{6};
    const auto input = input_of({sign(paying, actor(0)), sign(cheap, actor(0))});
    const auto executed = execute(world, input, parameters);
    EXPECT_EQ(executed.block.header.base_fee_per_gas, U256{7});
    ASSERT_EQ(executed.dropped.size(), 1u);
    EXPECT_EQ(executed.dropped[0].reason, error::FeeBelowBase);
    EXPECT_EQ(executed.receipts[0].effective_gas_price, U256{9});
    EXPECT_EQ(executed.diff.at(actor(0).address).account->balance, test::kFunds - U256{100 + 9 * 21'000});
    EXPECT_EQ(executed.diff.at(input.beneficiary).account->balance, U256{2 * 21'000});
}

TEST(Block, without_a_price_costs_nothing_and_leaves_no_empty_beneficiary) {
    const auto world = test::world(2);
    const auto input = input_of({sign(transfer(0, actor(1).address, 100), actor(0))});
    const auto executed = execute(world, input);
    EXPECT_EQ(executed.diff.at(actor(0).address).account->balance, test::kFunds - U256{100});
    EXPECT_FALSE(executed.diff.contains(input.beneficiary));
}

TEST(Block, records_its_parents_hash_in_the_history_contract) {
    const auto world = test::world(1);
    auto input = input_of({});
    const auto executed = execute(world, input);
    const auto& slots = executed.diff.at(kHistoryContract).storage;
    EXPECT_EQ(slots, (std::map<U256, U256>{{U256{9}, from_big_endian(ledger::hash_of(input.parent))}}));

    input.parent.number = kHistoryWindow + 2; // this block is number 8194: slot 8193 mod 8191
    EXPECT_EQ(execute(world, input).diff.at(kHistoryContract).storage.begin()->first, U256{2});
}

TEST(Block, history_contract_answers_with_the_recorded_hash) {
    auto world = test::world(1);
    const auto input = input_of({});
    world.apply(execute(world, input).diff);
    evm::State state(world);
    evm::BlockEnvironment block;
    block.number = 11;
    evm::Message message;
    message.gas = 100'000;
    message.recipient = message.code_address = kHistoryContract;
    const auto question = to_big_endian(U256{9});
    message.input = question;
    const evm::TransactionEnvironment transaction; // the machine keeps a reference
    evm::Machine machine(state, block, transaction, evm::Revision::osaka);
    const auto answer = machine.run(message);
    ASSERT_TRUE(answer.ok());
    EXPECT_EQ(answer.output, to_bytes(ledger::hash_of(input.parent)));
}

TEST(Block, failing_calls_are_included_and_keep_their_gas) {
    const auto world = test::world(2);
    const auto executed = execute(world, input_of({sign(test::token_transfer(0, actor(1).address, 2'000'000), actor(0)),
                                                   sign(test::token_transfer(1, actor(1).address, 10), actor(0))}));
    ASSERT_EQ(executed.receipts.size(), 2u);
    EXPECT_FALSE(executed.receipts[0].success);
    EXPECT_TRUE(executed.receipts[0].logs.empty());
    EXPECT_TRUE(executed.receipts[1].success);
    ASSERT_EQ(executed.receipts[1].logs.size(), 1u);
    EXPECT_TRUE(ledger::may_contain(executed.block.header.logs_bloom, test::kToken));
    const auto& slots = executed.diff.at(test::kToken).storage;
    EXPECT_EQ(slots.at(from_big_endian(actor(1).address)), U256{1'000'010});
}

struct RandomBlock {
    std::vector<std::shared_ptr<const ledger::SignedTransaction>> candidates;
};

RandomBlock random_block(std::mt19937_64& random, std::size_t actors) {
    RandomBlock out;
    std::vector<std::uint64_t> next(actors, 0);
    const auto count = random() % 60 + 20;
    for (std::uint64_t i = 0; i < count; ++i) {
        const auto from = random() % actors;
        // Sometimes a nonce is skipped or used again, and some candidates come twice.
        const auto luck = random() % 20;
        const auto nonce = luck == 0 ? next[from] + 1 : luck == 1 && next[from] > 0 ? next[from] - 1 : next[from]++;
        const auto to = actor(random() % (actors + 3)).address;
        auto tx = random() % 2 == 0 ? transfer(nonce, to, U256{random() % 1'000})
                                    : test::token_transfer(nonce, to, random() % 1'500'000);
        tx.gas_limit = std::max<std::uint64_t>(tx.gas_limit, 21'000 + random() % 60'000);
        tx.max_fee_per_gas = U256{5 + random() % 20};
        tx.max_priority_fee_per_gas = U256{random() % 5};
        out.candidates.push_back(sign(tx, actor(from)));
        if (random() % 10 == 0) out.candidates.push_back(out.candidates[random() % out.candidates.size()]);
    }
    std::shuffle(out.candidates.begin(), out.candidates.end(), random);
    return out;
}

U256 balance_sum(const state::MemoryState& world, std::size_t actors, const Address& beneficiary) {
    U256 sum;
    const auto add = [&](const Address& address) {
        if (const auto account = world.account(address)) sum += account->balance;
    };
    for (std::size_t i = 0; i < actors + 3; ++i) add(actor(i).address);
    add(test::kToken);
    add(beneficiary);
    return sum;
}

TEST(Block, of_random_transactions_conserves_balances_and_has_no_nonce_gaps) {
    constexpr std::size_t kActors = 8;
    for (std::uint64_t seed = 1; seed <= 30; ++seed) {
        SCOPED_TRACE("seed " + std::to_string(seed));
        std::mt19937_64 random(seed);
        auto world = test::world(kActors);
        auto parameters = test::parameters();
        parameters.fee_mode = seed % 2 == 0 ? ledger::FeeMode::fixed : ledger::FeeMode::free;
        parameters.fixed_gas_price = U256{3};
        const auto input = input_of(random_block(random, kActors).candidates);
        const auto before = balance_sum(world, kActors, input.beneficiary);
        const auto executed = execute(world, input, parameters);
        ASSERT_FALSE(executed.block.transactions.empty());

        const auto again = execute(world, input, parameters);
        EXPECT_EQ(ledger::encode_block(again.block), ledger::encode_block(executed.block));
        EXPECT_EQ(again.receipts, executed.receipts);
        EXPECT_EQ(again.diff, executed.diff);

        world.apply(executed.diff);
        const auto burnt = *executed.block.header.base_fee_per_gas * U256{executed.block.header.gas_used};
        EXPECT_EQ(balance_sum(world, kActors, input.beneficiary) + burnt, before);
        std::uint64_t gas = 0;
        for (const auto& receipt : executed.receipts) {
            gas += receipt.gas_used;
            EXPECT_EQ(receipt.cumulative_gas_used, gas);
        }
        EXPECT_EQ(executed.block.header.gas_used, gas);
        for (std::size_t i = 0; i < kActors; ++i) {
            const auto nonces = nonces_of(executed.block, actor(i).address);
            for (std::size_t n = 0; n < nonces.size(); ++n) EXPECT_EQ(nonces[n], n);
            EXPECT_EQ(world.account(actor(i).address)->nonce, nonces.size());
        }
    }
}

} // namespace
} // namespace cairn::execution
