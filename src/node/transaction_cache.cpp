#include "node/transaction_cache.hpp"

#include "base/thread_name.hpp"
#include "crypto/hash.hpp"

#include <atomic>
#include <thread>

namespace cairn::node {
namespace {

// Below this, starting a thread costs more than it saves (a recovery takes about 50 microseconds).
constexpr std::size_t kTransactionsPerThreadMin = 32;

} // namespace

SharedTransaction TransactionCache::find(const Hash256& hash) const {
    const std::lock_guard lock(mutex_);
    const auto found = entries_.find(hash);
    return found == entries_.end() ? nullptr : found->second;
}

void TransactionCache::insert(SharedTransaction transaction) {
    const std::lock_guard lock(mutex_);
    const auto size = transaction->raw.size();
    const auto hash = transaction->hash;
    if (!entries_.emplace(hash, std::move(transaction)).second) return;
    order_.push_back(hash);
    bytes_ += size;
    while (order_.size() > entries_max_ || bytes_ > bytes_max_) {
        const auto oldest = entries_.find(order_.front());
        bytes_ -= oldest->second->raw.size();
        entries_.erase(oldest);
        order_.pop_front();
    }
}

SharedTransaction TransactionCache::decode(BytesView raw) {
    if (auto known = find(crypto::keccak256(raw))) return known;
    auto decoded = ledger::decode_signed_transaction(raw);
    if (!decoded) return nullptr;
    auto shared = std::make_shared<const ledger::SignedTransaction>(std::move(*decoded));
    insert(shared);
    return shared;
}

std::vector<SharedTransaction> TransactionCache::decode_all(const std::vector<BytesView>& raws, std::size_t threads) {
    std::vector<SharedTransaction> out(raws.size());
    threads = std::min(threads, raws.size() / kTransactionsPerThreadMin + 1);
    std::atomic<std::size_t> next{0};
    const auto work = [&] {
        for (std::size_t i = next++; i < raws.size(); i = next++) out[i] = decode(raws[i]);
    };
    std::vector<std::jthread> helpers;
    for (std::size_t i = 1; i < threads; ++i)
        helpers.emplace_back([&work] {
            name_thread("signatures");
            work();
        });
    work();
    return out;
}

} // namespace cairn::node
