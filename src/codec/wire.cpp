#include "codec/wire.hpp"

#include "base/errors/codec.hpp"

namespace cairn::codec {

BytesView WireReader::take(std::size_t length) {
    if (failed_ || length > rest_.size()) {
        set_failed();
        return {};
    }
    const auto out = rest_.first(length);
    rest_ = rest_.subspan(length);
    return out;
}

std::uint64_t WireReader::integer(std::size_t width) {
    const auto view = take(width);
    std::uint64_t out = 0;
    for (std::size_t i = 0; i < view.size(); ++i) out |= static_cast<std::uint64_t>(view[i]) << (8 * i);
    return out;
}

bool WireReader::boolean() {
    const auto value = u8();
    if (value > 1) set_failed();
    return value == 1;
}

BytesView WireReader::string(std::size_t limit) {
    const auto length = u32();
    if (length > limit) {
        set_failed();
        return {};
    }
    return take(length);
}

std::uint32_t WireReader::count(std::size_t limit, std::size_t element_bytes_min) {
    const auto value = u32();
    if (failed_ || value > limit || value * static_cast<std::uint64_t>(element_bytes_min) > rest_.size()) {
        set_failed();
        return 0;
    }
    return value;
}

Status WireReader::finish() const {
    if (failed_) return fail(error::WireInvalid, "a field ends early or is over its limit");
    if (!rest_.empty()) return fail(error::WireInvalid, "bytes are left over");
    return {};
}

} // namespace cairn::codec
