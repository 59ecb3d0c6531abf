// Any text is either refused or a genesis whose JSON form reads back to the same bytes and hash.
#include "base/assert.hpp"
#include "ledger/genesis.hpp"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    using namespace cairn::ledger;
    const auto first = genesis_from_json(cairn::as_text({data, size}));
    if (!first) return 0;
    CRN_ASSERT(check_genesis(*first).has_value());
    const auto json = to_json(*first);
    const auto second = genesis_from_json(json);
    CRN_ASSERT(second.has_value());
    CRN_ASSERT(hash_of(*first) == hash_of(*second));
    CRN_ASSERT(to_json(*second) == json);
    (void)verify_signatures(*first);
    return 0;
}
