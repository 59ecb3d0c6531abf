#include "rpc/sync_sends.hpp"

#include "base/errors/node.hpp"
#include "rpc/answers.hpp"
#include "rpc/json_writer.hpp"
#include "rpc/labels.hpp"

namespace cairn::rpc {
namespace {

Answer receipt_of(const node::StoredBlock& block, std::size_t index, Labels& labels) {
    CRN_CHECK(labels.known());
    return receipt_json(block, index, labels);
}

} // namespace

bool SyncSends::wait(const Hash256& hash, Milliseconds patience, std::function<void(Answer)> done) {
    {
        const std::lock_guard lock(mutex_);
        if (waiting_.size() >= limits_.sync_sends_max) return false;
        waiting_.emplace(hash, Waiting{clock_.monotonic() + patience, patience, std::move(done)});
    }
    if (wake_) wake_();
    return true;
}

std::vector<SyncSends::Waiting> SyncSends::take(const Hash256& hash) {
    const std::lock_guard lock(mutex_);
    std::vector<Waiting> out;
    const auto [first, last] = waiting_.equal_range(hash);
    for (auto i = first; i != last; ++i) out.push_back(std::move(i->second));
    waiting_.erase(first, last);
    return out;
}

void SyncSends::settle(const node::Chain& chain, const Hash256& hash) {
    const auto location = chain.find_transaction(hash);
    if (!location || location->height > chain.head()) return;
    const auto block = chain.block(location->height);
    if (!block) return;
    Labels labels{chain};
    for (auto& one : take(hash)) one.done(receipt_of(*block, location->index, labels));
}

void SyncSends::on_block(const node::Chain& chain, const node::StoredBlock& block) {
    if (empty()) return;
    Labels labels{chain};
    for (std::size_t i = 0; i < block.block.transactions.size(); ++i)
        for (auto& one : take(block.block.transactions[i].hash)) one.done(receipt_of(block, i, labels));
}

void SyncSends::on_time() {
    std::vector<std::pair<Hash256, Waiting>> late;
    {
        const std::lock_guard lock(mutex_);
        const auto now = clock_.monotonic();
        for (auto i = waiting_.begin(); i != waiting_.end();) {
            if (i->second.deadline > now) {
                ++i;
                continue;
            }
            late.emplace_back(i->first, std::move(i->second));
            i = waiting_.erase(i);
        }
    }
    for (auto& [hash, one] : late)
        one.done(rpc_fail(code::kSyncTimeout,
                          "The transaction was added to the pool but wasn't processed in " +
                              std::to_string(one.patience.count()) + " ms",
                          json_hex(hash)));
}

void SyncSends::give_up() {
    std::multimap<Hash256, Waiting> all;
    {
        const std::lock_guard lock(mutex_);
        all.swap(waiting_);
    }
    for (auto& [hash, one] : all) one.done(std::unexpected(rejected({error::NodeStopping, {}})));
}

std::optional<Microseconds> SyncSends::next_deadline() const {
    const std::lock_guard lock(mutex_);
    std::optional<Microseconds> out;
    for (const auto& [hash, one] : waiting_)
        if (!out || one.deadline < *out) out = one.deadline;
    return out;
}

bool SyncSends::empty() const {
    const std::lock_guard lock(mutex_);
    return waiting_.empty();
}

} // namespace cairn::rpc
