// Requests from a hostile node: no crash, and what decodes encodes to the same bytes.
#include "signer/protocol.hpp"

#include <cstdlib>

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    const cairn::BytesView input{data, size};
    if (const auto request = cairn::signer::decode_request(input))
        if (!std::ranges::equal(cairn::signer::encode(*request), input)) std::abort();
    static_cast<void>(cairn::signer::decode_reply(input));
    static_cast<void>(cairn::signer::decode_started(input));
    return 0;
}
