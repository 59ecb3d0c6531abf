#include "sim/disk.hpp"

#include "base/assert.hpp"

#include <algorithm>

namespace cairn::sim {

void Disk::crash(Chance& chance) {
    const auto kept = synced_ + chance.below(records_.size() - synced_ + 1);
    records_.resize(kept);
    if (kept > synced_ && chance.one_in(4)) records_.back().invalid = true;
    synced_ = records_.size();
}

void Disk::rot(Chance& chance, Place place) {
    CRN_ASSERT(synced_ == records_.size());
    if (records_.size() < 2) return;
    if (place == Place::tail)
        records_.back().invalid = true;
    else
        records_[chance.below(records_.size() - 1)].invalid = true;
}

void Disk::wipe() {
    records_.clear();
    synced_ = 0;
}

void Disk::drop_first(std::size_t count) {
    CRN_ASSERT(synced_ == records_.size() && count <= synced_);
    records_.erase(records_.begin(), records_.begin() + static_cast<std::ptrdiff_t>(count));
    synced_ = records_.size();
}

Disk::Reading Disk::open() {
    const auto first = std::ranges::find_if(records_, &Record::invalid);
    if (first == records_.end()) return Reading::whole;
    if (std::ranges::any_of(first, records_.end(), [](const Record& r) { return !r.invalid; })) return Reading::damaged;
    records_.erase(first, records_.end());
    synced_ = records_.size();
    return Reading::cut;
}

} // namespace cairn::sim
