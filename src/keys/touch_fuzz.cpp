// Input: a stored event. Whatever comes is refused or comes back byte for byte.
#include "base/assert.hpp"
#include "keys/touch.hpp"

using namespace cairn;

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    const BytesView input{data, size};
    if (const auto event = keys::decode_touch_event(input)) CRN_ASSERT(keys::encode(*event) == to_bytes(input));
    return 0;
}
