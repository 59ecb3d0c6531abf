// Logs of several nodes side by side: acts on the chain are in every node's log, or one of the logs is not the whole truth.
#pragma once

#include "audit/verifier.hpp"

#include <map>
#include <string>
#include <vector>

namespace cairn::audit {

/// An act on the chain that not all logs tell alike.
struct Difference {
    std::uint64_t height = 0;
    std::string act;                           // for people
    std::map<std::string, std::uint64_t> told; // how often, by node; all nodes whose logs reach to this block
};

/// One caller at a time.
class Correlation {
public:
    /// Verifies the log at `path` and takes what it says. Errors of verify_log; AuditTampered if it does not hold together.
    Status add(storage::FileSystem& files, const std::string& path);
    std::size_t logs() const { return logs_.size(); }
    /// Acts of blocks that two logs reach at least.
    std::uint64_t compared() const;
    /// By height, then text. Only blocks that a log covers count for it: from its first kept event to its last seal.
    std::vector<Difference> differences() const;

private:
    struct Log {
        std::string node;
        std::uint64_t from = 0, to = 0; // blocks
        std::map<std::pair<std::uint64_t, std::string>, std::uint64_t> acts;
    };
    std::map<std::pair<std::uint64_t, std::string>, std::map<std::string, std::uint64_t>> told() const;

    std::vector<Log> logs_;
};

} // namespace cairn::audit
