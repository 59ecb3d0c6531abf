#include "audit/source.hpp"

#include "audit/record.hpp"
#include "audit/segments.hpp"
#include "base/errors/audit.hpp"
#include "codec/wire.hpp"
#include "storage/segment.hpp"

#include <algorithm>
#include <filesystem>
#include <fstream>

namespace cairn::audit {
namespace {

constexpr std::size_t kMarkBytes = 4;
constexpr std::size_t kReadBytes = 1u << 20;

/// The valid record at `offset`, if there is one.
std::optional<BytesView> record_at(std::uint32_t number, BytesView content, std::uint64_t offset) {
    if (content.size() < offset + storage::kRecordHeaderBytes) return std::nullopt;
    const auto rest = content.subspan(offset);
    const auto header = storage::decode_record_header(rest, kRecordBytesMax);
    if (!header || rest.size() - storage::kRecordHeaderBytes < header->length) return std::nullopt;
    const auto record = rest.subspan(storage::kRecordHeaderBytes, header->length);
    if (!storage::checksum_matches(*header, number, offset, record)) return std::nullopt;
    return record;
}

/// Where the next valid record begins, or the end. A record's checksum covers its place, so one that was moved does not
/// count; each candidate costs at most kRecordBytesMax.
std::uint64_t next_record(std::uint32_t number, BytesView content, std::uint64_t from) {
    const auto mark = storage::encode_record(0, 0, {});
    const auto begin = content.begin();
    for (auto at = begin + static_cast<std::ptrdiff_t>(std::min<std::uint64_t>(from, content.size()));;) {
        at = std::search(at, content.end(), mark.begin(), mark.begin() + kMarkBytes);
        if (at == content.end()) return content.size();
        const auto offset = static_cast<std::uint64_t>(at - begin);
        if (record_at(number, content, offset)) return offset;
        ++at;
    }
}

Status read_directory(storage::FileSystem& files, const std::string& path, const SourceVisitor& visitor) {
    CRN_TRY(segments, list_segments(files, path));
    if (segments.empty()) return fail(error::AuditNoSuchLog, path + " has no segment files");
    for (std::size_t i = 0; i < segments.size(); ++i) {
        const auto& [number, file] = segments[i];
        const bool is_last = i + 1 == segments.size();
        if (i > 0 && number != segments[i - 1].number + 1)
            visitor.on_missing(segment_path(path, segments[i - 1].number + 1));
        CRN_TRY(content, read_segment(files, file, is_last));
        std::uint64_t offset = 0;
        if (storage::is_segment_header(content, number))
            offset = storage::kSegmentHeaderBytes;
        else
            visitor.on_damage({file, 0}, std::min<std::uint64_t>(content.size(), storage::kSegmentHeaderBytes), false);
        while (offset < content.size()) {
            if (const auto record = record_at(number, content, offset)) {
                if (!visitor.on_record({file, offset}, *record)) return {};
                offset += storage::kRecordHeaderBytes + record->size();
                continue;
            }
            const auto next = next_record(number, content, offset + 1);
            visitor.on_damage({file, offset}, next - offset, is_last && next == content.size());
            offset = next;
        }
    }
    return {};
}

Status read_evidence(const std::string& path, const SourceVisitor& visitor) {
    std::ifstream in{path, std::ios::binary};
    std::string magic(kEvidenceMagic.size(), '\0');
    if (!in || !in.read(magic.data(), static_cast<std::streamsize>(magic.size())) || magic != kEvidenceMagic)
        return fail(error::AuditNoSuchLog, path + " is neither a directory nor an evidence file");
    std::vector<char> buffer(kReadBytes);
    in.rdbuf()->pubsetbuf(buffer.data(), static_cast<std::streamsize>(buffer.size()));
    std::uint64_t offset = magic.size();
    Bytes record;
    while (true) {
        std::uint8_t head[4];
        in.read(reinterpret_cast<char*>(head), sizeof head);
        if (in.gcount() == 0) return {};
        const auto length = codec::WireReader{BytesView{head, sizeof head}}.u32();
        if (in.gcount() < 4 || length > kRecordBytesMax) {
            visitor.on_damage({path, offset}, 0, true);
            return {};
        }
        record.resize(length);
        in.read(reinterpret_cast<char*>(record.data()), length);
        if (in.gcount() < static_cast<std::streamsize>(length)) {
            visitor.on_damage({path, offset}, static_cast<std::uint64_t>(in.gcount()) + 4, true);
            return {};
        }
        if (!visitor.on_record({path, offset}, record)) return {};
        offset += 4 + length;
    }
}

} // namespace

Status read_log(storage::FileSystem& files, const std::string& path, const SourceVisitor& visitor) {
    std::error_code error;
    if (std::filesystem::is_regular_file(path, error)) return read_evidence(path, visitor);
    return read_directory(files, path, visitor);
}

} // namespace cairn::audit
