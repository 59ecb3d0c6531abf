// Input: a type, a zero byte, then data. Whatever decodes must encode again, and the encoding must decode to the same value.
#include "codec/abi.hpp"

#include "base/assert.hpp"

using namespace cairn;

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    const BytesView input{data, size};
    const auto end = std::find(input.begin(), input.end(), 0);
    if (end == input.end()) return 0;
    const auto text_size = static_cast<std::size_t>(end - input.begin());
    const auto type = codec::parse_abi_type(as_text(input.first(text_size)));
    if (!type) return 0;
    const auto again = codec::parse_abi_type(type->text());
    CRN_ASSERT(again && *again == *type);
    if (type->kind != codec::AbiKind::tuple) return 0;

    const auto values = codec::abi_decode(*type, input.subspan(text_size + 1));
    if (!values) return 0;
    const auto encoded = codec::abi_encode(*type, *values);
    CRN_ASSERT(encoded.has_value());
    const auto decoded = codec::abi_decode(*type, *encoded);
    CRN_ASSERT(decoded && *decoded == *values);
    return 0;
}
