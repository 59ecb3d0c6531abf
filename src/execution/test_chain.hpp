// A small chain state for tests: funded accounts with keys, a token contract, signed transactions.
#pragma once

#include "crypto/hash.hpp"
#include "execution/block.hpp"
#include "execution/history_contract.hpp"
#include "state/state_store.hpp"

#include <string>

namespace cairn::execution::test {

inline constexpr std::uint64_t kChainId = 1337;

struct Actor {
    crypto::AccountKey key;
    Address address;
};

inline Actor actor(std::size_t number) {
    const auto key = *crypto::AccountKey::from(crypto::keccak256(as_bytes("actor " + std::to_string(number))));
    return {key, crypto::address_of(*crypto::public_key(key))};
}

inline const U256 kFunds = U256{1'000'000} * U256{1'000'000'000'000'000'000};
inline const Address kToken = *fixed_from_hex<Address>("0x00000000000000000000000000000000000c0de1");

/// Call data: recipient and amount, 32 bytes each. Moves between slots named by addresses, logs; reverts when short.
inline Bytes token_code() {
    return *from_hex("0x602035"
                     "3354"
                     "818110"
                     "602757"
                     "819003"
                     "3355"
                     "600035"
                     "54"
                     "8101"
                     "60003555"
                     "600052"
                     "600035"
                     "33"
                     "6020"
                     "6000"
                     "a2"
                     "00"
                     "5b60006000fd");
}

/// `count` funded actors, the token with a balance for each, and the history contract.
inline state::MemoryState world(std::size_t count) {
    ledger::StateDiff diff;
    auto& token = diff[kToken];
    const auto add_code = [](ledger::AccountDiff& change, Bytes code) {
        change.account = ledger::Account{1, {}, crypto::keccak256(code)};
        change.code = std::make_shared<const Bytes>(std::move(code));
    };
    add_code(token, token_code());
    for (std::size_t i = 0; i < count; ++i) {
        const auto address = actor(i).address;
        diff[address].account = ledger::Account{0, kFunds, crypto::kEmptyKeccak};
        token.storage[from_big_endian(address)] = U256{1'000'000};
    }
    add_code(diff[kHistoryContract], ledger::history_contract_account().code);
    state::MemoryState out;
    out.apply(diff);
    return out;
}

inline ledger::Transaction transfer(std::uint64_t nonce, const Address& to, const U256& value) {
    ledger::Transaction tx;
    tx.type = ledger::TransactionType::dynamic_fee;
    tx.chain_id = U256{kChainId};
    tx.nonce = nonce;
    tx.gas_limit = 21'000;
    tx.to = to;
    tx.value = value;
    return tx;
}

inline ledger::Transaction token_transfer(std::uint64_t nonce, const Address& to, std::uint64_t amount) {
    auto tx = transfer(nonce, kToken, {});
    tx.gas_limit = 100'000;
    append(tx.data, to_big_endian(from_big_endian(to)));
    append(tx.data, to_big_endian(U256{amount}));
    return tx;
}

inline std::shared_ptr<const ledger::SignedTransaction> sign(ledger::Transaction tx, const Actor& sender) {
    if (!ledger::sign_transaction(tx, sender.key)) return nullptr;
    auto decoded = ledger::decode_signed_transaction(ledger::encode_transaction(tx));
    return decoded ? std::make_shared<const ledger::SignedTransaction>(std::move(*decoded)) : nullptr;
}

inline ledger::ChainParameters parameters() {
    ledger::ChainParameters out;
    out.chain_id = kChainId;
    return out;
}

inline BlockInput input_of(std::vector<std::shared_ptr<const ledger::SignedTransaction>> candidates) {
    BlockInput input;
    input.parent.number = 9;
    input.parent.timestamp = 1'000;
    input.timestamp = 1'001;
    input.consensus_digest = crypto::keccak256(as_bytes("digest"));
    input.beneficiary = actor(1'000).address;
    input.candidates = std::move(candidates);
    return input;
}

inline ExecutedBlock execute(const ledger::StateView& world, const BlockInput& input,
                             const ledger::ChainParameters& rules = parameters()) {
    static const evm::NativeContracts no_natives;
    return execute_block(world, input, rules, no_natives, [](std::uint64_t) { return Hash256{}; });
}

} // namespace cairn::execution::test
