// Append-only logs of records in segment files: batches, blocks, and the consensus write-ahead log.
#pragma once

#include "base/bytes.hpp"
#include "base/result.hpp"

#include <functional>
#include <memory>
#include <string>

namespace cairn::storage {

/// Where a record lies; stable for ever. Ordered by time of append.
struct RecordPosition {
    std::uint32_t segment = 0;
    std::uint64_t offset = 0;
    auto operator<=>(const RecordPosition&) const = default;
};

/// Records are framed with length and CRC-32C. One writer; concurrent readers of what is appended.
class RecordLog {
public:
    virtual ~RecordLog() = default;
    /// Buffered; readable at once; durable after sync().
    virtual Result<RecordPosition> append(BytesView record) = 0;
    /// fdatasync. An error here is fatal to the caller: never retry (the kernel may have dropped the pages).
    virtual Status sync() = 0;
    virtual Result<Bytes> read(RecordPosition position) const = 0;
    /// All records from `start` on, in order; stops when `visit` returns false.
    virtual Status replay(RecordPosition start, const std::function<bool(RecordPosition, BytesView)>& visit) const = 0;
    /// Deletes whole segments that lie before `position`.
    virtual Status drop_before(RecordPosition position) = 0;
};

struct LogOptions {
    std::uint64_t segment_bytes_max = 64u << 20;
    std::size_t record_bytes_max = 16u << 20;
};

/// Opens or creates segment files in `directory`. An invalid tail of the last segment is cut off (and reported in the log);
/// an invalid record before a valid one is refused with SegmentCorrupt naming file and offset.
Result<std::unique_ptr<RecordLog>> open_segment_log(const std::string& directory, const LogOptions& options = {});
std::unique_ptr<RecordLog> make_memory_log();

} // namespace cairn::storage
