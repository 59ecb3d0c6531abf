// Shares of organisations: turns in batches, guarantees in a full pool, and what nobody can take away.
#include "pool/test_pool.hpp"

#include "base/errors/pool.hpp"

#include <gtest/gtest.h>

#include <numeric>
#include <optional>
#include <random>

namespace cairn::pool {
namespace {

using namespace testing_pool;

/// Senders 0x10..0x1f belong to the first organisation, 0x20..0x2f to the second, and so on.
std::size_t by_first_digit(const Address& account) { return static_cast<std::size_t>(account.bytes[0] >> 4) - 1; }

class Organisations : public testing::Test {
protected:
    Organisations() {
        config.chain_id = kChain;
        for (unsigned i = 0x10; i < 0x60; ++i)
            state.accounts[address_of(static_cast<std::uint8_t>(i))] = {0, U256{}, crypto::kEmptyKeccak};
    }
    Pool& pool() {
        if (!pool_) {
            pool_.emplace(config);
            std::vector<OrganisationShare> shares;
            for (std::size_t i = 0; i < weights.size(); ++i)
                shares.push_back({std::string(1, static_cast<char>('A' + i)), weights[i]});
            pool_->set_organisations(shares, by_first_digit);
        }
        return *pool_;
    }
    Result<Added> add(const Draft& draft) { return pool().add(draft.make(), kIntrinsic, state); }
    /// Transactions of nonces from 0; how many were taken in.
    std::size_t fill(unsigned from, std::size_t count) {
        const auto sender = static_cast<std::uint8_t>(from);
        std::size_t taken = 0;
        for (auto& nonce = nonces[sender]; count > 0; --count) {
            if (!add(Draft(sender, nonce))) break;
            ++nonce;
            ++taken;
        }
        return taken;
    }
    std::vector<std::size_t> taken_by_organisation(std::size_t transactions) {
        std::vector<std::size_t> out(weights.size());
        for (const auto& transaction : pool().take_batch({64u << 20, transactions, ~std::uint64_t{0}}))
            ++out[by_first_digit(transaction->sender)];
        return out;
    }

