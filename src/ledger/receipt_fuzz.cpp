#include "base/assert.hpp"
#include "ledger/receipt.hpp"

using namespace cairn;

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    const BytesView input{data, size};
    if (const auto receipt = ledger::decode_receipt(input))
        CRN_ASSERT(std::ranges::equal(ledger::encode_receipt(*receipt), input));
    return 0;
}
