// The node's own log of what happened, for its operator: lines of text, encrypted like everything else in the data directory.
//
// data_dir/log/ is a segment log (storage/log.hpp); a record is one or more lines. The last kInfoLogSegments of 16 MiB are kept. While
// it is open, standard error has only what kind of thing happened, without the values (base/log.hpp).
#pragma once

#include "base/result.hpp"
#include "storage/file.hpp"
#include "storage/log.hpp"

#include <memory>
#include <string>
#include <vector>

namespace cairn::node {

inline constexpr std::uint32_t kInfoLogSegments = 5;
inline constexpr std::size_t kInfoLogPageBytes = 1u << 20;

struct InfoLogPage {
    std::vector<std::string> lines;
    storage::RecordPosition next; // where to go on
    bool more = false;
};

/// One per process: it takes the process's log lines as long as it lives. They are on the disk a moment later; lines that come faster
/// than the disk takes them are counted, and the log says how many are missing. Thread-safe.
class InfoLog {
public:
    virtual ~InfoLog() = default;
    /// Errors of the segment log. `files` must outlive it.
    static Result<std::unique_ptr<InfoLog>> open(storage::FileSystem& files, const std::string& directory);
    /// From `from` on, about kInfoLogPageBytes of them.
    virtual Result<InfoLogPage> read(storage::RecordPosition from) const = 0;
};

/// The same of a node that does not run.
Result<InfoLogPage> read_info_log(const storage::RecordLog& log, storage::RecordPosition from);
storage::LogOptions info_log_options();

} // namespace cairn::node
