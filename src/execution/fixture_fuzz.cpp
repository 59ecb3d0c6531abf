// Fixture files come from outside: parsing and running one never crashes.
#include "execution/fixture.hpp"

using namespace cairn;

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    const auto tests = execution::parse_state_tests({reinterpret_cast<const char*>(data), size});
    if (!tests) return 0;
    std::size_t runs = 0;
    for (const auto& test : *tests)
        for (const auto& test_case : test.cases) {
            // Gas bounds the time of one run, and this the number of runs.
            const bool is_short =
                !test_case.txbytes && test_case.transaction && test_case.transaction->gas_limit <= 200'000;
            if (is_short && runs++ < 4) (void)execution::run_state_test_case(test, test_case);
        }
    return 0;
}
