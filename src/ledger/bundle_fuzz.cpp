// Input: the text of a proof bundle or of a chain of handovers. What is accepted must be written as the same text; verification must end with an answer.
#include "ledger/handovers.hpp"

#include "base/assert.hpp"

using namespace cairn;

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    const auto text = as_text({data, size});
    const ledger::Genesis genesis; // nobody signed it, and it has no validators
    if (const auto chain = ledger::handovers_from_json(text)) {
        CRN_ASSERT(ledger::to_json(*chain) == text);
        CRN_ASSERT(chain->handovers.empty() || !ledger::follow_handovers(genesis, *chain));
    }
    const auto bundle = ledger::bundle_from_json(text);
    if (!bundle) return 0;
    CRN_ASSERT(ledger::to_json(*bundle) == text);
    CRN_ASSERT(!ledger::verify_bundle(genesis, *bundle, bundle->digest));
    return 0;
}
