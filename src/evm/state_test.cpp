#include "evm/state.hpp"

#include "evm/bytecode.hpp"

#include <gtest/gtest.h>
#include <random>

namespace cairn::evm {
namespace {

using testing::address;
using testing::Base;

const Address kRich = address(1);
const Address kOther = address(2);
const Address kContract = address(3);

Base world() {
    Base base;
    base.accounts[kRich] = {5, U256{1000}, crypto::kEmptyKeccak};
    base.put_code(kContract, Bytes{0x00});
    base.slots[kContract][1] = 11;
    base.slots[kContract][2] = 22;
    return base;
}

} // namespace

TEST(State, reading_changes_nothing) {
    const auto base = world();
    State state{base};
    EXPECT_EQ(state.balance(kRich), U256{1000});
    EXPECT_EQ(state.storage(kContract, 1), U256{11});
    EXPECT_FALSE(state.exists(kOther));
    EXPECT_EQ(state.code_hash(kOther), Hash256{});
    EXPECT_TRUE(state.code(kOther)->empty());
    state.finish_transaction();
    EXPECT_TRUE(state.diff().empty());
}

TEST(State, values_written_back_leave_no_difference) {
    const auto base = world();
    State state{base};
    state.set_balance(kRich, 1);
    state.set_balance(kRich, 1000);
    state.set_storage(kContract, 1, 99);
    state.finish_transaction();
    state.set_storage(kContract, 1, 11);
    state.finish_transaction();
    EXPECT_TRUE(state.diff().empty());
}

TEST(State, reverting_restores_everything) {
    const auto base = world();
    State state{base};
    state.warm_up(kRich);
    state.set_storage(kContract, 1, 5);
    const auto point = state.checkpoint();
    state.add_balance(kOther, 7);
    EXPECT_TRUE(state.subtract_balance(kRich, 7));
    state.set_nonce(kRich, 6);
    state.set_code(kOther, {0x60});
    state.create(address(9));
    state.set_storage(kContract, 1, 0);
    state.set_transient(kContract, 1, 4);
    state.add_log({kContract, {}, {}});
    state.add_refund(4800);
    state.destroy(kContract);
    EXPECT_TRUE(state.warm_up(kOther));
    EXPECT_TRUE(state.warm_up(kContract, 77));
    state.revert_to(point);
    EXPECT_FALSE(state.exists(kOther));
    EXPECT_EQ(state.code(kOther)->size(), 0u);
    EXPECT_EQ(state.balance(kRich), U256{1000});
    EXPECT_EQ(state.nonce(kRich), 5u);
    EXPECT_FALSE(state.exists(address(9)));
    EXPECT_FALSE(state.was_created_in_transaction(address(9)));
    EXPECT_EQ(state.storage(kContract, 1), U256{5});
    EXPECT_EQ(state.transient(kContract, 1), U256{});
    EXPECT_TRUE(state.logs().empty());
    EXPECT_EQ(state.refund(), 0);
    EXPECT_FALSE(state.is_destroyed(kContract));
    EXPECT_TRUE(state.is_warm(kRich));
    EXPECT_FALSE(state.is_warm(kOther));
    EXPECT_TRUE(state.warm_up(kContract, 77));
}

TEST(State, subtracting_too_much_changes_nothing) {
    const auto base = world();
    State state{base};
    EXPECT_FALSE(state.subtract_balance(kRich, 1001));
    EXPECT_EQ(state.balance(kRich), U256{1000});
}

TEST(State, originals_belong_to_the_transaction) {
    const auto base = world();
    State state{base};
    state.set_storage(kContract, 1, 5);
    EXPECT_EQ(state.original_storage(kContract, 1), U256{11});
    state.finish_transaction();
    EXPECT_EQ(state.original_storage(kContract, 1), U256{5});
    state.set_storage(kContract, 1, 6);
    EXPECT_EQ(state.original_storage(kContract, 1), U256{5});
}

TEST(State, a_transaction_ends_cold_and_without_transient_values) {
    const auto base = world();
    State state{base};
    EXPECT_TRUE(state.warm_up(kContract));
    EXPECT_FALSE(state.warm_up(kContract));
    EXPECT_TRUE(state.warm_up(kContract, 1));
    EXPECT_FALSE(state.warm_up(kContract, 1));
    state.set_transient(kContract, 1, 4);
    state.add_refund(10);
    state.add_log({kContract, {}, {1}});
    EXPECT_EQ(state.finish_transaction().size(), 1u);
    EXPECT_TRUE(state.logs().empty());
    EXPECT_EQ(state.refund(), 0);
    EXPECT_EQ(state.transient(kContract, 1), U256{});
    EXPECT_TRUE(state.warm_up(kContract));
    EXPECT_TRUE(state.warm_up(kContract, 1));
}

TEST(State, touched_empty_accounts_disappear) {
    auto base = world();
    base.accounts[kOther] = {};
    State state{base};
    state.add_balance(kOther, 0);
    state.add_balance(address(8), 0);
    state.finish_transaction();
    const auto diff = state.diff();
    ASSERT_EQ(diff.size(), 1u);
    EXPECT_FALSE(diff.at(kOther).account);
}

TEST(State, untouched_empty_accounts_stay) {
    auto base = world();
    base.accounts[kOther] = {};
    State state{base};
    const auto point = state.checkpoint();
    state.touch(kOther);
    state.revert_to(point);
    EXPECT_TRUE(state.is_empty(kOther));
    state.finish_transaction();
    EXPECT_TRUE(state.diff().empty());
}

TEST(State, destroyed_accounts_lose_their_storage_for_later_transactions) {
    const auto base = world();
    State state{base};
    state.destroy(kContract);
    EXPECT_EQ(state.storage(kContract, 1), U256{11});
    state.finish_transaction();
    EXPECT_FALSE(state.exists(kContract));
    EXPECT_EQ(state.storage(kContract, 1), U256{});
    EXPECT_FALSE(state.has_storage(kContract));
    auto gone = state.diff();
    EXPECT_FALSE(gone.at(kContract).account);
    EXPECT_TRUE(gone.at(kContract).storage_cleared);

    state.create(kContract);
    state.set_nonce(kContract, 1);
    state.set_storage(kContract, 2, 33);
    state.finish_transaction();
    auto again = state.diff();
    ASSERT_TRUE(again.at(kContract).account);
    EXPECT_EQ(again.at(kContract).account->nonce, 1u);
    EXPECT_TRUE(again.at(kContract).storage_cleared);
    EXPECT_EQ(again.at(kContract).storage, (std::map<U256, U256>{{2, 33}}));
}

TEST(State, creation_over_old_storage_hides_it_until_reverted) {
    const auto base = world();
    State state{base};
    EXPECT_TRUE(state.warm_up(kContract, 2));
    state.set_storage(kContract, 1, 12);
    const auto point = state.checkpoint();
    state.create(kContract);
    EXPECT_EQ(state.storage(kContract, 1), U256{});
    EXPECT_EQ(state.storage(kContract, 2), U256{});
    EXPECT_FALSE(state.warm_up(kContract, 2));
    state.set_storage(kContract, 1, 13);
    state.revert_to(point);
    EXPECT_EQ(state.storage(kContract, 1), U256{12});
    EXPECT_EQ(state.storage(kContract, 2), U256{22});
}

TEST(State, new_code_is_in_the_difference_once) {
    const auto base = world();
    State state{base};
    state.create(kOther);
    state.set_code(kOther, {0x01, 0x02});
    state.finish_transaction();
    const auto diff = state.diff();
    ASSERT_TRUE(diff.at(kOther).code);
    EXPECT_EQ(*diff.at(kOther).code, (Bytes{0x01, 0x02}));
    EXPECT_EQ(diff.at(kOther).account->code_hash, crypto::keccak256(*diff.at(kOther).code));
    EXPECT_FALSE(diff.contains(kContract));
}

TEST(State, random_changes_agree_with_copies_of_a_plain_map) {
    std::mt19937 random{11};
    const Base base = world();
    State state{base};
    std::map<std::pair<unsigned, unsigned>, std::uint64_t> plain{{{3, 1}, 11}, {{3, 2}, 22}};
    std::vector<std::pair<std::size_t, decltype(plain)>> points;
    for (int step = 0; step < 20'000; ++step) {
        const unsigned account = 1 + random() % 4;
        const unsigned slot = random() % 4;
        switch (random() % 8) {
        case 0: points.emplace_back(state.checkpoint(), plain); break;
        case 1:
            if (points.empty()) break;
            state.revert_to(points.back().first);
            plain = points.back().second;
            points.pop_back();
            break;
        case 2:
            if (random() % 20 != 0) break;
            state.set_nonce(address(4), 1);
            state.set_nonce(address(2), 1);
            state.finish_transaction();
            points.clear();
            break;
        default: {
            const auto value = random() % 3;
            state.set_storage(address(account), slot, value);
            plain[{account, slot}] = value;
        }
        }
        ASSERT_EQ(state.storage(address(account), slot), U256{(plain[{account, slot}])}) << "step " << step;
    }
}

} // namespace cairn::evm
