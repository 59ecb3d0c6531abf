// Whatever the reader accepts, the writer gives back byte by byte: there is one encoding for each value.
#include "base/assert.hpp"
#include "codec/rlp.hpp"

namespace {

using namespace cairn;

bool copy(codec::RlpReader& in, codec::RlpWriter& out, int depth) {
    const auto item = in.next();
    if (!item || depth > 64) return false;
    if (!item->is_list) {
        out.put(item->payload);
        return true;
    }
    codec::RlpReader content{item->payload};
    codec::RlpWriter list;
    while (!content.at_end())
        if (!copy(content, list, depth + 1)) return false;
    out.put_list(list);
    return true;
}

} // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    const BytesView input{data, size};
    codec::RlpReader reader{input};
    codec::RlpWriter out;
    if (copy(reader, out, 0) && reader.at_end()) CRN_ASSERT(std::ranges::equal(out.bytes(), input));
    codec::RlpReader integer{input};
    if (const auto value = integer.u256(); value && integer.at_end()) {
        codec::RlpWriter again;
        again.put(*value);
        CRN_ASSERT(std::ranges::equal(again.bytes(), input));
    }
    return 0;
}
