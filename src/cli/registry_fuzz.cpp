// Proofs of identities and registries as they come from outside: read or refused, and what was read is written the same again.
#include "base/assert.hpp"
#include "cli/registry.hpp"

using namespace cairn;

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    const auto text = as_text({data, size});
    if (const auto proof = cli::proof_from_json(text)) {
        const auto again = cli::proof_from_json(cli::proof_json(*proof));
        CRN_ASSERT(again && *again == *proof);
        CRN_ASSERT(cli::commitment_of(*again) == cli::commitment_of(*proof));
    }
    if (const auto registry = cli::Registry::parse(text)) {
        const auto again = cli::Registry::parse(registry->text());
        CRN_ASSERT(again && again->entries() == registry->entries());
    }
    return 0;
}
