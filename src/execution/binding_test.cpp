// A chain that asks for bound accounts, seen by blocks.
#include "base/errors/execution.hpp"
#include "codec/rlp.hpp"
#include "execution/test_chain.hpp"
#include "ledger/account_binding.hpp"
#include "ledger/slot_layout.hpp"

#include <gtest/gtest.h>

namespace cairn::execution {
namespace {

using ledger::AccountIdentity;
using test::actor;
using test::sign;
using test::transfer;

/// Organisation 0 is active, organisation 1 has left; the first actors are bound as given.
state::MemoryState world_with(const std::vector<AccountIdentity>& identities) {
    auto world = test::world(10);
    ledger::StateDiff diff;
    diff[ledger::kMembersContract].account = ledger::Account{1, {}, crypto::kEmptyKeccak};
    diff[ledger::kMembersContract].storage[ledger::content_slot(U256{}) + U256{1}] = U256{1} << 160;
    auto& contract = diff[ledger::kIdentitiesContract];
    contract.account = ledger::Account{1, {}, crypto::kEmptyKeccak};
    for (std::size_t i = 0; i < identities.size(); ++i)
        contract.storage[ledger::identity_slot(actor(i).address)] = ledger::pack_identity(identities[i]);
    world.apply(diff);
    return world;
}

ledger::ChainParameters binding_required() {
    auto out = test::parameters();
    out.account_binding = ledger::AccountBinding::required;
    return out;
}

/// What becomes of a transfer of actor 0; nothing if it is executed.
std::optional<ErrorCode> fate(const state::MemoryState& world, const ledger::ChainParameters& parameters) {
    const auto input = test::input_of({sign(transfer(0, actor(5).address, U256{1}), actor(0))});
    const auto block = test::execute(world, input, parameters);
    EXPECT_EQ(block.receipts.size() + block.dropped.size(), 1u);
    if (block.dropped.empty()) return std::nullopt;
    EXPECT_EQ(block.diff.count(actor(0).address), 0u) << "a dropped transaction leaves no trace";
    return block.dropped.front().reason;
}

TEST(Binding, an_unbound_account_cannot_send_where_bindings_are_required) {
    EXPECT_EQ(fate(world_with({}), binding_required()), error::AccountUnbound);
    EXPECT_EQ(fate(world_with({}), test::parameters()), std::nullopt);
    EXPECT_EQ(fate(world_with({AccountIdentity{}}), binding_required()), std::nullopt);
}

TEST(Binding, ends_by_suspension_by_expiry_and_with_its_organisation) {
    EXPECT_EQ(fate(world_with({{.is_suspended = true}}), binding_required()), error::BindingEnded);
    EXPECT_EQ(fate(world_with({{.expires = 1'001}}), binding_required()), error::BindingEnded) << "the block's time";
    EXPECT_EQ(fate(world_with({{.expires = 1'002}}), binding_required()), std::nullopt);
    EXPECT_EQ(fate(world_with({{.organisation = 1}}), binding_required()), error::BindingEnded);
}

/// EIP-7702: the actor lets its account run the token's code.
ledger::Authorization authorization_of(const test::Actor& authority) {
    ledger::Authorization out{U256{test::kChainId}, test::kToken, 0, 0, 0, 0};
    codec::RlpWriter tuple;
    tuple.put(out.chain_id);
    tuple.put(out.address);
    tuple.put(out.nonce);
    Bytes message{0x05};
    append(message, tuple.as_list());
    const auto signature = *crypto::sign(crypto::keccak256(message), authority.key);
    out.y_parity = U256{signature.y_parity};
    out.r = signature.r;
    out.s = signature.s;
    return out;
}

TEST(Binding, an_unbound_account_cannot_act_through_a_delegation_either) {
    for (const bool is_bound : {false, true}) {
        std::vector<AccountIdentity> identities(is_bound ? 2 : 1);
        const auto world = world_with(identities);
        auto tx = transfer(0, actor(5).address, U256{1});
        tx.type = ledger::TransactionType::set_code;
        tx.gas_limit = 100'000;
        tx.authorization_list.push_back(authorization_of(actor(1)));
        const auto block = test::execute(world, test::input_of({sign(tx, actor(0))}), binding_required());
        ASSERT_EQ(block.receipts.size(), 1u);
        EXPECT_EQ(block.diff.contains(actor(1).address), is_bound);
    }
}

} // namespace
} // namespace cairn::execution
