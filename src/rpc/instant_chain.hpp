// A chain of one validator for the tests: real state, real execution, real certificates; a block whenever it is told.
#pragma once

#include "base/errors/execution.hpp"
#include "base/errors/node.hpp"
#include "base/errors/pool.hpp"
#include "crypto/ed25519.hpp"
#include "crypto/hash.hpp"
#include "execution/block.hpp"
#include "execution/history_contract.hpp"
#include "ledger/account_key.hpp"
#include "node/chain.hpp"
#include "storage/key_value.hpp"
#include "system/parameters.hpp"
#include "system/system_contracts.hpp"

#include <map>
#include <mutex>
#include <set>
#include <stdexcept>

namespace cairn::rpc::testing {

using Transaction = ledger::Transaction;

inline crypto::AccountKey key_of(std::uint8_t number) {
    crypto::AccountKey key;
    key.bytes[31] = number;
    return key;
}
inline Address address_of_key(std::uint8_t number) {
    return crypto::address_of(crypto::public_key(key_of(number)).value());
}

template <class T>
T must(Result<T> result) {
    if (!result) throw std::runtime_error(result.error().text());
    return std::move(*result);
}
inline void must(Status status) {
    if (!status) throw std::runtime_error(status.error().text());
}

enum class Mining { at_once, when_told };

class InstantChain final : public node::Chain {
public:
    static constexpr std::uint64_t kChainId = 7357;
    static constexpr std::uint64_t kGenesisTime = 1'700'000'000;

