#include "storage/segment.hpp"

#include "codec/wire.hpp"
#include "storage/crc32c.hpp"

namespace cairn::storage {
namespace {

constexpr std::string_view kMagic{"CRNSEG1\0", 8};
constexpr std::uint32_t kRecordMark = 0xc41251a7;
/// A tail is made of at most a few records; more work than this to look for valid ones in it means hostile content, and
/// the file is refused rather than cut.
constexpr std::uint64_t kSearchBytesMax = 1u << 30;

std::uint32_t checksum(std::uint32_t segment, std::uint64_t offset, BytesView record) {
    codec::WireWriter place;
    place.u32(segment);
    place.u64(offset);
    place.u32(static_cast<std::uint32_t>(record.size()));
    return crc32c(record, crc32c(place.bytes()));
}

/// The record at `offset`, if a valid one stands there.
std::optional<BytesView> record_at(std::uint32_t segment, BytesView file, std::uint64_t offset,
                                   std::size_t record_bytes_max) {
    if (offset > file.size() || file.size() - offset < kRecordHeaderBytes) return std::nullopt;
    const auto rest = file.subspan(offset);
    const auto header = decode_record_header(rest, record_bytes_max);
    if (!header || rest.size() - kRecordHeaderBytes < header->length) return std::nullopt;
    const auto record = rest.subspan(kRecordHeaderBytes, header->length);
    if (!checksum_matches(*header, segment, offset, record)) return std::nullopt;
    return record;
}

bool finds_valid_record(std::uint32_t segment, BytesView file, std::uint64_t from, std::size_t record_bytes_max) {
    codec::WireWriter mark;
    mark.u32(kRecordMark);
    std::uint64_t work = 0;
    auto at = file.begin() + static_cast<std::ptrdiff_t>(std::min<std::uint64_t>(from, file.size()));
    for (;;) {
        at = std::search(at, file.end(), mark.bytes().begin(), mark.bytes().end());
        if (at == file.end()) return false;
        const auto offset = static_cast<std::uint64_t>(at - file.begin());
        if (record_at(segment, file, offset, record_bytes_max)) return true;
        const auto rest = file.subspan(offset);
        const auto header =
            rest.size() < kRecordHeaderBytes ? std::nullopt : decode_record_header(rest, record_bytes_max);
        if (header && header->length <= rest.size() - kRecordHeaderBytes) work += header->length;
        if (work > kSearchBytesMax) return true;
        ++at;
    }
}

} // namespace

Bytes segment_header(std::uint32_t segment) {
    codec::WireWriter out;
    out.raw(as_bytes(kMagic));
    out.u32(segment);
    out.u32(crc32c(out.bytes()));
    return out.take();
}

bool is_segment_header(BytesView bytes, std::uint32_t segment) {
    return bytes.size() >= kSegmentHeaderBytes &&
           std::ranges::equal(bytes.first(kSegmentHeaderBytes), segment_header(segment));
}

Bytes encode_record(std::uint32_t segment, std::uint64_t offset, BytesView record) {
    codec::WireWriter out;
    out.u32(kRecordMark);
    out.u32(static_cast<std::uint32_t>(record.size()));
    out.u32(checksum(segment, offset, record));
    out.raw(record);
    return out.take();
}

std::optional<RecordHeader> decode_record_header(BytesView bytes, std::size_t record_bytes_max) {
    codec::WireReader in{bytes};
    const auto mark = in.u32();
    const RecordHeader header{in.u32(), in.u32()};
    if (in.failed() || mark != kRecordMark || header.length > record_bytes_max) return std::nullopt;
    return header;
}

bool checksum_matches(const RecordHeader& header, std::uint32_t segment, std::uint64_t offset, BytesView record) {
    return header.length == record.size() && header.checksum == checksum(segment, offset, record);
}

SegmentScan scan_segment(std::uint32_t segment, BytesView file, std::size_t record_bytes_max,
                         const std::function<bool(std::uint64_t, BytesView)>& visit) {
    SegmentScan out;
    if (is_segment_header(file, segment)) {
        out.valid_bytes = kSegmentHeaderBytes;
        while (const auto record = record_at(segment, file, out.valid_bytes, record_bytes_max)) {
            const auto offset = out.valid_bytes;
            out.valid_bytes += kRecordHeaderBytes + record->size();
            ++out.records;
            if (visit && !visit(offset, *record)) return out;
        }
    }
    out.invalid_bytes = file.size() - out.valid_bytes;
    out.damaged = out.invalid_bytes != 0 && finds_valid_record(segment, file, out.valid_bytes + 1, record_bytes_max);
    return out;
}

} // namespace cairn::storage
