// The file of a write-ahead log as a machine keeps it: records in order, of which only a prefix is durable. What can go wrong with
// it is decided by the world; what a reader then finds follows the rule of storage::open_segment_log_on: an invalid end is cut
// off, an invalid record with a valid one behind it is damage.
#pragma once

#include "consensus/events.hpp"
#include "sim/chance.hpp"

#include <vector>

namespace cairn::sim {

class Disk {
public:
    void append(consensus::SharedBytes record) { records_.push_back({std::move(record), false}); }
    std::size_t size() const { return records_.size(); }
    std::size_t synced() const { return synced_; }
    bool readable(std::size_t index) const { return !records_[index].invalid; }
    const consensus::SharedBytes& record(std::size_t index) const { return records_[index].bytes; }

    /// All that was appended is durable from now on.
    void sync() { synced_ = records_.size(); }
    /// What a failed sync leaves if the program goes on as if nothing had happened: the records are gone for good.
    void lose_unsynced() { records_.resize(synced_); }
    /// The machine stops. Of what was not synced any prefix may have reached the disk, the last of it perhaps torn.
    void crash(Chance& chance);
    /// One durable record can no longer be read.
    enum class Place { middle, tail };
    void rot(Chance& chance, Place place);
    /// The file is gone.
    void wipe();
    /// Drops what a checkpoint replaced: the first `count` records.
    void drop_first(std::size_t count);

    enum class Reading { whole, cut, damaged };
    /// What the reader finds; an invalid end is cut off.
    Reading open();

private:
    struct Record {
        consensus::SharedBytes bytes;
        bool invalid = false;
    };
    std::vector<Record> records_;
    std::size_t synced_ = 0;
};

} // namespace cairn::sim