    explicit InstantChain(ledger::FeeMode mode = ledger::FeeMode::free, Mining mining = Mining::at_once,
                          std::uint64_t history_blocks = 1000)
        : mining_(mining),
          validator_(crypto::ValidatorKey::from_seed(crypto::ValidatorSeed{{1, 2, 3}})),
          store_(storage::make_memory_store()) {
        genesis_.parameters.chain_id = kChainId;
        genesis_.parameters.fee_mode = mode;
        if (mode == ledger::FeeMode::fixed) genesis_.parameters.fixed_gas_price = U256{1'000'000'000};
        genesis_.parameters.history_blocks = history_blocks;
        genesis_.timestamp = kGenesisTime;
        genesis_.organisations = {
            {"Alpha", "-----BEGIN CERTIFICATE-----\n", validator_.public_key(), address_of_key(9)}};
        genesis_.validators.members = {{"alpha-1", "Alpha", validator_.public_key(), "127.0.0.1:30303"}};
        for (std::uint8_t i = 1; i <= 3; ++i)
            genesis_.accounts[address_of_key(i)].balance = U256{1'000'000'000'000'000'000} * U256{1000};
        for (std::uint8_t i = 1; i <= 3; ++i) {
            genesis_.roles[address_of_key(i)] = mask_of(ledger::Role::deployer);
            genesis_.roles[address_of_key(static_cast<std::uint8_t>(100 + i))] =
                mask_of(static_cast<ledger::Role>(i - 1));
        }
        genesis_.signatures["Alpha"] = validator_.sign(ledger::genesis_signed_bytes(ledger::hash_of(genesis_)));
        state_ = must(state::open_state(*store_, {history_blocks}));
        auto root = must(state_->initialise(must(system::genesis_accounts(genesis_))));
        auto first = std::make_shared<node::StoredBlock>();
        first->block.header = ledger::genesis_header(genesis_, root);
        first->hash = ledger::hash_of(first->block.header);
        keep(first);
    }

    /// Signs with a test key, for the next nonce unless one is given.
    Bytes sign(Transaction tx, std::uint8_t key) {
        tx.chain_id = U256{kChainId};
        if (tx.gas_limit == 0) tx.gas_limit = 1'000'000;
        must(ledger::sign_transaction(tx, key_of(key)));
        return ledger::encode_transaction(tx);
    }
    /// A transaction with the next nonce of that key, mined or pooled.
    Hash256 send(Transaction tx, std::uint8_t key = 1) {
        tx.nonce = pending_nonce(address_of_key(key));
        return must(submit(sign(std::move(tx), key)));
    }
    Address deploy(Bytes init_code, std::uint8_t key = 1) {
        Transaction tx;
        tx.data = std::move(init_code);
        const auto nonce = pending_nonce(address_of_key(key));
        send(std::move(tx), key);
        return evm::create_address(address_of_key(key), nonce);
    }

    void mine() {
        std::shared_ptr<const node::StoredBlock> block;
        {
            const std::lock_guard lock(mutex_);
            block = make_block();
        }
        for (const auto& listener : listeners())
            if (listener.on_block) listener.on_block(block);
    }
    void set_syncing(bool syncing) {
        const std::lock_guard lock(mutex_);
        syncing_ = syncing;
    }

    const ledger::Genesis& genesis() const override { return genesis_; }
    const evm::NativeContracts& natives() const override { return system::native_contracts(); }
    Height head() const override {
        const std::lock_guard lock(mutex_);
        return Height{blocks_.size() - 1};
    }
    std::shared_ptr<const node::StoredBlock> block(Height height) const override {
        const std::lock_guard lock(mutex_);
        return height.value < blocks_.size() ? blocks_[height.value] : nullptr;
    }
    std::optional<Height> height_of(const Hash256& hash) const override {
        const std::lock_guard lock(mutex_);
        const auto found = heights_.find(hash);
        return found == heights_.end() ? std::nullopt : std::optional{found->second};
    }
    std::optional<node::TransactionLocation> find_transaction(const Hash256& hash) const override {
        const std::lock_guard lock(mutex_);
        const auto found = locations_.find(hash);
        return found == locations_.end() ? std::nullopt : std::optional{found->second};
    }
    Result<std::shared_ptr<const ledger::StateView>> state(Height height) const override {
        if (state_error) return std::unexpected(*state_error);
        return state_->at(height);
    }
    Result<keys::Impact> key_impact(const Hash256&, Height) const override { return impact; }
    Result<state::AccountProof> prove(Height height, const Address& address,
                                      const std::vector<U256>& slots) const override {
        return state_->prove(height, address, slots);
    }
    Result<ledger::Certificate> certificate(Height height) const override {
        const auto found = block(height);
        if (!found || height.value == 0) return fail(error::BlockUnknown, std::to_string(height.value));
        ledger::VoteStatement statement{ledger::VoteKind::execution, Epoch{0}, height.value, 0, found->hash};
        return ledger::Certificate{statement,
                                   {{ValidatorIndex{0}, validator_.sign(ledger::signed_bytes(kChainId, statement))}}};
    }
    Result<ledger::ValidatorSet> validators(Epoch epoch) const override {
        if (epoch.value != 0) return fail(error::BlockUnknown, "epoch");
        return genesis_.validators;
    }

    Result<Hash256> submit(BytesView raw) override {
        CRN_TRY(decoded, ledger::decode_signed_transaction(raw));
        CRN_TRY(acting, ledger::account_of_key(decoded.signer, &decoded.body, head().value + 1, *state_->latest()));
        decoded.sender = acting;
        auto transaction = std::make_shared<const ledger::SignedTransaction>(std::move(decoded));
        const auto rules = execution::rules_of(genesis_.parameters, natives());
        CRN_CHECK(execution::check_shape(transaction->body, rules));
        {
            const std::lock_guard lock(mutex_);
            if (pool_.contains(transaction->hash) || locations_.contains(transaction->hash))
                return fail(error::AlreadyKnown);
            const auto account = state_->latest()->account(transaction->sender);
            if (transaction->body.nonce < (account ? account->nonce : 0)) return fail(error::NonceTooLow);
            pool_[transaction->hash] = transaction;
        }
        for (const auto& listener : listeners())
            if (listener.on_pending) listener.on_pending(transaction);
        if (mining_ == Mining::at_once) mine();
        return transaction->hash;
    }
    std::vector<std::shared_ptr<const ledger::SignedTransaction>> pending() const override {
        const std::lock_guard lock(mutex_);
        std::vector<std::shared_ptr<const ledger::SignedTransaction>> out;
        for (const auto& [hash, transaction] : pool_) out.push_back(transaction);
        std::sort(out.begin(), out.end(), [](const auto& a, const auto& b) { return a->body.nonce < b->body.nonce; });
        return out;
    }
    std::shared_ptr<const ledger::SignedTransaction> pending(const Hash256& hash) const override {
        const std::lock_guard lock(mutex_);
        const auto found = pool_.find(hash);
        return found == pool_.end() ? nullptr : found->second;
    }
    std::uint64_t pending_nonce(const Address& sender) const override {
        const std::lock_guard lock(mutex_);
        const auto account = state_->latest()->account(sender);
        std::uint64_t next = account ? account->nonce : 0;
        std::set<std::uint64_t> nonces;
        for (const auto& [hash, transaction] : pool_)
            if (transaction->sender == sender) nonces.insert(transaction->body.nonce);
        while (nonces.contains(next)) ++next;
        return next;
    }

    // What a test wants answered.
    std::optional<Error> state_error;
    keys::Impact impact;

    std::uint64_t listen(node::ChainListener listener) override {
        const std::lock_guard lock(mutex_);
        listeners_[++last_listener_] = std::move(listener);
        return last_listener_;
    }
    void unlisten(std::uint64_t id) override {
        const std::lock_guard lock(mutex_);
        listeners_.erase(id);
    }
    node::NodeStatus status() const override {
        const std::lock_guard lock(mutex_);
        node::NodeStatus out;
        out.name = "alpha-1";
        out.organisation = "Alpha";
        out.version = "0.1.0";
        out.head = Height{blocks_.size() - 1};
        out.syncing = syncing_;
        out.peers = {{"beta-1", "Beta", true}, {"gamma-1", "Gamma", false}};
        out.pool_transactions = pool_.size();
        return out;
    }

private:
    std::vector<node::ChainListener> listeners() const {
        const std::lock_guard lock(mutex_);
        std::vector<node::ChainListener> out;
        for (const auto& [id, listener] : listeners_) out.push_back(listener);
        return out;
    }
    void keep(std::shared_ptr<const node::StoredBlock> block) {
        heights_[block->hash] = Height{blocks_.size()};
        for (std::uint32_t i = 0; i < block->block.transactions.size(); ++i) {
            locations_[block->block.transactions[i].hash] = {Height{blocks_.size()}, i};
            pool_.erase(block->block.transactions[i].hash);
        }
        blocks_.push_back(std::move(block));
    }
    std::shared_ptr<const node::StoredBlock> make_block() {
        const auto parent = blocks_.back();
        execution::BlockInput input;
        input.parent = parent->block.header;
        input.timestamp = parent->block.header.timestamp + 1;
        input.consensus_digest = crypto::keccak256(parent->hash);
        input.beneficiary = address_of_key(9);
        for (const auto& [hash, transaction] : pool_) input.candidates.push_back(transaction);
        const auto parameters = system::parameters_of(*state_->latest(), Height{blocks_.size()});
        auto executed =
            execution::execute_block(*state_->latest(), input, parameters, natives(), [this](std::uint64_t number) {
                return number < blocks_.size() ? blocks_[number]->hash : Hash256{};
            });
        auto block = std::make_shared<node::StoredBlock>();
        block->block = std::move(executed.block);
        block->receipts = std::move(executed.receipts);
        block->block.header.state_root = must(state_->commit(executed.diff));
        block->hash = ledger::hash_of(block->block.header);
        keep(block);
        return block;
    }

    const Mining mining_;
    ledger::Genesis genesis_;
    crypto::ValidatorKey validator_;
    std::unique_ptr<storage::KeyValueStore> store_;
    std::unique_ptr<state::StateStore> state_;

    mutable std::mutex mutex_;
    std::vector<std::shared_ptr<const node::StoredBlock>> blocks_;
    std::map<Hash256, Height> heights_;
    std::map<Hash256, node::TransactionLocation> locations_;
    std::map<Hash256, std::shared_ptr<const ledger::SignedTransaction>> pool_;
    std::map<std::uint64_t, node::ChainListener> listeners_;
    std::uint64_t last_listener_ = 0;
    bool syncing_ = false;
};

} // namespace cairn::rpc::testing
