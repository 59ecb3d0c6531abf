#include "rpc/announcer.hpp"

#include "base/thread_name.hpp"
#include "rpc/filters.hpp"
#include "rpc/subscriptions.hpp"
#include "rpc/sync_sends.hpp"

namespace cairn::rpc {

Announcer::Announcer(node::Chain& chain, const Clock& clock, Filters& filters, Subscriptions& subscriptions,
                     SyncSends& sync_sends)
    : chain_(chain),
      clock_(clock),
      filters_(filters),
      subscriptions_(subscriptions),
      sync_sends_(sync_sends),
      announced_(chain.head()) {
    listener_ = chain.listen({[this](const auto&) { look_again(); },
                              [this](const std::shared_ptr<const ledger::SignedTransaction>& transaction) {
                                  filters_.on_pending(transaction->hash);
                                  if (subscriptions_.wants_pending()) look_again();
                              }});
    thread_ = std::thread([this] { run(); });
}

Announcer::~Announcer() { stop(); }

void Announcer::stop() {
    if (!thread_.joinable()) return;
    chain_.unlisten(listener_);
    {
        const std::lock_guard lock(mutex_);
        stopping_ = true;
    }
    changed_.notify_all();
    thread_.join();
}

void Announcer::look_again() {
    {
        const std::lock_guard lock(mutex_);
        news_ = true;
    }
    changed_.notify_one();
}

void Announcer::run() {
    name_thread("rpc announcer");
    while (true) {
        {
            std::unique_lock lock(mutex_);
            const auto ready = [&] { return news_ || stopping_; };
            if (const auto deadline = sync_sends_.next_deadline()) {
                const auto rest = *deadline - clock_.monotonic();
                if (rest.count() > 0) changed_.wait_for(lock, rest, ready);
            } else {
                changed_.wait(lock, ready);
            }
            if (stopping_) return;
            news_ = false;
        }
        announce_blocks();
        announce_pending();
        announce_syncing();
        sync_sends_.on_time();
    }
}

void Announcer::announce_blocks() {
    const auto head = chain_.head();
    while (announced_ < head) {
        // While a node catches up and nobody listens, there is no reason to read every block.
        if (!subscriptions_.wants_blocks() && sync_sends_.empty()) {
            announced_ = head;
            return;
        }
        const auto block = chain_.block(announced_.next());
        announced_ = announced_.next();
        if (!block) continue;
        subscriptions_.on_block(chain_, *block);
        sync_sends_.on_block(chain_, *block);
    }
}

void Announcer::announce_pending() {
    const auto hashes = filters_.pending_since(pending_);
    if (!hashes.empty() && subscriptions_.wants_pending()) subscriptions_.on_pending(chain_, hashes, pending_);
}

void Announcer::announce_syncing() {
    const bool syncing = chain_.status().syncing;
    if (syncing != syncing_) subscriptions_.on_syncing(syncing);
    syncing_ = syncing;
}

} // namespace cairn::rpc
