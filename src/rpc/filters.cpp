#include "rpc/filters.hpp"

#include "crypto/ed25519.hpp"

namespace cairn::rpc {

std::uint64_t random_id() {
    std::array<std::uint8_t, 8> bytes;
    crypto::system_random().fill(bytes);
    std::uint64_t id = 0;
    std::memcpy(&id, bytes.data(), sizeof id);
    return id == 0 ? 1 : id;
}

Filters::Filters(const RpcLimits& limits, const Clock& clock) : limits_(limits), clock_(clock) {}

void Filters::drop_idle() {
    const auto oldest = clock_.monotonic() - std::chrono::duration_cast<Microseconds>(limits_.filter_idle);
    std::erase_if(entries_, [&](const auto& item) { return item.second.used < oldest; });
}

RpcResult<std::uint64_t> Filters::add(Filter filter) {
    const auto id = random_id();
    const std::lock_guard lock(mutex_);
    drop_idle();
    if (entries_.size() >= limits_.filters_max) return rpc_fail(code::kLimit, "too many filters in use");
    entries_[id] = {std::move(filter), clock_.monotonic()};
    return id;
}

bool Filters::remove(std::uint64_t id) {
    const std::lock_guard lock(mutex_);
    return entries_.erase(id) != 0;
}

std::optional<Filter> Filters::find(std::uint64_t id) {
    const std::lock_guard lock(mutex_);
    drop_idle();
    const auto found = entries_.find(id);
    if (found == entries_.end()) return std::nullopt;
    found->second.used = clock_.monotonic();
    return found->second.filter;
}

void Filters::replace(std::uint64_t id, Filter filter) {
    const std::lock_guard lock(mutex_);
    if (const auto found = entries_.find(id); found != entries_.end()) found->second.filter = std::move(filter);
}

void Filters::on_pending(const Hash256& hash) {
    const std::lock_guard lock(mutex_);
    if (pending_.size() >= kPendingKept) pending_.pop_front();
    pending_.push_back(hash);
    ++pending_end_;
}

std::uint64_t Filters::pending_end() const {
    const std::lock_guard lock(mutex_);
    return pending_end_;
}

std::vector<Hash256> Filters::pending_since(std::uint64_t& next) const {
    const std::lock_guard lock(mutex_);
    const auto first = pending_end_ - pending_.size();
    const auto skip = next <= first ? 0 : std::min<std::uint64_t>(next - first, pending_.size());
    next = pending_end_;
    return {pending_.begin() + static_cast<std::ptrdiff_t>(skip), pending_.end()};
}

} // namespace cairn::rpc
