#include "base/assert.hpp"
#include "ledger/block.hpp"

using namespace cairn;

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    const BytesView input{data, size};
    if (const auto header = ledger::decode_header(input))
        CRN_ASSERT(std::ranges::equal(ledger::encode_header(*header), input));
    if (const auto block = ledger::decode_block(input))
        CRN_ASSERT(std::ranges::equal(ledger::encode_block(*block), input));
    return 0;
}
