#include "node/live_chain.hpp"

#include "base/clock.hpp"
#include "base/errors/keys.hpp"
#include "base/errors/node.hpp"
#include "base/errors/pool.hpp"
#include "base/errors/state.hpp"
#include "base/thread_name.hpp"
#include "crypto/ed25519.hpp"
#include "execution/transaction.hpp"
#include "ledger/account_key.hpp"
#include "node/account_organisation.hpp"
#include "system/identities.hpp"
#include "system/keys.hpp"
#include "system/parameters.hpp"

#include <set>

namespace cairn::node {
namespace {

constexpr std::chrono::milliseconds kIndexPatience{5'000};

/// What the next block will hold transactions to.
ledger::ChainParameters next_parameters(const ExecutedChain& chain) {
    return system::parameters_of(*chain.state().latest(), chain.height().next());
}

pool::PoolConfig pool_config(const ledger::ChainParameters& parameters) {
    auto config = pool::config_for(parameters);
    std::uint8_t salt[8];
    crypto::system_random().fill(salt);
    std::memcpy(&config.hash_salt, salt, sizeof salt);
    return config;
}

/// Accounts whose keys the block changed, by the events of Keys.
std::set<Address> accounts_with_changed_keys(const std::vector<ledger::Receipt>& receipts) {
    std::set<Address> out;
    for (const auto& receipt : receipts)
        for (const auto& entry : receipt.logs)
            if (entry.address == ledger::kKeysContract)
                if (const auto account = system::account_in_event(entry)) out.insert(*account);
    return out;
}

/// The transaction with the account that its key signs for, or why the key signs for none.
Result<SharedTransaction> for_its_account(SharedTransaction transaction, std::uint64_t height,
                                          const ledger::StateView& state) {
    CRN_TRY(account, ledger::account_of_key(ledger::signing_key_of(*transaction), &transaction->body, height, state));
    if (account == transaction->sender) return transaction;
    auto copy = *transaction;
    copy.sender = account;
    return std::make_shared<const ledger::SignedTransaction>(std::move(copy));
}

/// The highest executed block with a certificate of this very result.
Height agreed(const BlockStore& blocks, Height executed) {
    auto height = std::min(blocks.last_certified(), executed);
    const auto agrees = [&] {
        const auto certificate = blocks.certificate(height);
        return certificate && certificate->statement.digest == blocks.hash_of(height);
    };
    while (height.value > 0 && !agrees()) height = Height{height.value - 1};
    return height;
}

} // namespace

LiveChain::LiveChain(ExecutedChain& chain, const Epochs& epochs, TransactionCache& cache,
                     const evm::NativeContracts& natives, Hooks hooks)
    : chain_(chain),
      epochs_(epochs),
      cache_(cache),
      natives_(natives),
      hooks_(std::move(hooks)),
      parameters_(next_parameters(chain)),
      pool_(pool_config(parameters_)),
      executed_(chain.height()),
      certified_(agreed(chain.blocks(), chain.height())),
      published_(certified_),
      key_watch_(chain.blocks(), epochs, chain.store()) {
    key_watch_.advance(certified_);
    follow_shares(*chain_.state().latest(), executed_.next());
    pool_.set_waiting_max(pacer_.waiting_max());
    pool_.on_block(executed_, {}, *chain_.state().latest());
    if (const auto last = chain_.blocks().block(executed_)) head_time_ = last->block.header.timestamp;
    publisher_ = std::jthread([this] { publish(); });
}

LiveChain::~LiveChain() {
    {
        const std::lock_guard lock(head_mutex_);
        stopping_ = true;
    }
    head_changed_.notify_all();
}

void LiveChain::follow_shares(const ledger::StateView& state, Height next) {
    if (shares_ && shares_->is_current(state, next)) return;
    shares_ = system::Shares::read(state, next);
    std::vector<pool::OrganisationShare> weights;
    for (const auto& organisation : shares_->organisations())
        weights.push_back({organisation.name, organisation.share});
    if (weights.empty()) return;
    pool_.set_organisations(std::move(weights), AccountOrganisation(shares_->organisations(), hooks_.organisation, {}));
}

void LiveChain::executed(const ExecutedChain::Outcome& outcome) {
    // Those of the block, not the candidates: execution has found out whose account each of them acts for.
    std::vector<SharedTransaction> included;
    included.reserve(outcome.block->block.transactions.size());
    for (const auto& transaction : outcome.block->block.transactions)
        included.emplace_back(outcome.block, &transaction);
    const auto rekeyed = accounts_with_changed_keys(outcome.block->receipts);

    const Height height{outcome.block->block.header.number};
    {
        const auto state = chain_.state().latest();
        const auto parameters = next_parameters(chain_);
        std::vector<std::uint64_t> gas_used;
        gas_used.reserve(outcome.block->receipts.size());
        for (const auto& receipt : outcome.block->receipts) gas_used.push_back(receipt.gas_used);
        const std::lock_guard lock(pool_mutex_);
        head_time_ = outcome.block->block.header.timestamp;
        hot_spots_.add_block(included, gas_used);
        follow_shares(*state, height.next());
        if (parameters != parameters_) {
            parameters_ = parameters;
            pool_.set_rules(parameters);
        }
        const auto in_flight = pool_.counts().in_flight;
        for (const auto& dropped : outcome.dropped) pool_.on_dropped(dropped.transaction->hash, dropped.reason);
        pool_.on_block(height, included, *state);
        for (const auto& account : rekeyed) pool_.on_keys_changed(account, *state);
        const auto still = pool_.counts().in_flight;
        if (still < in_flight) pacer_.left(in_flight - still, system_clock().monotonic());
        pool_.set_waiting_max(pacer_.waiting_max());
    }
    {
        const std::lock_guard lock(head_mutex_);
        executed_ = height;
        // Stored before it is told here: if it came first it is found, else it is told later.
        if (const auto certificate = chain_.blocks().certificate(height))
            compare(height, outcome.block->hash, certificate->statement.digest);
    }
    head_changed_.notify_all();
}

void LiveChain::certified(Height height, const Hash256& result) {
    {
        const std::lock_guard lock(head_mutex_);
        if (height <= executed_) compare(height, chain_.blocks().hash_of(height), result);
    }
    head_changed_.notify_all();
}

/// A result vouches for all before it: after one that differs none is the same again.
void LiveChain::compare(Height height, const Hash256& own, const Hash256& result) {
    if (own == result) certified_ = std::max(certified_, height);
}

void LiveChain::publish() {
    name_thread("publisher");
    for (;;) {
        Height next;
        {
            std::unique_lock lock(head_mutex_);
            head_changed_.wait(lock, [&] { return stopping_ || certified_ > published_; });
            if (stopping_) return;
            next = published_ = published_.next();
        }
        const auto stored = chain_.blocks().block(next);
        if (!stored) continue;
        key_watch_.advance(next);
        std::vector<std::shared_ptr<const ChainListener>> listeners;
        {
            const std::lock_guard lock(listeners_mutex_);
            for (const auto& [id, listener] : listeners_) listeners.push_back(listener);
        }
        for (const auto& listener : listeners)
            if (listener->on_block) listener->on_block(stored);
    }
}

std::vector<SharedTransaction> LiveChain::take_batch(pool::BatchLimits limits) {
    const std::lock_guard lock(pool_mutex_);
    limits.gas = std::min(limits.gas, parameters_.block_gas_limit);
    limits.transactions = std::min(limits.transactions, pacer_.room(pool_.counts().in_flight));
    auto batch = pool_.take_batch(limits);
    pacer_.taken(batch.size(), system_clock().monotonic());
    return batch;
}

void LiveChain::give_back() {
    const std::lock_guard lock(pool_mutex_);
    pool_.give_back();
}

bool LiveChain::has_ready() const {
    const std::lock_guard lock(pool_mutex_);
    return pool_.has_ready();
}

Height LiveChain::head() const {
    const std::lock_guard lock(head_mutex_);
    return certified_;
}

std::shared_ptr<const StoredBlock> LiveChain::block(Height height) const {
    return height > head() ? nullptr : chain_.blocks().block(height);
}

std::optional<Height> LiveChain::height_of(const Hash256& block_hash) const {
    const auto height = chain_.blocks().height_of(block_hash);
    return height && *height <= head() ? height : std::nullopt;
}

std::optional<TransactionLocation> LiveChain::find_transaction(const Hash256& hash) const {
    const auto location = chain_.blocks().find_transaction(hash);
    return location && location->height <= head() ? location : std::nullopt;
}

Result<std::shared_ptr<const ledger::StateView>> LiveChain::state(Height height) const {
    if (height > head())
        return fail(error::StateUnknown, "height " + std::to_string(height.value) + " is above the head");
    return chain_.state().at(height);
}

Result<state::AccountProof> LiveChain::prove(Height height, const Address& address,
                                             const std::vector<U256>& slots) const {
    if (height > head())
        return fail(error::StateUnknown, "height " + std::to_string(height.value) + " is above the head");
    return chain_.state().prove(height, address, slots);
}

Result<ledger::Certificate> LiveChain::certificate(Height height) const {
    if (auto found = chain_.blocks().certificate(height)) return std::move(*found);
    return fail(error::BlockUnknown, "no certificate for height " + std::to_string(height.value));
}

Result<ledger::ValidatorSet> LiveChain::validators(Epoch epoch) const {
    if (const auto known = epochs_.of(epoch)) return known->validators;
    return fail(error::BlockUnknown, "no validator set for epoch " + std::to_string(epoch.value));
}

Result<std::vector<ledger::EpochHandover>> LiveChain::handovers(Epoch epoch) const {
    if (!epochs_.of(epoch)) return fail(error::BlockUnknown, "no epoch " + std::to_string(epoch.value));
    std::vector<ledger::EpochHandover> out;
    for (auto next = chain_.genesis().validators.epoch.next(); next <= epoch; next = next.next())
        out.push_back(epochs_.of(next)->handover);
    return out;
}

Result<Hash256> LiveChain::submit(BytesView raw) {
    if (raw.size() > ledger::kTransactionBytesMax)
        return fail(error::TransactionTooLarge, std::to_string(raw.size()) + " bytes");
    const auto hash = crypto::keccak256(raw);
    auto transaction = cache_.find(hash);
    if (!transaction) {
        CRN_TRY(decoded, ledger::decode_signed_transaction(raw));
        transaction = std::make_shared<const ledger::SignedTransaction>(std::move(decoded));
        cache_.insert(transaction);
    }
    const auto gas = execution::intrinsic_gas(transaction->body, evm::Revision::osaka);
    if (hooks_.admit) CRN_CHECK(hooks_.admit(*transaction));
    {
        // The state is looked at under the lock: a block that retires the key cleans the pool under it too.
        const std::lock_guard lock(pool_mutex_);
        const auto state = chain_.state().latest();
        CRN_TRY(admitted, for_its_account(std::move(transaction), chain_.height().value + 1, *state));
        transaction = std::move(admitted);
        if (parameters_.account_binding == ledger::AccountBinding::required &&
            ledger::needs_binding(transaction->body.to)) {
            const auto standing = system::standing_of(*state, transaction->sender, head_time_);
            if (standing != ledger::Standing::good) return execution::refuse_sender(transaction->sender, standing);
        }
        CRN_TRY(added, pool_.add(transaction, std::max(gas.standard, gas.floor), *state));
        (void)added;
    }
    hooks_.transactions_ready();
    std::vector<std::shared_ptr<const ChainListener>> listeners;
    {
        const std::lock_guard lock(listeners_mutex_);
        for (const auto& [id, listener] : listeners_) listeners.push_back(listener);
    }
    for (const auto& listener : listeners)
        if (listener->on_pending) listener->on_pending(transaction);
    return hash;
}

std::vector<SharedTransaction> LiveChain::pending() const {
    const std::lock_guard lock(pool_mutex_);
    auto all = pool_.pending();
    const auto queued = pool_.queued();
    all.insert(all.end(), queued.begin(), queued.end());
    return all;
}

SharedTransaction LiveChain::pending(const Hash256& hash) const {
    {
        const std::lock_guard lock(pool_mutex_);
        if (auto waiting = pool_.find(hash)) return waiting;
    }
    // Executed, so no longer in the pool, but its block is not certified yet: it still waits as far as a client can tell.
    const auto location = chain_.blocks().find_transaction(hash);
    const auto stored = location ? chain_.blocks().block(location->height) : nullptr;
    if (!stored || location->index >= stored->block.transactions.size()) return nullptr;
    return {stored, &stored->block.transactions[location->index]};
}

std::uint64_t LiveChain::pending_nonce(const Address& sender) const {
    {
        const std::lock_guard lock(pool_mutex_);
        if (const auto nonce = pool_.pending_nonce(sender)) return *nonce;
    }
    const auto account = chain_.state().latest()->account(sender);
    return account ? account->nonce : 0;
}

Result<keys::Impact> LiveChain::key_impact(const Hash256& key, Height since) const {
    // An incomplete answer would be worse than none.
    if (!key_watch_.wait_for(head(), kIndexPatience))
        return fail(error::KeyIndexAbsent, "the index has not reached the head yet");
    // A key that has touched nothing yet, such as that of a validator whose votes came too late for every certificate, is no unknown one.
    const bool is_registered = system::key_facts(*chain_.state().latest(), key, head().value).has_value();
    return keys::impact_of(key_watch_.index(), key, since.value, is_registered);
}

std::uint64_t LiveChain::listen(ChainListener listener) {
    const std::lock_guard lock(listeners_mutex_);
    listeners_.emplace(next_listener_, std::make_shared<const ChainListener>(std::move(listener)));
    return next_listener_++;
}

void LiveChain::unlisten(std::uint64_t id) {
    const std::lock_guard lock(listeners_mutex_);
    listeners_.erase(id);
}

FlowStatus LiveChain::flow() const {
    auto out = hooks_.flow ? hooks_.flow() : FlowStatus{};
    const std::lock_guard lock(pool_mutex_);
    for (const auto& organisation : pool_.organisations())
        out.organisations.push_back({.name = organisation.share.name,
                                     .share = organisation.share.weight,
                                     .transactions = organisation.transactions,
                                     .transactions_guaranteed = organisation.transactions_guaranteed,
                                     .bytes = organisation.bytes,
                                     .bytes_guaranteed = organisation.bytes_guaranteed,
                                     .gas = organisation.gas,
                                     .gas_guaranteed = organisation.gas_guaranteed,
                                     .queued = organisation.queued,
                                     .refused = organisation.refused,
                                     .evicted = organisation.evicted});
    out.lane_window = pacer_.window();
    out.lane_in_flight = pool_.counts().in_flight;
    out.hot_spots = hot_spots_.top(16);
    return out;
}

NodeStatus LiveChain::status() const {
    auto status = hooks_.status();
    status.head = head();
    const std::lock_guard lock(pool_mutex_);
    const auto counts = pool_.counts();
    status.pool_transactions = counts.pending + counts.queued;
    return status;
}

} // namespace cairn::node
