// Any bytes, in pieces of any size, are cut into legal frames or end the connection, within bounded memory; and the frames
// do not depend on where the pieces were cut.
#include "base/assert.hpp"
#include "network/frame.hpp"

#include <algorithm>

namespace {

using namespace cairn::network;

struct Outcome {
    std::vector<std::pair<FrameHeader, cairn::Bytes>> frames;
    bool refused = false;
    bool operator==(const Outcome&) const = default;
};

Outcome run(cairn::BytesView input, std::size_t piece) {
    constexpr std::size_t kLimit = 256 * 1024;
    Outcome out;
    FrameReader reader;
    const auto on_frame = [&](const FrameHeader& header, std::shared_ptr<const cairn::Bytes> payload) -> cairn::Status {
        CRN_ASSERT(payload && payload->size() == header.length);
        CRN_ASSERT(is_legal(reader.phase(), header.kind));
        out.frames.emplace_back(header, *payload);
        if (header.kind == FrameKind::hello) {
            const auto hello = decode_hello(*payload);
            if (!hello) return std::unexpected(hello.error());
            CRN_ASSERT(encode_hello(*hello) == *payload);
            reader.enter_ready(kLimit);
        }
        return {};
    };
    while (!input.empty() && !out.refused) {
        auto space = reader.space();
        CRN_ASSERT(!space.empty());
        const auto count = std::min({input.size(), space.size(), piece});
        std::copy_n(input.begin(), count, space.begin());
        input = input.subspan(count);
        out.refused = !reader.received(count, on_frame);
        CRN_ASSERT(reader.memory() <= kLimit + 64 * 1024);
    }
    return out;
}

} // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    if (size == 0) return 0;
    const cairn::BytesView input(data + 1, size - 1);
    const auto whole = run(input, input.size() + 1);
    CRN_ASSERT(run(input, 1 + data[0]) == whole);
    return 0;
}
