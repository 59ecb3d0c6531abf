// Where the records of an audit log are read from, without a node: its directory, or an exported evidence file.
//
// An evidence file is "CRNAUDIT1\n", then for every record u32 length and the bytes (record.hpp). It holds the records
// as the node wrote them, so it proves as much as the directory.
#pragma once

#include "base/bytes.hpp"
#include "base/result.hpp"
#include "storage/file.hpp"

#include <functional>
#include <string>

namespace cairn::audit {

struct Place {
    std::string file;
    std::uint64_t offset = 0;
    std::string text() const { return file + " at offset " + std::to_string(offset); }
};

struct SourceVisitor {
    /// False ends the reading.
    std::function<bool(const Place&, BytesView record)> on_record;
    /// Bytes that are no record; reading goes on behind them. `at_end`: nothing valid follows in the last file.
    std::function<void(const Place&, std::uint64_t bytes, bool at_end)> on_damage;
    /// A file that should be there is not.
    std::function<void(const std::string& file)> on_missing;
};

/// Gives a visitor everything in order.
using Reader = std::function<Status(const SourceVisitor& visitor)>;

/// Reads everything in order. An incomplete end that a crash left in an encrypted log is cut off. AuditNoSuchLog; storage errors.
Status read_log(storage::FileSystem& files, const std::string& path, const SourceVisitor& visitor);

inline constexpr std::string_view kEvidenceMagic = "CRNAUDIT1\n";

} // namespace cairn::audit
