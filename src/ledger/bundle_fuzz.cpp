// Input: the text of a proof bundle. What is accepted must be written as the same text; verification must end with an answer.
#include "ledger/proof_bundle.hpp"

#include "base/assert.hpp"

using namespace cairn;

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    const auto text = as_text({data, size});
    const auto bundle = ledger::bundle_from_json(text);
    if (!bundle) return 0;
    CRN_ASSERT(ledger::to_json(*bundle) == text);
    const ledger::Genesis genesis;
    CRN_ASSERT(!ledger::verify_bundle(genesis, *bundle, bundle->digest)); // nobody signed this genesis
    return 0;
}
