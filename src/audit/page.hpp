// Records of a log that is being written, page by page: what a node hands to those who collect logs of several nodes.
#pragma once

#include "base/bytes.hpp"
#include "base/result.hpp"
#include "storage/file.hpp"

#include <compare>
#include <optional>
#include <string>
#include <vector>

namespace cairn::audit {

/// Where the next record stands.
struct Cursor {
    std::uint32_t segment = 0;
    std::uint64_t offset = 0;
    auto operator<=>(const Cursor&) const = default;
    std::string text() const; // "3:4096"
};
std::optional<Cursor> cursor_from(std::string_view text);

struct Page {
    std::vector<Bytes> records;
    std::vector<Cursor> places; // where each begins
    Cursor next;
    bool more = false; // there are further sealed records
};

inline constexpr std::size_t kPageRecordsMax = 4'096;

/// Of the last segment only what a seal covers: anything behind it may still be lost in a crash and written anew. A cursor before the oldest
/// segment begins at that one. AuditNoSuchLog, AuditRecordInvalid for a cursor inside a record, AuditTampered.
/// About `bytes_max` at most.
Result<Page> read_page(storage::FileSystem& files, const std::string& directory, const Cursor& from, std::size_t limit,
                       std::size_t bytes_max = std::size_t{64} << 20);

} // namespace cairn::audit
