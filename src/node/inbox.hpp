// What waits for the core's thread. Votes and results overtake transactions; what does not fit is refused, not stored.
#pragma once

#include "base/clock.hpp"
#include "consensus/events.hpp"

#include <condition_variable>
#include <deque>
#include <map>
#include <mutex>
#include <optional>

namespace cairn::node {

/// Many producers, one consumer. Thread-safe.
///
/// Peers take turns, and none may hold more than what is still free: one that floods fills half of the room, two a third each,
/// and the votes of the others always find a place.
class Inbox {
public:
    /// False: full, or this peer has its part; the input is dropped (peers send again what matters).
    bool push_urgent(consensus::Input input, std::size_t bytes, ValidatorIndex from) {
        return push(urgent_, from, std::move(input), bytes);
    }
    bool push_bulk(consensus::Input input, std::size_t bytes, ValidatorIndex from) {
        return push(bulk_, from, std::move(input), bytes);
    }
    /// From this node's own threads, bounded by their design: never refused.
    void push_own(consensus::Input input) {
        {
            const std::lock_guard lock(mutex_);
            if (closed_) return;
            own_.push_back(std::move(input));
        }
        ready_.notify_one();
    }
    /// There may be transactions to pack.
    void wake() {
        {
            const std::lock_guard lock(mutex_);
            woken_ = true;
        }
        ready_.notify_one();
    }
    /// Forgets what came from peers: their indices are those of another epoch.
    void drop_messages() {
        const std::lock_guard lock(mutex_);
        for (auto* lane : {&urgent_, &bulk_}) {
            lane->peers.clear();
            lane->turns.clear();
            lane->items = lane->bytes = 0;
        }
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
        ready_.wait_until(lock, deadline, [&] { return closed_ || woken_ || !is_empty(); });
        woken_ = false;
        return take();
    }
    std::optional<consensus::Input> try_pop() {
        const std::lock_guard lock(mutex_);
        return take();
    }

    /// Inputs refused since the start, by peer.
    std::map<ValidatorIndex, std::uint64_t> refused() const {
        const std::lock_guard lock(mutex_);
        return refused_;
    }

    static constexpr std::size_t kUrgentMax = 16'384;
    static constexpr std::size_t kBulkMax = 4'096;
    static constexpr std::size_t kBytesMax = 64u << 20; // of payloads, urgent and bulk each

private:
    struct Item {
        consensus::Input input;
        std::size_t bytes;
    };
    struct Queue {
        std::deque<Item> items;
        std::size_t bytes = 0;
    };
    /// The queues of all peers; those that are not empty take turns.
    struct Lane {
        std::size_t items_max = 0;
        std::map<ValidatorIndex, Queue> peers;
        std::deque<ValidatorIndex> turns;
        std::size_t items = 0;
        std::size_t bytes = 0;
    };

    bool is_empty() const { return own_.empty() && urgent_.items == 0 && bulk_.items == 0; }

    bool push(Lane& lane, ValidatorIndex peer, consensus::Input input, std::size_t bytes) {
        {
            const std::lock_guard lock(mutex_);
            if (closed_) return false;
            auto& queue = lane.peers[peer];
            // A dynamic threshold (Choudhury, Hahne, 1998): at most as much as is free.
            const bool fits =
                queue.items.size() < lane.items_max - lane.items && queue.bytes + bytes <= kBytesMax - lane.bytes;
            if (!fits) {
                ++refused_[peer];
                return false;
            }
            if (queue.items.empty()) lane.turns.push_back(peer);
            queue.items.push_back({std::move(input), bytes});
            queue.bytes += bytes;
            ++lane.items;
            lane.bytes += bytes;
        }
        ready_.notify_one();
        return true;
    }
    static consensus::Input take_turn(Lane& lane) {
        const auto peer = lane.turns.front();
        lane.turns.pop_front();
        auto& queue = lane.peers.at(peer);
        Item item = std::move(queue.items.front());
        queue.items.pop_front();
        queue.bytes -= item.bytes;
        --lane.items;
        lane.bytes -= item.bytes;
        if (!queue.items.empty()) lane.turns.push_back(peer);
        return std::move(item.input);
    }
    std::optional<consensus::Input> take() {
        if (!own_.empty()) {
            auto input = std::move(own_.front());
            own_.pop_front();
            return input;
        }
        if (urgent_.items != 0) return take_turn(urgent_);
        if (bulk_.items != 0) return take_turn(bulk_);
        return std::nullopt;
    }

    mutable std::mutex mutex_;
    std::condition_variable ready_;
    std::deque<consensus::Input> own_;                // guarded by mutex_
    Lane urgent_{.items_max = kUrgentMax};            // guarded by mutex_
    Lane bulk_{.items_max = kBulkMax};                // guarded by mutex_
    std::map<ValidatorIndex, std::uint64_t> refused_; // guarded by mutex_
    bool woken_ = false;                              // guarded by mutex_
    bool closed_ = false;                             // guarded by mutex_
};

} // namespace cairn::node
