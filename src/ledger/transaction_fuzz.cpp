// Strict decoding: what is accepted encodes to the same bytes again.
#include "base/assert.hpp"
#include "ledger/transaction.hpp"

using namespace cairn;

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    const BytesView input{data, size};
    const auto transaction = ledger::decode_transaction(input);
    if (!transaction) return 0;
    CRN_ASSERT(std::ranges::equal(ledger::encode_transaction(*transaction), input));
    if (const auto complete = ledger::decode_signed_transaction(input)) {
        CRN_ASSERT(complete->body == *transaction);
        CRN_ASSERT(std::ranges::equal(complete->raw, input));
    }
    for (const auto& authorization : transaction->authorization_list) (void)ledger::recover_authority(authorization);
    return 0;
}
