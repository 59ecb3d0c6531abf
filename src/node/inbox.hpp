// What waits for the core's thread. Votes and results overtake transactions; what does not fit is refused, not stored.
#pragma once

#include "base/clock.hpp"
#include "consensus/events.hpp"

#include <condition_variable>
#include <deque>
#include <mutex>
#include <optional>

namespace cairn::node {

/// Many producers, one consumer. Thread-safe.
class Inbox {
public:
    /// False: full, the input is dropped (peers send again what matters).
    bool push_urgent(consensus::Input input) { return push(urgent_, std::move(input), 0, kUrgentMax); }
    bool push_bulk(consensus::Input input, std::size_t bytes) { return push(bulk_, std::move(input), bytes, kBulkMax); }
    /// From this node's own threads, bounded by their design: never refused.
    void push_own(consensus::Input input) { push(urgent_, std::move(input), 0, SIZE_MAX); }
    /// There may be transactions to pack.
    void wake() {
        {
            const std::lock_guard lock(mutex_);
            woken_ = true;
        }
        ready_.notify_one();
    }
    void close() {
        {
            const std::lock_guard lock(mutex_);
            closed_ = true;
        }
        ready_.notify_one();
    }
    bool closed() const {
        const std::lock_guard lock(mutex_);
        return closed_;
    }

    /// The next input; nothing when `deadline` (steady clock) has come, wake() was called, or the inbox is closed.
    std::optional<consensus::Input> pop_until(std::chrono::steady_clock::time_point deadline) {
        std::unique_lock lock(mutex_);
        ready_.wait_until(lock, deadline, [&] { return closed_ || woken_ || !urgent_.empty() || !bulk_.empty(); });
        woken_ = false;
        return take();
    }
    std::optional<consensus::Input> try_pop() {
        const std::lock_guard lock(mutex_);
        return take();
    }

private:
    struct Item {
        consensus::Input input;
        std::size_t bytes;
    };
    static constexpr std::size_t kUrgentMax = 16'384;
    static constexpr std::size_t kBulkMax = 4'096;
    static constexpr std::size_t kBulkBytesMax = 64u << 20;

    bool push(std::deque<Item>& queue, consensus::Input input, std::size_t bytes, std::size_t limit) {
        {
            const std::lock_guard lock(mutex_);
            if (closed_ || queue.size() >= limit || bulk_bytes_ + bytes > kBulkBytesMax) return false;
            bulk_bytes_ += bytes;
            queue.push_back({std::move(input), bytes});
        }
        ready_.notify_one();
        return true;
    }
    std::optional<consensus::Input> take() {
        auto& queue = urgent_.empty() ? bulk_ : urgent_;
        if (queue.empty()) return std::nullopt;
        Item item = std::move(queue.front());
        queue.pop_front();
        bulk_bytes_ -= item.bytes;
        return std::move(item.input);
    }

    mutable std::mutex mutex_;
    std::condition_variable ready_;
    std::deque<Item> urgent_, bulk_; // guarded by mutex_
    std::size_t bulk_bytes_ = 0;     // guarded by mutex_
    bool woken_ = false;             // guarded by mutex_
    bool closed_ = false;            // guarded by mutex_
};

} // namespace cairn::node
