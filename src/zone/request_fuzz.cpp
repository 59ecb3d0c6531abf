// Any bytes as a command: what is accepted is the same after being written and read again.
#include "base/bytes.hpp"
#include "zone/request.hpp"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    using namespace cairn;
    const auto request = zone::request_from_json(as_text({data, size}));
    if (!request) return 0;
    const auto again = zone::request_from_json(zone::to_json(*request));
    if (again && (again->command != request->command || again->arguments != request->arguments)) __builtin_trap();
    return 0;
}
