// Segment files of an audit log as they lie in its directory: storage's segment format (storage/segment.hpp), each file
// beginning with an opening record.
#pragma once

#include "base/result.hpp"
#include "storage/file.hpp"

#include <string>
#include <vector>

namespace cairn::audit {

inline constexpr std::uint64_t kSegmentBytesMax = 64u << 20;

struct SegmentName {
    std::uint32_t number = 0;
    std::string path;
};
std::string segment_path(const std::string& directory, std::uint32_t number);
/// Ascending; other files are passed over.
Result<std::vector<SegmentName>> list_segments(storage::FileSystem& files, const std::string& directory);
/// AuditRecordInvalid if it is longer than a segment can be.
/// `last`: a crash may have left its end incomplete.
Result<Bytes> read_segment(storage::FileSystem& files, const std::string& path, bool last = false);

} // namespace cairn::audit
