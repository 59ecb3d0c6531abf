#include "audit/segments.hpp"

#include "base/errors/audit.hpp"

#include <charconv>

namespace cairn::audit {

std::string segment_path(const std::string& directory, std::uint32_t number) {
    const auto digits = std::to_string(number);
    return directory + "/" + std::string(10 - digits.size(), '0') + digits + ".seg";
}

Result<std::vector<SegmentName>> list_segments(storage::FileSystem& files, const std::string& directory) {
    CRN_TRY(names, files.list(directory));
    std::vector<SegmentName> out;
    for (const auto& name : names) {
        SegmentName segment;
        const auto [end, error] = std::from_chars(name.data(), name.data() + name.size(), segment.number);
        segment.path = segment_path(directory, segment.number);
        if (error == std::errc{} && segment.path == directory + "/" + name) out.push_back(std::move(segment));
    }
    return out;
}

Result<Bytes> read_segment(storage::FileSystem& files, const std::string& path, bool last) {
    CRN_TRY(file, last ? files.open_last(path) : files.open(path));
    CRN_TRY(size, file->size());
    if (size > kSegmentBytesMax + (1u << 20)) return fail(error::AuditRecordInvalid, path + " is too long");
    Bytes content(size);
    CRN_TRY(read, file->read_at(0, content));
    content.resize(read);
    return content;
}

} // namespace cairn::audit
