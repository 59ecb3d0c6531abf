// Any input to any precompile: no crash, and never more gas left than was given.
#include "base/assert.hpp"
#include "evm/bytecode.hpp"
#include "evm/precompiles.hpp"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    using namespace cairn;
    using namespace cairn::evm;
    if (size < 2) return 0;
    const auto revision = static_cast<Revision>(data[0] % 3);
    const auto number = precompile_number(testing::address(data[1] == 0 ? 0x100u : data[1] % 0x12u), revision);
    if (!number) return 0;
    constexpr std::int64_t kGas = 200'000;
    const auto result = run_precompile(*number, revision, {data + 2, size - 2}, kGas);
    CRN_ASSERT(result.gas_left >= 0 && result.gas_left <= kGas);
    CRN_ASSERT(result.ok() || (result.gas_left == 0 && result.output.empty()));
    return 0;
}
