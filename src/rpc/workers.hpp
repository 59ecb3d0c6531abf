// The threads that do what takes longer than the I/O thread may: a bounded number of jobs, and slow ones never occupy all
// threads, so that receipts and transactions go on while somebody traces a block.
#pragma once

#include <condition_variable>
#include <deque>
#include <functional>
#include <mutex>
#include <thread>
#include <vector>

namespace cairn::rpc {

enum class Pace : std::uint8_t { normal, slow };

/// Thread-safe.
class Workers {
public:
    /// At least two threads; all but one may be in slow jobs at a time. `waiting_max`: jobs of one pace in the queue.
    Workers(unsigned threads, std::size_t waiting_max);
    ~Workers() { stop(); }
    Workers(const Workers&) = delete;
    Workers& operator=(const Workers&) = delete;

    /// Of slow jobs at most so many run at a time, at least one and never all threads: what the queue's delay asks for.
    void limit_slow(std::size_t count);
    std::size_t slow_max() const { return threads_.size() - 1; }

    /// False when the queue is full or the workers have stopped.
    [[nodiscard]] bool post(Pace pace, std::function<void()> job);
    /// Finishes what is queued and takes nothing more.
    void stop();

private:
    void run();

    const std::size_t waiting_max_;
    std::size_t slow_max_; // guarded by mutex_
    std::mutex mutex_;
    std::condition_variable ready_;
    std::deque<std::function<void()>> normal_; // guarded by mutex_
    std::deque<std::function<void()>> slow_;   // guarded by mutex_
    std::size_t slow_running_ = 0;             // guarded by mutex_
    bool stopping_ = false;                    // guarded by mutex_
    std::vector<std::thread> threads_;
};

} // namespace cairn::rpc
