// The segment log on any file system; production uses open_segment_log (log.hpp).
#pragma once

#include "storage/file.hpp"
#include "storage/log.hpp"

namespace cairn::storage {

/// `files` must outlive the result.
Result<std::unique_ptr<RecordLog>> open_segment_log_on(FileSystem& files, const std::string& directory,
                                                       const LogOptions& options);

} // namespace cairn::storage
