// The format of one segment file, and how to tell a torn tail from damage in the middle. Pure functions on bytes.
//
// Header, 16 bytes: "CRNSEG1" and a zero byte, u32 number of the segment, u32 CRC-32C of the 12 bytes before.
// Then records without gaps: u32 mark, u32 length, u32 checksum, `length` bytes. Integers are little-endian. The checksum is
// the CRC-32C of: u32 number of the segment, u64 offset of the record, u32 length, the bytes. So a record is valid only
// where it was written.
//
// Records reach the disk in order of sync, so after a crash only the end of the last segment can be incomplete: an
// invalid record with nothing valid behind it is cut off. With something valid behind it, it is damage, and refused:
// cutting there would forget what was acknowledged.
#pragma once

#include "base/bytes.hpp"
#include "base/result.hpp"

#include <functional>

namespace cairn::storage {

inline constexpr std::size_t kSegmentHeaderBytes = 16;
inline constexpr std::size_t kRecordHeaderBytes = 12;

Bytes segment_header(std::uint32_t segment);
bool is_segment_header(BytesView bytes, std::uint32_t segment);

/// Header and content, for the place where the record is to stand.
Bytes encode_record(std::uint32_t segment, std::uint64_t offset, BytesView record);

struct RecordHeader {
    std::uint32_t length = 0;
    std::uint32_t checksum = 0;
};
/// Nothing without the mark, or for a length above the limit. `bytes`: at least kRecordHeaderBytes.
std::optional<RecordHeader> decode_record_header(BytesView bytes, std::size_t record_bytes_max);
bool checksum_matches(const RecordHeader& header, std::uint32_t segment, std::uint64_t offset, BytesView record);

/// What a whole segment file holds.
struct SegmentScan {
    /// Where the valid part ends. Below kSegmentHeaderBytes only if the header itself is incomplete.
    std::uint64_t valid_bytes = 0;
    /// Bytes behind it: a torn tail that may be cut off, unless `damaged`.
    std::uint64_t invalid_bytes = 0;
    /// Something valid stands behind valid_bytes.
    bool damaged = false;
    std::uint64_t records = 0;
};
/// `visit`, if given, sees every record of the valid part with its offset; it ends the scan by returning false, and then
/// the rest counts neither as valid nor as invalid.
SegmentScan scan_segment(std::uint32_t segment, BytesView file, std::size_t record_bytes_max,
                         const std::function<bool(std::uint64_t offset, BytesView record)>& visit = {});

} // namespace cairn::storage
