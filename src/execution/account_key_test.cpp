// Accounts whose key is not the one of their own address: what the contract Keys has written is what counts.
#include "base/errors/execution.hpp"
#include "base/errors/keys.hpp"
#include "execution/candidate_order.hpp"
#include "execution/test_chain.hpp"
#include "ledger/account_key.hpp"
#include "ledger/selector.hpp"

#include <gtest/gtest.h>

namespace cairn::execution {
namespace {

using ledger::KeyState;
using test::actor;
using test::execute;
using test::input_of;
using test::sign;
using test::transfer;

/// The world after the account of actor 0 has moved to the key of actor 7.
state::MemoryState rekeyed(KeyState old_key = KeyState::deactivated, KeyState new_key = KeyState::active) {
    auto out = test::world(3);
    ledger::StateDiff diff;
    auto& keys = diff[ledger::kKeysContract];
    keys.account = ledger::Account{1, {}, crypto::kEmptyKeccak};
    keys.storage[U256{ledger::kAccountKeysSlot}] = U256{2};
    const auto put = [&](const Address& key, KeyState state) {
        keys.storage[ledger::key_slot(ledger::account_key_id(key))] = ledger::pack(ledger::KeyHead{
            .owner = actor(0).address, .key_class = ledger::KeyClass::account, .state = state, .version = 1});
    };
    put(actor(0).address, old_key);
    put(actor(7).address, new_key);
    out.apply(diff);
    return out;
}

TEST(AccountKey, the_new_key_acts_for_the_account_and_its_nonce_and_balance_are_the_accounts) {
    const auto world = rekeyed();
    const auto first = sign(transfer(0, actor(1).address, 5), actor(7));
    auto creation = transfer(1, actor(1).address, 0);
    creation.to = std::nullopt;
    creation.gas_limit = 100'000;
    const auto second = sign(creation, actor(7));
    const auto executed = execute(world, input_of({first, second}));
    ASSERT_EQ(executed.block.transactions.size(), 2u);
    for (const auto& transaction : executed.block.transactions) {
        EXPECT_EQ(transaction.sender, actor(0).address);
        EXPECT_EQ(transaction.signer, actor(7).address);
    }
    EXPECT_EQ(executed.diff.at(actor(0).address).account->nonce, 2u);
    EXPECT_EQ(executed.diff.at(actor(0).address).account->balance, test::kFunds - U256{5});
    EXPECT_FALSE(executed.diff.contains(actor(7).address));
    EXPECT_EQ(executed.receipts[1].contract_address, evm::create_address(actor(0).address, 1));
}

TEST(AccountKey, one_sequence_of_nonces_whatever_the_key) {
    const auto world = rekeyed(KeyState::active); // as if two keys signed: the sequence is still the account's
    const auto old_key = sign(transfer(0, actor(1).address, 1), actor(0));
    const auto new_key = sign(transfer(0, actor(1).address, 2), actor(7));
    const auto next = sign(transfer(1, actor(1).address, 3), actor(7));
    const auto executed = execute(world, input_of({old_key, new_key, next}));
    ASSERT_EQ(executed.block.transactions.size(), 2u);
    ASSERT_EQ(executed.dropped.size(), 1u);
    EXPECT_EQ(executed.dropped[0].reason, error::NonceTooLow);
}

TEST(AccountKey, every_state_in_which_a_key_does_not_sign_is_refused_with_its_own_code) {
    const std::map<KeyState, ErrorCode> codes{
        {KeyState::pre_activation, error::KeyNotActive}, {KeyState::suspended, error::KeySuspended},
        {KeyState::deactivated, error::KeyRetired},      {KeyState::compromised, error::KeyCompromised},
        {KeyState::destroyed, error::KeyRetired},        {KeyState::lost, error::AccountLocked},
        {KeyState::quarantined, error::KeyQuarantined}};
    for (const auto& [state, code] : codes) {
        const auto world = rekeyed(state);
        const auto executed = execute(world, input_of({sign(transfer(0, actor(1).address, 5), actor(0)),
                                                       sign(transfer(0, actor(1).address, 5), actor(2))}));
        ASSERT_EQ(executed.dropped.size(), 1u) << ledger::name_of(state);
        EXPECT_EQ(executed.dropped[0].reason, code) << ledger::name_of(state);
        EXPECT_EQ(executed.block.transactions.size(), 1u);
        EXPECT_FALSE(executed.diff.contains(actor(0).address)) << "nothing of a refused transaction stays";
    }
}

TEST(AccountKey, a_locked_account_may_only_object) {
    const auto world = rekeyed(KeyState::lost);
    ledger::Transaction objection = transfer(0, ledger::kKeysContract, 0);
    objection.gas_limit = 100'000;
    const auto selector = ledger::selector_of(ledger::kObjectReset);
    objection.data.assign(selector.begin(), selector.end());
    append(objection.data, to_big_endian(from_big_endian(actor(0).address)));
    EXPECT_EQ(execute(world, input_of({sign(objection, actor(0))})).block.transactions.size(), 1u);
    objection.data[0] ^= 1;
    EXPECT_EQ(execute(world, input_of({sign(objection, actor(0))})).dropped[0].reason, error::AccountLocked);
}

ledger::Authorization authorization(const Address& target, std::uint64_t nonce, const test::Actor& signer) {
    ledger::Authorization out{.chain_id = U256{test::kChainId}, .address = target, .nonce = nonce};
    // EIP-7702: 0x05 || rlp([chain_id, address, nonce]); here each is short enough for one byte of length.
    Bytes payload{0x82, static_cast<std::uint8_t>(test::kChainId >> 8), static_cast<std::uint8_t>(test::kChainId),
                  0x94};
    append(payload, target);
    payload.push_back(nonce == 0 ? 0x80 : static_cast<std::uint8_t>(nonce));
    Bytes message{0x05, static_cast<std::uint8_t>(0xc0 + payload.size())};
    append(message, payload);
    const auto signature = *crypto::sign(crypto::keccak256(message), signer.key);
    out.y_parity = U256{signature.y_parity};
    out.r = signature.r;
    out.s = signature.s;
    return out;
}

TEST(AccountKey, an_authorisation_by_the_retired_key_is_passed_over_and_one_by_the_new_key_is_the_accounts) {
    const auto world = rekeyed();
    auto tx = transfer(0, actor(1).address, 0);
    tx.type = ledger::TransactionType::set_code;
    tx.gas_limit = 200'000;
    tx.authorization_list = {authorization(test::kToken, 0, actor(0))};
    ASSERT_EQ(ledger::recover_authority(tx.authorization_list[0]), actor(0).address);
    const auto refused = execute(world, input_of({sign(tx, actor(2))}));
    ASSERT_EQ(refused.block.transactions.size(), 1u);
    EXPECT_FALSE(refused.diff.contains(actor(0).address));
    tx.authorization_list = {authorization(test::kToken, 0, actor(7))};
    const auto taken = execute(world, input_of({sign(tx, actor(2))}));
    EXPECT_EQ(taken.diff.at(actor(0).address).account->nonce, 1u);
    EXPECT_TRUE(evm::delegation_target(*taken.diff.at(actor(0).address).code));
    EXPECT_FALSE(taken.diff.contains(actor(7).address));
}

TEST(AccountKey, a_replayed_block_gives_the_same_result_although_its_senders_are_known) {
    const auto world = rekeyed();
    const auto executed = execute(world, input_of({sign(transfer(0, actor(1).address, 5), actor(7))}));
    Candidates stored{std::make_shared<const ledger::SignedTransaction>(executed.block.transactions[0])};
    const auto again = execute(world, input_of(stored));
    EXPECT_EQ(ledger::hash_of(again.block.header), ledger::hash_of(executed.block.header));
    EXPECT_EQ(again.block.transactions.size(), 1u);
}

} // namespace
} // namespace cairn::execution
