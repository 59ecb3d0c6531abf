// The in-memory twin of the segment log, for tests and simulation. Thread-safe.
#include "base/errors/storage.hpp"
#include "storage/log.hpp"

#include <map>
#include <mutex>

namespace cairn::storage {
namespace {

class MemoryLog final : public RecordLog {
public:
    Result<RecordPosition> append(BytesView record) override {
        const std::lock_guard lock(mutex_);
        const auto position = end_;
        records_.emplace(position, to_bytes(record));
        end_.offset += record.size() + 1; // empty records too need a position of their own
        return position;
    }
    Status sync() override { return {}; }
    Result<Bytes> read(RecordPosition position) const override {
        const std::lock_guard lock(mutex_);
        const auto found = records_.find(position);
        if (found == records_.end()) return fail(error::StorageIo, "no record at this position of the memory log");
        return found->second;
    }
    Status replay(RecordPosition start, const std::function<bool(RecordPosition, BytesView)>& visit) const override {
        auto position = start;
        for (;;) {
            Bytes record;
            {
                const std::lock_guard lock(mutex_);
                const auto next = records_.lower_bound(position);
                if (next == records_.end()) return {};
                position = next->first;
                record = next->second;
            }
            if (!visit(position, record)) return {};
            ++position.offset;
        }
    }
    Status drop_before(RecordPosition position) override {
        const std::lock_guard lock(mutex_);
        records_.erase(records_.begin(), records_.lower_bound(position));
        return {};
    }

private:
    mutable std::mutex mutex_;
    std::map<RecordPosition, Bytes> records_; // guarded by mutex_
    RecordPosition end_;                      // guarded by mutex_
};

} // namespace

std::unique_ptr<RecordLog> make_memory_log() { return std::make_unique<MemoryLog>(); }

} // namespace cairn::storage
