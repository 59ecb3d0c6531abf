// Any bytes as a segment file: the scan must end, stay inside, and agree with itself after the cut it asks for.
#include "base/assert.hpp"
#include "storage/segment.hpp"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    using namespace cairn;
    using namespace cairn::storage;
    if (size < 2) return 0;
    const std::uint32_t segment = data[0] % 4;
    // With the first byte's upper bits, valid content is put together from the input so that deep states are reached.
    Bytes file;
    if ((data[0] & 0x80) != 0) {
        file = segment_header(segment);
        BytesView rest{data + 2, size - 2};
        for (unsigned i = 0; i < data[1] % 8 && !rest.empty(); ++i) {
            const auto length = std::min<std::size_t>(rest[0], rest.size() - 1);
            append(file, encode_record(segment, file.size(), rest.subspan(1, length)));
            rest = rest.subspan(1 + length);
        }
        append(file, rest);
        if ((data[0] & 0x40) != 0 && !file.empty()) file[data[1] * 7u % file.size()] ^= 1;
    } else {
        file.assign(data + 2, data + size);
    }
    std::uint64_t records = 0;
    const auto scan = scan_segment(segment, file, 1 << 20, [&](std::uint64_t offset, BytesView record) {
        ++records;
        const auto encoded = encode_record(segment, offset, record);
        CRN_ASSERT(offset + encoded.size() <= file.size());
        CRN_ASSERT(std::equal(encoded.begin(), encoded.end(), file.begin() + static_cast<std::ptrdiff_t>(offset)));
        return true;
    });
    CRN_ASSERT(records == scan.records);
    CRN_ASSERT(scan.valid_bytes + scan.invalid_bytes == file.size());
    file.resize(scan.valid_bytes);
    const auto again = scan_segment(segment, file, 1 << 20);
    CRN_ASSERT(!again.damaged && again.invalid_bytes == 0 && again.records == scan.records);
    return 0;
}
