#include "audit/page.hpp"

#include "audit/record.hpp"
#include "audit/segments.hpp"
#include "base/errors/audit.hpp"
#include "storage/segment.hpp"

#include <algorithm>
#include <charconv>

namespace cairn::audit {
std::string Cursor::text() const { return std::to_string(segment) + ":" + std::to_string(offset); }

std::optional<Cursor> cursor_from(std::string_view text) {
    Cursor out;
    const auto* const end = text.data() + text.size();
    const auto [colon, first_error] = std::from_chars(text.data(), end, out.segment);
    if (first_error != std::errc{} || colon == end || *colon != ':') return std::nullopt;
    const auto [stop, second_error] = std::from_chars(colon + 1, end, out.offset);
    if (second_error != std::errc{} || stop != end) return std::nullopt;
    return out;
}

Result<Page> read_page(storage::FileSystem& files, const std::string& directory, const Cursor& from, std::size_t limit,
                       std::size_t bytes_max) {
    limit = std::clamp<std::size_t>(limit, 1, kPageRecordsMax);
    CRN_TRY(segments, list_segments(files, directory));
    if (segments.empty()) return fail(error::AuditNoSuchLog, directory);
    Page page{.records = {}, .places = {}, .next = from};
    std::size_t bytes = 0;
    auto segment = std::ranges::find_if(segments, [&](const SegmentName& one) { return one.number >= from.segment; });
    if (segment == segments.end()) return page;
    for (; segment != segments.end(); ++segment) {
        CRN_TRY(content, read_segment(files, segment->path));
        const auto start = segment->number == from.segment ? from.offset : 0;
        const bool is_last = segment + 1 == segments.end();
        std::size_t sealed = 0; // records of this segment up to its last seal
        std::vector<std::pair<std::uint64_t, Bytes>> found;
        bool on_record = start == 0;
        const auto scan = storage::scan_segment(segment->number, content, kRecordBytesMax,
                                                [&](std::uint64_t offset, BytesView record) {
                                                    if (offset < start) return true;
                                                    on_record |= offset == start;
                                                    found.emplace_back(offset, to_bytes(record));
                                                    if (is_seal(record)) sealed = found.size();
                                                    return found.size() <= limit || sealed == 0;
                                                });
        if (!found.empty() && !on_record) return fail(error::AuditRecordInvalid, "no record begins at " + from.text());
        if (scan.damaged || (!is_last && scan.invalid_bytes != 0))
            return fail(error::AuditTampered, segment->path + " at offset " + std::to_string(scan.valid_bytes));
        // What stands before another segment is there for good, with or without a seal: its opening names the head.
        if (!is_last) sealed = found.size();
        const auto count = std::min(sealed, limit - std::min(limit, page.records.size()));
        std::size_t taken = 0;
        for (; taken < count && bytes < bytes_max; ++taken) {
            const auto i = taken;
            bytes += found[i].second.size();
            page.places.push_back({segment->number, found[i].first});
            page.next = {segment->number, found[i].first + storage::kRecordHeaderBytes + found[i].second.size()};
            page.records.push_back(std::move(found[i].second));
        }
        if (taken < sealed) {
            page.more = true;
            return page;
        }
        if (page.records.size() >= limit || bytes >= bytes_max) {
            page.more = !is_last;
            return page;
        }
    }
    return page;
}

} // namespace cairn::audit
