#include "rpc/workers.hpp"

#include "base/thread_name.hpp"
#include <algorithm>
#include <sys/resource.h>
#include <unistd.h>

namespace cairn::rpc {
namespace {

constexpr int kNiceness = 10; // weighs about a tenth of an ordinary thread when processors are short

} // namespace

Workers::Workers(unsigned threads, std::size_t waiting_max)
    : waiting_max_(waiting_max), slow_max_(std::max(threads, 2u) - 1) {
    for (unsigned i = 0; i < std::max(threads, 2u); ++i) threads_.emplace_back([this] { run(); });
}

bool Workers::post(Pace pace, std::function<void()> job) {
    {
        const std::lock_guard lock(mutex_);
        auto& queue = pace == Pace::slow ? slow_ : normal_;
        if (stopping_ || queue.size() >= waiting_max_) return false;
        queue.push_back(std::move(job));
    }
    ready_.notify_one();
    return true;
}

void Workers::limit_slow(std::size_t count) {
    {
        const std::lock_guard lock(mutex_);
        slow_max_ = std::clamp<std::size_t>(count, 1, threads_.size() - 1);
    }
    ready_.notify_all();
}

void Workers::stop() {
    {
        const std::lock_guard lock(mutex_);
        stopping_ = true;
    }
    ready_.notify_all();
    for (auto& thread : threads_)
        if (thread.joinable()) thread.join();
}

void Workers::run() {
    name_thread("rpc worker");
    // What is decided already goes before what clients ask: consensus, network and execution keep the ordinary priority.
    ::setpriority(PRIO_PROCESS, static_cast<id_t>(::gettid()), kNiceness);
    std::unique_lock lock(mutex_);
    while (true) {
        const auto may_slow = [&] { return !slow_.empty() && slow_running_ < slow_max_; };
        ready_.wait(lock, [&] { return !normal_.empty() || may_slow() || stopping_; });
        const bool slow = normal_.empty();
        if (slow && !may_slow()) return; // stopping, and nothing left that this thread may do
        auto& queue = slow ? slow_ : normal_;
        auto job = std::move(queue.front());
        queue.pop_front();
        if (slow) ++slow_running_;
        lock.unlock();
        job();
        job = {};
        lock.lock();
        if (!slow) continue;
        --slow_running_;
        if (!slow_.empty()) ready_.notify_one();
    }
}

} // namespace cairn::rpc
