#include "node/live_chain.hpp"

#include "base/errors/node.hpp"
#include "base/errors/pool.hpp"
#include "base/errors/state.hpp"
#include "crypto/ed25519.hpp"
#include "execution/transaction.hpp"
#include "system/parameters.hpp"

#include <unordered_map>

namespace cairn::node {
namespace {

/// What the next block will hold transactions to. Ordering keeps the gas limit of genesis, so more than that never gets
/// into a block.
ledger::ChainParameters next_parameters(const ExecutedChain& chain) {
    auto out = system::parameters_of(*chain.state().latest(), chain.height().next());
    out.block_gas_limit = std::min(out.block_gas_limit, chain.genesis().parameters.block_gas_limit);
    return out;
}

pool::PoolConfig pool_config(const ledger::ChainParameters& parameters) {
    auto config = pool::config_for(parameters);
    std::uint8_t salt[8];
    crypto::system_random().fill(salt);
    std::memcpy(&config.hash_salt, salt, sizeof salt);
    return config;
}

} // namespace

LiveChain::LiveChain(ExecutedChain& chain, TransactionCache& cache, const evm::NativeContracts& natives, Hooks hooks)
    : chain_(chain),
      cache_(cache),
      natives_(natives),
      hooks_(std::move(hooks)),
      parameters_(next_parameters(chain)),
      pool_(pool_config(parameters_)),
      executed_(chain.height()),
      certified_(std::min(chain.blocks().last_certified(), chain.height())),
      published_(certified_) {
    pool_.on_block(executed_, {}, *chain_.state().latest());
    publisher_ = std::jthread([this] { publish(); });
}

LiveChain::~LiveChain() {
    {
        const std::lock_guard lock(head_mutex_);
        stopping_ = true;
    }
    head_changed_.notify_all();
}

void LiveChain::executed(const ExecutedChain::Outcome& outcome, const std::vector<SharedTransaction>& candidates) {
    std::unordered_map<Hash256, SharedTransaction> by_hash;
    by_hash.reserve(candidates.size());
    for (const auto& candidate : candidates) by_hash.emplace(candidate->hash, candidate);
    std::vector<SharedTransaction> included;
    included.reserve(outcome.block->block.transactions.size());
    for (const auto& transaction : outcome.block->block.transactions) included.push_back(by_hash.at(transaction.hash));

    const Height height{outcome.block->block.header.number};
    {
        const auto state = chain_.state().latest();
        const auto parameters = next_parameters(chain_);
        const std::lock_guard lock(pool_mutex_);
        if (parameters != parameters_) {
            parameters_ = parameters;
            pool_.set_rules(parameters);
        }
        for (const auto& dropped : outcome.dropped) pool_.on_dropped(dropped.transaction->hash, dropped.reason);
        pool_.on_block(height, included, *state);
    }
    {
        const std::lock_guard lock(head_mutex_);
        executed_ = height;
    }
    head_changed_.notify_all();
}

void LiveChain::certified(Height height) {
    {
        const std::lock_guard lock(head_mutex_);
        certified_ = std::max(certified_, height);
    }
    head_changed_.notify_all();
}

void LiveChain::publish() {
    for (;;) {
        Height next;
        {
            std::unique_lock lock(head_mutex_);
            head_changed_.wait(lock, [&] { return stopping_ || std::min(executed_, certified_) > published_; });
            if (stopping_) return;
            next = published_ = published_.next();
        }
        const auto stored = chain_.blocks().block(next);
        if (!stored) continue;
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
    return pool_.take_batch(limits);
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
    return std::min(executed_, certified_);
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
    if (epoch == chain_.genesis().validators.epoch) return chain_.genesis().validators;
    return fail(error::BlockUnknown, "no validator set for epoch " + std::to_string(epoch.value));
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
    const auto state = chain_.state().latest();
    {
        const std::lock_guard lock(pool_mutex_);
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

std::uint64_t LiveChain::listen(ChainListener listener) {
    const std::lock_guard lock(listeners_mutex_);
    listeners_.emplace(next_listener_, std::make_shared<const ChainListener>(std::move(listener)));
    return next_listener_++;
}

void LiveChain::unlisten(std::uint64_t id) {
    const std::lock_guard lock(listeners_mutex_);
    listeners_.erase(id);
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