    PoolConfig config;
    std::vector<std::uint64_t> weights{100, 100, 100, 100};
    State state;
    std::map<std::uint8_t, std::uint64_t> nonces;

private:
    std::optional<Pool> pool_;
};

TEST_F(Organisations, ten_times_the_share_takes_nothing_from_the_others) {
    fill(0x10, 4000);
    for (const unsigned sender : {0x20u, 0x30u, 0x40u}) fill(sender, 400);
    // Three rounds in which all have something: the flood gets a quarter like everybody.
    for (int round = 0; round < 3; ++round)
        for (const auto taken : taken_by_organisation(400)) EXPECT_NEAR(static_cast<double>(taken), 100, 16);
}

TEST_F(Organisations, many_senders_weigh_no_more_than_one) {
    for (unsigned sender = 0x10; sender < 0x20; ++sender) fill(sender, 200);
    fill(0x20, 1000);
    const auto taken = taken_by_organisation(1000);
    EXPECT_NEAR(static_cast<double>(taken[0]), 500, 16);
    EXPECT_NEAR(static_cast<double>(taken[1]), 500, 16);
}

TEST_F(Organisations, unused_share_is_lent_and_not_owed) {
    fill(0x10, 3000);
    EXPECT_EQ(taken_by_organisation(1000), (std::vector<std::size_t>{1000, 0, 0, 0}));
    fill(0x20, 1000);
    const auto taken = taken_by_organisation(1000);
    EXPECT_NEAR(static_cast<double>(taken[0]), 500, 16) << "what it borrowed before is not held against it";
    EXPECT_NEAR(static_cast<double>(taken[1]), 500, 16) << "nor did the other save anything up";
}

TEST_F(Organisations, room_that_shrinks_puts_nobody_out_and_gives_guarantees_back_one_by_one) {
    EXPECT_EQ(fill(0x10, 400), 400u);
    pool().set_waiting_max(200);
    EXPECT_EQ(pool().counts().pending, 400u) << "more than the room wait already, and stay";
    EXPECT_EQ(fill(0x10, 1), 0u);
    EXPECT_EQ(fill(0x20, 60), 60u) << "within a guarantee, for what the other borrowed";
    EXPECT_EQ(pool().counts().pending, 400u);
    EXPECT_EQ(pool().organisations()[0].evicted, 60u);
    pool().set_waiting_max(1'000);
    EXPECT_EQ(fill(0x30, 600), 600u);
    EXPECT_EQ(fill(0x30, 1), 0u);
    pool().set_waiting_max(config.transactions_max * 2);
    EXPECT_EQ(pool().organisations()[1].transactions_guaranteed, config.transactions_max / 4)
        << "never above the limit";
}

TEST_F(Organisations, shares_are_proportions) {
    weights = {300, 100, 1, 99};
    for (const unsigned sender : {0x10u, 0x20u, 0x30u, 0x40u}) fill(sender, 2000);
    const auto taken = taken_by_organisation(1000);
    EXPECT_NEAR(static_cast<double>(taken[0]), 600, 20);
    EXPECT_NEAR(static_cast<double>(taken[1]), 200, 20);
    EXPECT_LE(taken[2], 16u) << "a turn is one sender's sixteen";
    EXPECT_NEAR(static_cast<double>(taken[3]), 198, 20);
}

TEST_F(Organisations, heavy_transactions_count_by_their_gas) {
    for (std::uint64_t nonce = 0; nonce < 300; ++nonce) ASSERT_TRUE(add(Draft(0x10, nonce).gas(2'100'000)));
    fill(0x20, 3000);
    std::uint64_t heavy = 0;
    std::uint64_t light = 0;
    for (const auto& transaction : pool().take_batch({64u << 20, 100'000, 60'000'000}))
        (transaction->sender == address_of(0x10) ? heavy : light) += transaction->body.gas_limit;
    EXPECT_NEAR(static_cast<double>(heavy), static_cast<double>(light), 35e6) << "one turn of sixteen is 33.6 million";
    EXPECT_GT(light, 20'000'000u);
}

TEST_F(Organisations, full_pool_keeps_room_for_every_guarantee) {
    config.transactions_max = 400;
    EXPECT_EQ(fill(0x10, 1000), 400u) << "room that nobody uses is lent";
    EXPECT_EQ(fill(0x20, 1000), 100u) << "limit: its own hundred";
    EXPECT_EQ(fill(0x30, 99), 99u);
    EXPECT_EQ(fill(0x30, 1), 1u) << "limit";
    EXPECT_EQ(fill(0x30, 1), 0u) << "limit + 1";
    EXPECT_EQ(fill(0x40, 1000), 100u);
    const auto counts = pool().organisations();
    for (const auto& organisation : counts) {
        EXPECT_EQ(organisation.transactions, 100u);
        EXPECT_EQ(organisation.transactions_guaranteed, 100u);
    }
    EXPECT_EQ(counts[0].evicted, 300u);
    EXPECT_EQ(counts[1].evicted + counts[2].evicted + counts[3].evicted, 0u);
    EXPECT_EQ(counts[1].refused, 1u);
    EXPECT_EQ(fill(0x10, 1), 0u);
    EXPECT_EQ(add(Draft(0x10, 100)).error().code, error::OrganisationShareFull);
    EXPECT_EQ(pool().counts().pending, 400u);
}

TEST_F(Organisations, flood_within_one_organisation_never_evicts_what_can_run) {
    config.transactions_max = 40;
    weights = {100, 100};
    EXPECT_EQ(fill(0x10, 20), 20u);
    EXPECT_EQ(fill(0x20, 20), 20u);
    for (unsigned sender = 0x21; sender < 0x30; ++sender) EXPECT_EQ(fill(sender, 5), 0u);
    EXPECT_EQ(pool().organisations()[0].transactions, 20u);
}

TEST_F(Organisations, what_cannot_run_evicts_nothing_that_can) {
    config.transactions_max = 40;
    weights = {100, 100};
    EXPECT_EQ(fill(0x10, 40), 40u);
    EXPECT_FALSE(add(Draft(0x20, 5))) << "behind a gap: the other's borrowed room is better used";
    EXPECT_TRUE(add(Draft(0x20, 0)));
}

TEST_F(Organisations, gaps_have_shares_too) {
    config.queued_max = 8;
    weights = {100, 100};
    for (std::uint64_t nonce = 1; nonce <= 8; ++nonce) EXPECT_TRUE(add(Draft(0x10, nonce)));
    EXPECT_FALSE(add(Draft(0x10, 9)));
    for (std::uint64_t nonce = 1; nonce <= 4; ++nonce) EXPECT_TRUE(add(Draft(0x20, nonce)));
    EXPECT_FALSE(add(Draft(0x20, 5)));
    EXPECT_EQ(pool().organisations()[0].queued, 4u);
    EXPECT_EQ(pool().organisations()[1].queued, 4u);
}

TEST_F(Organisations, bytes_and_gas_have_guarantees_of_their_own) {
    config.bytes_max = 40'000;
    config.sender_bytes_max = 40'000;
    weights = {100, 100};
    for (std::uint64_t nonce = 0; nonce < 4; ++nonce) EXPECT_TRUE(add(Draft(0x10, nonce).bytes(10'000)));
    EXPECT_TRUE(add(Draft(0x20, 0).bytes(20'000))) << "limit";
    EXPECT_FALSE(add(Draft(0x20, 1).bytes(1'000)));
    EXPECT_EQ(pool().organisations()[0].bytes, 20'000u);
}

TEST_F(Organisations, gas_of_the_pool_is_limited) {
    config.block_gas_limit = 10'000'000;
    config.gas_blocks_max = 2;
    weights = {100, 100};
    for (std::uint64_t nonce = 0; nonce < 4; ++nonce) EXPECT_TRUE(add(Draft(0x10, nonce).gas(5'000'000)));
    EXPECT_FALSE(add(Draft(0x10, 4).gas(21'000)));
    EXPECT_TRUE(add(Draft(0x20, 0).gas(10'000'000))) << "limit: one block, its half";
    EXPECT_FALSE(add(Draft(0x20, 1).gas(21'000)));
    EXPECT_EQ(pool().organisations()[0].gas, 10'000'000u);
}

TEST_F(Organisations, new_shares_take_effect_on_what_waits) {
    for (const unsigned sender : {0x10u, 0x20u}) fill(sender, 1000);
    pool().set_organisations({{"A", 900}, {"B", 100}}, by_first_digit);
    const auto taken = taken_by_organisation(1000);
    EXPECT_NEAR(static_cast<double>(taken[0]), 900, 20);
    EXPECT_EQ(pool().organisations()[0].transactions, 1000u);
}

TEST_F(Organisations, account_of_nobody_counts_with_the_first) {
    pool().set_organisations({{"own", 100}, {"other", 100}}, [](const Address&) { return std::size_t{77}; });
    fill(0x40, 5);
    EXPECT_EQ(pool().organisations()[0].transactions, 5u);
}

/// Whatever happens, nobody is ever evicted from within the guarantee, and totals agree with their parts.
TEST_F(Organisations, random_floods_never_touch_a_guarantee) {
    for (std::uint64_t seed = 1; seed <= 30; ++seed) {
        std::mt19937_64 random(seed);
        const auto pick = [&](std::uint64_t below) { return random() % below; };
        PoolConfig small;
        small.chain_id = kChain;
        small.transactions_max = 20 + pick(60);
        small.bytes_max = 4'000 + pick(10'000);
        small.queued_max = 4 + pick(20);
        small.nonce_gap_max = 6;
        small.block_gas_limit = 30'000'000;
        small.gas_blocks_max = 1;
        Pool all(small);
        all.set_organisations({{"A", 1 + pick(50)}, {"B", 1 + pick(50)}, {"C", 1 + pick(50)}}, by_first_digit);
        for (int step = 0; step < 600; ++step) {
            const auto before = all.organisations();
            const auto sender = static_cast<std::uint8_t>(0x10 * (1 + pick(3)) + pick(3));
            const auto newcomer = by_first_digit(address_of(sender));
            const auto next = all.pending_nonce(address_of(sender)).value_or(0);
            const auto added = all.add(Draft(sender, next + (pick(4) == 0 ? 1 + pick(5) : 0))
                                           .bytes(100 + pick(400))
                                           .gas(21'000 + pick(3'000'000))
                                           .make(),
                                       kIntrinsic, state);
            const auto after = all.organisations();
            for (std::size_t i = 0; i < after.size(); ++i) {
                if (i == newcomer || after[i].evicted == before[i].evicted) continue;
                ASSERT_TRUE(added.has_value()) << "seed " << seed << ": evicted for what was refused";
                const bool borrowed = before[i].transactions > before[i].transactions_guaranteed ||
                                      before[i].bytes > before[i].bytes_guaranteed ||
                                      before[i].gas > before[i].gas_guaranteed ||
                                      before[i].queued > before[i].queued_guaranteed;
                ASSERT_TRUE(borrowed) << "seed " << seed << " step " << step;
            }
            if (pick(20) == 0) (void)all.take_batch({pick(3000), pick(20), pick(40'000'000)});
            const auto counts = all.counts();
            std::size_t transactions = 0, bytes = 0, queued = 0;
            std::uint64_t gas = 0;
            for (const auto& organisation : after) {
                transactions += organisation.transactions;
                bytes += organisation.bytes;
                gas += organisation.gas;
                queued += organisation.queued;
            }
            ASSERT_EQ(transactions, counts.pending + counts.queued);
            ASSERT_EQ(bytes, counts.bytes);
            ASSERT_EQ(gas, counts.gas);
            ASSERT_EQ(queued, counts.queued);
            ASSERT_LE(transactions, small.transactions_max);
            ASSERT_LE(bytes, small.bytes_max);
            ASSERT_LE(gas, small.block_gas_limit);
            ASSERT_LE(queued, small.queued_max);
        }
    }
}

} // namespace
} // namespace cairn::pool
